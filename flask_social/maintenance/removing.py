"""Telling of connections, and taking them away: one, those that nobody owns, those of a provider."""

from __future__ import annotations

import collections
import collections.abc as cabc
import datetime as dt
import typing as t

from .. import security
from ..datastores.base import CLAIM_LIFETIME, CLAIMED, StoredToken
from ..datastores.columns import COLUMNS, TOKEN_COLUMNS, utcnow
from ..errors import ConfigurationError
from ..health import health
from ..revoking import queue, revoke_now
from ..signals import connection_removed
from ..state import SocialState, current_sender, current_state
from .paging import BATCH, Progress

#: So many grants in a row that could not be ended at once, and the others wait for ``flask social renew``.
PATIENCE = 5

#: What may be told of a connection: every column but the tokens, and what counts them.
PUBLIC = tuple(name for name in COLUMNS if name not in {*TOKEN_COLUMNS, "token_version", "lease_until"})


def describe(state: SocialState, connection: t.Any) -> dict[str, t.Any]:
    """A connection as JSON tells of it, with its health: profile data and times, never a token."""
    told = {name: _plain(getattr(connection, name)) for name in PUBLIC if name in state.datastore.columns}
    return told | {"health": health(connection, state.find_provider(connection.provider_id), utcnow())}


def export_user(user: t.Any) -> dict[str, t.Any]:
    """All that is kept here of one user, as JSON: the connections with their profile data, health and times.

    :param user: of Flask-Security's user model.
    """
    state = current_state()
    mine = state.datastore.find_connections(user_id=user.id)
    return {
        "user": {"id": _plain(user.id), "email": getattr(user, "email", None)},
        "connections": [describe(state, connection) for connection in mine],
    }


def remove_connections(connections: cabc.Iterable[t.Any]) -> int:
    """Removes connections as the disconnect button does: the grant is ended, and ``connection_removed`` sent.

    Nobody is asked whether the owner has another way to log in.

    :returns: how many were there.
    """
    state = current_state()
    remover = _Remover(state)
    return sum(remover.remove(connection) for connection in connections)


def purge(
    *,
    provider_id: str | None = None,
    while_on: bool = False,
    dry_run: bool = False,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Removes what nobody needs: connections of users that are gone, and claims on which no user followed.

    :param provider_id: all connections of this provider too.
    :param while_on: also if the provider is not switched off. Only then can its grants be ended.
    :param dry_run: only counts.
    :returns: how many rows were ``seen``, and how many went (or would): ``of_nobody``, ``claims``, ``of_provider``.
    :raises ConfigurationError: when the provider is switched on, and ``while_on`` does not say that this is meant;
        without Flask-Security.
    """
    state = current_state()
    if provider_id is not None and not while_on and state.resolve(provider_id) is not None:
        raise ConfigurationError(f"SOCIAL_{provider_id.upper()}", "is switched on; its connections are in use.")
    if security.user_model() is None:
        raise ConfigurationError("Security", "nobody can tell which users there are.")
    counts, after = dict.fromkeys(("seen", "of_nobody", "claims", "of_provider"), 0), None
    remover = _Remover(state)
    while page := state.datastore.page_tokens(after=after, limit=batch):
        after = page[-1].cursor
        there = {user_id: security.find_user(user_id) is not None for user_id in {it.user_id for it in page}}
        for stored in page:
            why = _why(state, stored, provider_id, owned=stored.user_id is not None and there[stored.user_id])
            if why is not None and (dry_run or sum(remover.remove(row) for row in _rows(state, stored))):
                counts[why] += 1
        counts["seen"] += len(page)
        state.datastore.commit()
        if progress is not None:
            progress(len(page))
    return counts


def _why(state: SocialState, stored: StoredToken, provider_id: str | None, *, owned: bool) -> str | None:
    """Which count a row that has to go belongs to; ``None`` for one that stays."""
    if stored.key.provider_id == provider_id:
        return "of_provider"
    if owned:
        return None
    if stored.status != CLAIMED:
        return "of_nobody"
    row = next(iter(_rows(state, stored)), None)
    young = row is not None and (utcnow() - row.created_at).total_seconds() < CLAIM_LIFETIME
    return None if young else "claims"


def _rows(state: SocialState, stored: StoredToken) -> cabc.Sequence[t.Any]:
    key = stored.key
    return state.datastore.find_connections(
        provider_id=key.provider_id, provider_user_id=key.provider_user_id, user_id=stored.user_id
    )


class _Remover:
    """Removes connections, and ends their grants: at once, until a provider does not answer; the others are noted."""

    def __init__(self, state: SocialState) -> None:
        self._state = state
        self._failing: collections.Counter[str] = collections.Counter()

    def remove(self, connection: t.Any) -> bool:
        """Whether it was there. What belongs to nobody is removed without a signal."""
        store, provider_id, owner = self._state.datastore, connection.provider_id, connection.user_id
        revocation = queue(self._state, connection)
        removed = store.delete_connection(
            provider_id=provider_id, provider_user_id=connection.provider_user_id, user_id=owner
        )
        if not removed:
            store.rollback()
            return False
        store.commit()
        user = security.find_user(owner) if owner is not None else None
        if user is not None:
            connection_removed.send(current_sender(), user=user, provider_id=provider_id)
        if revocation is not None and self._failing[provider_id] < PATIENCE:
            ended = revoke_now(self._state, revocation)
            self._failing[provider_id] = 0 if ended else self._failing[provider_id] + 1
        return True


def _plain(value: t.Any) -> t.Any:
    """A value as JSON can hold it."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
