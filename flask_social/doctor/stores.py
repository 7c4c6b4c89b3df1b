"""The store: the model, what is in the database, and whether our keys open it."""

from __future__ import annotations

import collections
import collections.abc as cabc
import typing as t

from ..datastores.base import ConnectionDatastore, StoredToken
from ..datastores.columns import COLUMNS, TOKEN_COLUMNS
from ..datastores.memory import MemoryConnectionDatastore
from ..errors import TokenUnreadable
from ..state import SocialState
from ..vault import is_sealed
from .findings import Finding, error, ok, warning

_MIGRATE = 'See "Migration" under "Datastores" in the documentation.'
_CATCH_UP = f"Migrate the database: it is behind the model. {_MIGRATE}"


def examine(state: SocialState, sample: int) -> cabc.Iterator[Finding]:
    """The model first; then the database, as far as it answers.

    :param sample: how many rows are looked at.
    """
    store = state.datastore
    yield from _model(store)
    try:
        # A query of every column, for nobody.
        store.find_connections(provider_id="-", provider_user_id="-")
        rows = store.page_tokens(limit=sample) if sample else ()
        has_queue = store.has_revocation_queue()
    except Exception as failed:  # whatever the library of the database raises; its words may hold a password
        store.rollback()
        yield from _schema(store)
        text = f"The connections cannot be read ({type(failed).__name__})."
        cure = (
            "See whether the database is up, whether the table is there, and whether it has all columns of the model."
        )
        yield error("store_unreachable", text, cure)
        return
    yield ok("store", "The connections can be read.")
    yield from _schema(store)
    if has_queue:
        yield ok("revocation_queue", "The table of revocations is there.")
    else:
        text = "There is no table social_revocations: a grant that its provider cannot end at once is not ended later."
        yield warning("revocation_queue_missing", text, "Create it, with create_all() or a migration.")
    yield from _rows(state, rows)


def _model(store: ConnectionDatastore) -> cabc.Iterator[Finding]:
    missing = [column for column in COLUMNS if column not in store.columns]
    found = []
    if missing:
        text = f"The connection model has no {', '.join(missing)}."
        found.append(warning("model_incomplete", text, _MIGRATE))
    if not store.keeps_versions:
        text = "The connection model has no token_version or lease_until: no token is renewed."
        found.append(warning("model_cannot_renew", text, _MIGRATE))
    if isinstance(store, MemoryConnectionDatastore):
        text = "Connections are kept in memory: they are forgotten when the process ends."
        found.append(warning("store_forgets", text, "Take a store with a database, unless you are only trying."))
    elif not store.seals_tokens:
        found.append(warning("model_plain_tokens", "The connection model keeps tokens as plain text.", _MIGRATE))
    if not store.has_unique_key:
        text = (
            "The connection model has no unique key on provider_id and provider_user_id: two logins may make two rows."
        )
        found.append(warning("unique_key_missing", text, _MIGRATE))
    for name in ("user_id", "expires_at"):
        if name in store.columns and not _is_indexed(store.connection_model, name):
            text = f"The connection model has no index on {name}: each look-up by it reads the whole table."
            found.append(warning("index_missing", text, f"Add an index on {name}."))
    yield from found or [ok("model", "The connection model is complete.")]


def _is_indexed(model: t.Any, name: str) -> bool:
    """Whether a column begins an index, by what each ORM says of its model; yes where nothing is said."""
    if hasattr(model, "__table__"):
        table = model.__table__
        keys = [
            list(it.columns) for it in (*table.indexes, *table.constraints) if it in table.indexes or _is_unique(it)
        ]
        return any(columns and columns[0].key == name for columns in keys)
    meta: t.Any = getattr(model, "_meta", None)
    if hasattr(meta, "fields"):  # Peewee
        field = meta.combined.get(name)
        return bool(field and (field.index or field.unique)) or any(it[0][0] == name for it in meta.indexes)
    if isinstance(meta, dict):  # MongoEngine
        specs = [spec["fields"][0][0] for spec in meta.get("index_specs", ()) if spec.get("fields")]
        return name in specs or bool(getattr(model._fields.get(name), "unique", False))
    return True


