"""Tokens and revocations in SQLAlchemy: Core statements on the mapped tables, which pass the caller's session by."""

from __future__ import annotations

import abc
import collections.abc as cabc
import contextlib
import contextvars
import dataclasses as dc
import datetime as dt
import functools
import typing as t

from ..errors import MissingLibrary
from ..models.sqlalchemy import revocation_table
from ..values import ConnectionKey
from .base import ConnectionDatastore, Revocation, Schema, StoredToken
from .columns import columns_of, findable
from .sqlalchemy_own import own_transaction
from .stored import STORED, attributes_of, refusal, shown, stored_token

try:
    import sqlalchemy as sa
    from sqlalchemy import orm
    from sqlalchemy.exc import DBAPIError
except ImportError as error:  # pragma: no cover  # seen in an environment without SQLAlchemy only
    raise MissingLibrary("SQLAlchemy", "sqlalchemy") from error

#: The session that is deleting users: any, and not always the one of the store.
_DELETING: contextvars.ContextVar[orm.Session | None] = contextvars.ContextVar("deleting", default=None)


class SQLAlchemyTokens(ConnectionDatastore):
    """The part of a store that keeps tokens and revocations; ``revocations`` is the table of the latter."""

    def __init__(self, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.columns = columns_of(connection_model)
        self.revocations = revocation_table(connection_model.__table__)

    @property
    @abc.abstractmethod
    def session(self) -> t.Any:
        """The session of the moment."""

    def schemas(self) -> tuple[Schema, Schema]:
        table = self._mapper.local_table
        with self._own() as connection:
            there = sa.Table(
                table.name, sa.MetaData(), schema=table.schema, autoload_with=connection, resolve_fks=False
            )
        return _schema(table), _schema(there)

    def read_tokens(self, key: ConnectionKey) -> StoredToken | None:
        if not findable({"provider_id": key.provider_id, "provider_user_id": key.provider_user_id}):
            return None
        of_key = self._is("provider_id", key.provider_id) & self._is("provider_user_id", key.provider_user_id)
        return next((found for found in self._stored(self._primary_key, of_key) if found.key == key), None)

    def swap_tokens(self, stored: StoredToken, values: cabc.Mapping[str, t.Any]) -> bool:
        return self.swap_many([(stored, values)])[0]

    def swap_many(self, changes: cabc.Sequence[tuple[StoredToken, cabc.Mapping[str, t.Any]]]) -> cabc.Sequence[bool]:
        if not self.keeps_versions:
            return [False] * len(changes)
        statements = [self._swap(stored, values) for stored, values in changes]
        with self._own(writes=True) as connection:
            return [connection.execute(statement).rowcount > 0 for statement in statements]

    def _swap(self, stored: StoredToken, values: cabc.Mapping[str, t.Any]) -> sa.Update:
        columns = self._columns
        statement = sa.update(self._mapper.local_table).where(
            self._is("provider_id", stored.key.provider_id),
            self._is("provider_user_id", stored.key.provider_user_id),
            self._is("user_id", stored.user_id),
            sa.func.coalesce(columns["token_version"], 0) == stored.version,
            columns["lease_until"].is_not_distinct_from(_fit(columns["lease_until"], stored.lease_until)),
        )
        new = {columns[name]: _fit(columns[name], value) for name, value in values.items() if name in columns}
        return statement.values(new)

    def page_tokens(
        self,
        *,
        after: t.Any = None,
        limit: int = 500,
        due_before: dt.datetime | None = None,
        without_refresh_token: cabc.Collection[str] = (),
    ) -> cabc.Sequence[StoredToken]:
        columns, order, conditions = self._columns, self._primary_key, []
        if due_before is not None:
            if not {"expires_at", "status"} <= columns.keys():
                return []
            order = (columns["expires_at"], *order)
            renewable: list[sa.ColumnElement[bool]] = [columns["provider_id"].in_(list(without_refresh_token))]
            if "refresh_token" in columns:
                renewable.append(columns["refresh_token"] != "")
            due = columns["expires_at"] < _fit(columns["expires_at"], due_before)
            conditions = [due, self._is("status", "active"), sa.or_(*renewable)]
        if after is not None:
            conditions.append(beyond(order, after))
        return self._stored(order, *conditions, limit=limit)

    def adopt_tokens(self, connection: t.Any, stored: StoredToken) -> None:
        """Shows what was read; an attribute that the caller has changed and not written yet stays."""
        attributes, state = self._attributes, sa.inspect(connection)
        for name, value in shown(stored).items():
            if name in attributes and not state.attrs[attributes[name]].history.has_changes():
                orm.attributes.set_committed_value(connection, attributes[name], value)

    def has_revocation_queue(self) -> bool:
        with self._own() as connection:
            return self._has_table(connection)

    def queue_revocation(self, revocation: Revocation) -> bool:
        return self._in_savepoint(sa.insert(self.revocations).values(dc.asdict(revocation)))

    def forget_revocations(self, fingerprint: str) -> None:
        self._in_savepoint(sa.delete(self.revocations).where(self.revocations.c.fingerprint == fingerprint))

    def due_revocations(self, now: dt.datetime, limit: int = 100) -> cabc.Sequence[Revocation]:
        columns = self.revocations.c
        statement = sa.select(self.revocations).where(columns.due_at <= now).order_by(columns.due_at, columns.id)
        with self._own() as connection:
            if not self._has_table(connection):
                return []
            return [Revocation(**row) for row in connection.execute(statement.limit(limit)).mappings()]

    def postpone_revocation(self, revocation: Revocation, *, attempts: int, due_at: dt.datetime) -> bool:
        columns = self.revocations.c
        same = (columns.id == revocation.id) & (columns.due_at == revocation.due_at)
        moved = sa.update(self.revocations).where(same).values(attempts=attempts, due_at=due_at)
        with self._own(writes=True) as connection:
            return self._has_table(connection) and connection.execute(moved).rowcount > 0

    def drop_revocation(self, revocation: Revocation) -> None:
        with self._own(writes=True) as connection:
            if self._has_table(connection):
                connection.execute(sa.delete(self.revocations).where(self.revocations.c.id == revocation.id))

    @contextlib.contextmanager
    def _deleting_in(self, session: orm.Session) -> cabc.Iterator[None]:
        """While open, the caller's transaction is that of this session."""
        before = _DELETING.set(session)
        try:
            yield
        finally:
            _DELETING.reset(before)

    def _own(self, *, writes: bool = False) -> contextlib.AbstractContextManager[sa.Connection]:
        return own_transaction(self.session, self._mapper, writes=writes)

    def _in_savepoint(self, statement: t.Any) -> bool:
        """Runs a statement on the table of revocations; ``False`` when there is none. Nothing is flushed."""
        session = _DELETING.get() or self.session
        connection: sa.Connection = session.connection(bind_arguments={"mapper": self._mapper})
        try:
            if connection.dialect.name == "sqlite":
                begin_sqlite(connection, self._mapper.local_table)
            with connection.begin_nested():
                connection.execute(statement)
        except DBAPIError as error:
            if self._has_table(connection):
                error.hide_parameters = True
                raise refusal(error.orig) from None
            return False
        return True

    def _has_table(self, connection: sa.Connection) -> bool:
        return sa.inspect(connection).has_table(self.revocations.name, schema=self.revocations.schema)

    def _is(self, name: str, value: t.Any) -> sa.ColumnElement[bool]:
        return t.cast("sa.ColumnElement[bool]", self._columns[name] == value)

    def _stored(self, order: cabc.Sequence[t.Any], *conditions: t.Any, limit: int | None = None) -> list[StoredToken]:
        columns = {name: column for name, column in self._columns.items() if name in STORED}
        wanted = [column.label(name) for name, column in columns.items()]
        cursor = [column.label(f"cursor_{number}") for number, column in enumerate(order)]
        with self._own() as connection:
            rows = connection.execute(sa.select(*wanted, *cursor).where(*conditions).order_by(*order).limit(limit))
            return [stored_token(dict(zip(columns, row, strict=False)), tuple(row[len(columns) :])) for row in rows]

    @functools.cached_property
    def _mapper(self) -> t.Any:
        return sa.inspect(self.connection_model)

    @functools.cached_property
    def _attributes(self) -> dict[str, str]:
        return attributes_of(self._mapper.columns)

    @functools.cached_property
    def _columns(self) -> dict[str, sa.Column[t.Any]]:
        return {name: self._mapper.columns[attribute] for name, attribute in self._attributes.items()}

    @property
    def _primary_key(self) -> tuple[t.Any, ...]:
        return tuple(self._mapper.primary_key)


def beyond(columns: cabc.Sequence[t.Any], values: cabc.Sequence[t.Any]) -> t.Any:
    """Rows behind one in the order of these columns. Not every database can compare rows as a whole."""
    steps = [
        sa.and_(*(column == value for column, value in zip(columns[:n], values, strict=False)), columns[n] > values[n])
        for n in range(len(columns))
    ]
    # The first condition says nothing new; by it alone a database knows where in the index to begin.
    return sa.and_(columns[0] >= values[0], sa.or_(*steps))


def _schema(table: sa.Table) -> Schema:
    unique = [it for it in table.constraints if isinstance(it, (sa.UniqueConstraint, sa.PrimaryKeyConstraint))]
    # An index of anything but columns is the application's own.
    plain = [it for it in table.indexes if all(isinstance(each, sa.Column) for each in it.expressions)]
    indexes = [*((it.columns, True) for it in unique), *((it.columns, bool(it.unique)) for it in plain)]
    names = [(tuple(it.name for it in columns), one) for columns, one in indexes]
    return [it.name for it in table.columns], names


def begin_sqlite(connection: t.Any, table: t.Any) -> None:
    """Begins a transaction: Python's sqlite3 does so with a write only, and a savepoint before it would commit."""
    connection.execute(sa.update(table).where(sa.false()).values(provider_id=table.c.provider_id))


def _fit(column: t.Any, value: t.Any) -> t.Any:
    """A time as a column without a zone wants it: otherwise a database puts it into its own zone first."""
    if isinstance(value, dt.datetime) and isinstance(column.type, sa.DateTime) and not column.type.timezone:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value
