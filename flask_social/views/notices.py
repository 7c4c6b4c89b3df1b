"""The mail that tells a user of a change of connections: whoever made it, the owner of the address hears of it."""

from __future__ import annotations

import typing as t

from .. import security, users
from ..state import SocialState
from . import answers

Change = t.Literal["connected", "disconnected"]


def tell(state: SocialState, user: t.Any, provider_name: str, change: Change) -> None:
    """Sends the mail, after the commit of the change that it speaks of.

    Nothing is sent when ``SOCIAL_SEND_CONNECTION_EMAIL`` is off, when mail is not set up, or to a user without an
    address, or with one that waits for its confirmation: it may be a stranger's. A mail that cannot be sent is a
    warning in the log: what it speaks of has happened.
    """
    if not state.settings.send_connection_email or not users.mail_is_set_up():
        return
    if not getattr(user, "email", None) or users.needs_confirmation(user):
        return
    name = security.user_id(user)
    try:
        users.send_connection_notice(user, provider_name, connected=change == "connected")
    except Exception as error:
        # The error's own words may hold the address, or what the mail server was told.
        answers.logger.warning("user %s was not told of a change by mail (%s)", name, type(error).__name__)
