"""The flows of OpenID Connect, stepped by hand."""

from __future__ import annotations

import typing as t

import pytest

from flask_social.documents import Documents
from flask_social.errors import (
    AnswerInvalid,
    AttemptRefused,
    IdTokenInvalid,
)
from flask_social.providers.base import Provider
from flask_social.values import Client, Profile

from .familykit import DISCOVERY, KEYS, OldStyle, oidc, simple, visited
from .protocolkit import (
    CLIENT,
    ISSUER,
    SECONDS,
    VAULT,
    answer,
    begin,
    claims,
    context,
    id_token,
    query,
    step,
    token_answer,
)


def test_oidc_begin() -> None:
    start, _, (asked,) = begin(oidc(), context(), DISCOVERY)
    assert (asked.url, asked.configured) == (f"{ISSUER}/.well-known/openid-configuration", True)
    assert start.url.startswith(f"{ISSUER}/authorize?")
    sent = query(start.url)
    assert sent["scope"] == "openid email profile"
    assert sent["nonce"] == VAULT.derive("nonce", start.state)
    assert "prompt" not in sent


def test_oidc_begin_with_options() -> None:
    provider = oidc(scopes="email", nonce=False, authorize_url="https://login.example/", authorize_params={"acr": "1"})
    start, _, _ = begin(provider, context(), DISCOVERY)
    sent = query(start.url)
    assert start.url.startswith("https://login.example/?")
    assert (sent["scope"], sent["acr"]) == ("openid email", "1")
    assert "nonce" not in sent


def test_the_first_login_and_the_next() -> None:
    provider, ctx, attempt, params = visited()
    requests, grant = step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS)
    assert [(request.url, request.configured) for request in requests] == [
        (f"{ISSUER}/token", False),
        (f"{ISSUER}/keys", False),
    ]
    assert grant.issuer == ISSUER
    assert grant.profile == Profile(
        "ada-1",
        display_name="Ada Lovelace",
        full_name="Ada Lovelace",
        email="ada@example.com",
        email_verified=True,
        email_trust="claimed",
        raw=grant.profile.raw,
    )
    assert grant.token.id_token is not None
    requests, _ = step(provider.finish(ctx, attempt, params), token_answer(attempt))
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("announced", "wanted", "basic"),
    [
        (None, None, True),
        (["client_secret_basic", "client_secret_post"], None, True),
        (["client_secret_post"], None, False),
        (["client_secret_basic"], "client_secret_post", False),
    ],
)
def test_client_authentication_by_discovery(announced: t.Any, wanted: str | None, basic: bool) -> None:
    provider = oidc(**({"token_auth_method": wanted} if wanted else {}))
    provider, ctx, attempt, params = visited(provider, token_endpoint_auth_methods_supported=announced)
    (exchange, _), _ = step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS)
    assert ("Authorization" in exchange.headers) is basic


@pytest.mark.parametrize(
    ("announced", "iss", "fine"),
    [
        *((True, ISSUER, True), (True, None, False), (True, "https://evil.example", False)),
        *((None, ISSUER, True), (None, None, True), (None, "https://evil.example", False), ("yes", None, True)),
    ],
)
def test_iss_in_callbacks(announced: t.Any, iss: str | None, fine: bool) -> None:
    provider, ctx, attempt, params = visited(authorization_response_iss_parameter_supported=announced)
    flow = provider.finish(ctx, attempt, params | ({"iss": iss} if iss else {}))
    if fine:
        step(flow, token_answer(attempt), KEYS)
        return
    with pytest.raises(AttemptRefused) as caught:
        step(flow)
    assert caught.value.code == "issuer_mismatch"


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "other"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"aud": []},
        {"sub": ""},
        {"exp": SECONDS - 60},
        {"at_hash": "AAAA"},
    ],
)
def test_id_tokens_that_do_not_hold(changes: dict[str, t.Any]) -> None:
    provider, ctx, attempt, params = visited()
    token = id_token(claims(**{"nonce": VAULT.derive("nonce", attempt.state), **changes}))
    with pytest.raises(IdTokenInvalid):
        step(provider.finish(ctx, attempt, params), token_answer(attempt, token), KEYS)


@pytest.mark.parametrize("given", [None, "", 5, ["a.b.c"]])
def test_a_missing_id_token(given: t.Any) -> None:
    provider, ctx, attempt, params = visited()
    with pytest.raises(IdTokenInvalid, match="no ID token"):
        step(provider.finish(ctx, attempt, params), token_answer(attempt, id_token=given))


@pytest.mark.parametrize(
    ("lacking", "options", "granted", "asked"),
    [
        (None, {}, None, False),
        ("email", {}, None, True),
        ("name", {}, None, True),
        ("email", {"scopes": ["openid", "profile"]}, None, False),
        ("name", {"scopes": "openid email"}, None, False),
        ("email", {}, "openid profile", False),
        ("email", {"userinfo": "never"}, None, False),
        (None, {"userinfo": "always"}, None, True),
    ],
)
def test_when_userinfo_is_asked(lacking: str | None, options: dict[str, t.Any], granted: t.Any, asked: bool) -> None:
    provider, ctx, attempt, params = visited(oidc(**options))
    token = id_token(claims(nonce=VAULT.derive("nonce", attempt.state), **({lacking: None} if lacking else {})))
    userinfo = [answer({"sub": "ada-1", "email": "ui@example.com", "name": "From UserInfo"})] if asked else []
    response = token_answer(attempt, token, **({"scope": granted} if granted else {}))
    requests, grant = step(provider.finish(ctx, attempt, params), response, KEYS, *userinfo)
    if asked:
        assert requests[-1].url == f"{ISSUER}/userinfo"
        assert requests[-1].headers["Authorization"] == "Bearer at"
        assert not requests[-1].configured
    if lacking and asked:
        assert grant.profile.raw[lacking] in ("ui@example.com", "From UserInfo")


