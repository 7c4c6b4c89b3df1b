"""OAuth 2: authorization requests, callbacks, token answers, revocation."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social import oauth2
from flask_social.client_auth import Authentication
from flask_social.errors import AccessDenied, AnswerInvalid, AttemptRefused, ProviderRefused, ProviderUnavailable
from flask_social.oauth2 import Endpoint
from flask_social.values import Response, Token

from .protocolkit import NOW, answer, body, form, query

ENDPOINT = Endpoint("https://p.example/token?tenant=1")
AUTH = Authentication({"Authorization": "Basic eDp5"}, {"extra": "1"})
GOOD = {"access_token": "at", "token_type": "Bearer"}


def callback(params: dict[str, str], **options: t.Any) -> oauth2.Grantable:
    return oauth2.read_callback(params, redirect_uri="https://app.example/cb", code_verifier="ver", **options)


# The authorization request


def test_challenge_of_the_rfc() -> None:
    """RFC 7636 appendix B."""
    assert (
        oauth2.code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


@pytest.mark.parametrize("name", sorted(oauth2.RESERVED))
def test_reserved_parameters_cannot_be_set_from_outside(name: str) -> None:
    url = oauth2.authorization_url(f"https://p.example/a?{name}=evil&kept=1", {}, {name: "evil"})
    assert query(url) == {"kept": "1"}
    url = oauth2.authorization_url(f"https://p.example/a?{name}=evil&kept=1", {name: "ours"}, {name: "evil"})
    assert query(url) == {"kept": "1", name: "ours"}


def test_authorization_url() -> None:
    protocol = {"state": "s", "scope": "a b", "nonce": None, "prompt": "login"}
    extra = {"prompt": "consent", "access_type": "offline", "hd": None, "max": 5, "q": "ü&="}
    url = oauth2.authorization_url("https://p.example/a?x=%26&blank=", protocol, extra)
    assert url.startswith("https://p.example/a?x=%26&blank=&")
    assert "scope=a%20b" in url
    assert query(url) == {
        "x": "&",
        "blank": "",
        "state": "s",
        "scope": "a b",
        "prompt": "login",
        "access_type": "offline",
        "max": "5",
        "q": "ü&=",
    }


# The callback


def test_a_good_callback() -> None:
    grantable = callback({"code": "c", "iss": "https://p.example"}, issuers=("https://p.example",), iss_required=True)
    assert (grantable.code, grantable.redirect_uri, grantable.code_verifier) == ("c", "https://app.example/cb", "ver")
    assert "'c'" not in repr(grantable)
    assert "ver'" not in repr(grantable)


def test_a_grantable_is_made_by_the_callback_only() -> None:
    with pytest.raises(TypeError, match="read_callback"):
        oauth2.Grantable("c", "https://app.example/cb", None, object())


@pytest.mark.parametrize(
    ("params", "options", "fine"),
    [
        ({}, {}, True),
        ({"iss": "https://p.example"}, {}, True),  # a provider without a known issuer
        ({}, {"issuers": ("https://p.example",)}, True),
        ({"iss": "https://p.example"}, {"issuers": ("https://p.example",)}, True),
        ({"iss": "https://p.example/"}, {"issuers": ("https://p.example",)}, False),
        ({"iss": ""}, {"issuers": ("https://p.example",)}, False),
        ({}, {"issuers": ("https://p.example",), "iss_required": True}, False),
    ],
)
@pytest.mark.parametrize("rest", [{"code": "c"}, {"error": "access_denied"}, {}])
def test_iss_comes_first(params: dict[str, str], options: dict[str, t.Any], fine: bool, rest: dict[str, str]) -> None:
    """RFC 9207 section 2.4."""
    if fine and "code" in rest:
        assert callback({**params, **rest}, **options).code == "c"
        return
    with pytest.raises((AttemptRefused, AccessDenied)) as caught:
        callback({**params, **rest}, **options)
    assert (caught.value.code == "issuer_mismatch") is not fine


@pytest.mark.parametrize(
    "params",
    [
        {"error": "access_denied"},
        {"error": "access_denied", "error_reason": "user_denied", "error_code": "200", "code": "c"},
        {"error": "user_denied"},
        {"error": "user_cancelled_login"},
        {"error_reason": "user_denied"},
        {"error_code": "200", "error_message": "Permissions error"},
    ],
)
def test_the_person_declined(params: dict[str, str]) -> None:
    with pytest.raises(AccessDenied) as caught:
        callback(params)
    assert caught.value.error == "access_denied"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"error": "server_error", "error_description": "<b>secret</b>", "code": "c"}, "server_error"),
        ({"error": "interaction_required"}, "interaction_required"),
        ({"error": ""}, None),
        ({"error": "<script>"}, None),
        ({"error": "x" * 65}, None),
        ({"error": "\ud800"}, None),
        ({"error": "200"}, "200"),
        ({"error_code": "901", "error_message": "This app is in sandbox mode."}, "901"),
        ({"error_message": "?"}, None),
    ],
)
def test_the_provider_refused(params: dict[str, str], error: str | None) -> None:
    with pytest.raises(ProviderRefused) as caught:
        callback(params)
    assert not isinstance(caught.value, AccessDenied)
    assert caught.value.error == error
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("code", ["", "  ", "c" * 4097, "a\0b", "\ud800", None])
def test_callbacks_without_a_code(code: str | None) -> None:
    with pytest.raises(AttemptRefused) as caught:
        callback({} if code is None else {"code": code})
    assert caught.value.code == "callback_invalid"


# The token endpoint


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
