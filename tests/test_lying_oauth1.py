"""OAuth 1.0a: providers that lie, and callbacks that do not belong to the visit."""

from __future__ import annotations

import collections.abc as cabc
import hashlib
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from flask_social.testing.faults import REMOVE

from .appkit import Kit
from .lyingkit import DETAILS, HOSTILE, Refusals, Told, lying_kit, plant, rows, user_client


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return lying_kit(social_provider, ["twitter"])


# Request tokens

BAD_REQUEST_TOKENS: list[tuple[dict[str, t.Any], str]] = [
    *(
        ({"merge": {"oauth_callback_confirmed": value}}, "provider_answer_invalid")
        for value in (REMOVE, "false", "", "True", "1", " true")
    ),
    *(
        ({"merge": {name: value}}, "provider_answer_invalid")
        for name in ("oauth_token", "oauth_token_secret")
        for value in (REMOVE, "", " ", "a\nb", "a\0b", "é")
    ),
    # Longer than a cookie may hold, and nothing that could be compressed.
    ({"merge": {"oauth_token": hashlib.shake_256(b"long").hexdigest(1500)}}, "provider_answer_invalid"),
    ({"status": 200, "body": ""}, "provider_answer_invalid"),
    ({"status": 200, "body": "<html>"}, "provider_answer_invalid"),
    ({"status": 200, "body": b"\xff\xfe"}, "provider_answer_invalid"),
    (
        {"status": 200, "body": "oauth_token=a&oauth_token=b&oauth_token_secret=c&oauth_callback_confirmed=true"},
        "provider_answer_invalid",
    ),
    (
        {"status": 200, "json": {"oauth_token": "a", "oauth_token_secret": "b", "oauth_callback_confirmed": True}},
        "provider_answer_invalid",
    ),
    ({"status": 302, "headers": {"Location": "https://evil.example/"}}, "provider_answer_invalid"),
    ({"status": 401, "json": {"errors": [{"code": 32, "message": "Could not authenticate you."}]}}, "provider_refused"),
    ({"status": 403, "body": "oauth_problem=consumer_key_refused"}, "provider_refused"),
    ({"status": 400, "json": {"errors": {"code": []}}}, "provider_refused"),
    ({"status": 429, "headers": {"Retry-After": "soon"}}, "provider_unavailable"),
    ({"status": 503, "body": "down"}, "provider_unavailable"),
    ({"drop": True}, "provider_unavailable"),
]


@pytest.mark.parametrize("intent", ["login", "connect"])
def test_without_a_request_token_nobody_is_sent_away(
    kit: Kit, social_login: t.Any, social_provider: t.Any, intent: t.Any
) -> None:
    client = user_client(kit) if intent == "connect" else kit.app.test_client()
    found = {}
    for answer, _ in BAD_REQUEST_TOKENS:
        kit.events.clear()
        with social_provider.faults.add("request_token", **answer):
            left = social_login(client, "twitter", "ada", intent=intent)
        assert (left.status_code, left.location) == (302, "/" if intent == "connect" else "/login")
        with client.session_transaction() as session:
            assert "social_attempts" not in session
        ((name, values),) = kit.events
        found[repr(answer)] = name, values["code"]
    assert found == {repr(answer): ("attempt_refused", code) for answer, code in BAD_REQUEST_TOKENS}
    assert social_provider.count("authorize") == social_provider.count("token") == 0


# Token credentials

BAD_TOKENS: list[tuple[dict[str, t.Any], str]] = [
    *(
        ({"merge": {name: value}}, "provider_answer_invalid")
        for name in ("oauth_token", "oauth_token_secret")
        for value in (REMOVE, "", " ", "a\nb", "a\0b", "é")
    ),
    ({"status": 200, "body": "oauth_token=a&oauth_token_secret=b&oauth_token=c"}, "provider_answer_invalid"),
    ({"status": 200, "json": {"oauth_token": "a", "oauth_token_secret": "b"}}, "provider_answer_invalid"),
    ({"status": 200, "json": {"errors": [{"code": 32}]}}, "provider_answer_invalid"),
    ({"status": 200, "body": "Reverse auth credentials are invalid"}, "provider_answer_invalid"),
    ({"status": 401, "body": "oauth_problem=permission_denied"}, "provider_refused"),
    ({"status": 401, "json": {"errors": [{"code": {"x": 1}}]}}, "provider_refused"),
    ({"status": 500, "body": "<html>"}, "provider_unavailable"),
    ({"lost": True, "drop": True}, "provider_unavailable"),
]


def test_token_credentials_that_are_none(kit: Kit, social_login: t.Any, social_provider: t.Any) -> None:
    refusals, found = Refusals(kit, social_login, "twitter"), {}
    for answer, _ in BAD_TOKENS:
        with social_provider.faults.add("token", **answer):
            found[repr(answer)] = refusals.codes()
    assert found == {repr(answer): {code} for answer, code in BAD_TOKENS}
    assert social_provider.count("profile") == 0


def test_nothing_of_an_error_is_told(
    kit: Kit, social_login: t.Any, social_provider: t.Any, caplog: pytest.LogCaptureFixture
) -> None:
    told, found = Told(kit, caplog), {}
    errors = {"errors": [{"code": HOSTILE, "message": HOSTILE}], "oauth_problem": "zq9zq9", **DETAILS}
    for endpoint in ("request_token", "token", "profile"):
        for status in (400, 401, 403, 503):
            social_provider.faults.add(endpoint, status=status, json=errors, headers={"Set-Cookie": "zq9zq9=1"})
            found[endpoint, status] = told.after(social_login, "twitter", "login")
    for problem in ("zq9zq9", HOSTILE):
        params = {"oauth_verifier": REMOVE, "oauth_problem": problem, **DETAILS}
        social_provider.faults.add("callback", params=params)
        found[problem] = told.after(social_login, "twitter", "connect")
    assert {seen for _, seen in found.values()} == {False}
    assert {code for code, _ in found.values()} == {"provider_refused", "provider_unavailable"}


