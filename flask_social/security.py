"""The door to Flask-Security, and the only place that imports it.

Names of Flask-Security that are not public but needed are all in :data:`RELIES_ON`, which a test holds, so that
an upgrade that takes one away fails loudly.
"""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import time
import typing as t
from json import dumps, loads

from flask import Flask, Response, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_security import (
    anonymous_user_required,
    check_and_update_authn_fresh,
    current_user,
    get_request_attr,
    get_url,
    login_user,
    url_for_security,
    user_authenticated,
)
from flask_security.confirmable import requires_confirmation
from werkzeug.routing import BuildError

from . import users
from .errors import ConfigurationError
from .state import current_config, current_session_interface, current_state, extension, listen
from .values import ConnectionKey

__all__ = ["get_url"]

View = t.TypeVar("View", bound=cabc.Callable[..., ResponseReturnValue])

#: Names without a promise, on the ``Security`` object, which the second factor and JSON answers need.
RELIES_ON = (
    "_want_json",
    "_render_json",
    "_unauthn_handler",
    "_reauthn_handler",
    "two_factor_plugins.tf_enter",
    "two_factor_plugins.get_setup_tf_methods",
    "datastore.find_user",
    "webauthn",
    "support_mfa",
)

#: Seconds for which a login waits for its second factor.
SECOND_FACTOR_LIFETIME = 300

_PENDING = "social_login"


# Who is there -------------------------------------------------------------------------------------------------


def user() -> t.Any | None:
    """The current user, or ``None`` when nobody is logged in."""
    _security()
    found = current_user._get_current_object() if current_user else None
    return found if found is not None and found.is_authenticated else None


def session_user() -> t.Any | None:
    """The current user if a session login says so; ``None`` for nobody, auth tokens and Basic."""
    found = user()
    return found if found is not None and get_request_attr("fs_authn_via") == "session" else None


def user_id(of: t.Any) -> str:
    """The primary key of a user, as text."""
    return str(of.id)


def session_name(of: t.Any) -> str:
    """What names a user in sessions; a new one ends them all."""
    return str(of.fs_uniquifier)


def find_user(primary_key: t.Any) -> t.Any | None:
    """The user of a primary key, or ``None``."""
    return _security().datastore.find_user(id=primary_key)


def read_again(of: t.Any) -> t.Any | None:
    """The same user as the database has it at this moment; ``None`` when it was deleted."""
    key, session = of.id, getattr(getattr(_security().datastore, "db", None), "session", None)
    if session is not None and of in session:
        session.expire(of)
    return find_user(key)


def user_model() -> t.Any | None:
    """The application's user model, or ``None`` before Flask-Security is initialised."""
    security = extension("security")
    return security.datastore.user_model if security is not None else None


# Answers ------------------------------------------------------------------------------------------------------


def wants_json() -> bool:
    """Whether the caller wants JSON, by Flask-Security's rule."""
    return bool(_security()._want_json(request))


def json(payload: dict[str, t.Any], status: int = 200) -> ResponseReturnValue:
    """A JSON answer in Flask-Security's envelope."""
    return t.cast(ResponseReturnValue, _security()._render_json(payload, status, None, None))


def form_json(form: t.Any, more: dict[str, t.Any], status: int) -> ResponseReturnValue:
    """A form as JSON: what its fields hold, and its errors in Flask-Security's shape."""
    fields = {field.name: field.data for field in form if field.name not in ("csrf_token", "submit", "next")}
    payload = {**more, "fields": {name: value for name, value in fields.items() if "password" not in name}}
    if form.errors:
        payload |= {"field_errors": form.errors, "errors": [text for texts in form.errors.values() for text in texts]}
    return json(payload, status)


def unauthenticated() -> ResponseReturnValue:
    """Flask-Security's answer to a caller without a session login."""
    return t.cast(ResponseReturnValue, _security()._unauthn_handler(["session"]))


def anonymous_only(view: View) -> View:
    """The view with Flask-Security's answer to somebody who is logged in already."""
    _security()
    return t.cast("View", anonymous_user_required(view))


def answer_as_html() -> None:
    """Makes this request one that wants HTML: a callback is walked by a browser, whatever ``Accept`` says."""
    request.environ["HTTP_ACCEPT"] = "text/html"
    request.environ["CONTENT_TYPE"] = ""
    for cached in ("accept_mimetypes", "_parsed_content_type"):
        request.__dict__.pop(cached, None)


def require_fresh(within: dt.timedelta | None, *, back_to: str) -> ResponseReturnValue | None:
    """Asks for the password (or what Flask-Security accepts) when the session is not fresh.

    :param within: how fresh; ``None`` for ``SECURITY_FRESHNESS``. Negative: never asked.
    :param back_to: where to go afterwards; the address of this POST would not do.
    :returns: the answer to give, or ``None`` when the session is fresh.
    :raises ConfigurationError: when there is no page to send the user to.
    """
    config = current_config()
    within = config["SECURITY_FRESHNESS"] if within is None else within
    grace = config["SECURITY_FRESHNESS_GRACE_PERIOD"]
    if check_and_update_authn_fresh(within, grace, "session"):
        return None
    try:
        answer = _security()._reauthn_handler(within, grace)
    except BuildError:
        text = (
            "is negative, so that Flask-Security has no page on which to prove oneself; SOCIAL_FRESHNESS asks for it."
        )
        raise ConfigurationError("SECURITY_FRESHNESS", text) from None
    if isinstance(answer, Response) and answer.status_code in (302, 303) and not wants_json():
        view = "us_verify" if config["SECURITY_UNIFIED_SIGNIN"] else "verify"
        if answer.location.partition("?")[0] == url_for_security(view):
            return redirect(url_for_security(view, next=back_to))
    return t.cast(ResponseReturnValue, answer)


