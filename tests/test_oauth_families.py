"""The flows of OAuth 2 and OAuth 1.0a, stepped by hand."""

from __future__ import annotations

import datetime as dt
import typing as t
from urllib.parse import unquote

import pytest
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

from flask_social.errors import (
    AccessDenied,
    AnswerInvalid,
    AttemptRefused,
    ProviderRefused,
    ProviderUnavailable,
)
from flask_social.oauth2 import code_challenge
from flask_social.providers.base import Provider
from flask_social.values import Attempt, Client, Profile, Response, Token

from .familykit import ME, TOKEN, OldStyle, make, simple
from .protocolkit import (
    BAD_SUBJECTS,
    CLIENT,
    ISSUER,
    NOW,
    REDIRECT_URI,
    SECONDS,
    VAULT,
    answer,
    begin,
    body,
    context,
    form,
    log_in,
    query,
    step,
)


def test_oauth2_begin() -> None:
    start, _, requests = begin(simple(), context())
    assert requests == []
    assert start.state == "cnJy" * 10 + "cnI"  # 32 times "r"
    assert start.url.startswith("https://p.example/authorize?tenant=1&")
    assert query(start.url) == {
        "tenant": "1",
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": REDIRECT_URI,
        "scope": "read email",
        "state": start.state,
        "code_challenge": code_challenge(VAULT.derive("pkce", start.state)),
        "code_challenge_method": "S256",
        "prompt": "consent",
    }
    assert start.state not in repr(start)


def test_oauth2_names_its_attempt_by_state() -> None:
    assert simple().attempt_param({"state": "s", "oauth_token": "t"}) == "s"
    assert simple().attempt_param({"oauth_token": "t"}) is None


def test_oauth2_begin_with_options() -> None:
    provider = simple(
        pkce=False,
        scope_separator=",",
        response_mode="form_post",
        authorize_params={"prompt": None, "hl": "de", "state": "evil", "code_challenge": "evil"},
    )
    _, start = step(provider.start(context(), intent="reconnect", scopes=("read", "write")))
    sent = query(start.url)
    assert sent.pop("state") == start.state
    assert sent == {
        "tenant": "1",
        "response_type": "code",
        "response_mode": "form_post",
        "client_id": "app",
        "redirect_uri": REDIRECT_URI,
        "scope": "read,write",
        "hl": "de",
    }
    _, start = step(provider.start(context(), intent="login", scopes=()))
    assert "scope" not in query(start.url)


def test_oauth2_login_takes_two_requests() -> None:
    (exchange, profile), grant = log_in(simple(headers={"User-Agent": "me"}), TOKEN, ME)
    assert (exchange.method, exchange.url, exchange.configured) == ("POST", "https://p.example/token", True)
    assert exchange.headers["Authorization"].startswith("Basic ")
    assert body(exchange) == {
        "grant_type": "authorization_code",
        "code": "c0de",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VAULT.derive("pkce", "cnJy" * 10 + "cnI"),
    }
    assert (profile.method, profile.url) == ("GET", "https://api.example/v1/me")
    assert profile.headers["Authorization"] == "Bearer at"
    assert profile.headers["User-Agent"] == exchange.headers["User-Agent"] == "me"
    assert grant.token.expires_at == NOW + dt.timedelta(minutes=1)
    assert grant.profile == Profile(
        "7", email="ada@example.com", email_trust="verified", raw={"id": 7, "email": "ada@example.com"}
    )
    assert (grant.issuer, grant.auth_time) == (None, None)


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({}, "Basic"),
        ({"token_auth_method": "basic"}, "Basic"),
        ({"token_auth_method": "post"}, "s3cret"),
        ({"token_auth_method": "none"}, None),
        ({"client": Client("app")}, None),
    ],
)
def test_oauth2_client_authentication(options: dict[str, t.Any], method: str | None) -> None:
    (exchange, _), _ = log_in(simple(**options), TOKEN, ME)
    assert ("Authorization" in exchange.headers) is (method == "Basic")
    assert body(exchange).get("client_secret") == (method if method == "s3cret" else None)
    assert body(exchange).get("client_id") == (None if method == "Basic" else "app")


def test_an_id_token_that_nobody_verified_is_dropped() -> None:
    _, grant = log_in(simple(), answer({"access_token": "at", "token_type": "bearer", "id_token": "a.b.c"}), ME)
    assert grant.token.id_token is None