def _is_unique(constraint: t.Any) -> bool:
    return type(constraint).__name__ in ("UniqueConstraint", "PrimaryKeyConstraint")


def _schema(store: ConnectionDatastore) -> cabc.Iterator[Finding]:
    """What the database lacks of the model: an application that was never migrated."""
    try:
        schemas = store.schemas()
    except Exception as failed:  # as above; a database that answers may still not say what it has
        store.rollback()
        yield ok("schema_unseen", f"What the database has of the model is not known ({type(failed).__name__}).")
        return
    if schemas is None:
        return
    (columns, indexes), (columns_there, indexes_there) = schemas
    if columns and not columns_there:  # no table at all
        return
    found, there = [], {it.lower() for it in columns_there}
    missing = [it for it in columns if it.lower() not in there]
    if missing:
        text = f"The database has no {', '.join(missing)} in the table of connections; the model has."
        found.append(error("column_missing", text, _CATCH_UP))
    for wanted, unique in indexes:
        if not any(_serves(have, wanted, unique=unique) for have, one in indexes_there if one or not unique):
            code, kind = ("unique_key_missing", "unique key") if unique else ("index_missing", "index")
            text = f"The database has no {kind} on {', '.join(wanted)} of the connections; the model has."
            found.append(warning(code, text, _CATCH_UP))
    yield from found or [ok("schema", "The database has every column and index of the model.")]


def _serves(have: tuple[str, ...], wanted: tuple[str, ...], *, unique: bool) -> bool:
    """Whether an index of the database does for one of the model: one that begins so, or is unique for even less."""
    have, wanted = (tuple(str(name).lower() for name in names) for names in (have, wanted))
    return bool(have) and set(have) <= set(wanted) if unique else have[: len(wanted)] == wanted


def _rows(state: SocialState, rows: cabc.Sequence[StoredToken]) -> cabc.Iterator[Finding]:
    counts: collections.Counter[str] = collections.Counter()
    off: collections.Counter[str] = collections.Counter()
    for stored in rows:
        counts.update({_seal_of(state, stored)})
        if state.resolve(stored.key.provider_id) is None:
            off[stored.key.provider_id] += 1
    of = f"of {len(rows)} connections that were looked at"
    found = []
    if counts["unreadable"]:
        text = f"{counts['unreadable']} {of} hold a token that opens with none of the present keys."
        cure = "Put the lost key back behind the new one; or run rotate-keys --mark, and their owners connect again."
        found.append(error("tokens_unreadable", text, cure))
    if counts["plain"] and state.datastore.seals_tokens:
        text = f"{counts['plain']} {of} hold plain tokens of Flask-Social 1.x."
        found.append(warning("tokens_plain", text, "Run: flask social rotate-keys"))
    if counts["older"]:
        text = f"{counts['older']} {of} are sealed with an older key."
        cure = "Run flask social rotate-keys before you take the older key away."
        found.append(warning("tokens_older_key", text, cure))
    for provider_id, number in sorted(off.items()):
        text = f"{number} {of} belong to {provider_id}, which is switched off: nobody logs in through them."
        cure = f"Switch it on again, or run: flask social purge --provider {provider_id}"
        found.append(warning("provider_off", text, cure))
    yield from found or [ok("tokens", f"Every token {of} opens with the newest key." if rows else "No connection yet.")]


def _seal_of(state: SocialState, stored: StoredToken) -> str:
    """The worst of the token columns of a row."""
    found = {"current"}
    for name in TOKEN_COLUMNS:
        text = stored.raw.get(name)
        if not text:
            continue
        if not is_sealed(text):
            found.add("plain")
            continue
        try:
            state.vault.open_token(text, column=name, key=stored.key)
        except TokenUnreadable:
            found.add("unreadable")
        else:
            found.add("current" if state.vault.is_current(text) else "older")
    return next(it for it in ("unreadable", "plain", "older", "current") if it in found)
