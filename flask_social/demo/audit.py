"""The activity list: what the signals of Flask-Social and Flask-Security tell, kept in memory."""

from __future__ import annotations

import collections
import dataclasses as dc
import datetime as dt
import itertools
import typing as t

from flask import Flask
from flask_security import user_authenticated, user_registered

from .. import signals

#: How many entries are kept.
_LENGTH = 100


@dc.dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``tone`` is ``good``, ``bad`` or ``plain``."""

    number: int
    at: dt.datetime
    signal: str
    text: str
    tone: str


class Audit:
    """The newest entries first. It holds no secret: neither tokens nor what a provider answered."""

    def __init__(self, app: Flask) -> None:
        self._entries: collections.deque[Entry] = collections.deque(maxlen=_LENGTH)
        self._numbers = itertools.count(1)
        for name, (signal, tone, say) in _LISTENED.items():
            signal.connect(self._listener(name, tone, say), sender=app, weak=False)

    def entries(self, count: int = _LENGTH) -> list[Entry]:
        """At most ``count`` entries, the newest first."""
        return list(self._entries)[:count]

    def _listener(self, name: str, tone: str, say: t.Callable[..., str]) -> t.Callable[..., None]:
        def listen(sender: Flask, **arguments: t.Any) -> None:
            now = dt.datetime.now(dt.UTC)
            self._entries.appendleft(Entry(next(self._numbers), now, name, say(**arguments), tone))

        return listen


def _account(connection: t.Any, **_: t.Any) -> str:
    return f"the {connection.provider_id} account {connection.display_name or connection.provider_user_id}"


_LISTENED: dict[str, tuple[t.Any, str, t.Callable[..., str]]] = {
    "login_completed": (
        signals.login_completed,
        "good",
        lambda provider, user: f"{user.email} logged in through {provider.name}",
    ),
    "login_failed": (
        signals.login_failed,
        "bad",
        lambda provider, oauth_response: f"somebody came from {provider.name}, whose account nobody here has connected",
    ),
    "connection_created": (
        signals.connection_created,
        "good",
        lambda user, connection: f"{user.email} connected {_account(connection)}",
    ),
    "connection_updated": (
        signals.connection_updated,
        "plain",
        lambda user, connection, changed: f"{user.email} has new data from {_account(connection)}",
    ),
    "connection_failed": (
        signals.connection_failed,
        "bad",
        lambda user: f"{user.email} tried to connect an account that is connected already",
    ),
    "connection_removed": (
        signals.connection_removed,
        "plain",
        lambda user, provider_id: f"{user.email} disconnected {provider_id}",
    ),
    "user_signed_up": (
        signals.user_signed_up,
        "good",
        lambda user, connection: f"{user.email} signed up with {_account(connection)}",
    ),
    "token_refreshed": (signals.token_refreshed, "plain", _account),
    "token_refresh_failed": (signals.token_refresh_failed, "bad", _account),
    "attempt_refused": (
        signals.attempt_refused,
        "bad",
        lambda provider, code, intent: f"{intent} through {provider.name} came to nothing: {code}",
    ),
    "user_registered": (user_registered, "good", lambda user, **_: f"{user.email} registered"),
    "user_authenticated": (
        user_authenticated,
        "good",
        lambda user, authn_via, **_: f"{user.email} is logged in, by {', '.join(authn_via)}",
    ),
}
