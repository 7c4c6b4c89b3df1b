"""The kit for Peewee."""

from __future__ import annotations

import contextlib
import typing as t

import peewee
from playhouse import db_url

from flask_social.datastores.peewee import PeeweeConnectionDatastore
from flask_social.models.peewee import PeeweeConnectionMixin

from .kits import WITHOUT_INDEXES, Kit


class PeeweeKit(Kit):
    transactional = False

    def __init__(self, uri: str, *, fresh: bool = True) -> None:
        super().__init__()
        self.spec = ("peewee", uri)
        self.db = self._database()

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
        self.store = PeeweeConnectionDatastore(self.db, Connection)
        self.legacy = PeeweeConnectionDatastore(self.db, Legacy)
        self.models.append(self.store.revocation_model)
        if fresh:
            with self.db.connection_context():
                self.db.create_tables(self.models)
        for store in (self.store, self.legacy, self.store):
            store.install(User)

    @contextlib.contextmanager
    def context(self) -> t.Iterator[None]:
        with super().context(), self.db.connection_context():
            yield

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        return self.User.create(name=name, **({"id": id} if id else {})).id

    def delete_user(self, user_id: t.Any) -> None:
        self.User.get_by_id(user_id).delete_instance()

    def raw(self, column: str) -> list[t.Any]:
        return [row[0] for row in self.db.execute_sql(f"SELECT {column} FROM connection ORDER BY id").fetchall()]

    def write_raw(self, column: str, value: t.Any) -> None:
        self.db.execute_sql(f"UPDATE connection SET {column} = {self.db.param}", (value,))

    def fill(self, rows: list[dict[str, t.Any]]) -> None:
        model = self.store.connection_model
        fields = {"user_id": "user", **{f.column_name: f.name for f in model._meta.sorted_fields if f.name != "user"}}
        with self.db.atomic():
            for start in range(0, len(rows), 50):
                page = [{fields[name]: value for name, value in row.items()} for row in rows[start : start + 50]]
                model.insert_many(page).execute()

    @contextlib.contextmanager
    def locked_by_another(self) -> t.Iterator[None]:
        other = self._database()
        with other.atomic() as transaction:
            other.execute_sql("UPDATE connection SET rank = 9")
            yield
            transaction.rollback()
        other.close()

    @contextlib.contextmanager
    def locked_by_the_caller(self) -> t.Iterator[None]:
        with self.db.atomic() as transaction:
            self.db.execute_sql("UPDATE connection SET rank = 9")
            yield
            transaction.rollback()

    def drop_queue(self) -> None:
        self.db.drop_tables([self.store.revocation_model])

    def forget_indexes(self) -> None:
        self.run_raw(*WITHOUT_INDEXES)

    def run_raw(self, *statements: str) -> None:
        for statement in statements:
            self.db.execute_sql(statement)

    def _database(self) -> t.Any:
        uri = self.spec[1]
        sqlite = {"timeout": 20} if uri.startswith("sqlite") else {}
        return db_url.connect(uri.replace("postgresql+psycopg", "psycopg3"), **sqlite)
