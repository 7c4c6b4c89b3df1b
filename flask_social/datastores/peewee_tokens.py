"""Tokens and revocations in Peewee: transactions of their own, which begin only where the caller has none."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import dataclasses as dc
import datetime as dt
import functools
import operator
import typing as t

from ..errors import MissingLibrary
from ..models.peewee import revocation_model
from ..values import ConnectionKey
from .base import ConnectionDatastore, Revocation, Schema, StoredToken
from .columns import columns_of, findable
from .stored import POSTGRESQL_WAIT, STORED, attributes_of, busy, refusal, short_waits, shown, stored_token

try:
    import peewee
    from playhouse.pool import MaxConnectionsExceeded
except ImportError as error:  # pragma: no cover  # seen in an environment without Peewee only
    raise MissingLibrary("Peewee", "peewee") from error


class PeeweeTokens(ConnectionDatastore):
    """The part of a store that keeps tokens and revocations."""

    def __init__(self, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.columns = columns_of(connection_model)
        self._revocation_model = revocation_model(connection_model)

    @property
    def revocation_model(self) -> t.Any:
        """The model of the revocations that are still to be made, for ``create_tables``, in the same database."""
        model, database = self._revocation_model, self.connection_model._meta.database
        if model._meta.database is not database:  # an application may bind its models late
            model._meta.set_database(database)
        return model

    def schemas(self) -> tuple[Schema, Schema]:
        meta, database = self.connection_model._meta, self._database
        with self._own():
            columns = [it.name for it in database.get_columns(meta.table_name, meta.schema)]
            there = database.get_indexes(meta.table_name, meta.schema)
        declared = [
            (tuple(field.column_name for field in it._expressions), bool(it._unique))
            for it in meta.fields_to_index()
            # An index of anything but fields is the application's own.
            if all(isinstance(each, peewee.Field) for each in getattr(it, "_expressions", (None,)))
        ]
        return (list(meta.columns), declared), (columns, [(tuple(it.columns), bool(it.unique)) for it in there])

    def read_tokens(self, key: ConnectionKey) -> StoredToken | None:
        if not findable({"provider_id": key.provider_id, "provider_user_id": key.provider_user_id}):
            return None
        of_key = self._is("provider_id", key.provider_id) & self._is("provider_user_id", key.provider_user_id)
        return next((found for found in self._stored(self._primary_key, [of_key]) if found.key == key), None)

    def swap_tokens(self, stored: StoredToken, values: cabc.Mapping[str, t.Any]) -> bool:
        if not self.keeps_versions:
            return False
        new = {self._fields[name]: value for name, value in values.items() if name in self._fields}
        statement = self.connection_model.update(new).where(
            self._is("provider_id", stored.key.provider_id),
            self._is("provider_user_id", stored.key.provider_user_id),
            self._is("user_id", stored.user_id),
            peewee.fn.COALESCE(self._fields["token_version"], 0) == stored.version,
            self._is("lease_until", stored.lease_until),
        )
        with self._own(writes=True):
            return bool(statement.execute())

    def page_tokens(
        self,
        *,
        after: t.Any = None,
        limit: int = 500,
        due_before: dt.datetime | None = None,
        without_refresh_token: cabc.Collection[str] = (),
    ) -> cabc.Sequence[StoredToken]:
        fields, order, conditions = self._fields, self._primary_key, []
        if due_before is not None:
            if not {"expires_at", "status"} <= fields.keys():
                return []
            order = [fields["expires_at"], *order]
            renewable = [fields["provider_id"].in_(list(without_refresh_token))]
            if "refresh_token" in fields:
                renewable.append(fields["refresh_token"] != "")
            due = fields["expires_at"] < due_before
            conditions = [due, self._is("status", "active"), functools.reduce(operator.or_, renewable)]
        if after is not None:
            conditions.append(_beyond(order, after))
        return self._stored(order, conditions, limit=limit)

    def adopt_tokens(self, connection: t.Any, stored: StoredToken) -> None:
        """Shows what was read; a field that the caller has changed and not written yet stays."""
        changed = {field.name for field in connection.dirty_fields}
        for name, value in shown(stored).items():
            if name in self._fields and self._fields[name].name not in changed:
                connection.__data__[self._fields[name].name] = value

    def has_revocation_queue(self) -> bool:
        with self._own():
            return self._has_table()

    def queue_revocation(self, revocation: Revocation) -> bool:
        return self._in_savepoint(self.revocation_model.insert(dc.asdict(revocation)))

    def forget_revocations(self, fingerprint: str) -> None:
        model = self.revocation_model
        self._in_savepoint(model.delete().where(model.fingerprint == fingerprint))

    def due_revocations(self, now: dt.datetime, limit: int = 100) -> cabc.Sequence[Revocation]:
        model = self.revocation_model
        due = model.select().where(model.due_at <= now).order_by(model.due_at, model.id).limit(limit)
        with self._own():
            return [Revocation(**row) for row in due.dicts()] if self._has_table() else []

    def postpone_revocation(self, revocation: Revocation, *, attempts: int, due_at: dt.datetime) -> bool:
        model = self.revocation_model
        same = (model.id == revocation.id) & (model.due_at == revocation.due_at)
        moved = model.update(attempts=attempts, due_at=due_at).where(same)
        with self._own(writes=True):
            return self._has_table() and bool(moved.execute())

    def drop_revocation(self, revocation: Revocation) -> None:
        with self._own(writes=True):
            if self._has_table():
                self.revocation_model.delete().where(self.revocation_model.id == revocation.id).execute()

    @contextlib.contextmanager
    def _own(self, *, writes: bool = False) -> cabc.Iterator[None]:
        """A transaction of the thread's connection, or of one that is opened for it.

        :raises TokenStoreBusy: within a transaction of the caller's, and when somebody else has the lock.
        """
        database = self._database
        try:
            if database.in_transaction():
                raise busy()
            with contextlib.ExitStack() as stack:
                if database.is_closed():
                    stack.enter_context(database.connection_context())
                stack.enter_context(short_waits(_kind(database), functools.partial(_ask, database)))
                # SQLite would refuse at once to write after a read, where it waits for a lock that is asked for first.
                at_once = ("IMMEDIATE",) if writes and _kind(database) == "sqlite" else ()
                stack.enter_context(database.atomic(*at_once))
                if writes and _kind(database) == "postgresql":
                    # Of two who write one row the second looks again.
                    database.execute_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                    database.execute_sql(POSTGRESQL_WAIT)
                yield
        except MaxConnectionsExceeded:
            raise busy() from None
        except peewee.PeeweeException as error:
            raise refusal(getattr(error, "orig", error)) from None

    def _in_savepoint(self, statement: t.Any) -> bool:
        """Runs a statement on the table of revocations; ``False`` when there is none."""
        try:
            with self._database.atomic():
                statement.execute()
        except peewee.PeeweeException as error:
            if self._has_table():
                raise refusal(getattr(error, "orig", error)) from None
            return False
        return True

    def _has_table(self) -> bool:
        meta = self.revocation_model._meta
        return bool(self._database.table_exists(meta.table_name, meta.schema))

    def _is(self, name: str, value: t.Any) -> t.Any:
        return self._fields[name].is_null() if value is None else self._fields[name] == value

    def _stored(self, order: list[t.Any], conditions: list[t.Any], limit: int | None = None) -> list[StoredToken]:
        fields = {name: field for name, field in self._fields.items() if name in STORED}
        query = self.connection_model.select(*fields.values(), *order).order_by(*order).limit(limit)
        with self._own():
            rows = list((query.where(*conditions) if conditions else query).tuples())
        return [stored_token(dict(zip(fields, row, strict=False)), row[len(fields) :]) for row in rows]

    @functools.cached_property
    def _fields(self) -> dict[str, t.Any]:
        """The fields by column; a foreign key to the user is that of ``user_id`` under whatever name."""
        model = self.connection_model
        fields = {name for name in dir(model) if isinstance(getattr(model, name), peewee.Field)}
        return {name: getattr(model, attribute) for name, attribute in attributes_of(fields).items()}

    @property
    def _primary_key(self) -> list[t.Any]:
        return list(self.connection_model._meta.get_primary_keys())

    @property
    def _database(self) -> t.Any:
        database = self.connection_model._meta.database
        return database.obj if isinstance(database, peewee.DatabaseProxy) else database


def _beyond(fields: cabc.Sequence[t.Any], values: cabc.Sequence[t.Any]) -> t.Any:
    """Rows behind one in the order of these fields. Not every database can compare rows as a whole."""
    steps, same = [], None
    for field, value in zip(fields, values, strict=True):
        further = field > value
        steps.append(further if same is None else same & further)
        same = field == value if same is None else same & (field == value)
    # The first condition says nothing new; by it alone a database knows where in the index to begin.
    return (fields[0] >= values[0]) & functools.reduce(operator.or_, steps)


def _kind(database: t.Any) -> str:
    kinds = {"sqlite": "SqliteDatabase", "postgresql": "PostgresqlDatabase", "mysql": "MySQLDatabase"}
    return next((kind for kind, name in kinds.items() if isinstance(database, getattr(peewee, name))), "")


def _ask(database: t.Any, sql: str) -> t.Any:
    cursor = database.execute_sql(sql)
    answer = cursor.fetchone() if cursor.description else None
    return answer[0] if answer else None
