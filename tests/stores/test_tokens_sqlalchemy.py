"""Transactions of the store's own in SQLAlchemy, with engines, sessions and models of many shapes."""

from __future__ import annotations

import datetime as dt
import pathlib
import time
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event, orm, pool

from flask_social.datastores.base import Revocation, StoredToken
from flask_social.datastores.sqlalchemy import SQLAlchemySessionConnectionDatastore
from flask_social.errors import StoreError, TokenStoreBusy
from flask_social.models.sqlalchemy import SQLAlchemyConnectionMixin
from flask_social.state import EXTENSION

from .kits import VaultOnly
from .test_contract import KEY, WHEN, run_all, values

NEW = {"token_version": 1}

#: The sessions of a test, which are closed at its end.
OPEN: list[orm.Session] = []


class Base(orm.DeclarativeBase):
    pass


class Connection(SQLAlchemyConnectionMixin, Base):
    """No key to a user table: there is none."""

    __tablename__ = "connection"
    id = sa.Column(sa.Integer, primary_key=True)
    user_id = sa.Column(sa.Integer)


class Plain(Base):
    """A model that the application wrote itself, with times of its own kind and a key of two columns."""

    __tablename__ = "plain"
    provider_id = sa.Column(sa.String(64), primary_key=True)
    provider_user_id = sa.Column(sa.String(255), primary_key=True)
    user_id = sa.Column(sa.Integer)
    access_token = sa.Column(sa.Text)
    token_version = sa.Column(sa.Integer)
    lease_until = sa.Column(sa.DateTime)
    expires_at = sa.Column(sa.DateTime(timezone=True))
    status = sa.Column(sa.String(32), default="active")


class Place:
    """An engine with its tables and one connection in them."""

    def __init__(self, uri: str, model: t.Any = Connection, **options: t.Any) -> None:
        self.engine = sa.create_engine(uri, **options)
        self.session = orm.Session(self.engine)
        self.store = SQLAlchemySessionConnectionDatastore(self.session, model)
        Base.metadata.create_all(self.engine)
        self.store.create_connection(**values(1))
        self.store.commit()
        OPEN.append(self.session)

    def read(self) -> StoredToken:
        found = self.store.read_tokens(KEY)
        assert found is not None
        return found

    def touch(self) -> None:
        """The caller changes the row and commits it later."""
        self.session.execute(sa.update(self.store.connection_model.__table__).values(status="mine"))


