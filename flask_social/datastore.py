"""The import path of the stores in Flask-Social 1.x."""

from __future__ import annotations

import typing as t

from .datastores.base import ConnectionDatastore

if t.TYPE_CHECKING:
    from .datastores.mongoengine import MongoEngineConnectionDatastore
    from .datastores.sqlalchemy import SQLAlchemyConnectionDatastore

__all__ = ["ConnectionDatastore", "MongoEngineConnectionDatastore", "SQLAlchemyConnectionDatastore"]


def __getattr__(name: str) -> t.Any:
    from . import datastores

    if name in __all__:
        return getattr(datastores, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
