"""Flask-Social: log in, connect and call APIs through social providers, for Flask-Security applications."""

from __future__ import annotations

import typing as t

from . import signals
from .core import Social
from .datastores.base import ConnectionDatastore
from .datastores.memory import MemoryConnectionDatastore
from .errors import (
    AccessDenied,
    ApiError,
    ConfigurationError,
    DuplicateConnection,
    MissingLibrary,
    PermissionMissing,
    ProviderError,
    RateLimited,
    ReconnectRequired,
    SocialError,
    TokenRejected,
    TokenStoreBusy,
)
from .providers.base import OAuth1Provider, OAuth2Provider, OIDCProvider
from .signals import (
    attempt_refused,
    connection_created,
    connection_failed,
    connection_removed,
    connection_updated,
    login_completed,
    login_failed,
)
from .values import ConnectionKey, Profile, Token

if t.TYPE_CHECKING:
    from .datastores.mongoengine import MongoEngineConnectionDatastore
    from .datastores.peewee import PeeweeConnectionDatastore
    from .datastores.sqlalchemy import SQLAlchemyConnectionDatastore, SQLAlchemySessionConnectionDatastore
    from .models.users import SocialUserMixin

__version__ = "2.0.0.dev0"

__all__ = [
    "AccessDenied",
    "ApiError",
    "ConfigurationError",
    "ConnectionDatastore",
    "ConnectionKey",
    "DuplicateConnection",
    "MemoryConnectionDatastore",
    "MissingLibrary",
    "MongoEngineConnectionDatastore",
    "OAuth1Provider",
    "OAuth2Provider",
    "OIDCProvider",
    "PeeweeConnectionDatastore",
    "PermissionMissing",
    "Profile",
    "ProviderError",
    "RateLimited",
    "ReconnectRequired",
    "SQLAlchemyConnectionDatastore",
    "SQLAlchemySessionConnectionDatastore",
    "Social",
    "SocialError",
    "SocialUserMixin",
    "Token",
    "TokenRejected",
    "TokenStoreBusy",
    "attempt_refused",
    "connection_created",
    "connection_failed",
    "connection_removed",
    "connection_updated",
    "login_completed",
    "login_failed",
    "signals",
]


def __getattr__(name: str) -> t.Any:
    from . import datastores

    if name.endswith("ConnectionDatastore"):
        return getattr(datastores, name)
    if name == "SocialUserMixin":
        from .models.users import SocialUserMixin

        return SocialUserMixin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