@pytest.fixture
def uris(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> t.Iterator[dict[str, str]]:
    app = Flask("tests.stores.places")
    app.extensions[EXTENSION] = VaultOnly()
    with app.app_context():
        yield {
            "file": f"sqlite:///{tmp_path / 'place.db'}?timeout=20",
            "memory": "sqlite://",
            "postgresql": request.getfixturevalue("postgres_uri"),
        }
    while OPEN:
        OPEN.pop().close()


def begin_by_hand(engine: sa.Engine, how: str) -> None:
    """What SQLAlchemy's manual recommends for SQLite: transactions begin when they are told to."""
    event.listen(engine, "connect", lambda connection, record: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(how))


# One connection for everybody -------------------------------------------------------------------------------------

ONE = [("memory", pool.StaticPool), ("memory", pool.SingletonThreadPool), ("postgresql", pool.StaticPool)]


@pytest.mark.parametrize(("database", "kind"), ONE)
def test_one_connection_is_shared_while_nothing_is_open(uris: dict[str, str], database: str, kind: t.Any) -> None:
    place = Place(uris[database], poolclass=kind)
    before = place.read()
    place.touch()
    pending = Connection(**values(1, "pending"))
    place.session.add(pending)
    for call in (lambda: place.store.swap_tokens(before, NEW), place.read, place.store.page_tokens):
        with pytest.raises(TokenStoreBusy):
            call()
    assert pending in place.session.new
    place.session.commit()
    found = place.read()
    assert (found.status, found.version) == ("mine", 0), "what the caller wrote was neither lost nor committed early"
    if database != "postgresql":  # of which the session alone tells whether something is open
        place.session.add(Connection(**values(1, "also pending")))
    assert place.store.swap_tokens(found, NEW) is True
    assert len(place.session.new) == (database != "postgresql")
    place.session.rollback()
    assert place.read().version == 1
    assert len(place.store.page_tokens()) == 2


@pytest.mark.parametrize("kind", [pool.StaticPool, pool.SingletonThreadPool])
def test_a_read_of_the_caller_is_not_in_the_way(uris: dict[str, str], kind: t.Any) -> None:
    place = Place(uris["memory"], poolclass=kind)
    rows = place.session.scalars(sa.select(Connection))
    assert place.store.swap_tokens(place.read(), NEW) is True
    assert len(rows.all()) == 1


# Engines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["BEGIN", "BEGIN IMMEDIATE"])
def test_transactions_that_the_application_begins(uris: dict[str, str], how: str) -> None:
    place = Place(uris["file"])
    place.session.connection().exec_driver_sql("PRAGMA journal_mode = WAL")
    place.session.close()
    place.engine.dispose()
    begin_by_hand(place.engine, how)
    assert place.store.swap_tokens(place.read(), NEW) is True
    before = place.read()
    place.session.scalar(sa.select(Connection))
    if how == "BEGIN":
        assert place.store.swap_tokens(before, {"token_version": 2}) is True
    place.session.rollback()
    place.touch()
    begun = time.monotonic()
    with pytest.raises(TokenStoreBusy):
        place.store.swap_tokens(before, {"token_version": 3})
    assert time.monotonic() - begun < 2


def test_a_file_waits_as_long_as_before_afterwards(uris: dict[str, str]) -> None:
    place = Place(uris["file"], pool_size=1)
    place.store.swap_tokens(place.read(), NEW)
    with place.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 20_000


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"])
def test_any_isolation_of_the_application(uris: dict[str, str], level: str) -> None:
    place = Place(uris["postgresql"])
    engine = place.engine.execution_options(isolation_level=level)
    store = SQLAlchemySessionConnectionDatastore(orm.Session(engine), Connection)
    outcomes: list[bool] = []
    before = place.read()
    run_all(lambda: outcomes.append(store.swap_tokens(before, NEW)), 6)
    assert sorted(outcomes) == [False] * 5 + [True]
    place.touch()
    with pytest.raises(TokenStoreBusy):
        store.swap_tokens(place.read(), {"token_version": 2})
    place.session.rollback()
    with engine.connect() as connection:
        assert connection.connection.driver_connection.autocommit is (level == "AUTOCOMMIT")
        assert level == "AUTOCOMMIT" or connection.get_isolation_level() == level


@pytest.mark.parametrize("database", ["file", "postgresql"])
def test_a_pool_with_nothing_left(uris: dict[str, str], database: str) -> None:
    place = Place(uris[database], pool_size=1, max_overflow=0)
    before = place.read()
    place.session.scalar(sa.select(Connection))
    begun = time.monotonic()
    with pytest.raises(TokenStoreBusy):
        place.store.swap_tokens(before, NEW)
    assert time.monotonic() - begun < 2
    place.session.rollback()
    assert place.store.swap_tokens(before, NEW) is True


def test_a_session_in_a_transaction_of_a_test(uris: dict[str, str]) -> None:
    place = Place(uris["postgresql"])
    with place.engine.connect() as connection, connection.begin() as outer:
        session = orm.Session(connection, join_transaction_mode="create_savepoint")
        store = SQLAlchemySessionConnectionDatastore(orm.scoped_session(lambda: session), Connection)
        store.create_connection(**values(1, "2"))
        session.commit()
        assert [stored.key.provider_user_id for stored in store.page_tokens()] == ["1"]
        assert store.swap_tokens(place.read(), NEW) is True
        session.close()
        outer.rollback()
    assert place.read().version == 1


def test_a_session_whose_flush_failed(uris: dict[str, str]) -> None:
    place = Place(uris["file"])
    place.session.add(Connection(id=1, **values(1, "2")))
    with pytest.raises(sa.exc.IntegrityError):
        place.session.flush()
    assert place.store.swap_tokens(place.read(), NEW) is True


# Models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["file", "postgresql"])
def test_a_model_of_the_application(uris: dict[str, str], database: str) -> None:
    place = Place(
        uris[database], Plain, connect_args={"options": "-c timezone=Asia/Tokyo"} if database != "file" else {}
    )
    found = place.read()
    assert (found.version, place.store.keeps_versions, place.store.seals_tokens) == (0, True, False)
    assert place.store.swap_tokens(found, {"lease_until": WHEN, "expires_at": WHEN}) is True
    held = place.read()
    assert (held.version, held.lease_until, held.expires_at) == (0, WHEN, WHEN)
    assert place.store.swap_tokens(held, {"lease_until": None, **NEW}) is True
    place.store.create_connection(**values(1, "2"), expires_at=WHEN)
    place.store.create_connection(**{**values(1, "1"), "provider_id": "facebook"})
    place.store.commit()
    seen, after = [], None
    while page := place.store.page_tokens(after=after, limit=1):
        seen += [(stored.key.provider_id, stored.key.provider_user_id) for stored in page]
        after = page[-1].cursor
    assert seen == [("facebook", "1"), ("google", "1"), ("google", "2")]
    later = WHEN + dt.timedelta(seconds=1)
    assert list(place.store.page_tokens(due_before=later)) == []
    due = place.store.page_tokens(due_before=later, without_refresh_token=["google"])
    assert [stored.key.provider_user_id for stored in due] == ["1", "2"]
    assert list(place.store.page_tokens(due_before=WHEN, without_refresh_token=["google"])) == []


def test_what_the_database_refuses_is_told_without_its_words(uris: dict[str, str]) -> None:
    place = Place(uris["postgresql"])
    before = place.read()
    with pytest.raises(StoreError) as caught:
        place.store.swap_tokens(before, {"access_token": "s3cr3t", "status": "s3cr3t" * 9})
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__
    now = dt.datetime.now(dt.UTC)
    place.store.queue_revocation(Revocation("1", "google", "f", "s", 0, now, now))
    with pytest.raises(StoreError) as caught:
        place.store.queue_revocation(Revocation("1", "google", "f", "s3cr3t", 0, now, now))
    assert "s3cr3t" not in str(caught.value)
    place.store.commit()
    assert len(place.store.due_revocations(now)) == 1


def test_one_table_of_revocations_for_one_metadata(tmp_path: pathlib.Path) -> None:
    stores = [SQLAlchemySessionConnectionDatastore(orm.Session(), model) for model in (Connection, Plain, Connection)]
    assert {store.revocations for store in stores} == {Base.metadata.tables["social_revocations"]}
    metadata = sa.MetaData()

    class Elsewhere(orm.DeclarativeBase):
        pass

    Elsewhere.metadata = metadata
    columns = {"__tablename__": "connection", "id": sa.Column(sa.Integer, primary_key=True)}
    more = {"__table_args__": {"schema": "social"}, "user_id": sa.Column(sa.Integer)}
    model = type("Connection", (SQLAlchemyConnectionMixin, Elsewhere), columns | more)
    for _ in range(2):
        table = SQLAlchemySessionConnectionDatastore(orm.Session(), model).revocations
        assert table is metadata.tables["social.social_revocations"]
    indexed = {column.name for column in table.columns if column.index}
    assert indexed == {"fingerprint", "due_at"}
