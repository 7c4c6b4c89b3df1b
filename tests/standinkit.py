"""A plain client for the stand-in: requests and nothing of ours, so that it cannot share a mistake with us."""

from __future__ import annotations

import typing as t
from urllib.parse import urlencode

import requests

from flask_social.testing import StandIn, WayBack

REDIRECT_URI = "http://app.example/callback"

#: RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

SCOPES = {
    "x": "tweet.read users.read users.email offline.access",
    "facebook": "email,public_profile",
    "google": "openid email profile",
    "oidc": "openid email profile offline_access",
    "oauth2": "profile email",
}

TOKEN_PATHS = {
    "x": "/2/oauth2/token",
    "facebook": "/oauth/access_token",
    "google": "/token",
    "foursquare": "/oauth2/access_token",
    "oidc": "/token",
    "oauth2": "/token",
}

AUTHORIZE_PATHS = {
    "x": "/i/oauth2/authorize",
    "facebook": "/dialog/oauth",
    "google": "/o/oauth2/v2/auth",
    "foursquare": "/oauth2/authenticate",
    "oidc": "/authorize",
    "oauth2": "/authorize",
}


def authorization_url(standin: StandIn, provider: str, **params: t.Any) -> str:
    """A good authorization request; a parameter that is ``None`` is left out."""
    values = {
        "client_id": f"{provider}-app",
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": SCOPES.get(provider),
        "state": "s t&ä",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **params,
    }
    query = urlencode({name: value for name, value in values.items() if value is not None})
    return f"{standin.url}/{provider}{AUTHORIZE_PATHS[provider]}?{query}"


def agree(standin: StandIn, provider: str, person: str | None = "ada", **params: t.Any) -> WayBack:
    """The way back of a person who agrees (``None``: declines)."""
    return standin.visit(authorization_url(standin, provider, **params), person)


def token_request(standin: StandIn, provider: str, **params: t.Any) -> requests.Response:
    """A good token request for ``code=…`` or whatever else ``params`` say."""
    values: dict[str, t.Any] = {
        "grant_type": "authorization_code",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "client_id": f"{provider}-app",
        "client_secret": f"{provider}-app-secret",
        **params,
    }
    auth = None
    if provider == "x" and values.get("client_secret"):
        auth = (values.pop("client_id"), values.pop("client_secret"))
    return requests.post(f"{standin.url}/{provider}{TOKEN_PATHS[provider]}", data=values, auth=auth, timeout=10)


def tokens(standin: StandIn, provider: str, person: str = "ada", **params: t.Any) -> dict[str, t.Any]:
    """Everything up to the token answer."""
    response = token_request(standin, provider, code=agree(standin, provider, person, **params).params["code"])
    assert response.status_code == 200, response.text
    return t.cast("dict[str, t.Any]", response.json())


def get(standin: StandIn, path: str, token: str | None = None, **params: str) -> requests.Response:
    """An API call with a bearer token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(standin.url + path, params=params, headers=headers, timeout=10, allow_redirects=False)
