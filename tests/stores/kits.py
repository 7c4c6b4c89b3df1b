"""One kit for each store: an application, its models, and what a test does behind the store's back."""

from __future__ import annotations

import contextlib
import importlib
import typing as t
import uuid

from flask import Flask

from flask_social.datastores.base import ConnectionDatastore
from flask_social.datastores.columns import LEGACY_COLUMNS
from flask_social.datastores.memory import MemoryConnectionDatastore
from flask_social.state import EXTENSION
from flask_social.vault import Vault

#: Every store that keeps the contract; the first has no database.
STORES = (
    "memory",
    *(f"{name} on {server}" for name in ("flask-sqlalchemy", "lite", "session") for server in ("sqlite", "postgresql")),
    "mongoengine on mongod",
    "peewee on sqlite",
    "peewee on postgresql",
)


#: Makes the table of connections anew, with the same columns and nothing else.
WITHOUT_INDEXES = (
    "CREATE TABLE bare AS SELECT * FROM connection",
    "DROP TABLE connection",
    "ALTER TABLE bare RENAME TO connection",
)


class VaultOnly:
    """As much of an application's record as a sealed token needs."""

    def __init__(self, *keys: str) -> None:
        self.vault = Vault(keys or ("secret",))


class Kit:
    """What the contract asks of a store's surroundings."""

    #: Whether create, update and delete can be taken back.
    transactional = True
    #: Store and address, from which another process makes the same kit.
    spec: tuple[str, str]

    def __init__(self) -> None:
        self.app = Flask(f"tests.stores.{uuid.uuid4().hex}")
        self.app.extensions[EXTENSION] = VaultOnly()

    store: ConnectionDatastore
    legacy: ConnectionDatastore

    @contextlib.contextmanager
    def context(self) -> t.Iterator[None]:
        """A request's worth of work: an own session or connection."""
        with self.app.app_context():
            yield

    def use_keys(self, *keys: str) -> None:
        """Gives the application other secrets."""
        self.app.extensions[EXTENSION] = VaultOnly(*keys)

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        """Makes a user and returns the primary key."""
        raise NotImplementedError

    def delete_user(self, user_id: t.Any) -> None:
        """Deletes a user as an application does."""
        raise NotImplementedError

    def raw(self, column: str) -> list[t.Any]:
        """What the database holds in a column, read past the store."""
        raise NotImplementedError

    def write_raw(self, column: str, value: t.Any) -> None:
        """Writes a column of every row, past the store."""
        raise NotImplementedError

    def fill(self, rows: list[dict[str, t.Any]]) -> None:
        """Writes many rows at once, by column, past the store."""
        for row in rows:
            self.store.create_connection(**row)

    @contextlib.contextmanager
    def locked_by_another(self) -> t.Iterator[None]:
        """While open, somebody else has changed every row and not committed it."""
        raise NotImplementedError
        yield

    @contextlib.contextmanager
    def locked_by_the_caller(self) -> t.Iterator[None]:
        """While open, the caller's own transaction has; it is rolled back."""
        raise NotImplementedError
        yield

    def drop_queue(self) -> None:
        """Removes the table of revocations: an application that has made none."""
        raise NotImplementedError

    def forget_indexes(self) -> None:
        """Makes the connections stand without any index or key: an application that never migrated."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets go of the database."""


class MemoryKit(Kit):
    transactional = False

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryConnectionDatastore()
        self._users = 0

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        self._users += 1
        return id or self._users


#: Where the kit of each store is: the ORM of the others need not be installed.
_HOMES = {
    "flask-sqlalchemy": "sql_kit:FlaskSQLAlchemyKit",
    "lite": "sql_kit:LiteKit",
    "session": "sql_kit:SessionKit",
    "mongoengine": "mongo_kit:MongoKit",
    "peewee": "peewee_kit:PeeweeKit",
}


def load_kit(store: str) -> t.Any:
    """The class of a store's kit."""
    module, _, name = _HOMES[store].partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), name)


def legacy_columns() -> tuple[str, ...]:
    """The nine columns, without the key."""
    return tuple(column for column in LEGACY_COLUMNS if column != "user_id")
