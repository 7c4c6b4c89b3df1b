"""Renewing every token that ends soon."""

from __future__ import annotations

import collections
import collections.abc as cabc
import datetime as dt
import logging
import random
import time
import typing as t

from flask import Flask

from .. import revoking
from ..datastores.base import StoredToken
from ..datastores.columns import utcnow
from ..keeper import renew_stored
from ..state import SocialState, current_sender, current_state
from ..tokens import Outcome
from ..values import ConnectionKey
from .paging import BATCH, Progress

#: So many failures of one provider in a row, and the rest of its tokens wait for the next run.
PATIENCE = 20

logger = logging.getLogger("flask_social")


def renew_tokens(
    *,
    within: dt.timedelta = dt.timedelta(hours=1),
    limit: int | None = None,
    jitter: float = 0,
    dry_run: bool = False,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Renews every token that ends soon. Any number of these may run at once, on any number of machines.

    Which one renews a token is decided by its lease; those that meet at the same rows pass by, and each takes the rows
    of a page in an order of its own.

    :param within: how soon; where the provider says a longer time before the end (``renew_before``), that one.
    :param limit: at most so many are asked of the providers.
    :param jitter: waits up to so many seconds first, so that jobs of one minute do not begin in one second.
    :param dry_run: only counts what is ``due``.
    :returns: how many were ``renewed``; ``fresh``: another one was faster; ``busy``: another one is at it; ``dead``:
        the owner has to connect again; ``unable``: nothing to renew them with; ``failed``: the provider or the store
        did not answer, the next run tries again; ``refused``: the provider would not, and did not say that the grant
        is dead; ``unreadable``: no key of this process opens them; ``skipped``: left out after :data:`PATIENCE`
        failures in a row; ``off``: their provider is switched off.
    """
    state, app, began = current_state(), current_sender(), utcnow()
    if jitter > 0:
        time.sleep(random.uniform(0, jitter))
    counts = dict.fromkeys(("due",) if dry_run else (*t.get_args(Outcome), "skipped", "off"), 0)
    failing: collections.Counter[str] = collections.Counter()
    for stored in _due(state, began, within, batch, progress):
        if limit is not None and sum(counts.values()) - counts.get("off", 0) >= limit:
            break
        name = stored.key.provider_id
        if dry_run:
            counts["due"] += 1
        elif failing[name] >= PATIENCE:
            counts["skipped"] += 1
        else:
            outcome = _renew(state, stored, within, app)
            counts[outcome] += 1
            if outcome == "failed":
                failing[name] += 1
            elif outcome in ("renewed", "dead", "refused"):
                failing[name] = 0  # the provider has answered
    return counts


def _renew(state: SocialState, stored: StoredToken, within: dt.timedelta, app: Flask) -> Outcome | t.Literal["off"]:
    try:
        provider = state.resolve(stored.key.provider_id)
    except Exception:  # the application's own resolver; the other rows go on
        logger.exception("the provider %r could not be found out", stored.key.provider_id)
        return "failed"
    return "off" if provider is None else renew_stored(state, provider, stored, horizon=within, app=app)


def retry_revocations(limit: int = 1000) -> dict[str, int]:
    """Tries the revocations whose time has come, the oldest first; those of connections that were removed.

    :returns: how many grants were ``revoked``, ``postponed``, ``given_up``; ``taken``: another one is at it. What did
        not happen is left out.
    """
    return revoking.retry_revocations(current_state(), limit)


def _due(
    state: SocialState, began: dt.datetime, within: dt.timedelta, batch: int, progress: Progress | None
) -> cabc.Iterator[StoredToken]:
    """Every row that ends within its provider's time, once."""
    leeways = {it.id: max(within, it.renew_before or within) for it in state.providers.values()}
    alone = [it.id for it in state.providers.values() if it.renews_without_refresh_token]
    before = began + max([within, *leeways.values()])
    seen, after = _Seen(), None
    while page := state.datastore.page_tokens(after=after, limit=batch, due_before=before, without_refresh_token=alone):
        after = page[-1].cursor
        for stored in random.sample(page, len(page)):
            due = began + leeways.get(stored.key.provider_id, within)
            if stored.expires_at is not None and stored.expires_at <= due and not seen.before(stored.key):
                yield stored
        state.datastore.commit()
        if progress is not None:
            progress(len(page))


class _Seen:
    """Which connections this run has been at, in 8 MiB however many there are.

    A token whose new life is shorter than ``within`` comes again on a later page, without end. One in a hundred or so
    is taken for seen that was not, and waits for the next run.
    """

    def __init__(self, bits: int = 2**26) -> None:
        self._bits = bits
        self._map = bytearray(bits // 8)

    def before(self, key: ConnectionKey) -> bool:
        """Whether a key was here before; it was from now on."""
        byte, bit = divmod(hash(key) % self._bits, 8)
        found = bool(self._map[byte] & 1 << bit)
        self._map[byte] |= 1 << bit
        return found
