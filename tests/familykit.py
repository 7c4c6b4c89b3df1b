"""One plain provider of each family."""

from __future__ import annotations

import typing as t

from flask_social.providers import load
from flask_social.providers.base import Context, OAuth1Provider, OAuth2Provider, OIDCProvider, Provider
from flask_social.providers.oidc import GenericOIDCProvider
from flask_social.values import Attempt, Profile

from .protocolkit import (
    CLIENT,
    ISSUER,
    answer,
    begin,
    context,
    discovery,
    jwk,
)

Data = t.Mapping[str, t.Any]


class Simple(OAuth2Provider):
    name = "Simple"
    authorize_url = "https://p.example/authorize?tenant=1"
    access_token_url = "https://p.example/token"
    profile_path = "me"
    api_base_url = "https://api.example/v1/"
    scopes = ("read", "email")
    authorize_params: t.Mapping[str, str | None] = {"prompt": "consent"}
    email_trust = "verified"

    def profile(self, data: Data) -> Profile:
        return Profile(data["id"], email=data.get("email"), email_trust="authoritative")


class OldStyle(OAuth1Provider):
    name = "Old style"
    request_token_url = "https://p.example/request_token"
    authorize_url = "https://p.example/authenticate?lang=en"
    access_token_url = "https://p.example/access_token"
    profile_path = "me.json"
    api_base_url = "https://api.example"
    revoke_url = "https://p.example/revoke"

    def profile(self, data: Data) -> Profile:
        return Profile(data["id"])


def simple(**options: t.Any) -> Simple:
    return Simple(id="simple", client=options.pop("client", CLIENT), **options)


def oidc(**options: t.Any) -> GenericOIDCProvider:
    return GenericOIDCProvider(id="oidc", client=options.pop("client", CLIENT), **{"issuer": ISSUER, **options})


NEEDED: dict[str, dict[str, t.Any]] = {
    "oidc": {"issuer": "https://sso.example"},
    "oauth2": {
        "authorize_url": "https://p.example/authorize",
        "access_token_url": "https://p.example/token",
        "userinfo_url": "https://p.example/me",
    },
}


def make(row: str, **options: t.Any) -> Provider:
    return load(row)(id=row, client=CLIENT, **{**NEEDED.get(row, {}), **options})


#: Good answers of the token endpoint and of the profile.
TOKEN = answer({"access_token": "at", "token_type": "bearer", "expires_in": 60})
ME = answer({"id": 7, "email": "ada@example.com"})
DISCOVERY, KEYS = answer(discovery()), answer({"keys": [jwk(kid="1")]})


def visited(
    provider: OIDCProvider | None = None, *, intent: t.Any = "login", **document: t.Any
) -> tuple[OIDCProvider, Context, Attempt, dict[str, str]]:
    """A begun visit with discovery and keys at hand, and the parameters of a good callback."""
    provider, ctx = provider or oidc(), context()
    start, attempt, _ = begin(provider, ctx, answer(discovery(**document)), intent=intent)
    return provider, ctx, attempt, {"state": start.state, "code": "c0de"}
