"""Tokens in Peewee and MongoDB, with databases and documents of other shapes than those of the contract."""

from __future__ import annotations

import pathlib
import typing as t

import peewee
import pytest
from bson import ObjectId
from flask import Flask
from mongoengine.connection import get_db
from playhouse import db_url, pool

from flask_social.datastores.mongoengine import MongoEngineConnectionDatastore
from flask_social.datastores.peewee import PeeweeConnectionDatastore
from flask_social.errors import StoreError, TokenStoreBusy
from flask_social.models.peewee import PeeweeConnectionMixin
from flask_social.state import EXTENSION

from .kits import VaultOnly
from .test_contract import KEY, WHEN, run_all, values
from .test_mongoengine import alias, connection_of  # noqa: F401  # a fixture
from .test_peewee import database, shop  # noqa: F401  # a fixture

NEW = {"token_version": 1}


@pytest.fixture(autouse=True)
def _application() -> t.Iterator[None]:
    app = Flask("tests.stores.others")
    app.extensions[EXTENSION] = VaultOnly()
    with app.app_context():
        yield


# Peewee -----------------------------------------------------------------------------------------------------------


def peewee_store(database: t.Any, **options: t.Any) -> t.Any:  # noqa: F811
    user_model, model, _ = shop(database, **options)
    store = PeeweeConnectionDatastore(database, model)
    database.create_tables([store.revocation_model])
    store.create_connection(**values(user_model.create().id), access_token="at")
    return store


def test_a_closed_database_is_opened_and_closed_again(database: t.Any) -> None:  # noqa: F811
    store = peewee_store(database, proxy=True)
    database.close()
    found = store.read_tokens(KEY)
    assert store.swap_tokens(found, NEW) is True
    assert database.is_closed()
    with database.connection_context():
        assert store.read_tokens(KEY).version == 1
        assert not database.is_closed()


def test_within_a_transaction_of_the_caller_the_store_is_busy(database: t.Any) -> None:  # noqa: F811
    store = peewee_store(database)
    found = store.read_tokens(KEY)
    with database.atomic():
        for call in (lambda: store.swap_tokens(found, NEW), lambda: store.read_tokens(KEY), store.page_tokens):
            with pytest.raises(TokenStoreBusy):
                call()
        store.update_connection(store.find_by_key(KEY), display_name="Ada")
    assert store.swap_tokens(found, NEW) is True
    assert store.find_by_key(KEY).display_name == "Ada"


def test_a_file_waits_as_long_as_before_afterwards(tmp_path: pathlib.Path) -> None:
    made = peewee.SqliteDatabase(tmp_path / "shop.db", timeout=20)
    store = PeeweeConnectionDatastore(made, shop(made)[1])
    store.page_tokens()
    assert made.execute_sql("PRAGMA busy_timeout").fetchone() == (20_000,)
    made.close()


@pytest.mark.parametrize("level", [r"repeatable\ read", "serializable"])
def test_any_isolation_of_the_application(postgres_uri: str, level: str) -> None:
    options = f"-c default_transaction_isolation={level}"
    made = db_url.connect(postgres_uri.replace("postgresql+psycopg", "psycopg3"), options=options)
    store, outcomes = peewee_store(made), []
    found = store.read_tokens(KEY)
    run_all(lambda: outcomes.append(store.swap_tokens(found, NEW)), 6)
    assert sorted(outcomes) == [False] * 5 + [True]
    made.close()


def test_a_pool_with_nothing_left(tmp_path: pathlib.Path) -> None:
    made = pool.PooledSqliteDatabase(tmp_path / "shop.db", max_connections=1)
    store, raised = peewee_store(made), []

    def read() -> None:
        with pytest.raises(TokenStoreBusy) as caught:
            store.read_tokens(KEY)
        raised.append(caught.value)

    run_all(read, 1)
    assert len(raised) == 1
    assert store.read_tokens(KEY) is not None
    made.close_all()


def test_models_that_are_bound_late(tmp_path: pathlib.Path) -> None:
    class Connection(PeeweeConnectionMixin):
        user_id = peewee.IntegerField()

    store = PeeweeConnectionDatastore(None, Connection)
    made = peewee.SqliteDatabase(tmp_path / "shop.db")
    made.bind([Connection])
    made.create_tables([Connection, store.revocation_model])
    assert store.has_revocation_queue() is True
    assert store.revocation_model is store.revocation_model
    made.close()


def test_a_version_that_is_null_is_the_first(database: t.Any) -> None:  # noqa: F811
    class Connection(PeeweeConnectionMixin):
        user_id = peewee.IntegerField()
        token_version = peewee.IntegerField(null=True)

        class Meta:
            table_name = "late"

    database.bind([Connection])
    database.drop_tables([Connection])
    database.create_tables([Connection])
    store = PeeweeConnectionDatastore(database, Connection)
    store.create_connection(**values(1), token_version=None)
    found = store.read_tokens(KEY)
    assert found is not None
    assert found.version == 0
    assert store.swap_tokens(found, {"lease_until": WHEN}) is True
    database.drop_tables([Connection])


def test_what_peewee_says_is_told_without_its_words(database: t.Any) -> None:  # noqa: F811
    store = peewee_store(database)
    found = store.read_tokens(KEY)
    with pytest.raises(StoreError) as caught:
        store.swap_tokens(found, {"access_token": "s3cr3t", "token_version": None})
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__


# MongoDB ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"$unset": {"token_version": 1, "lease_until": 1}}, {"$set": {"token_version": None}}]
)
def test_a_version_that_is_missing_is_the_first(alias: str, change: dict[str, t.Any]) -> None:  # noqa: F811
    store = MongoEngineConnectionDatastore(None, connection_of(alias))
    store.create_connection(**values(ObjectId()), access_token="at")
    get_db(alias)["connection"].update_many({}, change)
    found = store.read_tokens(KEY)
    assert found is not None
    assert (found.version, found.lease_until) == (0, None)
    assert store.swap_tokens(found, {"lease_until": WHEN}) is True
    assert store.swap_tokens(found, NEW) is False


def test_the_pages_of_mongodb_follow_an_index(alias: str) -> None:  # noqa: F811
    model = connection_of(alias)
    model.ensure_indexes()
    store = MongoEngineConnectionDatastore(None, model)
    for number in range(20):
        row = {**values(ObjectId(), str(number)), "refresh_token": "rt", "expires_at": WHEN}
        store.create_connection(**row)
    profile = get_db(alias)
    profile.command("profile", 2)
    page = store.page_tokens(limit=5, due_before=WHEN.replace(year=2031))
    page = store.page_tokens(limit=5, due_before=WHEN.replace(year=2031), after=page[-1].cursor)
    profile.command("profile", 0)
    last = profile["system.profile"].find_one({"op": "query", "ns": f"{alias}.connection"}, sort=[("ts", -1)])
    assert last is not None
    assert last["planSummary"].startswith("IXSCAN { expires_at: 1, _id: 1 }")
    assert not last.get("hasSortStage")
    assert len(page) == 5


def test_what_mongodb_says_is_told_without_its_words(alias: str) -> None:  # noqa: F811
    store = MongoEngineConnectionDatastore(None, connection_of(alias))
    store.create_connection(**values(ObjectId()))
    found = store.read_tokens(KEY)
    assert found is not None
    get_db(alias).command("collMod", "connection", validator={"access_token": {"$ne": "s3cr3t"}})
    with pytest.raises(StoreError) as caught:
        store.swap_tokens(found, {"access_token": "s3cr3t"})
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__
