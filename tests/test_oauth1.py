"""OAuth 1.0a: what is signed, and what an answer has to hold."""

from __future__ import annotations

import types
import typing as t
from urllib.parse import parse_qsl, urlsplit

import pytest
from oauthlib.oauth1.rfc5849 import signature
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header, unescape

from flask_social import oauth1
from flask_social.errors import AccessDenied, AnswerInvalid, AttemptRefused, ProviderRefused, ProviderUnavailable
from flask_social.values import Client, Request, Response

from .protocolkit import answer, form

URL = "https://api.example/oauth/request_token"
SIGNER = oauth1.Signer(Client("key", "secret"), "n0nce", 1_700_000_000)
REQUEST_TOKEN = oauth1.RequestToken("rt", "rts")


def holds(request: Request, client_secret: str, token_secret: str | None = None) -> bool:
    """Whether oauthlib's server side accepts the signature of a request."""
    header = parse_authorization_header(request.headers["Authorization"])
    params = [(unescape(name), unescape(value)) for name, value in header]
    params += parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    seen = types.SimpleNamespace(
        http_method=request.method,
        uri=request.url,
        headers={},
        params=[pair for pair in params if pair[0] != "oauth_signature"],
        signature=dict(params)["oauth_signature"],
    )
    return bool(signature.verify_hmac_sha1(seen, client_secret, token_secret))


@pytest.mark.parametrize(
    "callback",
    [
        "https://app.example/callback/twitter",
        "https://app.example/callback/twitter?next=%2Fprofile%3Fa%3D1%26b%3D2",
        "https://app.example/a%20b/callback",
        "https://app.example/callback?q=%25&plus=a+b",
        "https://app.example/callback?name=Ünï cödé~-._!*'()",
    ],
)
@pytest.mark.parametrize("secret", ["secret", "s&c=r%t +ü"])
def test_the_callback_address_is_signed_as_it_is(callback: str, secret: str) -> None:
    signer = oauth1.Signer(Client("a key&more", secret), "n0nce", 1)
    request = oauth1.request_token_request(signer, URL, callback)
    header = {name: unescape(value) for name, value in parse_authorization_header(request.headers["Authorization"])}
    assert header["oauth_callback"] == callback
    assert request.method == "POST"
    assert request.body is None
    assert holds(request, secret)
    assert not holds(request, "another")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example/1.1/me.json",
        "https://api.example:8443/1.1/me.json?include_email=true&empty=&q=a%20b%26c",
        "http://127.0.0.1:5000/me?same=2&same=1",
        "https://API.example/",
    ],
)
@pytest.mark.parametrize(("token", "secret"), [("t", "ts"), ("a/b=+", "%&=+ ~")])
def test_api_requests_are_signed_with_their_query(url: str, token: str, secret: str) -> None:
    request = oauth1.signed_request(SIGNER, "GET", url, token=token, secret=secret, headers={"X-Extra": "1"})
    assert holds(request, "secret", secret)
    assert not holds(request, "secret", "another")
    assert request.headers["X-Extra"] == "1"


def test_the_verifier_is_signed_with_the_request_token() -> None:
    grantable = oauth1.read_callback({"oauth_token": "rt", "oauth_verifier": "v%2F=+"}, REQUEST_TOKEN)
    request = oauth1.access_token_request(SIGNER, URL, grantable)
    header = {name: unescape(value) for name, value in parse_authorization_header(request.headers["Authorization"])}
    assert (header["oauth_token"], header["oauth_verifier"]) == ("rt", "v%2F=+")
    assert (header["oauth_nonce"], header["oauth_timestamp"]) == ("n0nce", "1700000000")
    assert holds(request, "secret", "rts")


def test_a_grantable_is_made_by_the_callback_only() -> None:
    with pytest.raises(TypeError, match="read_callback"):
        oauth1.Grantable(REQUEST_TOKEN, "v", object())


def test_good_request_token() -> None:
    # X sends its forms as text/html
    response = Response(
        200,
        {"content-type": "text/html;charset=utf-8"},
        b"oauth_token=rt&oauth_token_secret=rts&oauth_callback_confirmed=true",
    )
    assert oauth1.read_request_token(response) == REQUEST_TOKEN


