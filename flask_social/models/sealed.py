"""A token attribute that is sealed in the database and open in Python."""

from __future__ import annotations

import typing as t

from ..datastores.columns import TOKEN_COLUMNS
from ..state import current_state
from ..values import ConnectionKey


class SealedToken:
    """A descriptor over the attribute ``sealed_<name>``, bound to the row's :class:`ConnectionKey` and its own name.

    Reading raises :class:`~flask_social.errors.TokenUnreadable` when the token opens with none of our keys; a plain
    token of Flask-Social 1.x is read as it is, and sealed when it is next set.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._sealed = f"sealed_{name}"

    def __get__(self, row: t.Any, owner: type | None = None) -> t.Any:
        if row is None:
            return self
        stored = getattr(row, self._sealed)
        if stored is None:
            return None
        return current_state().vault.open_token(stored, column=self._name, key=_key(row))

    def __set__(self, row: t.Any, token: str | None) -> None:
        if token is not None:
            token = current_state().vault.seal_token(token, column=self._name, key=_key(row))
        setattr(row, self._sealed, token)


def key_first(values: dict[str, t.Any]) -> None:
    """Moves the tokens to the end of a constructor's keywords: they are sealed for the key, which comes first."""
    for name in TOKEN_COLUMNS:
        if name in values:
            values[name] = values.pop(name)


def _key(row: t.Any) -> ConnectionKey:
    if not row.provider_id or not row.provider_user_id:
        raise ValueError("set provider_id and provider_user_id before a token: it is sealed for them")
    return ConnectionKey(row.provider_id, row.provider_user_id)
