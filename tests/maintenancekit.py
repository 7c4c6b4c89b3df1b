"""An application with many connections, and a provider that renews tokens without being anywhere."""

from __future__ import annotations

import datetime as dt
import threading
import typing as t

import sqlalchemy as sa

from flask_social.datastores.columns import TOKEN_COLUMNS
from flask_social.errors import ProviderRefused, ProviderUnavailable
from flask_social.providers.base import Context, OAuth2Provider
from flask_social.values import ConnectionKey, Flow, Token

from .appkit import Kit, make_kit

CLIENT = {"consumer_key": "id", "consumer_secret": "the client secret"}
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


class Near(OAuth2Provider):
    """Renews at once, as long as a refresh token is its newest; what a refresh token says else comes true."""

    name = "Near"
    authorize_url = "https://near.example/authorize"
    access_token_url = "https://127.0.0.1:1/token"  # nobody listens there
    api_base_url = "https://near.example/"
    userinfo_url = "https://near.example/me"
    lifetime: t.ClassVar[int] = 3600 * 24
    asked: t.ClassVar[list[str]] = []
    lock: t.ClassVar[threading.Lock] = threading.Lock()

    def profile(self, data: t.Any) -> t.Any:
        raise NotImplementedError

    def refresh(self, context: Context, token: Token) -> Flow[Token]:
        yield from ()
        old = token.refresh_token or token.access_token
        with self.lock:
            self.asked.append(old)
        if "dead" in old:
            raise ProviderRefused("It is over.", error="invalid_grant")
        if "down" in old:
            raise ProviderUnavailable("It is down.")
        if "odd" in old:
            raise ProviderRefused("Not this one.", error="invalid_request")
        if "stranger" in old:
            raise ProviderRefused("Who are you?", error="invalid_client")
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.lifetime)
        return Token(f"new {token.access_token}", refresh_token=f"{old}+", expires_at=ends)


class Far(Near):
    """Renews without a refresh token, ten days before the end."""

    renews_without_refresh_token = True
    renew_before = dt.timedelta(days=10)
    lifetime = 3600 * 24 * 60


PROVIDERS: dict[str, t.Any] = {"near": {"class": Near, **CLIENT}, "far": {"class": Far, **CLIENT}}


def make_many(providers: dict[str, t.Any] | None = None, **config: t.Any) -> Kit:
    """The application, with one user, ada, and no connection."""
    kit = make_kit({**PROVIDERS, **(providers or {})}, **config)
    kit.add_user()
    Near.asked.clear()
    return kit


def add(kit: Kit, *rows: dict[str, t.Any], start: int = 0) -> None:
    """Writes connections past the store. Tokens are sealed unless they begin with ``raw:``."""
    vault = kit.app.extensions["social"].vault
    table = kit.Connection.__table__
    written, passed = [], dt.datetime.now(dt.UTC) - NOW
    for number, row in enumerate(rows, start):
        # A table of rows is made when the tests are collected, long before some of them.
        times = {name: value + passed for name, value in row.items() if isinstance(value, dt.datetime)}
        values = {
            "user_id": 1,
            "provider_id": "near",
            "provider_user_id": str(number),
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_at": None,
            "status": "active",
            "token_version": 0,
            "rank": 1,
            **row,
            **times,
        }
        key = ConnectionKey(values["provider_id"], values["provider_user_id"])
        for name in TOKEN_COLUMNS:
            if text := values.get(name):
                raw = text.removeprefix("raw:")
                values[name] = raw if raw != text else vault.seal_token(text, column=name, key=key)
        written.append(values)
    if not written:
        return
    names = dict.fromkeys(name for values in written for name in values)
    with kit.app.app_context(), kit.db.engine.begin() as connection:
        connection.execute(sa.insert(table), [{**dict.fromkeys(names), **values} for values in written])


def soon(**delta: float) -> dt.datetime:
    """A moment of so much time from now."""
    return NOW + dt.timedelta(**(delta or {"minutes": 10}))


def raw(kit: Kit, column: str) -> list[t.Any]:
    """A column as it stands in the database."""
    with kit.app.app_context(), kit.db.engine.connect() as connection:
        table = kit.Connection.__table__
        return list(connection.execute(sa.select(table.c[column]).order_by(table.c.id)).scalars())


def opened(kit: Kit, column: str = "access_token") -> list[str | None]:
    """A token column, opened."""
    with kit.app.app_context():
        return [getattr(row, column) for row in kit.rows()]
