"""Kits for MongoEngine, Peewee and memory."""

from __future__ import annotations

import contextlib
import typing as t
import uuid

import peewee
from mongoengine import Document, IntField, ObjectIdField, StringField, connect, disconnect
from mongoengine.connection import get_db
from playhouse import db_url

from flask_social.datastores.memory import MemoryConnectionDatastore
from flask_social.datastores.mongoengine import MongoEngineConnectionDatastore
from flask_social.datastores.peewee import PeeweeConnectionDatastore
from flask_social.models.mongoengine import MongoEngineConnectionMixin
from flask_social.models.peewee import PeeweeConnectionMixin

from .kits import Kit


class MemoryKit(Kit):
    transactional = False

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryConnectionDatastore()
        self._users = 0

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        self._users += 1
        return id or self._users


class MongoKit(Kit):
    transactional = False

    def __init__(self, uri: str, *, fresh: bool = True) -> None:
        super().__init__()
        if fresh:
            uri = f"{uri}/tests_{uuid.uuid4().hex}"
        self.spec = ("mongoengine", uri)
        alias = self.alias = uri.rpartition("/")[2]
        connect(host=uri, alias=alias, uuidRepresentation="standard")

        class User(Document):
            name = StringField()
            meta = {"db_alias": alias, "collection": "user"}  # noqa: RUF012

        class Connection(MongoEngineConnectionMixin, Document):
            user_id = ObjectIdField(required=True)
            meta = {"db_alias": alias, "collection": "connection", "indexes": ["user_id", "expires_at"]}  # noqa: RUF012

            @property
            def user(self) -> t.Any:
                return User.objects(pk=self.user_id).first()

        class Legacy(Document):
            user_id = ObjectIdField()
            provider_id = StringField()
            provider_user_id = StringField()
            access_token = StringField(max_length=40)
            secret = StringField()
            display_name = StringField()
            profile_url = StringField()
            image_url = StringField()
            rank = IntField()
            meta = {"db_alias": alias, "collection": "legacy"}  # noqa: RUF012

        self.User = User
        self.store = MongoEngineConnectionDatastore(None, Connection)
        self.legacy = MongoEngineConnectionDatastore(None, Legacy)
        self.store.install(User)
        self.legacy.install(User)
        Connection.ensure_indexes()

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        return self.User(name=name, **({"id": id} if id else {})).save().pk

    def delete_user(self, user_id: t.Any) -> None:
        self.User.objects(pk=user_id).first().delete()

    def raw(self, column: str) -> list[t.Any]:
        return [row.get(column) for row in get_db(self.alias)["connection"].find().sort("_id")]

    def write_raw(self, column: str, value: t.Any) -> None:
        get_db(self.alias)["connection"].update_many({}, {"$set": {column: value}})

    def close(self) -> None:
        get_db(self.alias).client.drop_database(self.alias)
        disconnect(self.alias)


class PeeweeKit(Kit):
    transactional = False

    def __init__(self, uri: str, *, fresh: bool = True) -> None:
        super().__init__()
        self.spec = ("peewee", uri)
        sqlite = {"pragmas": {"foreign_keys": 1}, "timeout": 20} if uri.startswith("sqlite") else {}
        self.db = db_url.connect(uri.replace("postgresql+psycopg", "psycopg3"), **sqlite)

        class Base(peewee.Model):
            class Meta:
                database = self.db

        class User(Base):
            name = peewee.CharField()

            class Meta:
                table_name = "user"

        class Connection(PeeweeConnectionMixin):
            user = peewee.ForeignKeyField(User, backref="connections", on_delete="CASCADE")

            class Meta:
                database = self.db
                table_name = "connection"

        class Legacy(Base):
            user = peewee.ForeignKeyField(User, null=True, on_delete="CASCADE")
            provider_id = peewee.CharField()
            provider_user_id = peewee.CharField()
            access_token = peewee.CharField(40, null=True)
            secret = peewee.CharField(null=True)
            display_name = peewee.CharField(null=True)
            profile_url = peewee.CharField(null=True)
            image_url = peewee.CharField(null=True)
            rank = peewee.IntegerField(null=True)

        self.models = [User, Connection, Legacy]
        self.User = User
        if fresh:
            with self.db.connection_context():
                self.db.drop_tables(self.models, safe=True)
                self.db.create_tables(self.models)
        self.store = PeeweeConnectionDatastore(self.db, Connection)
        self.legacy = PeeweeConnectionDatastore(self.db, Legacy)
        self.store.install(User)

    @contextlib.contextmanager
    def context(self) -> t.Iterator[None]:
        with super().context(), self.db.connection_context():
            yield

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        return self.User.create(name=name, **({"id": id} if id else {})).id

    def delete_user(self, user_id: t.Any) -> None:
        self.User.get_by_id(user_id).delete_instance(recursive=True)

    def raw(self, column: str) -> list[t.Any]:
        return [row[0] for row in self.db.execute_sql(f"SELECT {column} FROM connection ORDER BY id").fetchall()]

    def write_raw(self, column: str, value: t.Any) -> None:
        self.db.execute_sql(f"UPDATE connection SET {column} = {self.db.param}", (value,))

    def close(self) -> None:
        with self.db.connection_context():
            self.db.drop_tables(self.models)
