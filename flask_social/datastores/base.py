"""The port through which connections are kept. Every store obeys one contract, which one test suite holds."""

from __future__ import annotations

import abc
import collections.abc as cabc
import contextlib
import typing as t

from ..errors import AmbiguousConnection, StoreError
from ..values import ConnectionKey

#: The ``status`` of a connection whose user is still being made, and for how many seconds it may be.
CLAIMED = "claimed"
CLAIM_LIFETIME = 60


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


class UserDraft(t.Protocol):
    """A user who is about to be made, with Flask-Security's datastore."""

    def make(self, **fixed: t.Any) -> t.Any:
        """Makes the user, with these fields besides its own, and writes it as the datastore does."""

    def commit(self) -> None:
        """Ends the transaction of the users."""

    def undo(self, user: t.Any) -> None:
        """Deletes a user that was made and committed."""


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

        Columns that the model lacks are left out; a text that its column cannot hold is stored as ``NULL``, in a
        ``NOT NULL`` column as an empty text.

        :raises DuplicateConnection: when the key has a row already and the model declares it unique. The
            caller's transaction goes on.
        :raises StoreError: when a part of the key does not fit its column, or the database refuses the row.
        """

    @abc.abstractmethod
    def delete_connection(self, **by: t.Any) -> bool:
        """Removes the first connection that matches; ``False`` when there is none."""

    @abc.abstractmethod
    def delete_connections(self, **by: t.Any) -> bool:
        """Removes all connections that match; ``False`` when there is none."""

    @abc.abstractmethod
    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        """Writes columns of a connection within the caller's transaction, by the rules of :meth:`create_connection`.

        :raises StoreError: with the code ``connection_gone`` when somebody else removed it meanwhile.
        """

    @abc.abstractmethod
    def put(self, connection: t.Any) -> t.Any:
        """Writes a connection that the caller made or changed, and returns it; raises as the two above."""

    def create_with_user(self, draft: UserDraft, **values: t.Any) -> tuple[t.Any, t.Any]:
        """Writes a new user and its first connection, both or neither, and ends the transaction.

        SQL: one transaction. MongoDB: the connection first, as a claim (``status`` is :data:`CLAIMED`) that its
        unique key decides on; then the user; then the claim is completed. A store that knows no users makes the
        user first, and takes it back when the connection is refused.

        :returns: the user and the connection.
        :raises DuplicateConnection: when the key has a row already.
        :raises StoreError: ``user_refused``, when the database refuses the user.
        """
        user = draft.make()
        draft.commit()
        try:
            made = self.create_connection(user_id=user.id, **values)
            self.commit()
        except BaseException:
            self.rollback()
            draft.undo(user)
            raise
        return user, made

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


def user_refused() -> StoreError:
    """What a database's refusal of a new user becomes."""
    return StoreError("The database refused the new user: its address or name is taken.", code="user_refused")
