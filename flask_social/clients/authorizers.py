"""How a token gets into a request: a header, a parameter, or a signature."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import functools
import secrets
import typing as t

import requests
from oauthlib.oauth1 import Client as OAuth1Client

from ..documents import Documents
from ..providers.base import Context, Provider
from ..values import Token
from ..vault import Vault

_FORM = "application/x-www-form-urlencoded"

#: Puts a token into a prepared request.
Authorizer = cabc.Callable[[requests.PreparedRequest, Token], None]


def text(url: t.Any) -> str:
    """An address as text; requests knows them as bytes too."""
    return url.decode() if isinstance(url, bytes) else str(url)


def signer(provider: Provider) -> Authorizer:
    """OAuth 1.0a: signs the address and a form body (RFC 5849 section 3.4.1.3)."""

    def sign(request: requests.PreparedRequest, token: Token) -> None:
        client = OAuth1Client(provider.consumer_key, provider.consumer_secret, token.access_token, token.secret)
        form = request.body is not None and request.headers.get("Content-Type", "").startswith(_FORM)
        body, headers = (text(request.body), {"Content-Type": _FORM}) if form else (None, {})
        signed = client.sign(request.url, request.method, body, headers)[1]
        request.headers["Authorization"] = signed["Authorization"]

    return sign


def bearer(provider: Provider) -> Authorizer:
    """OAuth 2: asks the provider for a request of its own, and takes the address and the headers from it."""

    def authorize(request: requests.PreparedRequest, token: Token) -> None:
        made = provider.api_request(_context(), str(request.method), text(request.url), token)
        request.url = made.url
        for name, value in made.headers.items():
            # Accept is set by the provider and by requests; the caller's own word goes before both.
            if request.headers.get(name) in (None, "*/*"):
                request.headers[name] = value

    return authorize


def _context() -> Context:
    return Context(
        redirect_uri="",
        now=dt.datetime.now(dt.UTC),
        vault=_vault(),
        documents=_documents(),
        random=secrets.token_bytes,
    )


@functools.cache
def _vault() -> Vault:
    """A request to an API seals nothing; the vault of its context is empty-handed."""
    return Vault([secrets.token_hex(32)])


@functools.cache
def _documents() -> Documents:
    return Documents()
