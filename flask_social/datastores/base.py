"""The port through which connections are kept. Every store obeys one contract, which one test suite holds."""

from __future__ import annotations

import abc
import collections.abc as cabc
import contextlib
import dataclasses as dc
import datetime as dt
import typing as t

from ..errors import AmbiguousConnection
from ..values import ConnectionKey

#: The ``status`` of a connection whose user is still being made, and for how many seconds it may be.
CLAIMED = "claimed"
CLAIM_LIFETIME = 60

#: The columns of a table, and those of each index in order with whether it is unique; by their names in the database.
Schema = tuple[cabc.Collection[str], cabc.Collection[tuple[tuple[str, ...], bool]]]


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


@dc.dataclass(frozen=True, slots=True)
class StoredToken:
    """What the database holds of one connection's token at one moment.

    :param version: counts the tokens of this connection; with ``lease_until`` it is what a compare-and-set compares.
    :param lease_until: until when somebody is renewing the token, in whole seconds; ``None``: nobody is.
    :param raw: the columns of :data:`~flask_social.datastores.columns.TOKEN_COLUMNS` as they stand there.
    :param cursor: where the page after this row begins; for the store only.
    """

    key: ConnectionKey
    user_id: t.Any
    version: int = 0
    lease_until: dt.datetime | None = None
    status: str | None = None
    expires_at: dt.datetime | None = None
    granted_scope: str | None = None
    issuer: str | None = None
    raw: cabc.Mapping[str, str | None] = dc.field(default_factory=dict, repr=False)
    cursor: t.Any = dc.field(default=None, repr=False)


@dc.dataclass(frozen=True, slots=True)
class Revocation:
    """A grant that has to be ended at its provider; the connection is gone already.

    :param id: 32 hexadecimal digits.
    :param fingerprint: tells revocations of one account from those of another, and nothing else of it.
    :param sealed: the token.
    :param attempts: how often it was tried.
    :param due_at: when to try next; aware UTC.
    """

    id: str
    provider_id: str
    fingerprint: str
    sealed: str = dc.field(repr=False)
    attempts: int
    due_at: dt.datetime
    created_at: dt.datetime


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

        :raises DuplicateConnection: when the key has a row already, and is unique. The caller's transaction goes on.
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

        Each is written, also one whose value the object has already: the row may have another one by now.

        :raises StoreError: with the code ``connection_gone`` when somebody else removed it meanwhile.
        """

    @abc.abstractmethod
    def put(self, connection: t.Any) -> t.Any:
        """Writes a connection that the caller made or changed, and returns it; raises as the two above."""

    def create_with_user(self, draft: UserDraft, **values: t.Any) -> tuple[t.Any, t.Any]:
        """Writes a new user and its first connection, both or neither; ends the transaction, and returns them.

        SQL: one transaction. MongoDB: the connection first, as a claim (``status`` is :data:`CLAIMED`) that its
        unique key decides on; then the user; then the claim is completed. A store that knows no users makes the
        user first, and takes it back when the connection is refused.

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
    def install(self, user_model: t.Any, before_forget: cabc.Callable[[t.Any], object] | None = None) -> None:
        """Makes the deletion of a user delete its connections.

        Called at start-up, and perhaps again; ``None`` when the application has no user model yet.

        :param before_forget: called with each connection that goes so, within the transaction in which it goes.
        """

    def schemas(self) -> tuple[Schema, Schema] | None:
        """What the model declares, and what the database has of it; ``None`` where there is nothing to compare."""
        return None

    # Tokens. Each of these is a short transaction of the store's own, beside that of the caller, which is neither
    # flushed nor committed nor rolled back by it.

    @property
    def keeps_versions(self) -> bool:
        """Whether the model can tell one token from the next, without which none is renewed."""
        return {"token_version", "lease_until"} <= self.columns

    @property
    def seals_tokens(self) -> bool:
        """Whether the token columns hold sealed texts; those of a 1.x model hold plain ones."""
        return hasattr(self.connection_model, "sealed_access_token")

    @abc.abstractmethod
    def read_tokens(self, key: ConnectionKey) -> StoredToken | None:
        """What is stored at this moment; ``None`` when there is no such connection.

        :raises TokenStoreBusy: when the store is locked.
        """

    @abc.abstractmethod
    def swap_tokens(self, stored: StoredToken, values: cabc.Mapping[str, t.Any]) -> bool:
        """Writes columns if the row is still the one that was read: same owner, version and lease.

        :param values: token columns as they are to stand there; others as Python values.
        :returns: ``False`` when somebody was faster, or the row is gone.
        :raises TokenStoreBusy: when the store is locked, by the caller's own transaction too; within a second.
        """

    def swap_many(self, changes: cabc.Sequence[tuple[StoredToken, cabc.Mapping[str, t.Any]]]) -> cabc.Sequence[bool]:
        """:meth:`swap_tokens` for many rows, in one transaction where the store has some; what became of each.

        :raises TokenStoreBusy: when the store is locked; with transactions none is written then.
        """
        return [self.swap_tokens(stored, values) for stored, values in changes]

    @abc.abstractmethod
    def page_tokens(
        self,
        *,
        after: t.Any = None,
        limit: int = 500,
        due_before: dt.datetime | None = None,
        without_refresh_token: cabc.Collection[str] = (),
    ) -> cabc.Sequence[StoredToken]:
        """The next rows by primary key; an empty sequence at the end.

        :param after: the ``cursor`` of the last row seen.
        :param due_before: only ``active`` rows that expire before this moment and can be renewed, by expiry.
        :param without_refresh_token: ids of the providers that renew without one.
        """

    @abc.abstractmethod
    def adopt_tokens(self, connection: t.Any, stored: StoredToken) -> None:
        """Shows the caller's object what was read, without a query, and without a change to be written."""

    # Revocations that are still to be made.

    @abc.abstractmethod
    def has_revocation_queue(self) -> bool:
        """Whether the table ``social_revocations`` is there."""

    @abc.abstractmethod
    def queue_revocation(self, revocation: Revocation) -> bool:
        """Notes a revocation within the caller's transaction; ``False`` when there is no table for it."""

    @abc.abstractmethod
    def forget_revocations(self, fingerprint: str) -> None:
        """Removes the revocations of one account within the caller's transaction: it has a new grant now."""

    @abc.abstractmethod
    def due_revocations(self, now: dt.datetime, limit: int = 100) -> cabc.Sequence[Revocation]:
        """Those whose time has come, the oldest first; in a transaction of its own, as the next two."""

    @abc.abstractmethod
    def postpone_revocation(self, revocation: Revocation, *, attempts: int, due_at: dt.datetime) -> bool:
        """Claims a revocation by moving it; ``False`` when somebody else did, or it is gone."""

    @abc.abstractmethod
    def drop_revocation(self, revocation: Revocation) -> None:
        """Removes a revocation that is made, or given up."""

    def find_by_key(self, key: ConnectionKey) -> t.Any | None:
        """The one connection of this key, or ``None``.

        :raises AmbiguousConnection: when rows of this key belong to different users (models without a unique key).
        """
        found = self.find_owned(key)
        if len({str(connection.user_id) for connection in found}) > 1:
            raise AmbiguousConnection(key)
        return found[0] if found else None
