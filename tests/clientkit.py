"""Contexts of API clients with tokens that the stand-in really gave."""

from __future__ import annotations

import dataclasses as dc
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
