"""The token of a connection, ready for use."""

from __future__ import annotations

import typing as t

from .datastores.base import ConnectionDatastore
from .errors import ReconnectRequired, TokenUnreadable
from .values import Token


def live_token(datastore: ConnectionDatastore, connection: t.Any) -> Token:
    """The opened token of a connection, as far as an API call needs it.

    :raises ReconnectRequired: when there is none, or no key opens it. The connection is then marked
        ``needs_reconnect``; a login through it goes on and brings a new token.
    """
    try:
        access_token = connection.access_token
        if access_token:
            scope = getattr(connection, "granted_scope", None)
            return Token(
                access_token=access_token,
                secret=connection.secret,
                expires_at=getattr(connection, "expires_at", None),
                scope=tuple(scope.split()) if scope else None,
            )
    except TokenUnreadable as error:
        raise _give_up(datastore, connection) from error
    raise _give_up(datastore, connection)


def _give_up(datastore: ConnectionDatastore, connection: t.Any) -> ReconnectRequired:
    datastore.update_connection(connection, status="needs_reconnect")
    datastore.commit()
    return ReconnectRequired(f"The {connection.provider_id} connection holds no usable token. Connect it again.")