# Callbacks


def changed(url: str, *more: tuple[str, str], **params: str | None) -> str:
    """The path of a callback with other parameters: ``None`` takes one away, ``more`` come behind."""
    parts = urlsplit(url)
    pairs = {**dict(parse_qsl(parts.query)), **params}
    return f"{parts.path}?{urlencode([*((k, v) for k, v in pairs.items() if v is not None), *more])}"


CALLBACKS: dict[str, tuple[cabc.Callable[[dict[str, str]], dict[str, t.Any]], str]] = {
    "no verifier": (lambda mine: {"oauth_verifier": None}, "callback_invalid"),
    "an empty verifier": (lambda mine: {"oauth_verifier": ""}, "callback_invalid"),
    "a long verifier": (lambda mine: {"oauth_verifier": "v" * 5000}, "callback_invalid"),
    "a NUL in the verifier": (lambda mine: {"oauth_verifier": "v\0"}, "callback_invalid"),
    "a made-up verifier": (lambda mine: {"oauth_verifier": "made-up"}, "provider_refused"),
    "the verifier of another visit": (lambda mine: {"oauth_verifier": mine["verifier"]}, "provider_refused"),
    "another request token": (lambda mine: {"oauth_token": "other"}, "state_unknown"),
    "that of another browser": (lambda mine: {"oauth_token": mine["token"]}, "state_unknown"),
    "a whole answer of another browser": (
        lambda mine: {"oauth_token": mine["token"], "oauth_verifier": mine["verifier"]},
        "state_unknown",
    ),
    "no request token": (lambda mine: {"oauth_token": None}, "state_missing"),
    "an empty request token": (lambda mine: {"oauth_token": ""}, "state_missing"),
    "declined": (lambda mine: {"oauth_token": None, "oauth_verifier": None, "denied": "OWN"}, "access_denied"),
    "declined and granted": (lambda mine: {"denied": "OWN"}, "access_denied"),
    "declined by nobody": (lambda mine: {"oauth_token": None, "denied": ""}, "state_missing"),
    "declined in another browser": (lambda mine: {"oauth_token": None, "denied": mine["token"]}, "state_unknown"),
    "granted here, declined elsewhere": (lambda mine: {"denied": mine["token"]}, "state_unknown"),
    "a problem": (lambda mine: {"oauth_problem": "token_expired"}, "provider_refused"),
    "a refusal": (lambda mine: {"oauth_verifier": None, "oauth_problem": "user_refused"}, "access_denied"),
}


@pytest.mark.parametrize("intent", ["login", "connect"])
def test_callbacks_that_do_not_belong(kit: Kit, social_begin: t.Any, social_provider: t.Any, intent: str) -> None:
    """Mallory's account is connected: whoever lets her token or verifier in logs somebody in."""
    mallory = social_provider.subject("twitter", "grace")
    plant(kit, "twitter", mallory)
    client = user_client(kit) if intent == "connect" else kit.app.test_client()
    place = "/" if intent == "connect" else "/login"
    found = {}
    for name, (change, _) in CALLBACKS.items():
        kit.events.clear()
        theirs = dict(parse_qsl(urlsplit(social_begin(kit.app.test_client(), "twitter", "grace")).query))
        url = social_begin(client, "twitter", "ada", intent=intent)
        own = dict(parse_qsl(urlsplit(url).query))["oauth_token"]
        params = change({"token": theirs["oauth_token"], "verifier": theirs["oauth_verifier"]})
        answer = client.get(changed(url, **{k: own if v == "OWN" else v for k, v in params.items()}))
        assert (answer.status_code, answer.location) == (302, place)
        ((event, values),) = kit.events
        found[name] = event, values["code"]
    assert found == {name: ("attempt_refused", code) for name, (_, code) in CALLBACKS.items()}
    assert kit.who(client) == (None if intent == "login" else "ada@example.org")
    assert [row["provider_user_id"] for row in rows(kit)] == [mallory]


@pytest.mark.parametrize("name", ["oauth_token", "oauth_verifier", "denied", "anything"])
def test_a_parameter_twice(kit: Kit, social_begin: t.Any, name: str) -> None:
    client = kit.app.test_client()
    url = social_begin(client, "twitter", "ada")
    own = dict(parse_qsl(urlsplit(url).query))
    client.get(changed(url, (name, own.get(name, "1")), (name, "2")))
    assert kit.events[-1][1]["code"] == "callback_invalid"


def test_a_callback_works_once(kit: Kit, social_begin: t.Any, social_provider: t.Any) -> None:
    plant(kit, "twitter", social_provider.subject("twitter", "ada"))
    client, thief = kit.app.test_client(), kit.app.test_client()
    url = social_begin(client, "twitter", "ada")
    older = client.get_cookie("session").value
    client.get(url)
    assert kit.who(client) == "ada@example.org"
    kit.log_out(client)
    client.get(url)
    assert kit.events[-1][1]["code"] == "state_unknown"
    # An older cookie brings the attempt back; the verifier stays used.
    thief.set_cookie("session", older)
    thief.get(url)
    assert kit.events[-1][1]["code"] == "provider_refused"
    assert kit.who(client) is kit.who(thief) is None
