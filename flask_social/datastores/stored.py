"""What the stores share that keep tokens in a database, whichever ORM reaches it."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import datetime as dt
import typing as t

from ..errors import StoreError, TokenStoreBusy
from ..values import ConnectionKey
from .base import StoredToken
from .columns import COLUMNS, TOKEN_COLUMNS

#: Seconds for which a transaction of our own waits for a lock or a connection.
PATIENCE = 1.0

#: The columns of a :class:`StoredToken`.
STORED = (
    "provider_id",
    "provider_user_id",
    "user_id",
    "token_version",
    "lease_until",
    "status",
    "expires_at",
    "granted_scope",
    "issuer",
    *TOKEN_COLUMNS,
)

#: By database: what tells how long a statement waits for a lock, what sets it, and the number for :data:`PATIENCE`.
_WAITS = {
    "sqlite": ("PRAGMA busy_timeout", "PRAGMA busy_timeout = {}", int(PATIENCE * 1000)),
    "mysql": (
        "SELECT @@SESSION.innodb_lock_wait_timeout",
        "SET SESSION innodb_lock_wait_timeout = {}",
        int(PATIENCE),
    ),
}
_WAITS["mariadb"] = _WAITS["mysql"]

#: The same for the one transaction in which PostgreSQL hears it.
POSTGRESQL_WAIT = f"SET LOCAL lock_timeout = {int(PATIENCE * 1000)}"

#: Refusals because of a lock. SQLite: SQLITE_BUSY, SQLITE_LOCKED. SQLSTATE: lock_not_available, query_canceled,
#: deadlock_detected, serialization_failure. MySQL: ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK.
_SQLITE_LOCKS = (5, 6)
_SQLSTATE_LOCKS = ("55P03", "57014", "40P01", "40001")
_MYSQL_LOCKS = (1205, 1213)


def attributes_of(own: cabc.Container[str]) -> dict[str, str]:
    """The attribute of a model for each column that it has; for a sealed token the one that holds the sealed text."""
    names = {name: f"sealed_{name}" if f"sealed_{name}" in own else name for name in COLUMNS}
    return {name: attribute for name, attribute in names.items() if attribute in own}


def stored_token(row: cabc.Mapping[str, t.Any], cursor: t.Any = None) -> StoredToken:
    """A row of the database, by the names of :data:`STORED`; what the model lacks is left out of it."""
    return StoredToken(
        key=ConnectionKey(row["provider_id"], row["provider_user_id"]),
        user_id=row["user_id"],
        version=row.get("token_version") or 0,
        lease_until=aware(row.get("lease_until")),
        status=row.get("status"),
        expires_at=aware(row.get("expires_at")),
        granted_scope=row.get("granted_scope"),
        issuer=row.get("issuer"),
        raw={name: row.get(name) for name in TOKEN_COLUMNS},
        cursor=cursor,
    )


def shown(stored: StoredToken) -> dict[str, t.Any]:
    """What an object of the caller shows of a stored token, by column."""
    return {
        **stored.raw,
        "token_version": stored.version,
        "lease_until": stored.lease_until,
        "status": stored.status,
        "expires_at": stored.expires_at,
        "granted_scope": stored.granted_scope,
        "issuer": stored.issuer,
    }


def aware(moment: dt.datetime | None) -> dt.datetime | None:
    """A time of the database in UTC; one without a zone is UTC already."""
    if moment is None:
        return None
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


@contextlib.contextmanager
def short_waits(database: str, ask: cabc.Callable[[str], t.Any]) -> cabc.Iterator[None]:
    """While open, one connection waits for locks no longer than :data:`PATIENCE`; then as long as before.

    :param ask: runs a statement on that connection, and gives the first value of its answer.
    """
    if database not in _WAITS:
        yield
        return
    tell, set_to, most = _WAITS[database]
    before = int(ask(tell))
    ask(set_to.format(min(before, most)))
    try:
        yield
    finally:
        ask(set_to.format(before))


def is_locked(error: BaseException | None) -> bool:
    """Whether a database's error says that somebody else has the lock."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_LOCKS  # the rest of the number says in which way
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state in _SQLSTATE_LOCKS or (getattr(error, "args", ()) or (None,))[0] in _MYSQL_LOCKS


def busy() -> TokenStoreBusy:
    """Somebody has the lock, perhaps the caller's own transaction."""
    return TokenStoreBusy("The token store is locked. Commit what you have changed yourself, and try again.")


def refusal(error: BaseException | None) -> TokenStoreBusy | StoreError:
    """What a database's error becomes; its own words may hold the row, so raise this ``from None``."""
    if is_locked(error):
        return busy()
    return StoreError(f"The database refused ({type(error).__name__}); check the connection model and its table.")


def user_refused() -> StoreError:
    """What a database's refusal of a new user becomes."""
    return StoreError("The database refused the new user: its address or name is taken.", code="user_refused")