@pytest.mark.parametrize(
    ("params", "error", "code"),
    [
        ({"state": "other"}, AttemptRefused, "state_unknown"),
        ({"state": ""}, AttemptRefused, "state_unknown"),
        ({"state": "\ud800"}, AttemptRefused, "state_unknown"),
        ({"state": "other", "error": "access_denied"}, AttemptRefused, "state_unknown"),
        ({"error": "access_denied"}, AccessDenied, "access_denied"),
        ({"code": ""}, AttemptRefused, "callback_invalid"),
        ({"iss": "https://evil.example", "error": "access_denied"}, AttemptRefused, "issuer_mismatch"),
    ],
)
def test_oauth2_callbacks_without_any_request(params: dict[str, str], error: type[t.Any], code: str) -> None:
    with pytest.raises(error) as caught:
        log_in(simple(issuer=ISSUER), **params)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("me", "error"),
    [
        *((answer({"id": value}), AnswerInvalid) for value in BAD_SUBJECTS),
        (answer({}), AnswerInvalid),
        (answer([]), AnswerInvalid),
        (Response(200, {}, b"<html>"), AnswerInvalid),
        (answer({"error": "nope"}, 401), ProviderRefused),
        (Response(500), ProviderUnavailable),
    ],
)
def test_profiles_that_are_none(me: Response, error: type[Exception]) -> None:
    with pytest.raises(error):
        log_in(simple(), TOKEN, me)


def test_refresh_keeps_what_the_answer_leaves_out() -> None:
    old = Token("old", refresh_token="rt", scope=("read",), id_token="a.b.c")
    (request,), new = step(simple().refresh(context(), old), TOKEN)
    assert body(request) == {"grant_type": "refresh_token", "refresh_token": "rt"}
    assert new == Token(
        "at",
        refresh_token="rt",
        token_type="Bearer",
        expires_at=NOW + dt.timedelta(minutes=1),
        scope=("read",),
        id_token="a.b.c",
    )
    rotated = answer({"access_token": "at", "refresh_token": "rt2", "scope": "", "id_token": "x.y.z"})
    _, new = step(simple().refresh(context(), old), rotated)
    assert (new.refresh_token, new.scope, new.id_token) == ("rt2", (), "a.b.c")


@pytest.mark.parametrize("provider", [simple(), OldStyle(id="old", client=CLIENT)])
def test_what_cannot_be_refreshed(provider: Provider) -> None:
    with pytest.raises(ProviderRefused) as caught:
        step(provider.refresh(context(), Token("at")))
    assert caught.value.error == "invalid_grant"


def test_revocation() -> None:
    for provider in (simple(), make("twitter", revoke_url="https://x.example/")):
        provider.revoke_url = None
        assert step(provider.revoke(context(), Token("at")))[0] == []
    (request,), _ = step(simple(revoke_url="https://p.example/revoke").revoke(context(), Token("at")), Response(200))
    assert (request.url, body(request)["token"]) == ("https://p.example/revoke", "at")
    assert request.headers["Authorization"].startswith("Basic ")
    (request,), _ = step(OldStyle(id="old", client=CLIENT).revoke(context(), Token("at", "s")), Response(200))
    assert (request.method, request.url) == ("POST", "https://p.example/revoke")
    with pytest.raises(ProviderRefused):
        step(OldStyle(id="old", client=CLIENT).revoke(context(), Token("at", "s")), Response(403))


# OAuth 1.0a

REQUEST_TOKEN = form({"oauth_token": "rt&1", "oauth_token_secret": "rts", "oauth_callback_confirmed": "true"})


def header(request: t.Any) -> dict[str, str]:
    return {name: unquote(value) for name, value in parse_authorization_header(request.headers["Authorization"])}


def test_oauth1_login() -> None:
    provider = OldStyle(id="old", client=CLIENT, authorize_params={"force_login": "true", "oauth_token": "evil"})
    start, attempt, (first,) = begin(provider, context(), REQUEST_TOKEN)
    assert (first.method, first.url) == ("POST", "https://p.example/request_token")
    assert header(first)["oauth_callback"] == REDIRECT_URI
    assert header(first)["oauth_timestamp"] == str(SECONDS)
    assert query(start.url) == {"lang": "en", "force_login": "true", "oauth_token": "rt&1"}
    assert (start.state, start.request_token, start.request_token_secret) == ("rt&1", "rt&1", "rts")

    params = {"oauth_token": "rt&1", "oauth_verifier": "v"}
    assert provider.attempt_param(params) == "rt&1"
    access = form({"oauth_token": "t", "oauth_token_secret": "ts"})
    (exchange, me), grant = step(provider.finish(context(), attempt, params), access, answer({"id": 5}))
    assert header(exchange)["oauth_verifier"] == "v"
    assert (me.method, me.url, header(me)["oauth_token"]) == ("GET", "https://api.example/me.json", "t")
    assert (grant.token, grant.profile.subject) == (Token("t", "ts"), "5")


def test_oauth1_refusal() -> None:
    provider = OldStyle(id="old", client=CLIENT)
    _, attempt, _ = begin(provider, context(), REQUEST_TOKEN)
    assert provider.attempt_param({"denied": "rt&1"}) == "rt&1"
    assert provider.attempt_param({}) is None
    with pytest.raises(AccessDenied):
        step(provider.finish(context(), attempt, {"denied": "rt&1"}))


def test_oauth1_attempts_without_a_request_token() -> None:
    with pytest.raises(AttemptRefused) as caught:
        step(OldStyle(id="old", client=CLIENT).finish(context(), Attempt("s", "old", "login"), {"oauth_token": "s"}))
    assert caught.value.code == "state_unknown"
