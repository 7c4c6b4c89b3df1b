"""Sealing every token with the newest key."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import time
import typing as t

from ..datastores.base import StoredToken
from ..datastores.columns import TOKEN_COLUMNS
from ..errors import ConfigurationError, TokenStoreBusy, TokenUnreadable
from ..state import SocialState, current_state
from ..values import ConnectionKey
from ..vault import is_sealed
from .paging import BATCH, Progress

#: Rows that were locked or changed meanwhile: how many are kept for a second try, and for how many seconds it lasts.
KEPT_BACK = 1000
SECOND_TRY = 30


def rotate_keys(
    *,
    dry_run: bool = False,
    mark: bool = False,
    batch: int = BATCH,
    progress: Progress | None = None,
    unreadable: cabc.Callable[[ConnectionKey], object] | None = None,
) -> dict[str, int]:
    """Seals every stored token with the newest key, plain ones of 1.x too, while the application goes on.

    A row that somebody changes at the same moment is left to them, and looked at again. What is sealed with the newest
    key already is passed by, so that a run that was stopped is simply started again.

    :param mark: marks connections whose tokens open with no key as ``needs_reconnect``.
    :param unreadable: is told of each of those.
    :returns: how many connections were ``current``, ``resealed``, ``sealed`` (they were plain), ``unreadable``;
        ``left``: changed or locked all the time, so run it again.
    :raises ConfigurationError: when the model keeps plain tokens, or cannot tell one token from the next.
    """
    state = current_state()
    store = state.datastore
    if not store.seals_tokens:
        raise ConfigurationError("the connection model", "keeps plain tokens; take a mixin of flask_social.models.")
    if not store.keeps_versions:
        raise ConfigurationError("the connection model", "has no token_version or no lease_until; add both.")
    counts = dict.fromkeys(("current", "resealed", "sealed", "unreadable", "left"), 0)
    late: list[ConnectionKey] = []

    def settle(page: cabc.Sequence[StoredToken]) -> list[StoredToken]:
        """Reseals rows, counts them, and gives those that somebody had or changed."""
        found = [(stored, _reseal(state, stored, mark=mark)) for stored in page]
        changes = [(stored, it.values) for stored, it in found if it.values]
        lost = [] if dry_run else _swap(state, changes)
        for stored, it in found:
            if stored not in lost:
                counts[it.outcome] += 1
                if it.outcome == "unreadable" and unreadable is not None:
                    unreadable(stored.key)
        return lost

    after = None
    while page := store.page_tokens(after=after, limit=batch):
        after = page[-1].cursor
        for stored in settle(page):
            if len(late) < KEPT_BACK:
                late.append(stored.key)
            else:
                counts["left"] += 1
        if progress is not None:
            progress(len(page))
    end = time.monotonic() + SECOND_TRY
    for key in late:
        while (again := _read(state, key)) != "gone":
            if isinstance(again, StoredToken) and not settle([again]):
                break
            if time.monotonic() > end:
                counts["left"] += 1
                break
            time.sleep(0.05)
    return counts


@dc.dataclass(frozen=True, slots=True)
class _Found:
    outcome: str
    values: cabc.Mapping[str, str] = dc.field(repr=False)


def _reseal(state: SocialState, stored: StoredToken, *, mark: bool) -> _Found:
    """What a row is, and what has to be written to it."""
    outcome, values = "current", {}
    for name in TOKEN_COLUMNS:
        text = stored.raw.get(name)
        if not text or state.vault.is_current(text):
            continue
        try:
            plain = state.vault.open_token(text, column=name, key=stored.key)
        except TokenUnreadable:
            outcome = "unreadable"
            continue
        values[name] = state.vault.seal_token(plain, column=name, key=stored.key)
        if outcome != "unreadable":
            outcome = "resealed" if is_sealed(text) and outcome != "sealed" else "sealed"
    if outcome == "unreadable" and mark and "status" in state.datastore.columns:
        values |= {"status": "needs_reconnect"} if stored.status == "active" else {}
    return _Found(outcome, values)


def _swap(state: SocialState, changes: cabc.Sequence[tuple[StoredToken, cabc.Mapping[str, str]]]) -> list[StoredToken]:
    """Writes these rows; gives those that were not written."""
    # Neither version nor lease is touched: whoever renews this token at the moment shall not lose what they get.
    try:
        written = state.datastore.swap_many(changes) if changes else ()
    except TokenStoreBusy:
        return [stored for stored, _ in changes]
    return [stored for (stored, _), done in zip(changes, written, strict=True) if not done]


def _read(state: SocialState, key: ConnectionKey) -> StoredToken | t.Literal["gone", "busy"]:
    try:
        return state.datastore.read_tokens(key) or "gone"
    except TokenStoreBusy:
        return "busy"
