"""Contexts of API clients with tokens that the stand-in really gave."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import threading
import typing as t

from requests_oauthlib import OAuth1Session

from flask_social.clients import ApiContext
from flask_social.legacy import adapt
from flask_social.providers import load
from flask_social.registration import make_provider
from flask_social.testing import StandIn
from flask_social.values import Client, ConnectionKey, Token

from .standinkit import tokens

TIMEOUT = (3.05, 5.0)


def make_context(
    standin: StandIn, provider_id: str, *, timeout: tuple[float, float] = TIMEOUT, **settings: t.Any
) -> ApiContext:
    """Ada's connection; ``settings`` are added to the provider's."""
    provider = make_provider(provider_id, standin.settings(provider_id, **settings), key="SOCIAL_X", adapt=adapt)
    token = _signed_token(standin) if provider_id == "twitter" else Token(tokens(standin, provider_id)["access_token"])
    return ApiContext(provider, token, ConnectionKey(provider_id, standin.subject(provider_id, "ada")), timeout)


def real_context(provider_id: str, secret: str | None = None, **options: t.Any) -> ApiContext:
    """A context that leads to the real provider; nothing is sent with it."""
    provider = load(provider_id)(id=provider_id, client=Client("id", "client-secret"), **options)
    return ApiContext(provider, Token("token", secret), ConnectionKey(provider_id, "7"), TIMEOUT)


class Keeper:
    """A keeper with a token that the stand-in really gave; another one comes by logging in again.

    ``token()`` and ``renewed()`` raise ``error`` when it is set. ``rejected`` holds what :meth:`renewed` was told.
    """

    def __init__(self, standin: StandIn, token: Token, provider_id: str) -> None:
        self._lock = threading.Lock()
        self._login: cabc.Callable[[], str] = lambda: str(tokens(standin, provider_id)["access_token"])
        self.present = token
        self.asked = 0
        self.renewals = 0
        self.rejected: list[str] = []
        self.error: Exception | None = None

    def token(self) -> Token:
        self.asked += 1
        return self.present

    def renewed(self, rejected: str) -> Token:
        self.rejected.append(rejected)
        if self.error is not None:
            raise self.error
        with self._lock:
            if self.present.access_token == rejected:
                self.renewals += 1
                self.present = dc.replace(self.present, access_token=self._login())
            return self.present


def kept_context(standin: StandIn, provider_id: str, **settings: t.Any) -> tuple[ApiContext, Keeper]:
    """Ada's connection with a keeper, and the keeper."""
    context = make_context(standin, provider_id, **settings)
    keeper = Keeper(standin, context.token, provider_id)
    return dc.replace(context, keeper=keeper), keeper


def with_token(context: ApiContext, value: str) -> ApiContext:
    return dc.replace(context, token=dc.replace(context.token, access_token=value))


def _signed_token(standin: StandIn) -> Token:
    settings = standin.settings("twitter")
    session = OAuth1Session(
        settings["consumer_key"], settings["consumer_secret"], callback_uri="http://app.example/callback"
    )
    session.fetch_request_token(settings["request_token_url"])
    session.parse_authorization_response(standin.visit(session.authorization_url(settings["authorize_url"])).url)
    found = session.fetch_access_token(settings["access_token_url"])
    return Token(found["oauth_token"], found["oauth_token_secret"])
