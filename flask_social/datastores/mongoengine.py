"""Connections in MongoDB, by MongoEngine."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import datetime as dt
import time
import typing as t

from ..errors import DuplicateConnection, MissingLibrary, StoreError
from ..values import ConnectionKey
from .base import KEY_COLUMNS, ConnectionDatastore, columns_of, fitted, same_key, utcnow

try:
    from mongoengine import signals
    from mongoengine.errors import NotUniqueError, ValidationError
    from pymongo.errors import DuplicateKeyError
except ImportError as error:  # pragma: no cover  # seen in an environment without MongoEngine only
    raise MissingLibrary("MongoEngine", "mongoengine") from error

#: Seconds for which a lock on a user holds when its holder dies, and for which another one waits.
LOCK_LIFETIME = 10

_TIMES = ("expires_at", "lease_until", "created_at", "updated_at", "last_login_at")


class MongoEngineConnectionDatastore(ConnectionDatastore):
    """Connections in a collection. Every call is written at once: there is no transaction to commit.

    :param db: the extension object of the application, which is not used; ``None`` will do.
    """

    def __init__(self, db: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.db = db
        self.columns = columns_of(connection_model)
        fields = connection_model._fields
        lengths = {name: getattr(field, "max_length", None) for name, field in fields.items()}
        self._lengths = {name: length for name, length in lengths.items() if length}

    @property
    def has_unique_key(self) -> bool:
        specs = self.connection_model._meta.get("index_specs") or self.connection_model._unique_with_indexes()
        unique = [spec for spec in specs if spec.get("unique")]
        return any({name for name, _ in spec["fields"]} <= KEY_COLUMNS for spec in unique)

    def find_connection(self, **by: t.Any) -> t.Any | None:
        return next(iter(self.find_connections(**by)), None)

    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        try:
            found = [row for row in self.connection_model.objects(**by) if same_key(row, by)]
        except ValidationError:  # a user id of another kind
            return []
        return sorted(found, key=lambda row: (getattr(row, "rank", None) or 1, row.pk))

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        return self.find_connections(provider_id=key.provider_id, provider_user_id=key.provider_user_id)

    def create_connection(self, **values: t.Any) -> t.Any:
        made = self.connection_model(**fitted(self.columns, self._lengths, values))
        try:
            return made.save(force_insert=True)
        except NotUniqueError as error:
            raise DuplicateConnection(ConnectionKey(values["provider_id"], values["provider_user_id"])) from error

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in fitted(self.columns, self._lengths, values).items():
            setattr(connection, name, value)
        connection.save()

    def delete_connection(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by)[:1])

    def delete_connections(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by))

    def put(self, connection: t.Any) -> t.Any:
        return connection.save()

    def commit(self) -> None:
        """Nothing: every call is written at once."""

    def rollback(self) -> None:
        """Nothing: what was written stays."""

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        """Holds a lease in the collection ``social_locks`` beside the connections, taken by compare-and-set.

        :raises StoreError: when somebody else holds it for longer than ten seconds.
        """
        locks = self.connection_model._get_db()["social_locks"]
        name, token = f"user:{user_id}", object.__hash__(object()) ^ time.monotonic_ns()
        end = time.monotonic() + LOCK_LIFETIME
        while not _take(locks, name, token):
            if time.monotonic() > end:
                raise StoreError("This user's connections are being changed by somebody else; try again.")
            time.sleep(0.02)
        try:
            yield
        finally:
            locks.delete_one({"_id": name, "token": token})

    def install(self, user_model: t.Any) -> None:
        if user_model is not None and hasattr(user_model, "_meta"):
            signals.post_delete.connect(self._user_deleted, sender=user_model)

    def _user_deleted(self, sender: t.Any, document: t.Any) -> None:
        self.connection_model.objects(user_id=document.pk).delete()

    def _delete(self, rows: cabc.Sequence[t.Any]) -> bool:
        for row in rows:
            row.delete()
        return bool(rows)


def _take(locks: t.Any, name: str, token: int) -> bool:
    now = utcnow()
    free = {"_id": name, "until": {"$lt": now}}
    lease = {"$set": {"token": token, "until": now + dt.timedelta(seconds=LOCK_LIFETIME)}}
    try:
        locks.update_one(free, lease, upsert=True)
    except DuplicateKeyError:  # it is held: the upsert found no free one, and the name is taken
        return False
    return True
