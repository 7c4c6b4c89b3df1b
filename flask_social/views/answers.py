"""How a view speaks to the person, to a JSON caller, and to the operator."""

from __future__ import annotations

import logging
import typing as t

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from .. import security
from ..messages import fill
from ..providers.base import Provider
from ..signals import attempt_refused
from ..state import SocialState, current_sender
from ..values import Intent
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
    "last_login_method": 409,
    "store_busy": 503,
    "attempts_unavailable": 503,
}


def provider_or_404(state: SocialState, provider_id: str) -> Provider:
    """The provider of an id; a 404 when it is unknown or switched off."""
    return state.resolve(provider_id) or abort(404)


def text(state: SocialState, code: str, name: str) -> str:
    """The message of a code, for a provider of this name."""
    return fill(state.settings.message(code)[0], {"provider": name})


def say(state: SocialState, code: str, name: str) -> None:
    """Flashes the message of a code, unless ``SOCIAL_FLASH_MESSAGES`` is off."""
    if state.settings.flash_messages:
        flash(text(state, code, name), state.settings.message(code)[1])


def leave(state: SocialState, code: str, name: str, default: str, status: int = 302) -> ResponseReturnValue:
    """Ends a visit: the message, and a redirect to ``SOCIAL_<CODE>_VIEW`` or to ``default``."""
    say(state, code, name)
    view = state.settings.views.get(code)
    return redirect(view_url(view) if view else default, status)


def own_url(state: SocialState, endpoint: str, **values: t.Any) -> str:
    """The path of an endpoint of our blueprint."""
    return url_for(f"{state.settings.blueprint_name}.{endpoint}", **values)


def note_refusal(provider: Provider, code: str, intent: Intent) -> None:
    """Tells the operator (one warning, no secret) and the subscribers of ``attempt_refused``."""
    logger.warning("%s through %s refused: %s", intent, provider.id, code)
    attempt_refused.send(current_sender(), provider=provider, code=code, intent=intent)


def refuse(state: SocialState, provider: Provider, code: str, intent: Intent) -> ResponseReturnValue:
    """Ends a visit that came to nothing: signal, log line, message, redirect."""
    note_refusal(provider, code, intent)
    return leave(state, code, provider.name, _refused_url(state, intent))


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
        return security.login_url()
    return view_url(state.settings.connect_deny_view)
