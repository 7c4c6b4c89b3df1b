"""Providers that lie about a person: ids, addresses and links, over whole visits."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from joserfc import jws

from flask_social.testing.faults import REMOVE

from .appkit import JSON, SAME_ORIGIN, Kit
from .lyingkit import PLACES, Refusals, can_be_said, connected, lying_kit, plant, rows, says, user_client

everywhere = pytest.mark.parametrize("provider", PLACES)


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return lying_kit(social_provider, PLACES)


BAD_IDS: list[t.Any] = [
    *(REMOVE, None, True, False, 1.5, float("inf"), [], ["7"], {}, {"id": "7"}, "", "  ", "\u2003", "x" * 256),
    *("a\0b", "a\nb", "\x7f", "\x9b", "\ud800", "7\udfff", 10**300, -(10**255)),
]


@everywhere
def test_ids_that_are_none(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    # What a conversion could make of a bad id: whoever converts logs somebody in.
    plant(kit, provider, *"None null True true 1 1.5 [] ['7'] 7 {} ab a inf Infinity".split(), "x" * 255)
    refusals = Refusals(kit, social_login, provider)
    values, found = [value for value in BAD_IDS if can_be_said(provider, value)], {}
    for value in values:
        with says(social_provider.faults, provider, id=value):
            found[repr(value)] = refusals.codes()
    code = "id_token_invalid" if provider == "google" else "provider_answer_invalid"
    assert found == {repr(value): {code} for value in values}


@everywhere
@pytest.mark.parametrize(("value", "stored"), [(1234567, "1234567"), ("名/前 7", "名/前 7"), ("é" * 255, "é" * 255)])
def test_an_unusual_id_that_is_one(
    kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str, value: t.Any, stored: str
) -> None:
    plant(kit, provider, stored)
    client = kit.app.test_client()
    says(social_provider.faults, provider, id=value)
    social_login(client, provider, "ada")
    assert kit.who(client) == "ada@example.org"
    assert [row["provider_user_id"] for row in rows(kit)] == [stored]


@pytest.mark.parametrize(
    ("claims", "events"),
    [
        ({"sub": "7\ud800"}, [("attempt_refused", "id_token_invalid")]),
        ({"email": "ada\ud800@example.org", "name": "Ada\ud800"}, [("connection_created", None)]),
    ],
)
def test_lone_surrogates_in_an_id_token(
    kit: Kit, social_begin: t.Any, social_provider: t.Any, claims: dict[str, str], events: list[t.Any]
) -> None:
    client = user_client(kit)
    url = social_begin(client, "google", "ada", intent="connect")
    (asked,) = [seen.params for seen in social_provider.requests if seen.endpoint == "authorize"]
    now, issuer = int(time.time()), social_provider.settings("google")["issuer"]
    good = {"iss": issuer, "aud": asked["client_id"], "sub": "7", "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
    payload = json.dumps({"name": "Ada", "email": "a@example.org", **good, **claims}).encode()
    token = jws.serialize_compact({"alg": "RS256", "kid": "standin-1"}, payload, social_provider.keys.key)
    social_provider.faults.add("token", merge={"id_token": token})
    assert client.get(url).status_code == 302
    assert [(name, values.get("code")) for name, values in kit.events] == events
    assert [row["email"] for row in rows(kit)] == ([None] if events[0][1] is None else [])


GOOD_ADDRESSES = ["ada@example.com", "Ada.Lovelace@Example.ORG", "müller@exämple.de"]
BAD_ADDRESSES: list[t.Any] = [
    *(True, 5, [], ["ada@example.org"], {"email": "ada@example.org"}, "", "ada", "x" * 300 + "@example.org"),
    *("ada\0@example.org", "ada@example.org\r\nBcc: eve@example.org", "a\ud800@example.org", "a\x85@example.org"),
    *("ada@example.org,eve@example.org", "<ada@example.org>", "ada@example.org\u2028"),
]


@everywhere
def test_the_stored_address(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    client, found = user_client(kit), {}
    values = [value for value in (*GOOD_ADDRESSES, *BAD_ADDRESSES) if can_be_said(provider, value)]
    for value in values:
        says(social_provider.faults, provider, email=value)
        row = connected(kit, client, social_login, provider)
        found[repr(value)] = row["email"]
        assert row["email"] is not None or row["email_verified"] is None
    assert found == {repr(value): value if value in GOOD_ADDRESSES else None for value in values}


@everywhere
def test_an_address_is_nobody(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    client = kit.app.test_client()
    for value in ("ada@example.org", "ADA@Example.ORG"):
        says(social_provider.faults, provider, email=value)
        assert social_login(client, provider, "grace").location == "/link"  # prove that it is you
        assert client.post("/link", headers=SAME_ORIGIN).status_code == 200
    assert kit.events == []
    assert kit.who(client) is None
    assert rows(kit) == []


WORDS: list[tuple[t.Any, bool | None]] = [
    *((True, True), (False, False), ("true", True), ("True", True), ("false", False)),
    *((value, None) for value in (1, 0, 1.0, "1", "yes", "", [], [True], ["true"], {}, {"verified": True}, None)),
]


@pytest.mark.parametrize("provider", ["oauth2", "google"])
def test_the_stored_word_on_an_address(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    client, found = user_client(kit), {}
    for value, _ in WORDS:
        says(social_provider.faults, provider, email="ada@example.com", verified=value)
        row = connected(kit, client, social_login, provider)
        found[repr(value)] = row["email"], row["email_verified"]
    assert found == {repr(value): ("ada@example.com", stored) for value, stored in WORDS}


BAD_URLS: list[t.Any] = [
    *("javascript:alert(1)//", "JaVaScRiPt:alert(1)//", " javascript:alert(1)", "java\nscript:alert(1)"),
    *("data:text/html;base64,PHNjcmlwdD4=", "data:image/svg+xml,<svg onload=alert(1)>", "vbscript:x", "file:///etc"),
    *("//evil.example/", "https://ada:pw@evil.example/", "https://evil.example/ onerror=alert(1)", "blob:https://x/y"),
    *(["javascript:alert(1)"], {"url": "javascript:alert(1)"}, 5, True),
]


@everywhere
def test_no_address_that_runs_is_stored_or_shown(
    kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str
) -> None:
    client, found, pages = user_client(kit), {}, ""
    for number, value in enumerate(BAD_URLS):
        parts = {part: value for part in ("picture", "page") if part in PLACES[provider]}
        says(social_provider.faults, provider, id=str(number), **parts)
        social_login(client, provider, "ada", intent="connect")
        row = rows(kit)[-1]
        found[repr(value)] = row["provider_user_id"], row["image_url"], row["profile_url"]
    assert found == {repr(value): (str(number), None, None) for number, value in enumerate(BAD_URLS)}
    pages = client.get("/connections").text + client.get("/connections", headers=JSON).text
    assert pages.count("Disconnect") == 2 * len(BAD_URLS)
    assert not [text for text in ("alert(", "base64", "evil.example", "vbscript", "file:", "blob:") if text in pages]


@pytest.mark.parametrize("value", ["javascript:alert(1)", '"><img src=x onerror=alert(1)>', "@evil.example", "../evil"])
def test_a_handle_leads_to_x_only(kit: Kit, social_login: t.Any, social_provider: t.Any, value: str) -> None:
    says(social_provider.faults, "x", name=value)
    client = user_client(kit)
    social_login(client, "x", "ada", intent="connect")
    (row,) = rows(kit)
    assert row["profile_url"] is None or row["profile_url"].startswith("https://x.com/")
    assert "<img src=x" not in client.get("/connections").text