def test_without_a_userinfo_endpoint() -> None:
    provider, ctx, attempt, params = visited(userinfo_endpoint=None)
    token = id_token(claims(nonce=VAULT.derive("nonce", attempt.state), email=None))
    _, grant = step(provider.finish(ctx, attempt, params), token_answer(attempt, token), KEYS)
    assert (grant.profile.email, grant.profile.email_verified, grant.profile.email_trust) == (None, None, "never")
    strict = oidc(userinfo="always")
    strict, ctx, attempt, params = visited(strict, userinfo_endpoint=None)
    with pytest.raises(AnswerInvalid, match="UserInfo"):
        step(strict.finish(ctx, attempt, params), token_answer(attempt), KEYS)


@pytest.mark.parametrize("sub", ["eve", None, "", 5])
def test_userinfo_of_somebody_else(sub: t.Any) -> None:
    provider, ctx, attempt, params = visited(oidc(userinfo="always"))
    with pytest.raises(IdTokenInvalid):
        step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS, answer({"sub": sub}))


@pytest.mark.parametrize(
    "document", [{"authorization_endpoint": None}, {"issuer": "https://evil.example"}, {"token_endpoint": "http://x"}]
)
def test_discovery_that_fails_at_the_beginning(document: dict[str, t.Any]) -> None:
    with pytest.raises(AnswerInvalid):
        visited(**document)


def test_a_document_without_a_token_endpoint() -> None:
    provider, ctx, attempt, params = visited(token_endpoint=None)
    with pytest.raises(AnswerInvalid, match="token"):
        step(provider.finish(ctx, attempt, params))


def test_endpoints_of_the_settings_win_and_are_configured() -> None:
    provider, ctx, attempt, params = visited(
        oidc(
            access_token_url="http://10.0.0.1/token",
            jwks_uri="http://10.0.0.1/keys",
            userinfo_url="http://10.0.0.1/me",
            userinfo="always",
        )
    )
    requests, _ = step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS, answer({"sub": "ada-1"}))
    assert [(request.url, request.configured) for request in requests] == [
        (f"http://10.0.0.1/{path}", True) for path in ("token", "keys", "me")
    ]


def test_a_public_client_and_hmac() -> None:
    """The client secret verifies HS256 where the settings allow it; without a secret nothing does."""
    from joserfc.jwk import OctKey

    secret = "the client secret, 32 characters"
    for client, fine in ((Client("app", secret), True), (Client("app"), False)):
        provider = oidc(client=client, id_token_algs="HS256")
        provider, ctx, attempt, params = visited(
            provider, id_token_signing_alg_values_supported=["HS256"], jwks_uri=None
        )
        good = claims(nonce=VAULT.derive("nonce", attempt.state))
        flow = provider.finish(ctx, attempt, params)
        response = token_answer(attempt, id_token(good, "HS256", OctKey.import_key(secret)))
        if fine:
            assert step(flow, response)[1].profile.subject == "ada-1"
        else:
            with pytest.raises(IdTokenInvalid):
                step(flow, response)


@pytest.mark.parametrize(("auth_time", "fine"), [(0, True), (-60, True), (-61, False), (None, False)])
def test_verification_demands_a_fresh_login(auth_time: int | None, fine: bool) -> None:
    provider, ctx, attempt, params = visited(intent="verify")
    start, _, _ = begin(provider, ctx, intent="verify")
    assert (query(start.url)["prompt"], query(start.url)["max_age"]) == ("login", "0")
    when = None if auth_time is None else SECONDS + auth_time
    token = id_token(claims(nonce=VAULT.derive("nonce", attempt.state), auth_time=when))
    flow = provider.finish(ctx, attempt, params)
    if fine:
        assert step(flow, token_answer(attempt, token), KEYS)[1].auth_time == when
    else:
        with pytest.raises(IdTokenInvalid, match="auth_time"):
            step(flow, token_answer(attempt, token), KEYS)


def test_verification_wins_over_the_settings() -> None:
    provider = oidc(authorize_params={"prompt": "none", "max_age": "9999"})
    start, _, _ = begin(provider, context(), DISCOVERY, intent="verify")
    assert (query(start.url)["prompt"], query(start.url)["max_age"]) == ("login", "0")


@pytest.mark.parametrize(
    ("provider", "can"),
    [
        (oidc(), True),
        (oidc(verify=False), False),
        (oidc(verify_prompt="select_account"), True),
        (simple(), False),
        (simple(verify=True), True),
        (OldStyle(id="old", client=CLIENT, verify=True), True),
    ],
)
def test_who_can_verify(provider: Provider, can: bool) -> None:
    assert provider.can_verify is can


def test_documents_are_shared_between_providers() -> None:
    documents = Documents()
    begin(oidc(), context(documents), DISCOVERY)
    _, _, requests = begin(oidc(client=Client("other")), context(documents))
    assert requests == []
