"""UserInfo answers that are signed (OpenID Connect Core 1.0 section 5.3.2)."""

from __future__ import annotations

import typing as t

import pytest

from flask_social.errors import IdTokenInvalid, ProviderRefused
from flask_social.signing import SigningKey, sign
from flask_social.values import Response

from .familykit import KEYS, oidc, visited
from .protocolkit import (
    CLIENT,
    ISSUER,
    SECONDS,
    VAULT,
    answer,
    claims,
    forged,
    id_token,
    jwk,
    key,
    step,
    token_answer,
)


def signed_userinfo(token: str) -> Response:
    return Response(200, {"content-type": "application/jwt; charset=utf-8"}, token.encode())


WHO = {"sub": "ada-1", "name": "From UserInfo"}


@pytest.mark.parametrize(
    "payload",
    [
        WHO,
        WHO | {"iss": ISSUER, "aud": "app"},
        WHO | {"iss": ISSUER, "aud": ["app"], "exp": SECONDS - 59},
        WHO | {"aud": ["app", "other"], "azp": "app"},
    ],
)
def test_signed_userinfo(payload: dict[str, t.Any]) -> None:
    provider, ctx, attempt, params = visited(oidc(userinfo="always"))
    token = id_token(claims(nonce=VAULT.derive("nonce", attempt.state), name=None))
    requests, grant = step(
        provider.finish(ctx, attempt, params),
        token_answer(attempt, token),
        KEYS,
        signed_userinfo(id_token(payload, kid="1")),
    )
    assert (len(requests), grant.profile.full_name) == (3, "From UserInfo")


def test_userinfo_signed_with_a_new_key() -> None:
    provider, ctx, attempt, params = visited(oidc(userinfo="always"))
    new = answer({"keys": [jwk(name="two", kid="2")]})
    userinfo = signed_userinfo(id_token(WHO, signer=key(name="two"), kid="2"))
    requests, grant = step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS, userinfo, new)
    assert [request.url.rpartition("/")[2] for request in requests] == ["token", "keys", "userinfo", "keys"]
    assert grant.profile.full_name == "Ada Lovelace"  # what the ID token says wins


@pytest.mark.parametrize(
    "token",
    [
        *("", "{}", '{"sub": "ada-1"}', "a.b.c", "a.b.c.d.e"),
        forged({"alg": "none"}, WHO),
        forged({"alg": "RS256"}, WHO, b"signature"),
        sign(WHO, SigningKey("HS256", secret=(CLIENT.client_secret or "").encode())),
        id_token(WHO, signer=key(name="stranger"), kid="1"),
        id_token(WHO | {"sub": "eve"}),
        id_token(WHO | {"iss": "https://evil.example"}),
        id_token(WHO | {"iss": None}),
        id_token(WHO | {"aud": "another"}),
        id_token(WHO | {"aud": []}),
        id_token(WHO | {"aud": ["app", "another"]}),
        id_token(WHO | {"exp": SECONDS - 60}),
        id_token(WHO | {"exp": "soon"}),
    ],
)
def test_signed_userinfo_that_does_not_hold(token: str) -> None:
    provider, ctx, attempt, params = visited(oidc(userinfo="always"))
    flow = provider.finish(ctx, attempt, params)
    for it in (None, token_answer(attempt), KEYS):
        flow.send(it)  # type: ignore[arg-type]  # None starts a generator
    with pytest.raises(IdTokenInvalid):
        # A signature that fails asks for the keys once more.
        [flow.send(it) for it in (signed_userinfo(token), KEYS)]


def test_an_error_is_not_read_as_a_token() -> None:
    provider, ctx, attempt, params = visited(oidc(userinfo="always"))
    refused = Response(403, {"content-type": "application/jwt"}, id_token(WHO).encode())
    with pytest.raises(ProviderRefused):
        step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS, refused)
