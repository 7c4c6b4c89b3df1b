"""The columns of a connection: their names, what a token and a profile write to them, and what a model can hold."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import typing as t

from ..errors import StoreError
from ..values import Profile, Token

T = t.TypeVar("T")

#: Columns that hold a token; sealed by the ready models.
TOKEN_COLUMNS = ("access_token", "secret", "refresh_token", "id_token")

#: The table or collection of the revocations that are still to be made.
REVOCATIONS = "social_revocations"

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


def token_values(token: Token) -> dict[str, t.Any]:
    """The columns that a new token writes. An absent refresh token keeps the old one, so it is left out."""
    values: dict[str, t.Any] = {
        "access_token": token.access_token or None,
        "secret": token.secret,
        "expires_at": token.expires_at,
        "status": "active" if token.access_token else "needs_reconnect",
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
    """The columns of :data:`COLUMNS` that a model has. A property that cannot be set is none."""
    found = ((name, getattr(model, name)) for name in COLUMNS if hasattr(model, name))
    return frozenset(name for name, column in found if getattr(column, "fset", column) is not None)


def findable(by: cabc.Mapping[str, t.Any]) -> bool:
    """Whether a row may hold these values: a text that no database takes finds nothing, and is no error."""
    return all(_storable(value) for value in by.values())


def same_key(connection: t.Any, by: cabc.Mapping[str, t.Any]) -> bool:
    """Whether a row is of the key that was asked for, to the letter."""
    return all(getattr(connection, name) == by[name] for name in KEY_COLUMNS if name in by)


def in_order(rows: cabc.Iterable[T]) -> list[T]:
    """Connections by rank (without one: 1) and then age; those of one age stay as they stand."""

    def age(row: t.Any) -> dt.datetime:
        made = getattr(row, "created_at", None)
        if not isinstance(made, dt.datetime):
            return dt.datetime.min.replace(tzinfo=dt.UTC)
        return made if made.tzinfo is not None else made.replace(tzinfo=dt.UTC)

    def rank(row: t.Any) -> int:
        given = getattr(row, "rank", None)
        return 1 if given is None else int(given)

    return sorted(rows, key=lambda row: (rank(row), age(row)))


@dc.dataclass(frozen=True, slots=True)
class Texts:
    """What the text columns of a model can hold.

    :param lengths: the most characters, by column; a column without a limit is left out.
    :param required: the columns that take no ``NULL`` and have no default.
    """

    lengths: cabc.Mapping[str, int]
    required: frozenset[str] = frozenset()


def fitted(columns: cabc.Container[str], texts: Texts, values: cabc.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The values that a model has a column for. A text that its column cannot hold becomes ``None``.

    A cut token or address would be a wrong one, where ``None`` says that it is missing; a column that takes no
    ``NULL`` says it with an empty text.

    :raises StoreError: when a part of the key does not fit: the connection would be somebody else's.
    """
    fitting: dict[str, t.Any] = {}
    for name, value in values.items():
        if name not in columns:
            continue
        if isinstance(value, str) and (len(value) > texts.lengths.get(name, len(value)) or not _storable(value)):
            if name in KEY_COLUMNS:
                raise StoreError(f"The column {name} is too short for this id, or it is no text; make it String(255).")
            value = None
        fillable = name in texts.required and name not in KEY_COLUMNS | {"user_id"}
        fitting[name] = "" if value is None and fillable else value
    return fitting


def _storable(value: object) -> bool:
    """Whether every database takes this as text: PostgreSQL has no NUL, and UTF-8 no lone surrogate."""
    if not isinstance(value, str):
        return True
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def utcnow() -> dt.datetime:
    """The present moment, aware, in UTC: the form in which every time of a connection is kept."""
    return dt.datetime.now(dt.UTC)


def takes_null(model: t.Any, name: str) -> bool:
    """Whether a column of a model may be empty, by what each ORM says of it."""
    if hasattr(model, "__table__"):
        return name not in model.__table__.columns or bool(model.__table__.columns[name].nullable)
    if hasattr(model, "_fields"):
        field = model._fields.get(name)
        return field is None or (not field.required and not (field.unique and not field.sparse))
    return bool(model._meta.fields[name].null) if hasattr(model, "_meta") else False
