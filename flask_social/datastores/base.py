"""The port through which connections are kept. Every store obeys one contract, which one test suite holds."""

from __future__ import annotations

import abc
import collections.abc as cabc
import contextlib
import datetime as dt
import typing as t

from ..errors import AmbiguousConnection, StoreError
from ..values import ConnectionKey, Profile, Token

#: Columns that hold a token; sealed by the ready models.
TOKEN_COLUMNS = ("access_token", "secret", "refresh_token", "id_token")


class Connection(t.Protocol):
    """One account at one provider that belongs to one user: the columns that every model has.

    The ready models have all of :data:`COLUMNS`; a model of Flask-Social 1.x has the first nine.
    """

    user_id: t.Any
    provider_id: str
    provider_user_id: str
    access_token: str | None
    secret: str | None
    display_name: str | None
    profile_url: str | None
    image_url: str | None
    rank: int | None


#: The columns that name an account, and must be unique together.
KEY_COLUMNS = frozenset({"provider_id", "provider_user_id"})

#: The nine columns of Flask-Social 1.x.
LEGACY_COLUMNS = (
    "user_id",
    "provider_id",
    "provider_user_id",
    "access_token",
    "secret",
    "display_name",
    "profile_url",
    "image_url",
    "rank",
)

#: Every column that the loop may write. A column that a model lacks is left out.
COLUMNS = (
    *LEGACY_COLUMNS,
    "refresh_token",
    "id_token",
    "expires_at",
    "granted_scope",
    "token_version",
    "lease_until",
    "status",
    "issuer",
    "email",
    "email_verified",
    "full_name",
    "created_at",
    "updated_at",
    "last_login_at",
)


class ConnectionDatastore(abc.ABC):
    """Keeps the connections of one application.

    ``by`` names columns and the values they must equal. A store compares ``provider_id`` and
    ``provider_user_id`` once more in Python after reading, because database collations fold case and accents.
    A found connection has a ``user`` attribute only when its model has that relation.

    :param connection_model: the application's model class.
    """

    #: Columns of :data:`COLUMNS` that the model has.
    columns: frozenset[str]

    def __init__(self, connection_model: t.Any) -> None:
        self.connection_model = connection_model

    @property
    @abc.abstractmethod
    def has_unique_key(self) -> bool:
        """Whether the model lets a key stand in one row only."""

    @abc.abstractmethod
    def find_connection(self, **by: t.Any) -> t.Any | None:
        """The first connection by rank that matches, or ``None``."""

    @abc.abstractmethod
    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        """All connections that match, by ``rank`` and then age; an empty sequence when there is none."""

    @abc.abstractmethod
    def create_connection(self, **values: t.Any) -> t.Any:
        """Writes a new connection within the caller's transaction and returns it.

        Columns that the model lacks are left out; a value too long for its column is stored as ``NULL``.

        :raises DuplicateConnection: when the key has a row already and the model declares it unique. The
            caller's transaction goes on.
        """

    @abc.abstractmethod
    def delete_connection(self, **by: t.Any) -> bool:
        """Removes the first connection that matches; ``False`` when there is none."""

    @abc.abstractmethod
    def delete_connections(self, **by: t.Any) -> bool:
        """Removes all connections that match; ``False`` when there is none."""

    @abc.abstractmethod
    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        """Writes columns of a connection within the caller's transaction, by the rules of :meth:`create_connection`."""

    @abc.abstractmethod
    def put(self, connection: t.Any) -> t.Any:
        """Adds a connection that the caller made or changed, and returns it."""

    @abc.abstractmethod
    def commit(self) -> None:
        """Ends the transaction; nothing to do in a store without transactions."""

    @abc.abstractmethod
    def rollback(self) -> None:
        """Gives the transaction up; nothing to do in a store without transactions."""

    @abc.abstractmethod
    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        """Every connection of exactly this key, each with its ``user`` read in the same query where the store can."""

    @abc.abstractmethod
    def lock_user(self, user_id: t.Any) -> contextlib.AbstractContextManager[None]:
        """While open, no other caller of this method for the same user goes on.

        SQL: a row lock on the user (SQLite: the write lock), held until the transaction ends. MongoDB: a
        lease taken by compare-and-set. Memory: a lock of the process.
        """

    @abc.abstractmethod
    def install(self, user_model: t.Any) -> None:
        """Makes the deletion of a user delete its connections.

        Called at start-up, and perhaps again; ``None`` when the application has no user model yet.
        """

    def find_by_key(self, key: ConnectionKey) -> t.Any | None:
        """The one connection of this key, or ``None``.

        :raises AmbiguousConnection: when rows of this key belong to different users (models without a unique key).
        """
        found = self.find_owned(key)
        if len({str(connection.user_id) for connection in found}) > 1:
            raise AmbiguousConnection(key)
        return found[0] if found else None


def token_values(token: Token) -> dict[str, t.Any]:
    """The columns that a new token writes. An absent refresh token keeps the old one, so it is left out."""
    values: dict[str, t.Any] = {
        "access_token": token.access_token,
        "secret": token.secret,
        "expires_at": token.expires_at,
        "status": "active",
    }
    if token.refresh_token is not None:
        values["refresh_token"] = token.refresh_token
    if token.id_token is not None:
        values["id_token"] = token.id_token
    if token.scope is not None:
        values["granted_scope"] = " ".join(token.scope)
    return values


def profile_values(profile: Profile) -> dict[str, t.Any]:
    """The columns that a profile writes."""
    names = ("display_name", "full_name", "email", "email_verified", "profile_url", "image_url")
    return {name: getattr(profile, name) for name in names}


def columns_of(model: t.Any) -> frozenset[str]:
    """The columns of :data:`COLUMNS` that a model has."""
    return frozenset(name for name in COLUMNS if hasattr(model, name))


def same_key(connection: t.Any, by: cabc.Mapping[str, t.Any]) -> bool:
    """Whether a row is of the key that was asked for, to the letter."""
    return all(getattr(connection, name) == by[name] for name in KEY_COLUMNS if name in by)


def fitted(
    columns: cabc.Container[str], lengths: cabc.Mapping[str, int], values: cabc.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """The values that a model has a column for. A text too long for its column becomes ``None``.

    A cut token or address would be a wrong one, where ``None`` says that it is missing.

    :raises StoreError: when a part of the key is too long: the connection would be somebody else's.
    """
    fitting: dict[str, t.Any] = {}
    for name, value in values.items():
        if name not in columns:
            continue
        if isinstance(value, str) and len(value) > lengths.get(name, len(value)):
            if name in KEY_COLUMNS:
                raise StoreError(f"The column {name} is too short for this id; make it String(255).")
            value = None
        fitting[name] = value
    return fitting


def utcnow() -> dt.datetime:
    """The present moment, aware, in UTC: the form in which every time of a connection is kept."""
    return dt.datetime.now(dt.UTC)
