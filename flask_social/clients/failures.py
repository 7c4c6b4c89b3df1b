"""What an API's error means, whichever API it is, and the exceptions that say so in two families at once.

The bodies are told apart by their shape, so that a session and a client library come to the same word.
"""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import json
import re
import typing as t
from email.utils import parsedate_to_datetime

from ..answers import plain_text
from ..errors import ApiError, PermissionMissing, RateLimited, TokenRejected
from .base import redact

Kind = type[ApiError]
Words = cabc.Mapping[str, t.Any]


@dc.dataclass(frozen=True, slots=True)
class Failure:
    """One answer that is an error, understood. The fields are those of the exceptions."""

    kind: Kind
    status: int
    details: dict[str, str | int]
    retry_after: float | None = None
    scopes: tuple[str, ...] = ()


def classify(status: int, headers: cabc.Mapping[str, str], body: bytes, now: float) -> Failure:
    """What an error answer says. Nothing in it can make this fail.

    :param headers: under names of any case.
    :param now: seconds since the epoch.
    """
    head = {name.lower(): value for name, value in headers.items()}
    challenge = _challenge(head.get("www-authenticate", ""))
    said = _said(body)
    details = _short({**challenge, **said})
    # The most exact word first: the header of the standard, then the API's own, then the status.
    kind = _STANDARD.get(str(challenge.get("error"))) or _of_body(status, said) or _of_status(status, head)
    if kind is RateLimited:
        return Failure(kind, status, details, retry_after=_wait(head, now))
    if kind is PermissionMissing:
        return Failure(kind, status, details, scopes=tuple(challenge.get("scope", "").split()))
    return Failure(kind, status, details)


# The header ---------------------------------------------------------------------------------------------------


_STANDARD: dict[str, Kind] = {"invalid_token": TokenRejected, "insufficient_scope": PermissionMissing}
_CHALLENGE = re.compile(r"""\b(error|error_description|scope)\s*=\s*(?:"([^"]*)"|([^\s",]+))""", re.IGNORECASE)


def _challenge(header: str) -> dict[str, str]:
    """The attributes of a ``Bearer`` challenge (RFC 6750 section 3); empty when there is none."""
    before, bearer, rest = header.lower().partition("bearer")
    rest = header[len(before) + len(bearer) :]
    return {name.lower(): quoted or plain for name, quoted, plain in _CHALLENGE.findall(rest)} if bearer else {}


def _of_status(status: int, head: cabc.Mapping[str, str]) -> Kind:
    # X answered 420 once; GitHub and others answer 403, and tell by the header (docs.github.com, "Rate limits").
    if status in (420, 429) or (status == 403 and ("retry-after" in head or head.get("x-ratelimit-remaining") == "0")):
        return RateLimited
    return TokenRejected if status == 401 else ApiError


# The body -----------------------------------------------------------------------------------------------------


#: What is taken from a body into ``details``. All are words about the error; none can be a token by its name.
_NAMES = (
    *("error", "error_description", "message", "code", "status", "type", "reason", "title", "detail"),
    *("error_subcode", "errorType", "errorDetail"),
)

_MAX_DETAIL = 200
_MAX_READ = 4000


