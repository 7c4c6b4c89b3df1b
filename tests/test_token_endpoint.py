"""OAuth 2: token requests and answers, refresh, revocation."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social import oauth2
from flask_social.client_auth import Authentication
from flask_social.errors import AnswerInvalid, ProviderRefused, ProviderUnavailable
from flask_social.oauth2 import Endpoint
from flask_social.values import Response, Token

from .protocolkit import NOW, answer, body, form, query

ENDPOINT = Endpoint("https://p.example/token?tenant=1")
AUTH = Authentication({"Authorization": "Basic eDp5"}, {"extra": "1"})
GOOD = {"access_token": "at", "token_type": "Bearer"}


def callback(params: dict[str, str], **options: t.Any) -> oauth2.Grantable:
    return oauth2.read_callback(params, redirect_uri="https://app.example/cb", code_verifier="ver", **options)


def test_token_request() -> None:
    request = oauth2.token_request(ENDPOINT, callback({"code": "c/+ &"}), AUTH, headers={"User-Agent": "me"})
    assert (request.method, request.url, request.configured) == ("POST", ENDPOINT.url, True)
    assert request.headers["Authorization"] == "Basic eDp5"
    assert request.headers["User-Agent"] == "me"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body(request) == {
        "grant_type": "authorization_code",
        "code": "c/+ &",
        "redirect_uri": "https://app.example/cb",
        "code_verifier": "ver",
        "extra": "1",
    }


def test_token_request_by_get() -> None:
    grantable = oauth2.read_callback({"code": "c"}, redirect_uri="https://app.example/cb", code_verifier=None)
    request = oauth2.token_request(Endpoint(ENDPOINT.url, False), grantable, AUTH, method="GET")
    assert (request.method, request.body, request.configured) == ("GET", None, False)
    assert query(request.url) == {
        "tenant": "1",
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "https://app.example/cb",
        "extra": "1",
    }


def test_refresh_and_revocation_requests() -> None:
    assert body(oauth2.refresh_request(ENDPOINT, "rt", AUTH)) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt",
        "extra": "1",
    }
    assert body(oauth2.revocation_request(ENDPOINT, Token("at"), AUTH))["token"] == "at"
    hinted = body(oauth2.revocation_request(ENDPOINT, Token("at", refresh_token="rt"), AUTH))
    assert (hinted["token"], hinted["token_type_hint"]) == ("rt", "refresh_token")


def test_a_full_token() -> None:
    token = oauth2.read_token(
        answer({**GOOD, "refresh_token": "rt", "id_token": "a.b.c", "expires_in": 3600, "scope": "a b"}), NOW
    )
    assert token == Token(
        "at",
        refresh_token="rt",
        token_type="Bearer",
        expires_at=NOW + dt.timedelta(hours=1),
        scope=("a", "b"),
        id_token="a.b.c",
    )


@pytest.mark.parametrize(
    "response",
    [
        form({**GOOD, "expires_in": "10", "scope": "a b"}),
        Response(200, {"content-type": "text/plain; charset=UTF-8"}, b"access_token=at&token_type=bearer"),
        Response(200, {"content-type": "text/plain"}, b' {"access_token": "at", "token_type": "bearer"}'),
        Response(200, {"content-type": "text/html"}, b'{"access_token": "at", "token_type": "BEARER"}'),
        answer({**GOOD, "error": None}),
        answer({**GOOD, "error": ""}),
    ],
)
def test_encodings(response: Response) -> None:
    assert oauth2.read_token(response, NOW).access_token == "at"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((3600, 3600), ("3600", 3600), ("3600.5", 3600.5), (0.5, 0.5)),
        *((0, None), (-1, None), ("-5", None), (10**30, None), ("1e999", None), ("nan", None), (10**400, None)),
        *((None, None), (True, None), ([], None), ({}, None), ("soon", None), ("", None)),
    ],
)
def test_lifetimes(value: object, seconds: float | None) -> None:
    token = oauth2.read_token(answer({**GOOD, "expires_in": value}), NOW)
    assert token.expires_at == (None if seconds is None else NOW + dt.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("value", "separator", "scope"),
    [
        ("a  b", " ", ("a", "b")),
        ("a, b,", ",", ("a", "b")),
        (["a", "b c", 1, "", "\ud800"], " ", ("a", "b c")),
        ("", " ", ()),
        (None, " ", None),
        (5, " ", None),
        ({"a": 1}, " ", None),
    ],
)
def test_scopes(value: object, separator: str, scope: tuple[str, ...] | None) -> None:
    assert oauth2.read_token(answer({**GOOD, "scope": value}), NOW, separator).scope == scope


@pytest.mark.parametrize(
    "value", [None, "", "  ", 5, True, [], ["at"], {}, {"token": "at"}, "a\nb", "a\0", "\ud800", "tökén"]
)
def test_tokens_that_are_none(value: object) -> None:
    with pytest.raises(AnswerInvalid):
        oauth2.read_token(answer({**GOOD, "access_token": value}), NOW)
    other = oauth2.read_token(answer({**GOOD, "refresh_token": value, "id_token": value}), NOW)
    assert (other.refresh_token, other.id_token) == (None, None)


@pytest.mark.parametrize("value", ["mac", "", 5, ["bearer"], None])
def test_token_types(value: object) -> None:
    with pytest.raises(AnswerInvalid):
        oauth2.read_token(answer({"access_token": "at", "token_type": value}), NOW)


def test_an_absent_token_type() -> None:
    with pytest.raises(AnswerInvalid):
        oauth2.read_token(answer({"access_token": "at"}), NOW)
    assert oauth2.read_token(answer({"access_token": "at"}), NOW, type_optional=True).token_type == "Bearer"


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer({"error": "invalid_grant", "error_description": "used"}, 400), "invalid_grant"),
        (answer({"error": "bad_verification_code", **GOOD}), "bad_verification_code"),
        (answer({"error": {"message": "no", "type": "OAuthException", "code": 190}}, 400), "190"),
        (answer({"error": {"type": "OAuthException", "code": None}}), "OAuthException"),
        (answer({"error": {"code": 10**400}}, 400), None),
        (answer({"error": ["x"]}), None),
        (answer({"error": "<b>"}, 401), None),
        (form({"error": "expired"}), "expired"),
        (answer(GOOD, 400), None),
        (answer([], 403), None),
        (Response(404, {"content-type": "text/html"}, b"<html>"), None),
        (Response(400, {"content-type": "application/x-www-form-urlencoded"}, b"\xff"), None),
        (Response(302, {"location": "https://evil.example"}), None),
    ],
)
def test_refusals(response: Response, error: str | None) -> None:
    with pytest.raises(ProviderRefused) as caught:
        oauth2.read_token(response, NOW)
    assert caught.value.error == error


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b'"at"', b"null", b'{"access_token": NaN}', b"\xff", b'{"a":' * 50_000, b"9" * 5000],
)
def test_answers_that_are_none(content: bytes) -> None:
    with pytest.raises(AnswerInvalid):
        oauth2.read_token(Response(200, {"content-type": "application/json"}, content), NOW)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 0), (None, None), ("soon", None), ("-1", None), ("9" * 40, None), ("²", None)],
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_not_now(status: int, header: str | None, seconds: float | None) -> None:
    response = Response(status, {} if header is None else {"retry-after": header}, b'{"access_token": "at"}')
    for read in (lambda: oauth2.read_token(response, NOW), lambda: oauth2.read_revocation(response)):
        with pytest.raises(ProviderUnavailable) as caught:
            read()
        assert caught.value.retry_after == seconds


def test_revocation_answers() -> None:
    oauth2.read_revocation(Response(200))
    oauth2.read_revocation(Response(204))
    with pytest.raises(ProviderRefused) as caught:
        oauth2.read_revocation(answer({"error": "unsupported_token_type"}, 400))
    assert caught.value.error == "unsupported_token_type"


def test_resource_request() -> None:
    request = oauth2.resource_request(Endpoint("https://p.example/me"), Token("at"), scheme="OAuth")
    assert request.headers["Authorization"] == "OAuth at"
    assert "at'" not in repr(request)
