"""Who may make us do something: the one check of where a request comes from.

A request that changes something needs a valid CSRF token, or evidence that it comes from a page of ours
(``Sec-Fetch-Site: same-origin``, or an ``Origin`` equal to ours). One that names another origin is refused always.
"""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from flask import request
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from ..settings import Settings
from ..state import current_config
from .targets import our_origins


def refusal(settings: Settings) -> str | None:
    """The code of what is wrong with the origin of this request, or ``None`` when it may go on."""
    named = request.headers.get("Origin", "null")
    site = request.headers.get("Sec-Fetch-Site")
    ours = our_origins(settings)
    if (named != "null" and named not in ours) or site in ("cross-site", "same-site"):
        return "origin_mismatch"
    if site == "same-origin" or named in ours or not current_config().get("WTF_CSRF_ENABLED", True):
        return None
    return None if any(_valid(token) for token in _tokens()) else "csrf_required"


def token() -> str:
    """The CSRF token for a form of ours (Flask-WTF's, bound to the session)."""
    return str(generate_csrf())


def body() -> cabc.Mapping[str, t.Any] | None:
    """The fields of this request's body, a form or a JSON object; empty without a body, ``None`` for nonsense."""
    if request.form:
        return request.form
    if not request.get_data(cache=True) and request.mimetype != "multipart/form-data":
        return {}
    try:
        data = request.get_json(silent=True) if request.is_json else None
    except RecursionError:
        data = None
    return data if isinstance(data, cabc.Mapping) else None


def fields() -> cabc.Mapping[str, t.Any]:
    """The same, and nothing for nonsense."""
    return body() or {}


def _tokens() -> cabc.Iterator[str | None]:
    config = current_config()
    yield request.form.get(config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))
    for header in config.get("WTF_CSRF_HEADERS", ("X-CSRFToken", "X-CSRF-Token")):
        yield request.headers.get(header)


def _valid(value: str | None) -> bool:
    try:
        validate_csrf(value)
    except ValidationError:
        return False
    return True
