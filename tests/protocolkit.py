"""Stepping flows by hand: contexts with a fixed clock, answers in a row, and ID tokens signed with real keys."""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import functools
import json
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from flask_social.documents import Documents
from flask_social.oidc import half_hash
from flask_social.providers.base import Context, Grant, Provider, Start
from flask_social.values import Attempt, Client, Flow, Intent, Request, Response
from flask_social.vault import Vault

NOW = dt.datetime(2026, 11, 5, 12, 0, tzinfo=dt.UTC)
SECONDS = int(NOW.timestamp())
ISSUER = "https://sso.example"
REDIRECT_URI = "https://app.example/callback/p?tenant=a%20b"
CLIENT = Client("app", "s3cret")
VAULT = Vault(["a secret of the tests"])

#: What is no user id, whatever a provider says.
BAD_SUBJECTS: list[t.Any] = [
    *(None, True, 1.5, [], {}, "", "  ", "x" * 256, "nul\0", "line\n", "\ud800"),
    *(["1"], {"id": 1}, "\x9b"),
]

T = t.TypeVar("T")


def context(documents: Documents | None = None, *, now: dt.datetime = NOW) -> Context:
    """A context whose random bytes are all of one letter."""
    return Context(REDIRECT_URI, now, VAULT, documents or Documents(), lambda size: b"r" * size)


def step(flow: Flow[T], *answers: Response) -> tuple[list[Request], T]:
    """Sends the answers into a flow, one for each request it makes.

    :returns: the requests, and what the flow returned. It must ask for no more and no fewer answers.
    """
    requests, left = [], list(answers)
    try:
        request = next(flow)
        while True:
            requests.append(request)
            request = flow.send(left.pop(0))
    except StopIteration as stop:
        assert not left, f"{len(left)} answers were not asked for"
        return requests, t.cast("T", stop.value)


def answer(data: t.Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    return Response(status, {"content-type": "application/json", **headers}, json.dumps(data).encode())


def form(data: cabc.Mapping[str, str], status: int = 200) -> Response:
    """A form-encoded answer."""
    return Response(status, {"content-type": "application/x-www-form-urlencoded"}, urlencode(data).encode())


def query(url: str) -> dict[str, str]:
    """The parameters of an address, each of which must be there once."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def body(request: Request) -> dict[str, str]:
    """The form parameters of a request."""
    return dict(parse_qsl((request.body or b"").decode(), keep_blank_values=True))


def begin(
    provider: Provider, ctx: Context, *answers: Response, intent: Intent = "login"
) -> tuple[Start, Attempt, list[Request]]:
    """A visit up to the redirect, with the attempt that is remembered."""
    requests, start = step(provider.start(ctx, intent=intent), *answers)
    attempt = Attempt(
        start.state,
        provider.id,
        intent,
        request_token=start.request_token,
        request_token_secret=start.request_token_secret,
        created_at=int(ctx.now.timestamp()),
    )
    return start, attempt, requests


def log_in(
    provider: Provider, *answers: Response, ctx: Context | None = None, **params: str
) -> tuple[list[Request], Grant]:
    """A whole OAuth 2 visit of a provider whose beginning needs no answer."""
    ctx = ctx or context()
    _, attempt, _ = begin(provider, ctx)
    return step(provider.finish(ctx, attempt, {"state": attempt.state, "code": "c0de", **params}), *answers)


# Keys and ID tokens -------------------------------------------------------------------------------------------


def key(kind: str = "RSA", name: str = "one") -> Key:
    """A private key that lives as long as the test run; the same for the same name."""
    return _key(kind, name)


@functools.cache
def _key(kind: str, name: str) -> Key:
    makers: dict[str, cabc.Callable[[], Key]] = {
        "RSA": lambda: RSAKey.generate_key(2048),
        "P-256": lambda: ECKey.generate_key("P-256"),
        "P-384": lambda: ECKey.generate_key("P-384"),
        "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
        "oct": lambda: OctKey.generate_key(256),
    }
    return makers[kind]()


def jwk(kind: str = "RSA", name: str = "one", **members: t.Any) -> dict[str, t.Any]:
    """A public key as a key set holds it."""
    return {**key(kind, name).as_dict(private=False), **members}


def claims(**changes: t.Any) -> dict[str, t.Any]:
    """Good claims for :func:`context`, changed; ``None`` leaves one out."""
    good = {
        "iss": ISSUER,
        "sub": "ada-1",
        "aud": "app",
        "exp": SECONDS + 300,
        "iat": SECONDS,
        "email": "ada@example.com",
        "email_verified": True,
        "name": "Ada Lovelace",
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


def id_token(
    payload: cabc.Mapping[str, t.Any], algorithm: str = "RS256", signer: Key | None = None, **header: t.Any
) -> str:
    """An ID token signed by joserfc."""
    content = json.dumps(payload).encode()
    return jws.serialize_compact({"alg": algorithm, **header}, content, signer or key(), algorithms=[algorithm])


def forged(header: t.Any, payload: t.Any, signature: bytes = b"") -> str:
    """A token with any header and any payload, signed by nobody."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def discovery(issuer: str = ISSUER, **changes: t.Any) -> dict[str, t.Any]:
    """A discovery document; ``None`` leaves a member out."""
    good = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/keys",
        "id_token_signing_alg_values_supported": ["RS256"],
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


def token_answer(attempt: Attempt, token: str | None = None, **changes: t.Any) -> Response:
    """A token endpoint's answer with an ID token whose nonce and ``at_hash`` fit the attempt."""
    if token is None:
        fitting = {"nonce": VAULT.derive("nonce", attempt.state), "at_hash": half_hash("at", "RS256")}
        token = id_token(claims(**fitting))
    return answer({"access_token": "at", "token_type": "Bearer", "id_token": token, **changes})


def replaced(attempt: Attempt, **changes: t.Any) -> Attempt:
    """An attempt with other values."""
    return dc.replace(attempt, **changes)
