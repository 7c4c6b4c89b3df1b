"""A short transaction of the store's own, beside that of the caller's session, in SQLAlchemy."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import time
import typing as t

from ..errors import MissingLibrary
from .stored import PATIENCE, POSTGRESQL_WAIT, busy, refusal, short_waits

try:
    import sqlalchemy as sa
    from sqlalchemy import exc, orm, pool
except ImportError as error:  # pragma: no cover  # seen in an environment without SQLAlchemy only
    raise MissingLibrary("SQLAlchemy", "sqlalchemy") from error


@contextlib.contextmanager
def own_transaction(session: t.Any, mapper: orm.Mapper[t.Any], *, writes: bool = False) -> cabc.Iterator[sa.Connection]:
    """A connection besides that of the session, committed at the end.

    :raises TokenStoreBusy: when somebody else has the lock or the last connection, the session itself too.
    :raises StoreError: for every other refusal of the database, without its words.
    """
    engine = session.get_bind(mapper).engine
    try:
        if _is_in_the_way(session, mapper, engine, writes=writes) or not _has_room(engine.pool):
            raise busy()
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(engine.connect())
            stack.enter_context(short_waits(engine.dialect.name, lambda sql: _ask(connection, sql)))
            if engine.dialect.name == "postgresql":
                # Of two who write one row the second looks again; and in autocommit the wait below would not last.
                connection.execution_options(isolation_level="READ COMMITTED")
            stack.enter_context(connection.begin())
            if writes and engine.dialect.name == "postgresql":
                connection.exec_driver_sql(POSTGRESQL_WAIT)
            yield connection
    except exc.TimeoutError:
        raise busy() from None
    except exc.DBAPIError as error:
        error.hide_parameters = True
        raise refusal(error.orig) from None


def _is_in_the_way(session: t.Any, mapper: orm.Mapper[t.Any], engine: sa.Engine, *, writes: bool) -> bool:
    """Whether the session's own transaction would keep us waiting in vain, or would be ended by ours."""
    plain = session() if isinstance(session, orm.scoped_session) else session
    if isinstance(engine.pool, pool.StaticPool):
        # Everybody's one connection. It is not checked out for this: on its return it would be rolled back.
        return _is_open(engine.pool.connection.dbapi_connection, plain)
    if isinstance(engine.pool, pool.SingletonThreadPool):
        with engine.connect() as connection:  # of this thread; whoever has it already keeps it
            return _is_open(connection.connection.dbapi_connection, plain)
    if not writes or engine.dialect.name != "sqlite" or not plain.in_transaction():
        return False
    try:
        theirs: t.Any = plain.connection(bind_arguments={"mapper": mapper}).connection.dbapi_connection
    except exc.InvalidRequestError:  # its transaction has failed, and holds no lock any more
        return False
    # Where sqlite3 itself begins transactions, it does so before a write only. Others may only have read.
    begins = getattr(theirs, "isolation_level", None) is not None and getattr(theirs, "autocommit", -1) == -1
    return bool(begins and theirs.in_transaction)


def _is_open(connection: t.Any, session: orm.Session) -> bool:
    """Whether a connection is in a transaction, whosever; where the driver does not tell, the session does."""
    return bool(getattr(connection, "in_transaction", session.in_transaction()))


def _has_room(where: pool.Pool) -> bool:
    """Waits a moment for a connection. The pool itself waits for half a minute, and for the caller's own perhaps."""
    end = time.monotonic() + PATIENCE
    while isinstance(where, pool.QueuePool) and _is_full(where):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _is_full(where: pool.QueuePool) -> bool:
    most = getattr(where, "_max_overflow", -1)  # told by nothing else; -1 is no limit
    return bool(most >= 0 and where.checkedin() == 0 and where.overflow() >= most)


def _ask(connection: sa.Connection, sql: str) -> t.Any:
    # By the driver itself: a statement of ours would begin the transaction.
    if connection.invalidated:
        return None
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql)
        answer = cursor.fetchone() if cursor.description else None
        return answer[0] if answer else None
    finally:
        cursor.close()
