"""Where an identity waits (see :mod:`flask_social.pending`), and what makes it go away."""

from __future__ import annotations

import math
import time

from flask import g, request, session

from .. import pending, security
from ..attempts import call_cache
from ..errors import AttemptsUnavailable
from ..pending import Pending
from ..state import SocialState
from .guard import fields

#: Where the text stands in the session, or with ``SOCIAL_ATTEMPT_CACHE`` its name in the cache.
SESSION_KEY = "social_pending"

#: The parameter that carries the nonce of an identity.
NONCE = "identity"


def keep(state: SocialState, waiting: Pending) -> None:
    """Lets an identity wait in this browser, instead of the one that did.

    :raises AttemptsUnavailable: when the cache does not take it.
    """
    cache = state.settings.attempt_cache
    security.renew_session()
    if cache is None:
        session[SESSION_KEY] = pending.seal(state.vault, waiting)
        return
    drop(state)
    text, timeout = pending.seal(state.vault, waiting, limit=None), pending.LIFETIME[waiting.purpose]
    if not call_cache(lambda: cache.set(_cache_key(waiting.nonce), text, timeout=math.ceil(timeout))):
        raise AttemptsUnavailable()
    session[SESSION_KEY] = waiting.nonce


def find(state: SocialState, purpose: str) -> Pending | None:
    """The identity that waits in this browser for this purpose, or ``None``."""
    text, cache = session.get(SESSION_KEY), state.settings.attempt_cache
    if text is not None and cache is not None:
        text = call_cache(lambda: cache.get(_cache_key(text)))
    found = pending.unseal(state.vault, text, now=time.time())
    return found if found is not None and found.purpose == purpose else None


def drop(state: SocialState) -> None:
    """Ends the waiting."""
    text, cache = session.pop(SESSION_KEY, None), state.settings.attempt_cache
    if text is not None and cache is not None:
        call_cache(lambda: cache.delete(_cache_key(text)))


def drop_anyway(state: SocialState) -> None:
    """Ends the waiting in this browser, after something that cannot be taken back; the cache may not answer."""
    try:
        drop(state)
    except AttemptsUnavailable:
        session.pop(SESSION_KEY, None)


def drop_unless_proven(state: SocialState, user: object | None) -> None:
    """Ends the waiting when somebody logged in (``user``) or out, but for the login that proves the local account.

    That is one of the owner, whose ``next`` carries the nonce: it was started from our page. Nobody else who sits
    down at this browser inherits the identity.
    """
    if SESSION_KEY not in session:
        return
    try:
        waiting = find(state, "link")
        if waiting is None or user is None or security.user_id(user) != waiting.owner or not _carries(waiting.nonce):
            drop(state)
    except AttemptsUnavailable:
        session.pop(SESSION_KEY, None)


def expect(next_url: str) -> None:
    """Notes where the login that is about to happen goes on, for :func:`drop_unless_proven`."""
    g.social_next = next_url


def _carries(nonce: str) -> bool:
    targets = (request.args.get("next"), fields().get("next"), g.get("social_next"))
    return any(isinstance(target, str) and target.endswith(f"{NONCE}={nonce}") for target in targets)


def _cache_key(name: object) -> str:
    return f"flask-social:pending:{name}"
