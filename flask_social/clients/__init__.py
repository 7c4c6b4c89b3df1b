"""API clients (lead's hedge)."""
from __future__ import annotations

import typing as t


class ApiContext:
    def __init__(self, **v: t.Any) -> None: ...
def build_api(*a: t.Any, **k: t.Any) -> t.Any: ...
def build_session(*a: t.Any) -> t.Any: ...
