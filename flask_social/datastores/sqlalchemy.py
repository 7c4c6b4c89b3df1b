"""Connections in SQLAlchemy: Flask-SQLAlchemy, Flask-SQLAlchemy-Lite, or a session of one's own."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import functools
import typing as t

from ..errors import DuplicateConnection, MissingLibrary
from ..values import ConnectionKey
from .base import KEY_COLUMNS, ConnectionDatastore, columns_of, fitted, same_key

try:
    import sqlalchemy as sa
    from sqlalchemy import event, orm
    from sqlalchemy.exc import IntegrityError
except ImportError as error:  # pragma: no cover  # seen in an environment without SQLAlchemy only
    raise MissingLibrary("SQLAlchemy", "sqlalchemy") from error


class SQLAlchemySessionConnectionDatastore(ConnectionDatastore):
    """Connections in a session of the application's own.

    Everything happens in the caller's transaction; :meth:`commit` ends it. Creating is done in a savepoint, so
    that a lost race leaves the transaction usable.

    :param session: a :class:`~sqlalchemy.orm.Session` or :class:`~sqlalchemy.orm.scoped_session`.
    """

    def __init__(self, session: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.columns = columns_of(connection_model)
        self._session = session
        self._user_model: t.Any = None

    @property
    def session(self) -> t.Any:
        """The session of the moment."""
        return self._session

    @property
    def has_unique_key(self) -> bool:
        table = self.connection_model.__table__
        unique = [c for c in table.constraints if isinstance(c, (sa.UniqueConstraint, sa.PrimaryKeyConstraint))]
        unique += [index for index in table.indexes if index.unique]
        return any({column.name for column in each.columns} <= KEY_COLUMNS and each.columns for each in unique)

    def find_connection(self, **by: t.Any) -> t.Any | None:
        return next(iter(self.find_connections(**by)), None)

    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        return [row for row in self._rows(by) if same_key(row, by)]

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        by = {"provider_id": key.provider_id, "provider_user_id": key.provider_user_id}
        return [row for row in self._rows(by, *self._with_user) if same_key(row, by)]

    def create_connection(self, **values: t.Any) -> t.Any:
        key = ConnectionKey(values["provider_id"], values["provider_user_id"])
        made = self.connection_model(**fitted(self.columns, self._lengths, values))
        self._begin()
        try:
            with self.session.begin_nested():
                self.session.add(made)
        except IntegrityError as error:
            if self.find_owned(key):
                raise DuplicateConnection(key) from error
            raise
        return made

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in fitted(self.columns, self._lengths, values).items():
            setattr(connection, name, value)

    def delete_connection(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by)[:1])

    def delete_connections(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by))

    def put(self, connection: t.Any) -> t.Any:
        self.session.add(connection)
        return connection

    def commit(self) -> None:
        self.session.commit()

    def rollback(self) -> None:
        self.session.rollback()

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        """Locks the user's row until the transaction ends; SQLite has one lock, which a write takes."""
        self._begin()
        column = self._user_key
        if column is not None:
            self.session.execute(sa.select(column).where(column == user_id).with_for_update())
        yield

    def install(self, user_model: t.Any) -> None:
        if user_model is not None and user_model is not self._user_model:
            self._user_model = user_model
            event.listen(self._sessions, "before_flush", self._before_flush)

    def _before_flush(self, session: orm.Session, context: object, instances: object) -> None:
        # Before, because a relation would otherwise unlink the rows, and a database that checks would refuse.
        related = "user" in self._mapper.relationships
        for gone in [row for row in session.deleted if isinstance(row, self._user_model)]:
            theirs = self._owner == gone.id
            if related:
                for row in session.scalars(sa.select(self.connection_model).where(theirs)):
                    session.delete(row)
            else:
                session.execute(sa.delete(self.connection_model).where(theirs))

    def _rows(self, by: cabc.Mapping[str, t.Any], *options: t.Any) -> list[t.Any]:
        model = self.connection_model
        rank = (sa.func.coalesce(model.rank, 1),) if "rank" in self.columns else ()
        statement = sa.select(model).filter_by(**by).order_by(*rank, *self._mapper.primary_key).options(*options)
        return list(self.session.scalars(statement).unique())

    def _delete(self, rows: cabc.Sequence[t.Any]) -> bool:
        for row in rows:
            self.session.delete(row)
        if rows:
            self.session.flush()
        return bool(rows)

    def _begin(self) -> None:
        # Python's sqlite3 begins a transaction with the first write only; a savepoint before it would commit.
        if self.session.get_bind(self._mapper).dialect.name == "sqlite":
            table = self._mapper.local_table
            self.session.execute(sa.update(table).where(sa.false()).values(provider_id=table.c.provider_id))

    @property
    def _sessions(self) -> t.Any:
        """What makes the sessions, or the one session there is: where events are listened for."""
        return getattr(self._session, "session_factory", self._session)

    @property
    def _owner(self) -> t.Any:
        return self.connection_model.user_id

    @functools.cached_property
    def _mapper(self) -> t.Any:
        return sa.inspect(self.connection_model)

    @functools.cached_property
    def _lengths(self) -> dict[str, int]:
        """The longest text of each column that has a limit, by attribute."""
        found = {}
        for attribute in self._mapper.column_attrs:
            length = getattr(attribute.columns[0].type, "length", None)
            if length is not None:
                found[attribute.key] = length
        return found

    @functools.cached_property
    def _with_user(self) -> tuple[t.Any, ...]:
        """Loads the user, and the roles that every login asks for, in the same query."""
        if "user" not in self._mapper.relationships:
            return ()
        load = orm.joinedload(self.connection_model.user)
        roles = self._mapper.relationships["user"].mapper.relationships.get("roles")
        if roles is None or roles.lazy in ("dynamic", "write_only"):
            return (load,)
        return (load.joinedload(roles.class_attribute),)

    @functools.cached_property
    def _user_key(self) -> t.Any | None:
        """The column of the user table that ``user_id`` refers to."""
        for key in self._mapper.columns["user_id"].foreign_keys:
            return key.column
        return sa.inspect(self._user_model).primary_key[0] if self._user_model is not None else None


class SQLAlchemyConnectionDatastore(SQLAlchemySessionConnectionDatastore):
    """Connections in Flask-SQLAlchemy or Flask-SQLAlchemy-Lite.

    :param db: the extension object, whose ``session`` is used.
    """

    def __init__(self, db: t.Any, connection_model: t.Any) -> None:
        super().__init__(None, connection_model)
        self.db = db

    @property
    def session(self) -> t.Any:
        """The session of the current context."""
        return self.db.session

    @property
    def _sessions(self) -> t.Any:
        """Flask-SQLAlchemy-Lite shows its factory; Flask-SQLAlchemy has it in its scoped session."""
        factory = self.db.sessionmaker  # of Flask-SQLAlchemy: SQLAlchemy's own class
        return factory if isinstance(factory, orm.sessionmaker) else self.db.session.session_factory
