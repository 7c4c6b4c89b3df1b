"""Between a stored row and a token: opening it, and sealing what is to be written."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from .datastores.base import StoredToken
from .datastores.columns import TOKEN_COLUMNS
from .values import ConnectionKey, Token
from .vault import Vault


def open_stored(vault: Vault, stored: StoredToken) -> Token:
    """The token of a stored row.

    :raises TokenUnreadable: when a column of it opens with no key of ours.
    """
    opened = {
        name: vault.open_token(text, column=name, key=stored.key)
        for name in TOKEN_COLUMNS
        if (text := stored.raw.get(name))
    }
    return Token(
        access_token=opened.get("access_token", ""),
        secret=opened.get("secret"),
        refresh_token=opened.get("refresh_token"),
        id_token=opened.get("id_token"),
        expires_at=stored.expires_at,
        scope=tuple(stored.granted_scope.split()) if stored.granted_scope else None,
    )


def sealed_values(
    vault: Vault, key: ConnectionKey, values: cabc.Mapping[str, t.Any], *, seals: bool
) -> dict[str, t.Any]:
    """Column values as a store keeps them: its token columns sealed, if it seals them."""
    return {
        name: vault.seal_token(value, column=name, key=key) if seals and value and name in TOKEN_COLUMNS else value
        for name, value in values.items()
    }
