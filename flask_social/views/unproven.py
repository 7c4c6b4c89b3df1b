"""What was set up on an account before its address was proven, and by whom.

Somebody may make an account here with the address of somebody else, connect an account of their own, and wait until
the owner of the address confirms it or resets its password ("pre-hijacking"). Then the account would have two masters.
"""

from __future__ import annotations

import time
import typing as t

from flask import session

from .. import security, users
from ..errors import AttemptsUnavailable
from ..state import SocialState
from . import answers, waiting

#: Who signed up in this browser, and has an address to confirm: sealed, because a session can be read.
SESSION_KEY = "social_signed_up"

#: That somebody who had to confirm the address came in by a code or a link in a mail.
BY_MAIL_KEY = "social_by_mail"

#: For how many seconds that is remembered.
NOTED = 3600

_PURPOSE = "signed up"

# Longer than any name of a user, so that a note of nobody is as long as one of somebody.
_LENGTH = 80


def note_sign_up(state: SocialState, user: t.Any | None) -> None:
    """Notes that this browser made the account: a confirmation here is one by the same person.

    It is the name that ends with the user's sessions, and that no later user has.

    :param user: ``None`` for a note that looks like the others, and is of nobody.
    """
    name = security.session_name(user) if user is not None else ""
    session[SESSION_KEY] = state.vault.seal(_PURPOSE, f"{int(time.time())} {name}".ljust(_LENGTH).encode())


def _signed_up_here(state: SocialState, name: str) -> bool:
    """Whether this browser made the account of this user, not too long ago. The note is gone then."""
    sealed = session.pop(SESSION_KEY, None)
    raw = state.vault.open(_PURPOSE, sealed) if isinstance(sealed, str) else None
    noted, _, whose = (raw or b"").decode().rstrip().partition(" ")
    return bool(whose) and whose == name and time.time() - int(noted) < NOTED


def drop_unproven(state: SocialState, user: t.Any, reset: bool) -> None:
    """Takes away what was set up before the address of a user was proven, when somebody else may have done it.

    Called when the address is confirmed, and when the password of an unconfirmed account is reset. Connections, the
    password (unless it was just reset), passkeys, second factors and sessions go, if the account has connections, if
    an identity waits for it here, or if one may be linked to it without a further question (``verified``); else it is
    Flask-Security's alone. Nothing goes when the proof comes from the browser that signed up, or from one where the
    user is logged in, unless a mail opened that session.
    """
    name, by_mail = security.user_id(user), session.pop(BY_MAIL_KEY, False)
    signed_up_here = _signed_up_here(state, security.session_name(user))
    here = security.session_user()
    waits = _waits_for(state, name)
    if here is not None and security.user_id(here) == name and not by_mail:
        return
    if signed_up_here and not waits:
        return
    with state.datastore.lock_user(user.id):
        if not (waits or _links_at_once(state) or state.datastore.find_connections(user_id=user.id)):
            return
        # Where users and connections share a session, the first commit is that of both. Where they do not, a session
        # that is about to end may connect once more before it does.
        state.datastore.delete_connections(user_id=user.id)
        users.lock_out(user, keep_password=reset)
        state.datastore.delete_connections(user_id=user.id)
        state.datastore.commit()
    if not reset:
        answers.say(state, "unproven_dropped", "")
    answers.logger.warning("what was set up on an account before its address was proven is gone; user %s", name)


def forget_sign_up(user: object | None) -> None:
    """Ends these notes: somebody logged in here (``user``), or out."""
    session.pop(SESSION_KEY, None)
    session.pop(BY_MAIL_KEY, None)


def note_login_by_mail(user: t.Any) -> None:
    """Notes that whoever is logged in now showed to have the mail, and perhaps not to have made the account."""
    if users.needs_confirmation(user):
        session[BY_MAIL_KEY] = True


def _links_at_once(state: SocialState) -> bool:
    policies = (provider.link_by_email or state.settings.link_by_email for provider in state.providers.values())
    return "verified" in policies


def _waits_for(state: SocialState, user_id: str) -> bool:
    """Whether an identity waits in this browser for a proof by this user."""
    try:
        waits = waiting.find(state, "link")
    except AttemptsUnavailable:
        return False
    return waits is not None and waits.owner == user_id
