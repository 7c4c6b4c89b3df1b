"""What Flask-Security and Flask-Login tell: who comes and goes, and who proved an address by mail."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from flask import Flask, has_request_context, request
from flask_login import user_logged_in, user_logged_out
from flask_security import (
    change_email_confirmed,
    password_reset,
    user_authenticated,
    user_confirmed,
    user_not_registered,
    user_registered,
)

from . import users
from .state import current_config, listen


def on_change_of_user(app: Flask, changed: cabc.Callable[[t.Any | None], None]) -> None:
    """Calls ``changed(user)`` when somebody logs in here, and ``changed(None)`` when they log out, however they do."""
    listen(app, user_logged_in, lambda sender, user, **more: changed(user))
    listen(app, user_logged_out, lambda sender, **more: changed(None))


def on_registration(app: Flask, registered: cabc.Callable[[t.Any | None], None]) -> None:
    """Calls ``registered(user)`` when a user registers here who has an address to confirm, however they do.

    And ``registered(None)`` when somebody only thinks so (``SECURITY_RETURN_GENERIC_RESPONSES``) in a form of
    Flask-Security.
    """

    def made(sender: Flask, user: t.Any, **more: t.Any) -> None:
        if has_request_context() and users.needs_confirmation(user):
            registered(user)

    def declined(sender: Flask, **more: t.Any) -> None:
        if _in_its_own_view():
            registered(None)

    listen(app, user_registered, made)
    listen(app, user_not_registered, declined)


def on_login_by_mail(app: Flask, came: cabc.Callable[[t.Any], None]) -> None:
    """Calls ``came(user)`` when somebody logs in by a code or a link in a mail."""

    def authenticated(sender: Flask, user: t.Any, authn_via: cabc.Sequence[str], **more: t.Any) -> None:
        if authn_via and authn_via[0] in ("email", "link"):
            came(user)

    listen(app, user_authenticated, authenticated)


def on_proof_of_address(app: Flask, proven: cabc.Callable[[t.Any, bool], None]) -> None:
    """Calls ``proven(user, reset)`` when a mail proves the address of a user that was not proven before.

    ``reset`` says that it did so by a new password. Only what happens in Flask-Security's own views counts: an
    administrator who confirms a user has seen no mail.
    """

    def confirmed(sender: Flask, user: t.Any, **more: t.Any) -> None:
        if _in_its_own_view():
            proven(user, False)

    def reset(sender: Flask, user: t.Any, **more: t.Any) -> None:
        if _in_its_own_view() and users.needs_confirmation(user):
            proven(user, True)

    listen(app, user_confirmed, confirmed)
    listen(app, change_email_confirmed, confirmed)
    listen(app, password_reset, reset)


def _in_its_own_view() -> bool:
    """Whether Flask-Security itself does it, and not a command or a page of the application."""
    return has_request_context() and request.blueprint == current_config()["SECURITY_BLUEPRINT_NAME"]
