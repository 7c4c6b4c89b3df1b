"""The state of a visit: for one browser, one provider and one use."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from .appkit import SAME_ORIGIN, Kit, make_kit

ALL = ("twitter", "x", "facebook", "google", "foursquare", "oidc", "oauth2")


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return make(social_provider, **{id: {} for id in ALL})


def make(social_provider: t.Any, **changes: dict[str, t.Any]) -> Kit:
    """An application with two users, and with providers whose settings are changed; ``provider`` names the kind."""
    settings = {id: {**social_provider.settings(more.get("provider", id)), **more} for id, more in changes.items()}
    kit = make_kit(settings)
    kit.add_user()
    kit.add_user("eve@example.org")
    return kit


def plant(kit: Kit, social_provider: t.Any, provider_id: str, kind: str | None = None, person: str = "ada") -> None:
    """Connects the first user to a person's account."""
    subject = social_provider.subject(kind or provider_id, person)
    with kit.app.app_context():
        kit.db.session.add(kit.Connection(user_id=1, provider_id=provider_id, provider_user_id=subject))
        kit.db.session.commit()


def keys(kit: Kit) -> list[tuple[str, str]]:
    """Whose the rows are, and of which provider."""
    with kit.app.app_context():
        return [(row.user.email, row.provider_id) for row in kit.rows()]


def code(kit: Kit) -> str | None:
    """What the last signal says; ``None`` when it was no refusal."""
    return t.cast("str | None", kit.events[-1][1].get("code"))


