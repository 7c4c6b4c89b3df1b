"""Connections in Peewee."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import functools
import typing as t
import weakref

from ..errors import DuplicateConnection, MissingLibrary, StoreError
from ..values import ConnectionKey
from .base import UserDraft
from .columns import KEY_COLUMNS, Texts, findable, fitted, in_order, same_key
from .peewee_tokens import PeeweeTokens
from .stored import user_refused

try:
    import peewee
except ImportError as error:  # pragma: no cover  # seen in an environment without Peewee only
    raise MissingLibrary("Peewee", "peewee") from error


class PeeweeConnectionDatastore(PeeweeTokens):
    """Connections in a Peewee model. A write belongs to the caller's ``db.atomic()``, or is committed at once.

    :param db: the :class:`peewee.Database` or extension object of the application; the database is the model's.
    """

    def __init__(self, db: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.db = db
        self._before_forget: cabc.Callable[[t.Any], object] | None = None
        fields = {n: f for n, f in connection_model._meta.fields.items() if isinstance(f, peewee._StringField)}
        lengths = {name: field.max_length for name, field in fields.items() if hasattr(field, "max_length")}
        required = (name for name, field in fields.items() if not field.null and field.default is None)
        self._texts = Texts(lengths, frozenset(required))

    @property
    def has_unique_key(self) -> bool:
        unique = [index for index in self.connection_model._meta.fields_to_index() if getattr(index, "_unique", False)]
        return any({getattr(it, "name", None) for it in index._expressions} <= KEY_COLUMNS for index in unique)

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
        made = self.connection_model(**fitted(self.columns, self._texts, values))
        self._save(made, force_insert=True)
        return made

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in fitted(self.columns, self._texts, values).items():
            setattr(connection, name, value)
        if connection.dirty_fields and not self._save(connection, only=connection.dirty_fields):
            raise StoreError("The connection was removed meanwhile.", code="connection_gone")

    def delete_connection(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by)[:1])

    def delete_connections(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by))

    def put(self, connection: t.Any) -> t.Any:
        if not self._save(connection):
            self._save(connection, force_insert=True)  # the application chooses the primary key
        return connection

    def create_with_user(self, draft: UserDraft, **values: t.Any) -> tuple[t.Any, t.Any]:
        try:
            with self._database.atomic():
                user = draft.make()
                return user, self.create_connection(user_id=user._pk, **values)
        except (peewee.IntegrityError, peewee.DataError, UnicodeEncodeError):
            raise user_refused() from None  # the database's own words hold the row

    def commit(self) -> None:
        """Nothing: Peewee commits by itself, at once or at the end of ``db.atomic()``."""

    def rollback(self) -> None:
        """Nothing: an ``atomic()`` block rolls back by itself."""

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        """Locks the user's row until the transaction ends; SQLite has one lock, which is taken at once.

        Without a foreign key, PostgreSQL locks the id itself; another database locks the user's connections.
        """
        model, database, owner = self.connection_model, self._database, self._owner
        if isinstance(database, peewee.SqliteDatabase):
            with database.atomic() if database.in_transaction() else database.atomic("IMMEDIATE"):
                # Within the caller's transaction only a write takes the lock.
                model.update(provider_id=model.provider_id).where(peewee.SQL("0 = 1")).execute()
                yield
            return
        with database.atomic():
            if owner is not None:
                list(owner.rel_model.select(owner.rel_field).where(owner.rel_field == user_id).for_update().tuples())
            elif isinstance(database, peewee.PostgresqlDatabase):
                name = f"{model._meta.table_name}:{user_id}"
                database.execute_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
            else:
                list(model.select(model._meta.primary_key).where(model.user_id == user_id).for_update().tuples())
            yield

    def install(self, user_model: t.Any, before_forget: cabc.Callable[[t.Any], object] | None = None) -> None:
        """Makes ``user.delete_instance()`` delete the connections, ``recursive`` or not.

        A ``DELETE`` of many users is left to the foreign key's CASCADE (SQLite: ``pragmas={"foreign_keys": 1}``).
        """
        self._before_forget = before_forget or self._before_forget
        owner = self._owner
        user_model = owner.rel_model if owner is not None else user_model
        if user_model is None or not hasattr(user_model, "delete_instance"):
            return
        if user_model not in _STORES:
            _STORES[user_model] = weakref.WeakSet()
            user_model.delete_instance = _forgetting(user_model.delete_instance, _STORES[user_model])
        _STORES[user_model].add(self)

    def forget(self, user: t.Any) -> None:
        """Deletes the connections of a user who is about to be deleted."""
        owner = self._owner
        user_id = getattr(user, owner.rel_field.name) if owner is not None else user.get_id()
        theirs = self.connection_model.user_id == user_id
        if self._before_forget is not None:
            for row in list(self.connection_model.select().where(theirs)):
                self._before_forget(row)
        self.connection_model.delete().where(theirs).execute()

    def _save(self, connection: t.Any, **options: t.Any) -> bool:
        """Writes a row; ``False`` when there was none to change."""
        try:
            with self._database.atomic():
                return bool(connection.save(**options)) or self._exists(connection)
        except peewee.IntegrityError as error:
            key = ConnectionKey(connection.provider_id, connection.provider_user_id)
            if self.find_owned(key):
                raise DuplicateConnection(key) from error
            raise StoreError(
                "The database refused the connection; check the model and the user."
            ) from None  # the database's own words may hold the row

    def _exists(self, connection: t.Any) -> bool:
        # MySQL counts rows that changed, not rows that were found.
        return bool(self.connection_model.select().where(connection._pk_expr()).exists())

    def _rows(self, query: t.Any, by: cabc.Mapping[str, t.Any]) -> list[t.Any]:
        if not findable(by):
            return []
        model = self.connection_model
        for name, value in by.items():
            query = query.where(getattr(model, name) == value)
        return in_order(row for row in query.order_by(model._meta.primary_key) if same_key(row, by))

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


#: The stores of each user model, for as long as either lives.
_STORES: weakref.WeakKeyDictionary[type, weakref.WeakSet[PeeweeConnectionDatastore]] = weakref.WeakKeyDictionary()


def _forgetting(delete: t.Any, stores: cabc.Iterable[PeeweeConnectionDatastore]) -> t.Any:
    """A ``delete_instance`` that deletes the connections first, in one transaction with the user."""

    @functools.wraps(delete)
    def delete_instance(self: t.Any, *args: t.Any, **options: t.Any) -> t.Any:
        with type(self)._meta.database.atomic():
            for store in stores:
                store.forget(self)
            return delete(self, *args, **options)

    return delete_instance
