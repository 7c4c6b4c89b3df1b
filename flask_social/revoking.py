"""Ending a grant at the provider when its connection goes.

The revocation is noted in the transaction that deletes the connection, and made after it: at once where a person waits
for it, else by ``flask social renew``. A provider that is down delays nobody; it is asked again, later and later.
"""

from __future__ import annotations

import collections
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import json
import logging
import secrets
import typing as t
import uuid

from .datastores.base import Revocation
from .datastores.columns import TOKEN_COLUMNS, utcnow
from .errors import ProviderError, ProviderRefused, TokenStoreBusy, TokenUnreadable
from .flow import run
from .health import utc
from .providers.base import Context
from .state import SocialState
from .values import ConnectionKey, Request, Response, Token
from .vault import is_sealed

Send = cabc.Callable[[Request], Response]

#: What came of a try: the grant is ended; to be tried later; given up; somebody else is at it, or it is gone.
Result = t.Literal["revoked", "postponed", "given_up", "taken"]

#: After how many tries nobody tries any more.
MAX_ATTEMPTS = 10

#: Seconds until the second try, doubled with each one more, and the most that they become.
FIRST_PAUSE, LONGEST_PAUSE = 60, 6 * 3600

_COLUMN = "revocation"
#: What of a token a provider may want. The ID token ends nothing.
_KEPT = tuple(name for name in TOKEN_COLUMNS if name != "id_token")

logger = logging.getLogger("flask_social")


def revocation_of(state: SocialState, connection: t.Any, now: dt.datetime) -> Revocation | None:
    """What has to be revoked when a connection goes.

    :returns: ``None`` when ``SOCIAL_REVOKE_ON_DISCONNECT`` is off, when the provider is switched off, not to be found
        or has no endpoint for it, and when there is no token that opens and lives.
    """
    if not state.settings.revoke_on_disconnect:
        return None
    provider = state.find_provider(connection.provider_id)
    if provider is None or not provider.can_revoke:
        return None
    key = ConnectionKey(connection.provider_id, connection.provider_user_id)
    try:
        token = {name: text for name in _KEPT if (text := _opened(state, connection, key, name))}
    except TokenUnreadable:
        return None
    ends = getattr(connection, "expires_at", None)
    ended = ends is not None and utc(ends) <= now and "refresh_token" not in token
    if "access_token" not in token or ended:
        return None
    identifier = uuid.uuid4().hex
    now = now.replace(microsecond=0)  # not every database keeps them, and this is compared
    return Revocation(
        id=identifier,
        provider_id=key.provider_id,
        fingerprint=_fingerprints(state, key)[0],
        sealed=state.vault.seal_token(json.dumps(token), column=_COLUMN, key=_row(key.provider_id, identifier)),
        attempts=0,
        due_at=now,
        created_at=now,
    )


def queue(state: SocialState, connection: t.Any) -> Revocation | None:
    """Notes the revocation of a connection that is about to go, in the caller's transaction.

    :returns: it, for :func:`revoke_now` after the commit; also where there is no table to note it in. ``None`` when
        there is nothing to revoke.
    """
    revocation = revocation_of(state, connection, utcnow())
    if revocation is not None and not state.datastore.queue_revocation(revocation):
        logger.warning("there is no table social_revocations: a grant of %s gets one try", revocation.provider_id)
    return revocation


def forget(state: SocialState, key: ConnectionKey) -> None:
    """Drops the revocations of an account that is being connected anew, in the caller's transaction.

    Many providers know one grant per person and application: an old revocation would end the new one.
    """
    for fingerprint in _fingerprints(state, key):
        state.datastore.forget_revocations(fingerprint)


def revoke_now(state: SocialState, revocation: Revocation, send: Send | None = None) -> bool:
    """Tries a revocation; whether the grant is ended. It stays noted while it is not. Never raises for a provider.

    :param send: what sends the requests, when several revocations share one deadline.
    """
    return attempt(state, revocation, send) == "revoked"


