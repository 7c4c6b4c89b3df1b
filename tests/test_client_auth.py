"""Client authentication at the token endpoint: each method, and which one is chosen."""

from __future__ import annotations

import base64
import typing as t

import pytest
from joserfc import jwt
from joserfc.jwk import Key, OctKey

from flask_social.client_auth import ASSERTION_TYPE, Proof, authenticate, choose_auth_method
from flask_social.errors import AnswerInvalid
from flask_social.signing import read_private_key
from flask_social.values import Client, Request

from .familykit import ME, TOKEN, oidc, simple, visited
from .protocolkit import ISSUER, SECONDS, answer, body, key, log_in, step

SECRET = "the client secret, 32 characters"
KEY = read_private_key(key("P-256").as_dict(private=True))


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        ("app", "secret", "app:secret"),
        ("a:b", "p%ss w+rd/ü", "a%3Ab:p%25ss+w%2Brd%2F%C3%BC"),  # RFC 6749 section 2.3.1: form-encoded first
    ],
)
def test_basic(client_id: str, secret: str, pair: str) -> None:
    auth = authenticate("client_secret_basic", Proof(Client(client_id, secret)))
    assert base64.b64decode(auth.headers["Authorization"].removeprefix("Basic ")).decode() == pair
    assert auth.params == {}
    assert secret not in repr(auth)


def test_post_and_none() -> None:
    client = Client("app", "secret")
    post = authenticate("client_secret_post", Proof(client))
    assert post.params == {"client_id": "app", "client_secret": "secret"}
    assert authenticate("client_secret_post", Proof(client, "client_key")).params["client_key"] == "app"
    assert authenticate("none", Proof(client)).params == {"client_id": "app"}
    assert authenticate("none", Proof(client)).headers == {}


ASSERTIONS: list[tuple[str, str, dict[str, t.Any], str]] = [
    *(("private_key_jwt", "RSA", {"token_auth_alg": f"RS{size}"}, f"RS{size}") for size in (256, 384, 512)),
    ("private_key_jwt", "RSA", {}, "RS256"),
    ("private_key_jwt", "RSA", {"token_auth_alg": "PS256"}, "PS256"),
    ("private_key_jwt", "P-256", {}, "ES256"),
    ("private_key_jwt", "P-384", {}, "ES384"),
    ("private_key_jwt", "Ed25519", {}, "EdDSA"),
    ("private_key_jwt", "Ed25519", {"token_auth_alg": "Ed25519"}, "Ed25519"),
    ("client_secret_jwt", "secret", {}, "HS256"),
    ("client_secret_jwt", "secret", {"token_auth_alg": "HS512"}, "HS512"),
]


def sent_assertion(request: Request, verifier: Key, algorithm: str) -> jwt.Token:
    fields = body(request)
    assert fields["client_assertion_type"] == ASSERTION_TYPE
    assert "Authorization" not in request.headers
    assert "client_secret" not in fields
    return jwt.decode(fields["client_assertion"], verifier, algorithms=[algorithm])


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # of the test's own verifier
@pytest.mark.parametrize(("method", "kind", "options", "algorithm"), ASSERTIONS)
def test_assertions(method: str, kind: str, options: dict[str, t.Any], algorithm: str) -> None:
    """RFC 7523 section 3; the audience is the issuer, so that no other server can use an assertion."""
    if kind == "secret":
        client, verifier = Client("app", SECRET), t.cast("Key", OctKey.import_key(SECRET))
    else:
        client, verifier = Client("app"), key(kind)
        options = {**options, "private_key": key(kind).as_pem(private=True).decode(), "private_key_id": "k1"}
    provider, ctx, attempt, params = visited(oidc(client=client, token_auth_method=method, **options))
    exchange = next(provider.finish(ctx, attempt, params))
    token = sent_assertion(exchange, verifier, algorithm)
    assert token.header == {"alg": algorithm, "typ": "JWT", **({} if kind == "secret" else {"kid": "k1"})}
    assert token.claims == {
        **{"iss": "app", "sub": "app", "aud": ISSUER, "iat": SECONDS, "exp": SECONDS + 300},
        "jti": (b"r" * 16).hex(),
    }


def test_whom_an_assertion_is_for() -> None:
    """Without an issuer it is the token endpoint; the settings win over both."""
    for options, audience in (({}, "https://p.example/token"), ({"token_auth_audience": "urn:p"}, "urn:p")):
        provider = simple(client=Client("app", SECRET), token_auth_method="client_secret_jwt", **options)
        (exchange, _), _ = log_in(provider, TOKEN, ME)
        assert sent_assertion(exchange, OctKey.import_key(SECRET), "HS256").claims["aud"] == audience


def test_refresh_and_revocation_authenticate_alike() -> None:
    provider = simple(client=Client("app"), private_key=key().as_dict(private=True), revoke_url="https://p.example/r")
    (_, _), grant = log_in(provider, answer({"access_token": "at", "refresh_token": "rt"}), ME)
    ctx = visited()[1]
    (refresh,), _ = step(provider.refresh(ctx, grant.token), TOKEN)
    (revoke,), _ = step(provider.revoke(ctx, grant.token), answer({}))
    for request in (refresh, revoke):
        assert sent_assertion(request, key(), "RS256").claims["iss"] == "app"


@pytest.mark.parametrize(
    ("secret", "private", "wanted", "announced", "method"),
    [
        ("s", False, None, None, "client_secret_basic"),
        ("s", False, None, ("client_secret_post", "client_secret_basic"), "client_secret_basic"),
        ("s", False, None, ("private_key_jwt", "client_secret_post"), "client_secret_post"),
        ("s", False, None, ("client_secret_jwt",), "client_secret_jwt"),
        ("s", False, "client_secret_post", ("client_secret_basic",), "client_secret_post"),
        ("s", False, "none", None, "none"),
        ("s", True, None, ("client_secret_basic", "private_key_jwt"), "private_key_jwt"),
        ("s", True, None, ("client_secret_basic",), "client_secret_basic"),
        ("s", True, None, None, "private_key_jwt"),
        ("s", True, "client_secret_basic", None, "client_secret_basic"),
        (None, True, None, None, "private_key_jwt"),
        (None, True, "client_secret_post", ("private_key_jwt",), "private_key_jwt"),
        (None, False, "client_secret_post", None, "none"),
        (None, False, None, ("client_secret_basic",), "none"),
    ],
)
def test_choice(
    secret: str | None, private: bool, wanted: str | None, announced: tuple[str, ...] | None, method: str
) -> None:
    assert choose_auth_method(Client("app", secret), wanted, announced, key=KEY if private else None) == method


@pytest.mark.parametrize(
    ("secret", "announced"), [("s", ()), ("s", ("none",)), ("s", ("private_key_jwt",)), (None, ("client_secret_post",))]
)
def test_nothing_to_choose(secret: str | None, announced: tuple[str, ...]) -> None:
    with pytest.raises(AnswerInvalid):
        choose_auth_method(Client("app", secret), None, announced, key=None if secret else KEY)


def test_the_method_is_chosen_by_discovery() -> None:
    pem = key().as_pem(private=True).decode()
    provider, ctx, attempt, params = visited(
        oidc(private_key=pem), token_endpoint_auth_methods_supported=["client_secret_basic", "private_key_jwt"]
    )
    assert "client_assertion" in body(next(provider.finish(ctx, attempt, params)))
