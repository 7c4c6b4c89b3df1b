"""Ready models, each loaded on first use: the ORM of the others need not be installed."""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    from .mongoengine import MongoEngineConnectionMixin
    from .peewee import PeeweeConnectionMixin
    from .sqlalchemy import SQLAlchemyConnectionMixin
    from .users import SocialUserMixin

__all__ = ["MongoEngineConnectionMixin", "PeeweeConnectionMixin", "SQLAlchemyConnectionMixin", "SocialUserMixin"]


def __getattr__(name: str) -> t.Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "SocialUserMixin":
        return importlib.import_module(".users", __name__).SocialUserMixin
    return getattr(importlib.import_module(f".{name.removesuffix('ConnectionMixin').lower()}", __name__), name)
