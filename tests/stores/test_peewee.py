"""Peewee models and databases of other shapes than those of the contract."""

from __future__ import annotations

import pathlib
import typing as t

import peewee
import pytest
from flask import Flask
from playhouse import db_url

from flask_social.datastores.columns import LEGACY_COLUMNS
from flask_social.datastores.peewee import PeeweeConnectionDatastore
from flask_social.errors import DuplicateConnection
from flask_social.models.peewee import PeeweeConnectionMixin
from flask_social.state import EXTENSION

from .kits import VaultOnly
from .test_contract import KEY, values


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> t.Iterator[peewee.Database]:
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path / 'shop.db'}"  # foreign keys are not enforced
    else:
        uri = request.getfixturevalue("postgres_uri").replace("postgresql+psycopg", "psycopg3")
    made = db_url.connect(uri)
    app = Flask("tests.stores.peewee")
    app.extensions[EXTENSION] = VaultOnly()
    with app.app_context():
        yield made
    made.close()


def shop(database: t.Any, *, proxy: bool = False) -> tuple[t.Any, t.Any, t.Any]:
    """A user model, a connection model with a foreign key, and one of nine columns without."""
    home = peewee.DatabaseProxy() if proxy else database

    class Base(peewee.Model):
        class Meta:
            database = home

    class User(Base):
        name = peewee.CharField(default="")

        class Meta:
            table_name = "user"

    class Connection(Base, PeeweeConnectionMixin):
        owner = peewee.ForeignKeyField(User, object_id_name="user_id")

        class Meta:
            table_name = "connection"

    class Plain(Base):
        user_id = peewee.IntegerField()
        provider_id = peewee.CharField()
        provider_user_id = peewee.CharField(unique=True)
        access_token = peewee.CharField(40)
        secret = peewee.TextField()
        display_name = peewee.CharField(9, default="nobody")
        profile_url = peewee.CharField(null=True)
        image_url = peewee.CharField(null=True)
        rank = peewee.IntegerField(null=True)

    if proxy:
        home.initialize(database)
    models = (User, Connection, Plain)
    database.create_tables(models)
    return models


def test_an_extension_object_and_a_proxy(database: t.Any) -> None:
    user_model, model, _ = shop(database, proxy=True)
    store = PeeweeConnectionDatastore(object(), model)
    user = user_model.create().id
    store.create_connection(**values(user))
    with store.lock_user(user):
        found = store.find_by_key(KEY)
    assert found is not None
    assert found.owner.id == user


def test_the_unique_key_comes_by_itself(database: t.Any) -> None:
    user_model, model, plain = shop(database)
    store = PeeweeConnectionDatastore(database, model)
    assert store.has_unique_key
    assert PeeweeConnectionDatastore(database, plain).has_unique_key
    user = user_model.create()
    store.create_connection(**values(user.id))
    with database.atomic():
        with pytest.raises(DuplicateConnection):
            store.create_connection(**values(user.id))
        store.create_connection(**values(user.id, "2"))
    heir = type("Heir", (model,), {})
    assert len([index for index in heir._meta.fields_to_index() if index._unique]) == 1


@pytest.mark.parametrize("recursive", [False, True])
def test_a_deleted_user_takes_the_connections_along(database: t.Any, recursive: bool) -> None:
    user_model, model, plain = shop(database)
    stores = [PeeweeConnectionDatastore(database, each) for each in (model, plain)]
    heir = type("Heir", (user_model,), {"Meta": type("Meta", (), {"table_name": "user"})})
    users = [user_model.create(), heir.create(), user_model.create()]
    for store in stores:
        store.install(None if store is stores[0] else user_model)
        store.install(user_model)
        for user in users:
            store.create_connection(**values(user.id, f"of {user.id}", access_token="at", secret=None))
    for user in users[:2]:
        user.delete_instance(recursive=recursive)
    for store in stores:
        assert [row.user_id for row in store.find_connections()] == [users[2].id]


def test_a_model_without_a_foreign_key(database: t.Any) -> None:
    _, _, plain = shop(database)
    store = PeeweeConnectionDatastore(database, plain)
    store.install(None)
    store.install(object)
    assert store.columns == set(LEGACY_COLUMNS)
    with store.lock_user(1):
        row = store.create_connection(**values(1), access_token="t" * 41, secret=None, display_name="Ada")
    assert (row.access_token, row.secret, row.display_name) == ("", "", "Ada")


def test_a_lock_within_a_transaction(database: t.Any) -> None:
    user_model, model, _ = shop(database)
    store = PeeweeConnectionDatastore(database, model)
    user = user_model.create().id
    store.create_connection(**values(user))
    with database.atomic() as transaction:
        assert store.find_by_key(KEY) is not None
        with store.lock_user(user):
            store.delete_connection(user_id=user)
            store.commit()
        transaction.rollback()
    assert store.find_by_key(KEY) is not None


def test_put_with_a_primary_key_of_the_application(database: t.Any) -> None:
    user_model, model, _ = shop(database)
    store = PeeweeConnectionDatastore(database, model)
    row = model(id=77, **values(user_model.create().id))
    assert store.put(row) is row
    row.display_name = "Ada"
    store.put(row)
    found = store.find_by_key(KEY)
    assert found is not None
    assert (found.id, found.display_name) == (77, "Ada")
