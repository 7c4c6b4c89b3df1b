"""The kit for MongoEngine."""

from __future__ import annotations

import typing as t
import uuid

from mongoengine import Document, IntField, ObjectIdField, StringField, connect, disconnect
from mongoengine.connection import get_db

from flask_social.datastores.mongoengine import MongoEngineConnectionDatastore
from flask_social.models.mongoengine import MongoEngineConnectionMixin

from .kits import Kit


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
            meta = {"db_alias": alias, "collection": "connection", "indexes": ["user_id"]}  # noqa: RUF012

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

    def fill(self, rows: list[dict[str, t.Any]]) -> None:
        get_db(self.alias)["connection"].insert_many([dict(row) for row in rows])

    def forget_indexes(self) -> None:
        get_db(self.alias)["connection"].drop_indexes()

    def close(self) -> None:
        get_db(self.alias).client.drop_database(self.alias)
        disconnect(self.alias)
