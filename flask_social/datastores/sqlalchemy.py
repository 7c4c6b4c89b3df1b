"""Connections in SQLAlchemy: Flask-SQLAlchemy, Flask-SQLAlchemy-Lite, or a session of one's own."""

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
from .sqlalchemy_tokens import SQLAlchemyTokens, begin_sqlite, beyond
from .stored import user_refused

try:
    import sqlalchemy as sa
    from sqlalchemy import event, orm
    from sqlalchemy.exc import DataError, IntegrityError
    from sqlalchemy.orm.exc import StaleDataError
except ImportError as error:  # pragma: no cover  # seen in an environment without SQLAlchemy only
    raise MissingLibrary("SQLAlchemy", "sqlalchemy") from error


#: Rows that are read at once where a statement deletes any number of users.
_PAGE = 500


class SQLAlchemySessionConnectionDatastore(SQLAlchemyTokens):
    """Connections in a session of the application's own.

    Everything happens in the caller's transaction; :meth:`commit` ends it. Creating is done in a savepoint, so
    that a lost race leaves the transaction usable.

    :param session: a :class:`~sqlalchemy.orm.Session` or :class:`~sqlalchemy.orm.scoped_session`.
    """

    def __init__(self, session: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self._session = session
        self._user_model: t.Any = None
        self._before_forget: cabc.Callable[[t.Any], object] | None = None

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
        return self._rows(by)

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        by = {"provider_id": key.provider_id, "provider_user_id": key.provider_user_id}
        return self._rows(by, *self._with_user)

    def create_connection(self, **values: t.Any) -> t.Any:
        return self.put(self.connection_model(**fitted(self.columns, self._texts, values)))

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in fitted(self.columns, self._texts, values).items():
            setattr(connection, name, value)
            if name in self._attributes:  # written even if it is what was read: somebody may have changed it since
                orm.attributes.flag_modified(connection, self._attributes[name])
        if orm.object_session(connection) is None:
            self.session.add(connection)
        try:
            self.session.flush()
        except StaleDataError as error:
            self.session.rollback()
            raise StoreError("The connection was removed meanwhile.", code="connection_gone") from error
        except (IntegrityError, DataError) as error:
            self.session.rollback()
            raise StoreError(
                f"The database refused the change ({type(error.orig).__name__}); check the model."
            ) from None  # the database's own words may hold the row

    def delete_connection(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by)[:1])

    def delete_connections(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by))

    def put(self, connection: t.Any) -> t.Any:
        key = ConnectionKey(connection.provider_id, connection.provider_user_id)
        self._begin()
        self.session.flush()  # what else the caller has to write is not ours to judge
        try:
            with self.session.begin_nested():
                self.session.add(connection)
        except (IntegrityError, DataError) as error:
            error.hide_parameters = True  # a model of 1.x has plain tokens among them
            if key.provider_user_id and (self.find_owned(key) or "provider_user_id" in str(error.orig)):
                raise DuplicateConnection(key) from error
            raise StoreError(
                f"The database refused the connection ({type(error.orig).__name__}); check the model and the user."
            ) from None  # the database's own words may hold the row
        return connection

    def create_with_user(self, draft: UserDraft, **values: t.Any) -> tuple[t.Any, t.Any]:
        try:
            user = draft.make()
            if user not in self.session:
                raise StoreError("Users and connections must live in one session to be made together.")
            self.session.flush()
            made = self.create_connection(user_id=orm.object_mapper(user).primary_key_from_instance(user)[0], **values)
            self.session.commit()
        except (IntegrityError, DataError, UnicodeEncodeError):
            self.session.rollback()
            raise user_refused() from None  # the database's own words hold the row
        except BaseException:
            self.session.rollback()
            raise
        return user, made

    def commit(self) -> None:
        self.session.commit()

    def rollback(self) -> None:
        self.session.rollback()

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        """Locks the user's row until the transaction ends; SQLite has one lock, which a write takes.

        Without a user model, PostgreSQL locks the id itself; another database locks the user's connections.
        """
        self._begin()
        column = self._owner[1]
        if column is not None:
            self.session.execute(sa.select(column).where(column == user_id).with_for_update())
        elif self._dialect == "postgresql":
            number = sa.func.hashtextextended(f"{self._mapper.local_table.fullname}:{user_id}", 0)
            self.session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
        else:
            mine = self.connection_model.user_id == user_id
            self.session.execute(sa.select(*self._mapper.primary_key).where(mine).with_for_update())
        yield

    def install(self, user_model: t.Any, before_forget: cabc.Callable[[t.Any], object] | None = None) -> None:
        self._user_model = user_model if user_model is not None else self._user_model
        self._before_forget = before_forget or self._before_forget
        mapper = self._owner[0]
        if mapper is not None:
            _STORES.setdefault(mapper.class_, weakref.WeakSet()).add(self)
            if not event.contains(orm.Session, "before_flush", _before_flush):
                event.listen(orm.Session, "before_flush", _before_flush)
                event.listen(orm.Session, "do_orm_execute", _before_bulk_delete)

    def forget(self, session: orm.Session, user: t.Any) -> None:
        """Deletes the connections of a user who is about to be deleted in ``session``."""
        mapper, column = self._owner
        theirs = self.connection_model.user_id == getattr(user, mapper.get_property_by_column(column).key)
        self._tell(session, theirs)
        # A relation has plans of its own with the rows that it knows: to unlink or to delete them.
        sides = [
            *((it, mapper) for it in self._mapper.relationships),
            *((it, self._mapper) for it in mapper.relationships),
        ]
        if any(relation.mapper is other for relation, other in sides):
            for row in session.scalars(sa.select(self.connection_model).where(theirs)).unique():
                session.delete(row)
        else:
            session.execute(sa.delete(self.connection_model).where(theirs))

    def forget_all(self, state: orm.ORMExecuteState) -> None:
        """Deletes the connections of all users whom a ``DELETE`` statement is about to delete."""
        theirs = sa.select(self._owner[1])
        condition = t.cast("sa.Delete", state.statement).whereclause
        users = theirs if condition is None else theirs.where(condition)
        theirs_too = self.connection_model.user_id.in_(users)
        for parameters in state.parameters if isinstance(state.parameters, list) else [state.parameters]:
            self._tell(state.session, theirs_too, parameters)
        state.session.execute(sa.delete(self.connection_model).where(theirs_too), t.cast("t.Any", state.parameters))

    def _tell(self, session: orm.Session, theirs: t.Any, parameters: t.Any = None) -> None:
        """Calls ``before_forget`` for every connection that is about to go."""
        if self._before_forget is None:
            return
        order = self._primary_key
        statement = sa.select(self.connection_model).where(theirs).order_by(*order).limit(_PAGE)
        rows: cabc.Sequence[t.Any] = session.scalars(statement, parameters).unique().all()
        with self._deleting_in(session):
            while rows:
                last = self._mapper.primary_key_from_instance(rows[-1])
                for row in rows:
                    self._before_forget(row)
                rows = session.scalars(statement.where(beyond(order, last)), parameters).unique().all()

    def _rows(self, by: cabc.Mapping[str, t.Any], *options: t.Any) -> list[t.Any]:
        if not findable(by):
            return []
        statement = sa.select(self.connection_model).filter_by(**by).order_by(*self._mapper.primary_key)
        rows = self.session.scalars(statement.options(*options)).unique()
        return in_order(row for row in rows if same_key(row, by))

    def _delete(self, rows: cabc.Sequence[t.Any]) -> bool:
        for row in rows:
            self.session.delete(row)
        if rows:
            self.session.flush()
        return bool(rows)

    def _begin(self) -> None:
        if self._dialect == "sqlite":
            begin_sqlite(self.session, self._mapper.local_table)

    @property
    def _dialect(self) -> str:
        return str(self.session.get_bind(self._mapper).dialect.name)

    @functools.cached_property
    def _texts(self) -> Texts:
        columns = {attribute.key: attribute.columns[0] for attribute in self._mapper.column_attrs}
        lengths = {name: getattr(column.type, "length", None) for name, column in columns.items()}
        required = (
            name
            for name, column in columns.items()
            if not column.nullable and column.default is None and column.server_default is None
            if isinstance(column.type, sa.String)
        )
        return Texts({name: length for name, length in lengths.items() if length is not None}, frozenset(required))

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

    @property
    def _owner(self) -> tuple[t.Any, t.Any]:
        """The mapper of the user model and the column that ``user_id`` refers to; ``None`` for what is not known.

        The foreign key tells; without one the user model of :meth:`install`.
        """
        for key in self._mapper.columns["user_id"].foreign_keys:
            found = (it for it in self._mapper.registry.mappers if it.local_table is key.column.table)
            return next(found, None), key.column
        mapper = sa.inspect(self._user_model, raiseerr=False) if self._user_model is not None else None
        return mapper, mapper.primary_key[0] if mapper is not None else None


#: The stores of each user model, for as long as either lives.
_STORES: weakref.WeakKeyDictionary[type, weakref.WeakSet[SQLAlchemySessionConnectionDatastore]]
_STORES = weakref.WeakKeyDictionary()


def _stores_of(mapper: orm.Mapper[t.Any]) -> list[SQLAlchemySessionConnectionDatastore]:
    return [store for each in mapper.iterate_to_root() for store in _STORES.get(each.class_, ())]


def _before_flush(session: orm.Session, context: object, instances: object) -> None:
    # In any session, whoever made it, and before the flush: a relation would unlink the rows.
    for gone in session.deleted:
        for store in _stores_of(orm.object_mapper(gone)):
            store.forget(session, gone)


def _before_bulk_delete(state: orm.ORMExecuteState) -> None:
    if state.is_delete and state.bind_mapper is not None:
        for store in _stores_of(state.bind_mapper):
            store.forget_all(state)


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
