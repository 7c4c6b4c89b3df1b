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

#: Who signed up in this browser, and has an address to confirm.
SESSION_KEY = "social_signed_up"

#: For how many seconds that is remembered.
NOTED = 3600


def note_sign_up(user: t.Any) -> None:
    """Notes that this browser made the account: a confirmation here is one by the same person."""
    session[SESSION_KEY] = [security.user_id(user), int(time.time())]


def drop_unproven(state: SocialState, user: t.Any, reset: bool) -> None:
    """Takes away what was set up before the address of a user was proven, when somebody else may have done it.

    Called when the address is confirmed, and when the password of an unconfirmed account is reset. Connections, the
    password (unless it was just reset), passkeys, second factors and sessions go, if the account has connections or
    an identity waits for it here; without either it is Flask-Security's alone. Nothing goes when the proof comes from
    the browser that signed up, or from one where the user is logged in.
    """
    name, noted = security.user_id(user), session.pop(SESSION_KEY, None)
    here = security.session_user()
    waits = _waits_for(state, name)
    if here is not None and security.user_id(here) == name:
        return
    if not waits and isinstance(noted, list) and noted[0] == name and time.time() - noted[1] < NOTED:
        return
    with state.datastore.lock_user(user.id):
        if not waits and not state.datastore.find_connections(user_id=user.id):
            return
        users.lock_out(user, keep_password=reset)
        state.datastore.delete_connections(user_id=user.id)
        state.datastore.commit()
    if not reset:
        answers.say(state, "unproven_dropped", "")
    answers.logger.warning("what was set up on an account before its address was proven is gone; user %s", name)


def forget_sign_up(user: object | None) -> None:
    """Ends that note: somebody logged in here (``user``), or out."""
    session.pop(SESSION_KEY, None)


def _waits_for(state: SocialState, user_id: str) -> bool:
    """Whether an identity waits in this browser for a proof by this user."""
    try:
        waits = waiting.find(state, "link")
    except AttemptsUnavailable:
        return False
    return waits is not None and waits.owner == user_id
