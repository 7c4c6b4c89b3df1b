"""What the doctor finds."""

from __future__ import annotations

import dataclasses as dc
import typing as t

Level = t.Literal["ok", "warning", "error"]


@dc.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    :param code: stable, for machines.
    :param text: what is the case, in a sentence; it holds no secret.
    :param cure: what to do about it; empty when there is nothing to do.
    """

    level: Level
    code: str
    text: str
    cure: str = ""


def ok(code: str, text: str, cure: str = "") -> Finding:
    """Something that is as it should be; with a cure, what could be better still."""
    return Finding("ok", code, text, cure)


def warning(code: str, text: str, cure: str) -> Finding:
    """Something that works, and costs."""
    return Finding("warning", code, text, cure)


def error(code: str, text: str, cure: str) -> Finding:
    """Something that does not work, or is not safe."""
    return Finding("error", code, text, cure)