def retry_revocations(state: SocialState, limit: int = 100) -> dict[str, int]:
    """Tries the revocations whose time has come, and counts what came of them, by :data:`Result`."""
    due = state.datastore.due_revocations(utcnow(), limit)
    return dict(collections.Counter(attempt(state, revocation) for revocation in due))


def attempt(state: SocialState, revocation: Revocation, send: Send | None = None) -> Result:
    """Claims a revocation, asks the provider, and drops it, or leaves it for later."""
    store, tried = state.datastore, revocation.attempts + 1
    due_at = utcnow().replace(microsecond=0) + _pause(revocation.attempts)
    try:
        # Moved before the provider is asked: nobody else asks meanwhile, and a crash leaves it noted.
        claimed = store.postpone_revocation(revocation, attempts=tried, due_at=due_at)
        if not claimed and store.has_revocation_queue():
            return "taken"
        error = _ask(state, revocation, send)
        if error is None:
            result: Result = "revoked"
        elif tried >= MAX_ATTEMPTS or not claimed:
            result = "given_up"
            logger.warning("a grant of %s was not revoked, and will not be: %s", revocation.provider_id, error)
        else:
            logger.info("a grant of %s is not revoked yet: %s", revocation.provider_id, error)
            return "postponed"
        if claimed:
            store.drop_revocation(dc.replace(revocation, attempts=tried, due_at=due_at))
    except TokenStoreBusy:
        return "postponed"
    return result


def _ask(state: SocialState, revocation: Revocation, send: Send | None) -> str | None:
    """Asks the provider; the code of what failed, or ``None``."""
    provider = state.find_provider(revocation.provider_id)
    if provider is None:
        return "provider_unknown"
    try:
        token = _noted(state, revocation)
    except (TokenUnreadable, ValueError, TypeError):
        return TokenUnreadable.code
    try:
        run(provider.revoke(_context(state), token), send or state.exchange())
    except ProviderRefused as error:
        # Nothing is left to end where the token is dead already.
        return None if error.error in provider.dead_token_errors else error.code
    except ProviderError as error:
        return error.code
    return None


def _noted(state: SocialState, revocation: Revocation) -> Token:
    """The token that was noted. A text that is not sealed is not ours, and never sent anywhere.

    :raises TokenUnreadable, ValueError, TypeError: when it is damaged.
    """
    if not is_sealed(revocation.sealed):
        raise TokenUnreadable("A noted revocation is not sealed.")
    row = _row(revocation.provider_id, revocation.id)
    return Token(**json.loads(state.vault.open_token(revocation.sealed, column=_COLUMN, key=row)))


def _pause(attempts: int) -> dt.timedelta:
    return dt.timedelta(seconds=min(FIRST_PAUSE * 2 ** min(max(attempts, 0), MAX_ATTEMPTS), LONGEST_PAUSE))


def _opened(state: SocialState, connection: t.Any, key: ConnectionKey, name: str) -> str | None:
    """A token of a connection. Opened with the vault at hand: a user may be deleted without an application context."""
    sealed = f"sealed_{name}"
    stored = getattr(connection, sealed if hasattr(connection, sealed) else name, None)
    return state.vault.open_token(stored, column=name, key=key) if stored else None


def _row(provider_id: str, identifier: str) -> ConnectionKey:
    """What a noted token is sealed for: its own row, which names nobody."""
    return ConnectionKey(provider_id, identifier)


def _fingerprints(state: SocialState, key: ConnectionKey) -> list[str]:
    """What stands for an account, by each secret of the application, newest first."""
    return state.vault.derivations(f"revocation {key.fingerprint}")


def _context(state: SocialState) -> Context:
    return Context(
        redirect_uri="", now=utcnow(), vault=state.vault, documents=state.documents, random=secrets.token_bytes
    )