def _said(body: bytes) -> dict[str, t.Any]:
    """The error of a body as one flat object; empty when there is none.

    Facebook and Google put it under ``error``, X under ``errors`` or on top, foursquare under ``meta``.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = dict(data) if isinstance(data, dict) else {}
    for inner in (_first(found.get("errors")), found.get("error"), found.get("meta")):
        found |= inner if isinstance(inner, dict) else {}
    # Google's reason stands in a list of its own, in one of two places: the newer one is the more exact.
    for reason in (_first(found.get("errors")).get("reason"), _first(found.get("details")).get("reason")):
        found["reason"] = reason or found.get("reason")
    return {name: found[name] for name in _NAMES if isinstance(found.get(name), str | int)}


def _first(values: object) -> dict[str, t.Any]:
    found = values[0] if isinstance(values, list) and values else None
    return found if isinstance(found, dict) else {}


def _short(said: Words) -> dict[str, str | int]:
    texts = {
        name: plain_text(redact(it[:_MAX_READ]), _MAX_DETAIL) if isinstance(it, str) else it
        for name, it in said.items()
    }
    return {name: it for name, it in texts.items() if it is not None}


#: developers.facebook.com/docs/graph-api/guides/error-handling, …/overview/rate-limiting
_FACEBOOK: tuple[tuple[cabc.Container[int], Kind], ...] = (
    ((102, 190), TokenRejected),
    ((4, 17, 32, 341, 613, *range(80_000, 80_015)), RateLimited),
    ((10, *range(200, 300)), PermissionMissing),
)

#: cloud.google.com/apis/design/errors, developers.google.com/workspace/drive/api/guides/handle-errors
_GOOGLE: dict[str, Kind] = {
    **dict.fromkeys(("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"), RateLimited),
    **dict.fromkeys(("quotaExceeded", "dailyLimitExceeded"), RateLimited),
    **dict.fromkeys(("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), PermissionMissing),
}

#: docs.foursquare.com/developer/reference/errors
_FOURSQUARE: dict[str, Kind] = {
    "invalid_auth": TokenRejected,
    "not_authorized": PermissionMissing,
    "rate_limit_exceeded": RateLimited,
    "quota_exceeded": RateLimited,
}

#: What v1.1 of X's API answers 403 with when the application or the person did not permit it
#: (docs.x.com, "Response codes"); its other codes are about what was asked.
_X_PERMISSIONS = (93, 220, 261)


def _of_body(status: int, said: Words) -> Kind | None:
    code, kind = said.get("code"), said.get("type")
    if isinstance(code, int) and str(kind).endswith("Exception"):
        return next((kind for codes, kind in _FACEBOOK if code in codes), None)
    if "errorType" in said:
        return _FOURSQUARE.get(str(said["errorType"]))
    if status == 403 and (code in _X_PERMISSIONS or _is_forbidden_at_x(said)):
        return PermissionMissing
    return _GOOGLE.get(str(said.get("reason"))) or (
        _STANDARD.get(str(said.get("error"))) if status in (400, 401, 403) else None
    )


def _is_forbidden_at_x(said: Words) -> bool:
    """v2 has no word for a missing scope but this; where it means something else, ``detail`` is a sentence."""
    problem = str(said.get("type"))
    return problem.endswith("/oauth1-permissions") or (problem == "about:blank" and said.get("detail") == "Forbidden")


# When to come back --------------------------------------------------------------------------------------------


def _wait(head: cabc.Mapping[str, str], now: float) -> float | None:
    """Seconds to wait; ``None`` when nothing says it."""
    after = head.get("retry-after", "")
    if (seconds := _number(after)) is None and after:
        seconds = _until(after, now)
    if seconds is not None:
        return seconds
    for name in ("x-rate-limit-reset", "x-ratelimit-reset"):
        if (reset := _number(head.get(name, ""))) is not None:
            # Most give the time; some, the seconds that are left.
            return max(reset - now, 0.0) if reset > 1_000_000_000 else reset
    return _regain(head.get("x-business-use-case-usage", ""))


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*[0-9]{1,10}(\.[0-9]{1,9})?\s*", text) else None


def _until(date: str, now: float) -> float | None:
    """Seconds until an HTTP date (RFC 9110 section 5.6.7)."""
    try:
        when = parsedate_to_datetime(date)
        return max((when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp() - now, 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _regain(usage: str) -> float | None:
    """Facebook: the longest ``estimated_time_to_regain_access``, which is in minutes."""
    try:
        uses = [use for uses in json.loads(usage).values() for use in uses]
        found = [float(use.get("estimated_time_to_regain_access", 0)) for use in uses]
    except (ValueError, RecursionError, AttributeError, TypeError, OverflowError):
        return None
    minutes = max((it for it in found if 0 < it < 1_000_000), default=0)
    return minutes * 60 or None


# Both families ------------------------------------------------------------------------------------------------


def both(error: Exception, failure: Failure) -> ApiError:
    """The exception that is ``error``, with all it holds, and one of ours.

    One that is both already comes back as it is.
    """
    if isinstance(error, ApiError):
        return error
    fields = {name: getattr(failure, name) for name in ("status", "details", *_OWN.get(failure.kind, ()))}
    args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in error.args)
    return _remake(failure.kind, type(error), args, {**vars(error), **fields})


_OWN: dict[Kind, tuple[str, ...]] = {RateLimited: ("retry_after",), PermissionMissing: ("scopes",)}


_PAIRS: dict[tuple[Kind, type[Exception]], Kind] = {}


def _pair(ours: Kind, theirs: type[Exception]) -> Kind:
    """The class of both. It goes by our name, so that a job queue that notes errors by name finds ours again."""
    if (ours, theirs) not in _PAIRS:
        own = {"__module__": ours.__module__, "__doc__": ours.__doc__, "__reduce__": _reduce}
        _PAIRS.setdefault((ours, theirs), type(ours.__name__, (ours, theirs), own))
    return _PAIRS[ours, theirs]


def _reduce(error: ApiError) -> tuple[t.Any, ...]:
    """For pickle and copy, which would call a constructor that they know nothing of."""
    ours, theirs = type(error).__bases__
    return _remake, (ours, theirs, error.args, vars(error))


def _remake(ours: Kind, theirs: type[Exception], args: tuple[t.Any, ...], values: dict[str, t.Any]) -> ApiError:
    made = _pair(ours, theirs).__new__(_pair(ours, theirs), *args)
    made.args = args
    vars(made).update(values)
    return made
