"""Connections in MongoDB, by MongoEngine."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import time
import typing as t
import uuid

from ..errors import DuplicateConnection, MissingLibrary, StoreError
from ..values import ConnectionKey
from .base import CLAIMED, UserDraft
from .columns import KEY_COLUMNS, Texts, findable, fitted, in_order, same_key
from .mongoengine_tokens import MongoEngineTokens
from .stored import user_refused

try:
    from bson import ObjectId
    from mongoengine import signals
    from mongoengine.base import get_document
    from mongoengine.errors import NotUniqueError, SaveConditionError, ValidationError
    from mongoengine.fields import ObjectIdField, StringField
    from pymongo import ReturnDocument
    from pymongo.errors import DuplicateKeyError
except ImportError as error:  # pragma: no cover  # seen in an environment without MongoEngine only
    raise MissingLibrary("MongoEngine", "mongoengine") from error


class MongoEngineConnectionDatastore(MongoEngineTokens):
    """Connections in a collection. Every call is written at once: there is no transaction to commit.

    :param db: the extension object of the application, which is not used; ``None`` will do.
    """

    #: Seconds after which the lock of a holder that died is free, by the server's clock.
    lease = 10.0

    #: Seconds for which a lock is waited for.
    patience = 15.0

    def __init__(self, db: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.db = db
        fields = {n: f for n, f in connection_model._fields.items() if isinstance(f, StringField)}
        lengths = {name: field.max_length for name, field in fields.items() if field.max_length}
        required = (name for name, field in fields.items() if field.required and field.default is None)
        self._texts = Texts(lengths, frozenset(required))
        self._user_model: t.Any = None
        self._before_forget: cabc.Callable[[t.Any], object] | None = None

    @property
    def has_unique_key(self) -> bool:
        model = self.connection_model
        unique = [spec for spec in (*model._meta["index_specs"], *model._unique_with_indexes()) if spec.get("unique")]
        return any({name for name, _ in spec["fields"]} <= KEY_COLUMNS for spec in unique)

    def find_connection(self, **by: t.Any) -> t.Any | None:
        return next(iter(self.find_connections(**by)), None)

    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        if not findable(by):
            return []
        try:
            return in_order(row for row in self.connection_model.objects(**by).order_by("pk") if same_key(row, by))
        except ValidationError:  # a user id of another kind
            return []

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        return self.find_connections(provider_id=key.provider_id, provider_user_id=key.provider_user_id)

    def create_connection(self, **values: t.Any) -> t.Any:
        return self._save(self.connection_model(**fitted(self.columns, self._texts, values)), force_insert=True)

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in fitted(self.columns, self._texts, values).items():
            setattr(connection, name, value)
            if name in self._attributes:  # written even if it is what was read: somebody may have changed it since
                connection._mark_as_changed(self._attributes[name])
        # With a condition, because an unconditional save writes half a row where there is none any more.
        self._save(connection, save_condition={"pk": connection.pk})

    def delete_connection(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by)[:1])

    def delete_connections(self, **by: t.Any) -> bool:
        return self._delete(self.find_connections(**by))

    def put(self, connection: t.Any) -> t.Any:
        return self._save(connection)

    def create_with_user(self, draft: UserDraft, **values: t.Any) -> tuple[t.Any, t.Any]:
        id_field = self._user_model._fields[self._user_model._meta["id_field"]] if self._user_model else None
        if not isinstance(id_field, ObjectIdField) or "status" not in self.columns:
            return super().create_with_user(draft, **values)
        owner, made = ObjectId(), None
        try:
            # The unique key decides here. Whoever dies now leaves a claim of nobody, which expires.
            claim = self.create_connection(**{**values, "user_id": owner, "status": CLAIMED})
            try:
                made = draft.make(pk=owner)
                self.update_connection(claim, status=values.get("status", "active"))
            except BaseException:
                if made is not None:
                    draft.undo(made)
                else:  # it may have been written even so
                    self._user_model.objects(pk=owner).delete()
                claim.delete()
                raise
        except (NotUniqueError, ValidationError, UnicodeEncodeError):
            raise user_refused() from None  # the database's own words hold the row
        return made, claim

    def commit(self) -> None:
        """Nothing: every call is written at once."""

    def rollback(self) -> None:
        """Nothing: what was written stays."""

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        """Holds a lease in the collection ``social_locks`` beside the connections, taken by compare-and-set.

        Work under the lock must end within :attr:`lease`.

        :raises StoreError: ``store_busy``, when somebody else holds it for longer than :attr:`patience`.
        """
        locks = self.connection_model._get_db()["social_locks"]
        name, holder = f"{self.connection_model._get_collection_name()}:{user_id}", uuid.uuid4().hex
        end = time.monotonic() + self.patience
        while not _take(locks, name, holder, self.lease):
            if time.monotonic() > end:
                text = "This user's connections are being changed by somebody else; try again."
                raise StoreError(text, code="store_busy")
            time.sleep(0.02)
        try:
            yield
        finally:
            locks.delete_one({"_id": name, "holder": holder})

    def install(self, user_model: t.Any, before_forget: cabc.Callable[[t.Any], object] | None = None) -> None:
        self._user_model = user_model
        self._before_forget = before_forget or self._before_forget
        # A document tells its own class, so every class of the family is listened to.
        for name in getattr(user_model, "_subclasses", ()):
            # Before and after: a connection that is made meanwhile shall not stay either.
            for signal in (signals.pre_delete, signals.post_delete):
                signal.connect(self._forget, sender=get_document(name))

    def _forget(self, sender: t.Any, document: t.Any, **more: t.Any) -> None:
        for row in self.connection_model.objects(user_id=document.pk):
            if self._before_forget is not None:
                self._before_forget(row)
            row.delete()

    def _save(self, connection: t.Any, **options: t.Any) -> t.Any:
        key = ConnectionKey(connection.provider_id, connection.provider_user_id)
        try:
            return connection.save(**options)
        except NotUniqueError as error:
            if self.find_owned(key):
                raise DuplicateConnection(key) from error
            raise StoreError("Another unique key of the connection model refuses this connection.") from error
        except SaveConditionError as error:
            raise StoreError("The connection was removed meanwhile.", code="connection_gone") from error
        except ValidationError as error:
            names = ", ".join(error.to_dict())
            raise StoreError(f"The connection model refuses these fields: {names}.") from None  # values may be tokens

    def _delete(self, rows: cabc.Sequence[t.Any]) -> bool:
        for row in rows:
            row.delete()
        return bool(rows)


def _take(locks: t.Any, name: str, holder: str, seconds: float) -> bool:
    """Takes the lease when it is free, in one step and by the clock of the server; tells who has it now."""
    free = {"$lte": [{"$ifNull": ["$until", 0]}, "$$NOW"]}  # a number sorts before any time
    lease = {
        "holder": {"$cond": [free, holder, "$holder"]},
        "until": {"$cond": [free, {"$add": ["$$NOW", int(seconds * 1000)]}, "$until"]},
    }
    try:
        found = locks.find_one_and_update(
            {"_id": name}, [{"$set": lease}], upsert=True, return_document=ReturnDocument.AFTER
        )
    except DuplicateKeyError:  # two of us made the first lease of this user at once
        return False
    return bool(found["holder"] == holder)