def params(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def with_params(url: str, **more: str) -> str:
    return f"{urlsplit(url).path}?{urlencode({**params(url), **more})}"


# Tabs and browsers


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("backwards", [False, True])
def test_two_tabs_at_one_provider(kit: Kit, social_begin: t.Any, provider: str, backwards: bool) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    urls = [social_begin(client, provider, person, intent="connect") for person in ("ada", "grace")]
    for url in reversed(urls) if backwards else urls:
        assert client.get(url).status_code == 302
    assert kit.names() == ["connection_created"] * 2
    for url in urls:
        client.get(url)
        assert code(kit) == "state_unknown"


def test_the_sixth_tab_ends_the_first(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    urls = [social_begin(client, provider, "grace") for provider in ALL[:6]]
    found = []
    for url in urls:
        client.get(url)
        found.append(code(kit))
    assert found == ["state_unknown"] + ["not_connected"] * 5


@pytest.mark.parametrize("provider", ALL)
def test_two_browsers_of_one_user(kit: Kit, social_begin: t.Any, provider: str) -> None:
    first, second = kit.app.test_client(), kit.app.test_client()
    for client in (first, second):
        kit.log_in(client)
        client.post("/connect/x", headers=SAME_ORIGIN)
    url = social_begin(first, provider, "ada", intent="connect")
    second.get(url)
    assert code(kit) == "state_unknown"
    assert keys(kit) == []
    first.get(url)
    assert kit.names()[-1] == "connection_created"


@pytest.mark.parametrize("provider", ALL)
def test_an_older_cookie_brings_back_no_code(
    kit: Kit, social_begin: t.Any, social_provider: t.Any, provider: str
) -> None:
    plant(kit, social_provider, provider)
    client, thief = kit.app.test_client(), kit.app.test_client()
    url = social_begin(client, provider, "ada")
    thief.set_cookie("session", client.get_cookie("session").value)
    client.get(url)
    assert kit.who(client) == "ada@example.org"
    thief.get(url)
    assert code(kit) == "provider_refused"
    assert kit.who(thief) is None


@pytest.mark.parametrize("left", [None, "", "garbage", "a.b.c", "eyJhIjoxfQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"])
@pytest.mark.parametrize("provider", ["google", "twitter"])
def test_a_session_cookie_that_is_lost_or_spoilt(
    kit: Kit, social_begin: t.Any, social_provider: t.Any, left: str | None, provider: str
) -> None:
    plant(kit, social_provider, provider)
    client = kit.app.test_client()
    url = social_begin(client, provider, "ada")
    client.delete_cookie("session")
    if left is not None:
        client.set_cookie("session", left)
    answer = client.get(url)
    if left is None:
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
        answer = client.get(with_params(url, social_bounced="1"))
    assert (answer.status_code, answer.location, code(kit)) == (302, "/login", "state_unknown")
    assert kit.who(client) is None


# A code that was stolen elsewhere

#: What protects a visit, by what is switched off: the refusal, or ``None`` where nothing is left.
INJECTIONS: list[tuple[str, dict[str, t.Any], str | None]] = [
    ("google", {}, "provider_refused"),
    ("oidc", {}, "provider_refused"),
    ("x", {}, "provider_refused"),
    ("oauth2", {}, "provider_refused"),
    ("google", {"pkce": False}, "id_token_invalid"),
    ("oidc", {"pkce": False}, "id_token_invalid"),
    ("oidc", {"nonce": False}, "provider_refused"),
    ("twitter", {}, "provider_refused"),
    # Without PKCE and nonce nothing stops it: so these tests can fail, and so is the protocol of these two.
    ("oidc", {"pkce": False, "nonce": False}, None),
    ("facebook", {}, None),
    ("foursquare", {}, None),
]


@pytest.mark.parametrize(("provider", "changes", "expected"), INJECTIONS)
@pytest.mark.parametrize("intent", ["login", "connect"])
@pytest.mark.parametrize("same_browser", [False, True])
def test_a_stolen_code(
    social_provider: t.Any, social_begin: t.Any,
    provider: str, changes: dict[str, t.Any], expected: str | None, intent: str, same_browser: bool,
) -> None:  # fmt: skip
    """Eve puts the code of Ada's visit, which Ada never finished, into the callback of a visit of her own."""
    kit = make(social_provider, **{provider: changes})
    if intent == "login":
        plant(kit, social_provider, provider)
    eve = kit.app.test_client()
    if intent == "connect":
        kit.log_in(eve, "eve@example.org")
    ada = eve if same_browser else kit.app.test_client()
    stolen = params(social_begin(ada, provider, "ada", intent=intent if same_browser else "login"))
    name = "oauth_verifier" if provider == "twitter" else "code"
    own = social_begin(eve, provider, "grace", intent=intent)
    before = keys(kit)
    answer = eve.get(with_params(own, **{name: stolen[name]}))
    assert (answer.status_code, code(kit)) == (302, expected)
    if expected is not None:
        assert kit.who(eve) == (None if intent == "login" else "eve@example.org")
        assert keys(kit) == before
    elif intent == "login":
        assert kit.who(eve) == "ada@example.org"


# Providers whose ids begin alike


ALIKE = ("google", "google_work", "goo")


@pytest.mark.parametrize("begun", ALIKE)
@pytest.mark.parametrize("answered", ALIKE)
def test_ids_that_begin_alike(social_provider: t.Any, social_begin: t.Any, begun: str, answered: str) -> None:
    kit = make(social_provider, **{id: {"provider": "google"} for id in ALIKE})
    plant(kit, social_provider, begun, "google")
    client = kit.app.test_client()
    url = social_begin(client, begun, "ada")
    client.get(url.replace(f"/callback/{begun}?", f"/callback/{answered}?"))
    assert code(kit) == (None if begun == answered else "state_foreign")
    assert kit.who(client) == ("ada@example.org" if begun == answered else None)
    client.get(url)
    assert code(kit) == "state_unknown"


@pytest.mark.parametrize("mine", ALIKE)
@pytest.mark.parametrize("other", ALIKE)
def test_keys_that_begin_alike(social_provider: t.Any, social_login: t.Any, mine: str, other: str) -> None:
    kit = make(social_provider, **{id: {"provider": "google"} for id in ALIKE})
    plant(kit, social_provider, mine, "google")
    client = kit.app.test_client()
    social_login(client, other, "ada")
    assert kit.who(client) == ("ada@example.org" if mine == other else None)
    client = kit.app.test_client()
    kit.log_in(client)
    subject = social_provider.subject("google", "ada")
    statuses = [
        client.delete(f"/connect/{other}", headers=SAME_ORIGIN).status_code,
        client.delete(f"/connect/{other}/{subject}", headers=SAME_ORIGIN).status_code,
        client.post(f"/disconnect/{other}", headers=SAME_ORIGIN).status_code,
        client.post(f"/reconnect/{other}", headers=SAME_ORIGIN).status_code,
    ]
    assert keys(kit) == ([] if mine == other else [("ada@example.org", mine)])
    assert max(statuses) < 500
