"""A store in the memory of one process: for trying, and for tests. Nothing outlives the process."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import threading
import types
import typing as t

from ..errors import DuplicateConnection, StoreError
from ..values import ConnectionKey
from .base import ConnectionDatastore
from .columns import COLUMNS, in_order, utcnow


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

    def install(self, user_model: t.Any) -> None:
        """Nothing: users live elsewhere."""

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        with self._lock:
            lock = self._users.setdefault(str(user_id), threading.RLock())
        with lock:
            yield