@pytest.mark.parametrize(
    "fields",
    [
        {"oauth_token": "rt", "oauth_token_secret": "rts"},
        {"oauth_token": "rt", "oauth_token_secret": "rts", "oauth_callback_confirmed": "false"},
        {"oauth_token": "rt", "oauth_callback_confirmed": "true"},
        {"oauth_token": "", "oauth_token_secret": "rts", "oauth_callback_confirmed": "true"},
        {"oauth_token": "r\0t", "oauth_token_secret": "rts", "oauth_callback_confirmed": "true"},
        {"oauth_token": "rt", "oauth_token_secret": " ", "oauth_callback_confirmed": "true"},
        {},
    ],
)
def test_bad_request_tokens(fields: dict[str, str]) -> None:
    with pytest.raises(AnswerInvalid):
        oauth1.read_request_token(form(fields))


@pytest.mark.parametrize(
    ("response", "error", "code"),
    [
        (answer({"errors": [{"code": 32, "message": "Could not authenticate you."}]}, 401), ProviderRefused, "32"),
        (form({"oauth_problem": "timestamp_refused"}, 401), ProviderRefused, "timestamp_refused"),
        (Response(403, {}, b"<h1>no</h1>"), ProviderRefused, None),
        (answer({"errors": "none"}, 400), ProviderRefused, None),
        (Response(302, {"location": "https://elsewhere.example"}), ProviderRefused, None),
        (Response(503), ProviderUnavailable, None),
        (Response(429), ProviderUnavailable, None),
        (Response(200, {}, b"oauth_token=a&oauth_token=b&oauth_token_secret=c"), AnswerInvalid, None),
        (Response(200, {}, b"&".join(b"a%d=1" % number for number in range(200))), AnswerInvalid, None),
        (Response(200, {}, b"\xff\xfe"), AnswerInvalid, None),
    ],
)
def test_answers_without_a_token(response: Response, error: type[Exception], code: str | None) -> None:
    for read in (oauth1.read_request_token, oauth1.read_access_token):
        with pytest.raises(error) as caught:
            read(response)
        assert getattr(caught.value, "error", None) == code


def test_access_token() -> None:
    token = oauth1.read_access_token(form({"oauth_token": "t", "oauth_token_secret": "ts", "user_id": "1"}))
    assert (token.access_token, token.secret, token.expires_at) == ("t", "ts", None)


@pytest.mark.parametrize(
    ("params", "error", "code"),
    [
        ({}, AttemptRefused, "state_unknown"),
        ({"oauth_verifier": "v"}, AttemptRefused, "state_unknown"),
        ({"oauth_token": "other", "oauth_verifier": "v"}, AttemptRefused, "state_unknown"),
        ({"oauth_token": "", "oauth_verifier": "v"}, AttemptRefused, "state_unknown"),
        ({"oauth_token": "\ud800", "oauth_verifier": "v"}, AttemptRefused, "state_unknown"),
        ({"denied": "other"}, AttemptRefused, "state_unknown"),
        ({"denied": "rt", "oauth_token": "other", "oauth_verifier": "v"}, AttemptRefused, "state_unknown"),
        ({"denied": "rt"}, AccessDenied, "access_denied"),
        ({"denied": "rt", "oauth_token": "rt", "oauth_verifier": "v"}, AccessDenied, "access_denied"),
        ({"oauth_token": "rt", "oauth_problem": "user_refused"}, AccessDenied, "access_denied"),
        ({"oauth_token": "rt", "oauth_problem": "token_expired"}, ProviderRefused, "provider_refused"),
        ({"oauth_token": "rt"}, AttemptRefused, "callback_invalid"),
        ({"oauth_token": "rt", "oauth_verifier": " "}, AttemptRefused, "callback_invalid"),
        ({"oauth_token": "rt", "oauth_verifier": "v" * 5000}, AttemptRefused, "callback_invalid"),
        ({"oauth_token": "rt", "oauth_verifier": "\ud800"}, AttemptRefused, "callback_invalid"),
    ],
)
def test_callbacks_that_are_refused(params: dict[str, str], error: type[t.Any], code: str) -> None:
    with pytest.raises(error) as caught:
        oauth1.read_callback(params, REQUEST_TOKEN)
    assert caught.value.code == code


def test_no_secret_is_printed() -> None:
    grantable = oauth1.read_callback({"oauth_token": "rt", "oauth_verifier": "verifier"}, REQUEST_TOKEN)
    shown = repr([SIGNER, REQUEST_TOKEN, grantable, oauth1.access_token_request(SIGNER, URL, grantable)])
    assert not any(secret in shown for secret in ("'secret'", "rts", "verifier='", "'rt'"))
