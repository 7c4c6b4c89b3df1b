"""Who uses a token: a client that keeps it while it lives, and the command that renews what is near its end."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import math
import os
import threading
import time
import typing as t

from flask import Flask

from .datastores.base import StoredToken
from .datastores.columns import utcnow
from .errors import ProviderError, ProviderRefused, ReconnectRequired, StoreError, TokenStoreBusy, TokenUnreadable
from .health import utc
from .providers.base import Provider
from .signals import token_refresh_failed, token_refreshed
from .state import SocialState, in_context_of
from .tokens import Outcome, Renewal, why
from .values import ConnectionKey, Token


class TokenKeeper:
    """The live token of one connection, for as long as a client uses it.

    :param app: whose context is entered where there is none, such as in a thread of the application's own.
    :param connection: sent with the signals; what was renewed is shown in it.
    :raises ReconnectRequired: when the connection holds no token, or none that opens.
    """

    def __init__(
        self, app: Flask, state: SocialState, provider: Provider, connection: t.Any, *, url: str | None = None
    ) -> None:
        self._app = app
        self._connection = connection
        key = ConnectionKey(connection.provider_id, connection.provider_user_id)
        self._renewal = Renewal(state, provider, key, owner=connection.user_id, url=url)
        self._locks: dict[int, threading.Lock] = {}
        self._made = -math.inf
        self._token = self._read()

    def token(self) -> Token:
        """The token, renewed when it is near its end; otherwise nothing is asked, the database neither.

        :raises ReconnectRequired: when the grant is dead.
        :raises ProviderError: when the provider failed, and the present token does not live any more.
        :raises TokenStoreBusy: when the store is locked.
        """
        if self._renewal.is_due(self._token):
            with self._lock():
                if self._renewal.is_due(self._token):
                    self._renew(None)
        return self._token

    def renewed(self, rejected: str) -> Token:
        """Another token than one that an API did not take; the same when there is no other. Raises as :meth:`token`.

        A token that was made for this client within the last minute is not renewed again: what refuses it refuses
        any.
        """
        with self._lock():
            if self._token.access_token == rejected and time.monotonic() - self._made > 60:
                self._renew(rejected)
        return self._token

    def _lock(self) -> threading.Lock:
        """The lock of this process: the parent's may have been held, at the fork, by a thread that is not here."""
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def _read(self) -> Token:
        """The token of the caller's object, without a query."""
        row, scope = self._connection, getattr(self._connection, "granted_scope", None)
        try:
            works = getattr(row, "status", None) not in ("needs_reconnect", "revoked")
            works = works and self._renewal.provider.is_issuer(getattr(row, "issuer", None))
            if row.access_token and works:
                ends = getattr(row, "expires_at", None)
                return Token(
                    access_token=row.access_token,
                    secret=row.secret,
                    expires_at=utc(ends) if ends is not None else None,
                    scope=tuple(scope.split()) if scope else None,
                )
        except TokenUnreadable:
            pass
        # The database may know better than an object of some time ago; it marks the connection if it does not.
        self._token = Token("", expires_at=utcnow())
        self._renew(None)
        return self._token

    def _renew(self, rejected: str | None) -> None:
        with in_context_of(self._app):
            try:
                outcome, self._token, stored = self._renewal.run(rejected)
            except ReconnectRequired as error:
                _tell_of_failure(self._app, lambda: self._connection, error)
                raise
            self._renewal.state.datastore.adopt_tokens(self._connection, stored)
            if outcome == "renewed":
                self._made = time.monotonic()
                token_refreshed.send(self._app, connection=self._connection)


def renew_stored(
    state: SocialState, provider: Provider, stored: StoredToken, *, horizon: dt.timedelta, app: Flask
) -> Outcome:
    """Renews one row that was found in the store, if it ends within ``horizon``; nothing is waited for.

    :returns: ``renewed``; ``fresh``, when it was not due any more; ``busy``, while somebody else is at it; ``unable``,
        when there is nothing to renew it with; ``dead``, when its owner has to connect it again; ``refused``, when the
        provider would not; ``failed``, when the provider or the store did not answer; ``unreadable``, when no key opens
        it (it is not marked: this process may have the wrong keys).
    """
    leeway = max(horizon, provider.renew_before or horizon)
    renewal = Renewal(state, provider, stored.key, leeway=leeway, marks=False)

    def connection() -> t.Any:
        return state.datastore.find_by_key(stored.key)

    try:
        outcome = renewal.run(wait=False)[0]
        if outcome == "renewed" and token_refreshed.receivers:
            token_refreshed.send(app, connection=connection())
        return outcome
    except ReconnectRequired as error:
        _tell_of_failure(app, connection, error)
        return "dead"
    except TokenUnreadable:
        return "unreadable"
    except ProviderError as error:
        return why(error)
    except (StoreError, TokenStoreBusy):
        return "failed"


def _tell_of_failure(app: Flask, connection: cabc.Callable[[], t.Any], error: ReconnectRequired) -> None:
    """Sends ``token_refresh_failed`` when it was the provider who said that the grant is dead."""
    if isinstance(error.__cause__, ProviderRefused) and token_refresh_failed.receivers:
        token_refresh_failed.send(app, connection=connection(), error=error)
