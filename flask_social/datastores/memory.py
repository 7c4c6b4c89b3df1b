"""A store in the memory of one process: for trying, and for tests. Nothing outlives the process."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import dataclasses as dc
import datetime as dt
import threading
import types
import typing as t

from ..errors import DuplicateConnection, StoreError
from ..values import ConnectionKey
from .base import ConnectionDatastore, Revocation, StoredToken
from .columns import COLUMNS, in_order, utcnow
from .stored import STORED, shown, stored_token


class MemoryConnection(types.SimpleNamespace):
    """One connection; its fields are those of :data:`~flask_social.datastores.columns.COLUMNS`."""

    def __init__(self, **values: t.Any) -> None:
        now = utcnow()
        defaults = {"rank": 1, "token_version": 0, "status": "active", "created_at": now, "updated_at": now}
        super().__init__(**dict.fromkeys(COLUMNS) | defaults | values)

    # A row is itself, and not another one that holds the same.
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # a namespace has none

    def __repr__(self) -> str:
        return f"<MemoryConnection {self.provider_id} of user {self.user_id}>"


class MemoryConnectionDatastore(ConnectionDatastore):
    """Keeps connections in a list, for one process. Tokens are held as they are: they never leave the process.

    It knows no users: an application that deletes one calls ``delete_connections(user_id=…)``.
    """

    columns = frozenset(COLUMNS)
    has_unique_key = True

    def __init__(self, connection_model: t.Any = MemoryConnection) -> None:
        super().__init__(connection_model)
        self._rows: list[t.Any] = []
        self._lock = threading.RLock()
        self._users: dict[str, threading.RLock] = {}
        self._revocations: dict[str, Revocation] = {}

    def find_connection(self, **by: t.Any) -> t.Any | None:
        return next(iter(self.find_connections(**by)), None)

    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        with self._lock:
            found = [row for row in self._rows if all(getattr(row, name) == value for name, value in by.items())]
        return in_order(found)

    def create_connection(self, **values: t.Any) -> t.Any:
        return self.put(self.connection_model(**{name: value for name, value in values.items() if name in COLUMNS}))

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        with self._lock:
            if connection not in self._rows:
                raise StoreError("The connection was removed meanwhile.", code="connection_gone")
            for name in values.keys() & self.columns:
                setattr(connection, name, values[name])

    def delete_connection(self, **by: t.Any) -> bool:
        with self._lock:
            found = self.find_connection(**by)
            if found is not None:
                self._rows.remove(found)
        return found is not None

    def delete_connections(self, **by: t.Any) -> bool:
        with self._lock:
            found = self.find_connections(**by)
            for row in found:
                self._rows.remove(row)
        return bool(found)

    def put(self, connection: t.Any) -> t.Any:
        key = ConnectionKey(connection.provider_id, connection.provider_user_id)
        with self._lock:
            if any(row is not connection for row in self.find_owned(key)):
                raise DuplicateConnection(key)
            if connection not in self._rows:
                self._rows.append(connection)
        return connection

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        return self.find_connections(provider_id=key.provider_id, provider_user_id=key.provider_user_id)

    def install(self, user_model: t.Any, before_forget: cabc.Callable[[t.Any], object] | None = None) -> None:
        """Nothing: users live elsewhere, and nobody tells when one is deleted."""

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        with self._lock:
            lock = self._users.setdefault(str(user_id), threading.RLock())
        with lock:
            yield

    def read_tokens(self, key: ConnectionKey) -> StoredToken | None:
        with self._lock:
            return next((_stored(row) for row in self.find_owned(key)), None)

    def swap_tokens(self, stored: StoredToken, values: cabc.Mapping[str, t.Any]) -> bool:
        with self._lock:
            for row in self.find_owned(stored.key):
                same = (row.user_id, row.token_version or 0, row.lease_until)
                if same == (stored.user_id, stored.version, stored.lease_until):
                    self.update_connection(row, **values)
                    return True
        return False

    def page_tokens(
        self,
        *,
        after: t.Any = None,
        limit: int = 500,
        due_before: dt.datetime | None = None,
        without_refresh_token: cabc.Collection[str] = (),
    ) -> cabc.Sequence[StoredToken]:
        def is_due(row: t.Any) -> bool:
            renewable = bool(row.refresh_token) or row.provider_id in without_refresh_token
            return row.status == "active" and renewable and row.expires_at is not None and row.expires_at < due_before

        with self._lock:
            found = [_stored(row, due_before is not None) for row in self._rows if due_before is None or is_due(row)]
        found = [it for it in found if after is None or it.cursor > after]
        return sorted(found, key=lambda it: it.cursor)[:limit]

    def adopt_tokens(self, connection: t.Any, stored: StoredToken) -> None:
        """Nothing: the caller's object is the row itself, unless it was removed meanwhile."""
        with self._lock:
            if connection not in self._rows:
                vars(connection).update(shown(stored))

    def has_revocation_queue(self) -> bool:
        return True

    def queue_revocation(self, revocation: Revocation) -> bool:
        with self._lock:
            self._revocations[revocation.id] = revocation
        return True

    def forget_revocations(self, fingerprint: str) -> None:
        with self._lock:
            for it in [it for it in self._revocations.values() if it.fingerprint == fingerprint]:
                del self._revocations[it.id]

    def due_revocations(self, now: dt.datetime, limit: int = 100) -> cabc.Sequence[Revocation]:
        with self._lock:
            due = [it for it in self._revocations.values() if it.due_at <= now]
        return sorted(due, key=lambda it: (it.due_at, it.id))[:limit]

    def postpone_revocation(self, revocation: Revocation, *, attempts: int, due_at: dt.datetime) -> bool:
        with self._lock:
            found = self._revocations.get(revocation.id)
            if found is None or found.due_at != revocation.due_at:
                return False
            self._revocations[found.id] = dc.replace(found, attempts=attempts, due_at=due_at)
        return True

    def drop_revocation(self, revocation: Revocation) -> None:
        with self._lock:
            self._revocations.pop(revocation.id, None)


def _stored(row: t.Any, by_expiry: bool = False) -> StoredToken:
    key = (row.provider_id, row.provider_user_id)
    return stored_token({name: getattr(row, name) for name in STORED}, (row.expires_at, *key) if by_expiry else key)
