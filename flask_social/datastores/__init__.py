"""Where connections are kept. A store is loaded on first use: the ORM of the others need not be installed."""

from __future__ import annotations

import importlib
import typing as t

from .base import ConnectionDatastore
from .memory import MemoryConnectionDatastore

if t.TYPE_CHECKING:
    from .mongoengine import MongoEngineConnectionDatastore
    from .peewee import PeeweeConnectionDatastore
    from .sqlalchemy import SQLAlchemyConnectionDatastore, SQLAlchemySessionConnectionDatastore

__all__ = [
    "ConnectionDatastore",
    "MemoryConnectionDatastore",
    "MongoEngineConnectionDatastore",
    "PeeweeConnectionDatastore",
    "SQLAlchemyConnectionDatastore",
    "SQLAlchemySessionConnectionDatastore",
]

_HOMES = {
    "MongoEngineConnectionDatastore": "mongoengine",
    "PeeweeConnectionDatastore": "peewee",
    "SQLAlchemyConnectionDatastore": "sqlalchemy",
    "SQLAlchemySessionConnectionDatastore": "sqlalchemy",
}


def __getattr__(name: str) -> t.Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
