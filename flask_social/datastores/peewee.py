"""Connections in Peewee."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import typing as t

from ..errors import DuplicateConnection, MissingLibrary
from ..values import ConnectionKey
from .base import KEY_COLUMNS, ConnectionDatastore, columns_of, fitted, same_key

try:
    import peewee
except ImportError as error:  # pragma: no cover  # seen in an environment without Peewee only
    raise MissingLibrary("Peewee", "peewee") from error


class PeeweeConnectionDatastore(ConnectionDatastore):
    """Connections in a Peewee model. A write belongs to the caller's ``db.atomic()``, or is committed at once.

    :param db: the :class:`peewee.Database`, or an extension object that has one as ``database``.
    """

    def __init__(self, db: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.db = db if isinstance(db, peewee.Database) else db.database
        self.columns = columns_of(connection_model)
        fields = connection_model._meta.fields
        lengths = {name: getattr(field, "max_length", None) for name, field in fields.items()}
        self._lengths = {name: length for name, length in lengths.items() if length}

    @property
    def has_unique_key(self) -> bool:
        return any(unique and set(names) <= KEY_COLUMNS for names, unique in self.connection_model._meta.indexes)

    def find_connection(self, **by: t.Any) -> t.Any | None:
        return next(iter(self.find_connections(**by)), None)

    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        return self._rows(self.connection_model.select(), by)

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        model, query = self.connection_model, self.connection_model.select()
        owner = self._owner
        if owner is not None:
            query = model.select(model, owner.rel_model).join(owner.rel_model, peewee.JOIN.LEFT_OUTER)
        return self._rows(query, {"provider_id": key.provider_id, "provider_user_id": key.provider_user_id})

    def create_connection(self, **values: t.Any) -> t.Any:
        made = self.connection_model(**fitted(self.columns, self._lengths, values))
        try:
            with self.db.atomic():
                made.save(force_insert=True)
        except peewee.IntegrityError as error:
            key = ConnectionKey(values["provider_id"], values["provider_user_id"])
            if self.find_owned(key):
                raise DuplicateConnection(key) from error
            raise
        return made

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in fitted(self.columns, self._lengths, values).items():
            setattr(connection, name, value)
        if connection.dirty_fields:
            connection.save(only=connection.dirty_fields)

    def delete_connection(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by)[:1])

    def delete_connections(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by))

    def put(self, connection: t.Any) -> t.Any:
        connection.save()
        return connection

    def commit(self) -> None:
        """Nothing: Peewee commits by itself, at once or at the end of ``db.atomic()``."""

    def rollback(self) -> None:
        """Nothing: an ``atomic()`` block rolls back by itself."""

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        """Locks the user's row for the length of a transaction; SQLite has one lock, which is taken at once."""
        owner = self._owner
        if isinstance(self.db, peewee.SqliteDatabase):
            with self.db.atomic("IMMEDIATE"):
                yield
            return
        with self.db.atomic():
            if owner is not None:
                list(owner.rel_model.select(owner.rel_field).where(owner.rel_field == user_id).for_update().tuples())
            yield

    def install(self, user_model: t.Any) -> None:
        """Nothing: ``user.delete_instance(recursive=True)`` and the foreign key's CASCADE delete the connections."""

    def _rows(self, query: t.Any, by: cabc.Mapping[str, t.Any]) -> list[t.Any]:
        model = self.connection_model
        for name, value in by.items():
            query = query.where(getattr(model, name) == value)
        found = [row for row in query if same_key(row, by)]
        return sorted(found, key=lambda row: (getattr(row, "rank", None) or 1, row.get_id()))

    def _delete(self, rows: cabc.Sequence[t.Any]) -> bool:
        for row in rows:
            row.delete_instance()
        return bool(rows)

    @property
    def _owner(self) -> t.Any | None:
        """The foreign key to the user, under whatever name, or ``None``."""
        fields = self.connection_model._meta.fields.values()
        keys = [field for field in fields if isinstance(field, peewee.ForeignKeyField)]
        return next((key for key in keys if key.object_id_name == "user_id" or key.name == "user_id"), None)