def login_url(next_url: str | None = None) -> str:
    """The address of the login page, from which the person goes on to ``next_url``."""
    return url_for_security("login", **({"next": next_url} if next_url else {}))


def after_login_url() -> str:
    """The address to go to after a login."""
    return get_url(current_config()["SECURITY_POST_LOGIN_VIEW"] or "/")


# Logging in ---------------------------------------------------------------------------------------------------


def gate(of: t.Any) -> str | None:
    """The code of what keeps a user out: disabled, locked, not confirmed; ``None`` when nothing does."""
    if not of.is_active:
        return "user_inactive"
    if of.is_locked([]):
        return "user_locked"
    return "user_unconfirmed" if requires_confirmation(of) else None


def second_factor(of: t.Any, key: ConnectionKey, next_url: str | None) -> ResponseReturnValue | None:
    """Starts the second factor where the user needs one.

    :returns: Flask-Security's answer, with a sealed record of the pending login in the session; ``None`` when
        no second factor is needed.
    """
    session.pop(_PENDING, None)
    answer = _security().two_factor_plugins.tf_enter(of, None, "social", next_loc=next_url)
    if answer is not None:
        record = [key.provider_id, key.provider_user_id, user_id(of), int(time.time()), next_url]
        session[_PENDING] = current_state().vault.seal(_PENDING, dumps(record).encode())
    return t.cast("ResponseReturnValue | None", answer)


def is_logged_in_still(of: t.Any) -> bool:
    """Whether the session of this request is one of the user's yet, as the database says at this moment."""
    found = _security().datastore.find_user(fs_uniquifier=str(session.get("_user_id")))
    return found is not None and user_id(found) == user_id(of)


def has_second_factor(of: t.Any) -> bool:
    """Whether a login of this user asks for a second factor, or makes them set one up."""
    security = _security()
    if not security.support_mfa:
        return False
    methods = security.two_factor_plugins.get_setup_tf_methods(of)
    return bool(of.check_tf_required(methods, False)[0])  # no remembered browser counts here


def has_set_up_second_factor(of: t.Any) -> bool:
    """Whether a user has a second factor that works already."""
    return bool(_security().two_factor_plugins.get_setup_tf_methods(of))


def log_in(of: t.Any) -> None:
    """Logs a user in, with a new session id where the session interface can give one."""
    session.pop(_PENDING, None)
    renew_session()
    login_user(of, authn_via=["social"])


def renew_session() -> None:
    """Gives a server-side session a new id, so that nobody who knew the old one has what it is about to hold."""
    regenerate = getattr(current_session_interface(), "regenerate", None)
    if regenerate is not None:
        regenerate(session)


def commit() -> None:
    """Commits what Flask-Security wrote of the login (``SECURITY_TRACKABLE``)."""
    _security().datastore.commit()


def mark_fresh() -> None:
    """Notes that the user has just proven to be present."""
    session["fs_paa"] = time.time()
    session.pop("fs_gexp", None)


def on_second_factor(app: Flask, finish: cabc.Callable[[t.Any, ConnectionKey, str | None], None]) -> None:
    """Calls ``finish(user, key, next_url)`` when a login that waited for its second factor is complete.

    Whoever logs in first ends the waiting; only the same user, within five minutes, completes it.
    """

    def authenticated(sender: Flask, **signal: t.Any) -> None:
        sealed = session.pop(_PENDING, None)
        if sealed is None:
            return
        renew_session()
        raw = current_state().vault.open(_PENDING, sealed) if isinstance(sealed, str) else None
        if raw is None:
            return
        provider_id, subject, waiting_id, began, next_url = loads(raw)
        if waiting_id == user_id(signal["user"]) and 0 <= time.time() - began <= SECOND_FACTOR_LIFETIME:
            finish(signal["user"], ConnectionKey(provider_id, subject), next_url)

    listen(app, user_authenticated, authenticated)


def other_ways_in(of: t.Any) -> list[str]:
    """The ways in which a user can log in without a connection: password, passkey, unified sign-in, mail link."""
    config, security = current_config(), _security()
    ways, address = [], bool(getattr(of, "email", None))
    if (address or getattr(of, "username", None)) and users.has_password(of):
        ways.append("password")
    if security.webauthn and config["SECURITY_WAN_ALLOW_AS_FIRST_FACTOR"]:
        ways += ["passkey" for credential in of.webauthn if credential.usage == "first"][:1]
    if config["SECURITY_UNIFIED_SIGNIN"]:
        methods = security.datastore.us_get_totp_secrets(of)
        ways += [f"unified:{method}" for method in config["SECURITY_US_ENABLED_METHODS"] if method in methods]
    if config["SECURITY_PASSWORDLESS"] and address:
        ways.append("mail_link")
    return ways


def _security() -> t.Any:
    security = extension("security")
    if security is None:
        raise ConfigurationError("Security", "initialise Flask-Security on this application, before Social.")
    return security
