"""MongoEngine documents of other shapes than those of the contract, and leases."""

from __future__ import annotations

import threading
import time
import typing as t
import uuid

import pytest
from bson import ObjectId
from flask import Flask
from mongoengine import Document, ObjectIdField, StringField, connect, disconnect
from mongoengine.connection import get_db

from flask_social.datastores.mongoengine import MongoEngineConnectionDatastore
from flask_social.errors import StoreError
from flask_social.models.mongoengine import MongoEngineConnectionMixin
from flask_social.state import EXTENSION

from .kits import VaultOnly
from .test_contract import values


@pytest.fixture
def alias(mongodb_uri: str) -> t.Iterator[str]:
    """The name of an empty database."""
    name = f"tests_{uuid.uuid4().hex}"
    connect(host=f"{mongodb_uri}/{name}", alias=name, uuidRepresentation="standard")
    app = Flask("tests.stores.mongoengine")
    app.extensions[EXTENSION] = VaultOnly()
    with app.app_context():
        yield name
    get_db(name).client.drop_database(name)
    disconnect(name)


def connection_of(alias: str, **more: t.Any) -> t.Any:
    meta = {"db_alias": alias, "collection": "connection", **more.pop("meta", {})}
    return type(
        "Connection", (MongoEngineConnectionMixin, Document), {"user_id": ObjectIdField(), "meta": meta, **more}
    )


def test_the_indexes_come_by_themselves(alias: str) -> None:
    model = connection_of(alias, meta={"indexes": ["user_id"]})
    keys = {tuple(name for name, _ in spec["key"]) for spec in model._get_collection().index_information().values()}
    assert {("user_id",), ("expires_at", "_id")} <= keys
    assert {frozenset(names) for names in keys} >= {frozenset({"provider_id", "provider_user_id"})}
    assert MongoEngineConnectionDatastore(None, model).has_unique_key


def test_the_mixin_stands_first(alias: str) -> None:
    with pytest.raises(TypeError, match="before Document"):
        type("Connection", (Document, MongoEngineConnectionMixin), {"meta": {"db_alias": alias}})


def test_an_heir_of_the_user_model(alias: str) -> None:
    meta = {"db_alias": alias, "allow_inheritance": True}
    user_model: t.Any = type("User", (Document,), {"meta": meta})
    admin_model: t.Any = type("Admin", (user_model,), {})
    store = MongoEngineConnectionDatastore(None, connection_of(alias))
    store.install(None)
    store.install(object)
    store.install(user_model)
    users = [user_model().save(), admin_model().save(), admin_model().save()]
    for number, user in enumerate(users):
        store.create_connection(**values(user.pk, str(number)))
    users[1].delete()
    assert [row.user_id for row in store.find_connections()] == [users[0].pk, users[2].pk]
    user_model.objects.delete()
    assert list(store.find_connections()) == []


def test_a_user_id_of_another_kind_finds_nothing(alias: str) -> None:
    store = MongoEngineConnectionDatastore(None, connection_of(alias))
    assert list(store.find_connections(user_id="5")) == []


def test_another_unique_key(alias: str) -> None:
    store = MongoEngineConnectionDatastore(None, connection_of(alias, email=StringField(unique=True)))
    store.create_connection(**values(ObjectId(), "1"), email="ada@example.org")
    with pytest.raises(StoreError, match="Another unique key"):
        store.create_connection(**values(ObjectId(), "2"), email="ada@example.org")


def test_a_required_text(alias: str) -> None:
    store = MongoEngineConnectionDatastore(None, connection_of(alias, email=StringField(required=True, max_length=9)))
    assert store.create_connection(**values(ObjectId()), email="ada@example.org").email == ""


# Leases -----------------------------------------------------------------------------------------------------------


def test_a_holder_that_died(alias: str) -> None:
    store = MongoEngineConnectionDatastore(None, connection_of(alias))
    store.lease = 0.3
    dead = store.lock_user("ada")
    dead.__enter__()
    begun = time.monotonic()
    store.lease = 30
    with store.lock_user("ada"):
        assert 0.2 < time.monotonic() - begun < 5
        dead.__exit__(None, None, None)  # it comes back, and takes nobody's lease away
        store.patience = 0.1
        with pytest.raises(StoreError, match="somebody else"), store.lock_user("ada"):
            pass
        with store.lock_user("grace"):
            pass
    with store.lock_user("ada"):
        pass


def test_a_crowd_takes_its_first_lease(alias: str) -> None:
    store = MongoEngineConnectionDatastore(None, connection_of(alias))
    barrier, inside, most = threading.Barrier(8), [], []

    def enter() -> None:
        barrier.wait()
        with store.lock_user("ada"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 8
