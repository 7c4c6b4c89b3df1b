"""OAuth 2: authorization requests, callbacks, token answers, revocation."""

from __future__ import annotations

import typing as t

import pytest

from flask_social import oauth2
from flask_social.client_auth import Authentication
from flask_social.errors import AccessDenied, AttemptRefused, ProviderRefused
from flask_social.oauth2 import Endpoint

from .protocolkit import query

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
