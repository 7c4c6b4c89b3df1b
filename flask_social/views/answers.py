"""How a view speaks to the person, to a JSON caller, and to the operator."""

from __future__ import annotations

import logging
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import abort, flash, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from .. import security, translation
from ..providers.base import Provider
from ..signals import attempt_refused
from ..state import SocialState, current_config, current_sender
from ..values import Attempt, Intent
from .targets import view_url

logger = logging.getLogger("flask_social")

#: HTTP status of a code in JSON and on the error page; 400 for the others.
_STATUS = {
    "provider_timeout": 504,
    "provider_unavailable": 502,
    "provider_refused": 502,
    "provider_answer_invalid": 502,
    "provider_error": 502,
    "id_token_invalid": 502,
    "connection_unknown": 404,
    "provider_unknown": 404,
    "last_login_method": 409,
    "scope_missing": 403,
    "store_busy": 503,
    "attempts_unavailable": 503,
    "mail_unavailable": 503,
    "too_many_mails": 429,
    "merge_conflict": 409,
}

#: Ends that need no words: the page that follows says it all.
_SILENT = frozenset({"logged_in", "second_factor", "signup", "link", "merge"})


def provider_or_404(state: SocialState, provider_id: str) -> Provider:
    """The provider of an id; a 404 when it is unknown or switched off."""
    found = state.resolve(provider_id)
    if found is not None:
        return found
    abort(make_response(json_error(state, "provider_unknown", provider_id)) if security.wants_json() else 404)


def text(state: SocialState, code: str, name: str) -> str:
    """The message of a code, for a provider of this name."""
    return translation.message(state, code, {"provider": name})


def say(state: SocialState, code: str, name: str) -> None:
    """Flashes the message of a code, unless ``SOCIAL_FLASH_MESSAGES`` is off or a front end has its own words."""
    if state.settings.flash_messages and not _is_spa():
        flash(text(state, code, name), state.settings.message(code)[1])


def leave(state: SocialState, code: str, name: str, default: str, status: int = 302) -> ResponseReturnValue:
    """Ends something else than a visit: the message, and a redirect to ``SOCIAL_<CODE>_VIEW`` or to ``default``."""
    say(state, code, name)
    return redirect(_target(state, code, default, {}), status)


def end(
    state: SocialState,
    provider: Provider,
    code: str,
    default: str,
    *,
    attempt: Attempt | None = None,
    next_url: str | None = None,
    more: dict[str, str] | None = None,
    status: int = 302,
) -> ResponseReturnValue:
    """Ends a visit. Every way out of a callback goes through here.

    The person goes to ``SOCIAL_<CODE>_VIEW``, else to ``next_url``, else to ``default``. Under
    ``SECURITY_REDIRECT_BEHAVIOR = "spa"`` they go to that view or to ``default``, and the query tells the front end
    the code, the provider and the ``next``. A popup tells its opener, and a caller who wants JSON gets it instead.

    :param attempt: what the visit began with, when that is known.
    :param next_url: where it goes on after a success.
    :param more: what else a front end is told. Never a token: an address is written down in many places.
    """
    if _is_spa():
        known = next_url or (attempt.next_url if attempt is not None else None)
        told = {"code": code, "provider": provider.id, **(more or {}), **({"next": known} if known else {})}
        target = _target(state, code, default, told)
    else:
        target = _target(state, code, next_url or default, {})
    if security.wants_json():
        return security.json({"code": code, "provider": provider.id, "next": target})
    if code not in _SILENT:
        say(state, code, provider.name)
    if attempt is not None and attempt.display == "popup":
        words = text(state, code, provider.name)
        return render_template("social/popup.html", code=code, provider=provider, next=target, message=words)
    return redirect(target, status)


def end_at_second_factor(
    state: SocialState, provider: Provider, attempt: Attempt, user: t.Any, answer: ResponseReturnValue
) -> ResponseReturnValue:
    """Ends a visit at the second factor, with Flask-Security's answer or with the page of a front end."""
    if security.wants_json():
        return answer
    page = _front_login() or t.cast("t.Any", answer).location
    # Flask-Security's names, as in its answer to a login by JSON.
    more = {"tf_required": "1", "tf_state": session.get("tf_state", "select")}
    if method := getattr(user, "tf_primary_method", None):
        more["tf_primary_method"] = method
    return end(state, provider, "second_factor", page, attempt=attempt, more=more)


def login_page() -> str:
    """The address of the page on which a login begins, a front end's or Flask-Security's."""
    return _front_login() or security.login_url()


def own_url(state: SocialState, endpoint: str, **values: t.Any) -> str:
    """The path of an endpoint of our blueprint."""
    return url_for(f"{state.settings.blueprint_name}.{endpoint}", **values)


def note_refusal(provider: Provider, code: str, intent: Intent) -> None:
    """Tells the operator (one warning, no secret) and the subscribers of ``attempt_refused``."""
    logger.warning("%s through %s refused: %s", intent, provider.id, code)
    attempt_refused.send(current_sender(), provider=provider, code=code, intent=intent)


def refuse(
    state: SocialState, provider: Provider, code: str, intent: Intent, attempt: Attempt | None = None
) -> ResponseReturnValue:
    """Ends a visit that came to nothing: signal, log line, and :func:`end` or an error in JSON."""
    note_refusal(provider, code, intent)
    if security.wants_json():
        return json_error(state, code, provider.name)
    return end(state, provider, code, _refused_url(state, intent), attempt=attempt)


def refuse_request(state: SocialState, code: str, name: str) -> ResponseReturnValue:
    """Answers a request that cannot be served: JSON with the code, or the error page."""
    status = _STATUS.get(code, 400)
    if security.wants_json():
        return json_error(state, code, name)
    page = render_template("social/error.html", code=code, message=text(state, code, name), status=status)
    return page, status


def json_error(state: SocialState, code: str, name: str) -> ResponseReturnValue:
    """A refusal in Flask-Security's error shape, with our stable code."""
    payload: dict[str, t.Any] = {"errors": [text(state, code, name)], "code": code}
    return security.json(payload, _STATUS.get(code, 400))


def _refused_url(state: SocialState, intent: Intent) -> str:
    if intent == "login" or security.session_user() is None:
        return login_page()
    return view_url(state.settings.connect_deny_view)


def _is_spa() -> bool:
    """Whether a front end shows the pages."""
    return bool(current_config()["SECURITY_REDIRECT_BEHAVIOR"] == "spa")


def _front_login() -> str | None:
    """The page of a front end for a login that is not complete, or ``None``."""
    view = current_config()["SECURITY_LOGIN_ERROR_VIEW"]
    return view_url(view) if view and _is_spa() else None


def _target(state: SocialState, code: str, default: str, told: dict[str, str]) -> str:
    view = state.settings.views.get(code)
    url = view_url(view) if view else default
    if not told:
        return url
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *told.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
