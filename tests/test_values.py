"""The values of floor 0: what is accepted as an id, and what never prints."""

from __future__ import annotations

import datetime as dt
import json
import typing as t

import pytest

from flask_social.errors import AnswerInvalid
from flask_social.values import (
    Attempt,
    Client,
    ConnectionKey,
    OAuthResponse,
    Profile,
    Request,
    Response,
    Token,
    subject,
)

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("42", "42"), (42, "42"), (-7, "-7"), (0, "0"), ("a/b c", "a/b c"), ("é" * 255, "é" * 255), ("名前", "名前")],
)
def test_subject_accepts(given: object, expected: str) -> None:
    assert subject(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        None, True, False, 1.0, [], ["1"], {}, {"id": 1}, b"1", "", " ", "\t", "a\x00b", "a\nb", "\x7f", "\x85",
        "a" * 256, "\ud800", 10**300, -(10**255),
    ],
)  # fmt: skip
def test_subject_refuses(given: object) -> None:
    with pytest.raises(AnswerInvalid) as caught:
        subject(given)
    assert caught.value.code == "provider_answer_invalid"


@pytest.mark.parametrize(
    "value",
    [
        Token(SECRET, secret=SECRET, refresh_token=SECRET, id_token=SECRET),
        Client("id", SECRET),
        Attempt(SECRET, "google", "login", request_token=SECRET, request_token_secret=SECRET),
        Request("POST", f"https://a.example/t?code={SECRET}", {"Authorization": SECRET}, SECRET.encode()),
        Response(200, {"set-cookie": SECRET}, SECRET.encode()),
        Profile("1", raw={"token": SECRET}),
        OAuthResponse({"access_token": SECRET}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_secrets_do_not_print(value: object) -> None:
    assert SECRET not in repr(value)
    assert SECRET not in str(value)


def test_request_prints_its_address_without_query() -> None:
    assert str(Request("GET", "https://a.example/path?token=1")) == "GET https://a.example/path"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b"1", b"null", b"{", b"\xff{}", b'{"a": NaN}', b"<html>", b"[" * 200_000]
)
def test_json_object_refuses(body: bytes) -> None:
    with pytest.raises(AnswerInvalid):
        Response(200, {}, body).json_object()


def test_json_object() -> None:
    response = Response(201, {"content-type": "Application/JSON; charset=utf-8"}, b'{"a": 1}')
    assert response.json_object() == {"a": 1}
    assert response.content_type == "application/json"
    assert response.ok
    assert not Response(404).ok
    assert Response(200).content_type == ""


def test_fingerprint_keeps_the_parts_apart() -> None:
    keys = [ConnectionKey("a", "b,c"), ConnectionKey("a,b", "c"), ConnectionKey("a", 'b"'), ConnectionKey("", "")]
    assert len({key.fingerprint for key in keys}) == len(keys)
    assert all(len(key.fingerprint) == 43 for key in keys)


def test_oauth_response_is_a_mapping_of_the_token() -> None:
    token = Token("at", secret="ts", expires_at=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    profile = Profile("1")
    response = OAuthResponse.of(token, profile, error="not_connected")
    assert response["access_token"] == response["oauth_token"] == "at"
    assert response["oauth_token_secret"] == "ts"
    assert "refresh_token" not in response
    assert response.profile is profile
    assert response.error == "not_connected"
    assert len(response) == len(list(response)) == 5
    with pytest.raises(KeyError):
        response["nothing"]


def test_oauth_response_of_oauth2_has_no_oauth1_names() -> None:
    fields: t.Any = dict(OAuthResponse.of(Token("at"), Profile("1")))
    assert json.dumps(fields) == '{"access_token": "at"}'
