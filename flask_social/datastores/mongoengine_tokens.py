"""Tokens and revocations in MongoDB: each call is one command on one document, beside the documents of the caller."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import dataclasses as dc
import datetime as dt
import functools
import typing as t

from ..errors import MissingLibrary
from ..values import ConnectionKey
from .base import ConnectionDatastore, Revocation, Schema, StoredToken
from .columns import REVOCATIONS, columns_of, findable
from .stored import STORED, attributes_of, aware, refusal, shown, stored_token

try:
    from pymongo import ReadPreference
    from pymongo.errors import PyMongoError
except ImportError as error:  # pragma: no cover  # seen in an environment without MongoEngine only
    raise MissingLibrary("MongoEngine", "mongoengine") from error


class MongoEngineTokens(ConnectionDatastore):
    """The part of a store that keeps tokens and revocations."""

    def __init__(self, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.columns = columns_of(connection_model)

    def schemas(self) -> tuple[Schema, Schema]:
        """The indexes only: a document has no columns."""
        model = self.connection_model
        with _told():
            there = _indexes(self._tokens.index_information().values(), "key")
        declared = (*model._meta["index_specs"], *model._unique_with_indexes())  # a unique one may stand in both
        return ((), _indexes(declared, "fields")), ((), there)

    def read_tokens(self, key: ConnectionKey) -> StoredToken | None:
        if not findable({"provider_id": key.provider_id, "provider_user_id": key.provider_user_id}):
            return None
        of_key = {self._fields["provider_id"]: key.provider_id, self._fields["provider_user_id"]: key.provider_user_id}
        return next((found for found in self._stored(["_id"], of_key) if found.key == key), None)

    def swap_tokens(self, stored: StoredToken, values: cabc.Mapping[str, t.Any]) -> bool:
        if not self.keeps_versions:
            return False
        fields = self._fields
        same = {
            fields["provider_id"]: stored.key.provider_id,
            fields["provider_user_id"]: stored.key.provider_user_id,
            fields["user_id"]: stored.user_id,
            # A field that is not there is found as one that is null.
            fields["token_version"]: stored.version or {"$in": [0, None]},
            fields["lease_until"]: stored.lease_until,
        }
        new = {fields[name]: value for name, value in values.items() if name in fields}
        with _told():
            return bool(self._tokens.update_one(same, {"$set": new}).matched_count)

    def page_tokens(
        self,
        *,
        after: t.Any = None,
        limit: int = 500,
        due_before: dt.datetime | None = None,
        without_refresh_token: cabc.Collection[str] = (),
    ) -> cabc.Sequence[StoredToken]:
        fields, order, conditions = self._fields, ["_id"], []
        if due_before is not None:
            if not {"expires_at", "status"} <= fields.keys():
                return []
            order = [fields["expires_at"], *order]
            renewable: list[dict[str, t.Any]] = [{fields["provider_id"]: {"$in": list(without_refresh_token)}}]
            if "refresh_token" in fields:
                renewable.append({fields["refresh_token"]: {"$gt": ""}})
            conditions = [{fields["expires_at"]: {"$lt": due_before}, fields["status"]: "active"}, {"$or": renewable}]
        if after is not None:
            conditions.append(_beyond(order, after))
        return self._stored(order, {"$and": conditions} if conditions else {}, limit=limit)

    def adopt_tokens(self, connection: t.Any, stored: StoredToken) -> None:
        """Shows what was read; a field that the caller has changed and not written yet stays."""
        changed = set(connection._get_changed_fields())
        for name, value in shown(stored).items():
            if name in self._fields and self._fields[name] not in changed:
                connection._data[self._attributes[name]] = value

    def has_revocation_queue(self) -> bool:
        """Yes: a collection is made when something is written to it."""
        return True

    def queue_revocation(self, revocation: Revocation) -> bool:
        document = dc.asdict(revocation)
        with _told():
            self._queue.insert_one({"_id": document.pop("id"), **document})
        return True

    def forget_revocations(self, fingerprint: str) -> None:
        with _told():
            self._queue.delete_many({"fingerprint": fingerprint})

    def due_revocations(self, now: dt.datetime, limit: int = 100) -> cabc.Sequence[Revocation]:
        with _told():
            due = self._queue.find({"due_at": {"$lte": now}}).sort([("due_at", 1), ("_id", 1)]).limit(limit)
            return [_revocation(document) for document in due]

    def postpone_revocation(self, revocation: Revocation, *, attempts: int, due_at: dt.datetime) -> bool:
        same = {"_id": revocation.id, "due_at": revocation.due_at}
        with _told():
            moved = self._queue.update_one(same, {"$set": {"attempts": attempts, "due_at": due_at}})
            return bool(moved.matched_count)

    def drop_revocation(self, revocation: Revocation) -> None:
        with _told():
            self._queue.delete_one({"_id": revocation.id})

    def _stored(self, order: list[str], conditions: dict[str, t.Any], limit: int = 0) -> list[StoredToken]:
        fields = {name: field for name, field in self._fields.items() if name in STORED}
        with _told():
            found = self._tokens.find(conditions, dict.fromkeys((*fields.values(), *order), 1))
            rows = list(found.sort([(name, 1) for name in order]).limit(limit))
        return [
            stored_token(
                {name: row.get(field) for name, field in fields.items()}, tuple(row.get(name) for name in order)
            )
            for row in rows
        ]

    @property
    def _tokens(self) -> t.Any:
        # From where they are written: another server of the set may still hold the token of a moment ago.
        return self.connection_model._get_collection().with_options(read_preference=ReadPreference.PRIMARY)

    @functools.cached_property
    def _queue(self) -> t.Any:
        queue = self.connection_model._get_db()[REVOCATIONS].with_options(read_preference=ReadPreference.PRIMARY)
        for name in ("fingerprint", "due_at"):
            queue.create_index(name)
        return queue

    @functools.cached_property
    def _attributes(self) -> dict[str, str]:
        return attributes_of(self.connection_model._fields)

    @functools.cached_property
    def _fields(self) -> dict[str, str]:
        """What a column is called in the collection."""
        fields = self.connection_model._fields
        return {name: fields[attribute].db_field for name, attribute in self._attributes.items()}


def _indexes(indexes: cabc.Iterable[t.Any], fields: str) -> cabc.Collection[tuple[tuple[str, ...], bool]]:
    """Each that sorts, once; one of another kind is the application's own."""
    plain = (it for it in indexes if all(kind in (1, -1) for _, kind in it[fields]))
    return dict.fromkeys((tuple(name for name, _ in it[fields]), bool(it.get("unique"))) for it in plain)


def _beyond(names: list[str], values: cabc.Sequence[t.Any]) -> dict[str, t.Any]:
    """Documents behind one in the order of these fields."""
    steps = [{**dict(zip(names[:n], values, strict=False)), names[n]: {"$gt": values[n]}} for n in range(len(names))]
    # The first condition says nothing new; by it alone the database knows where in the index to begin.
    return {names[0]: {"$gte": values[0]}, "$or": steps}


def _revocation(document: dict[str, t.Any]) -> Revocation:
    times = {name: aware(document[name]) for name in ("due_at", "created_at")}
    return Revocation(id=document.pop("_id"), **{**document, **times})


@contextlib.contextmanager
def _told() -> cabc.Iterator[None]:
    """Turns the database's errors into ours; its own words may hold the document."""
    try:
        yield
    except PyMongoError as error:
        raise refusal(error) from None
