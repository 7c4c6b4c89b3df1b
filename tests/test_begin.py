"""Beginning a visit: who may, from where, and what it leaves in the cookie."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest
from flask_wtf import CSRFProtect

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    made = make_kit({name: social_provider.settings(name) for name in ("google", "facebook", "twitter")})
    made.add_user()
    return made


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_login_sends_the_browser_away(kit: Kit, social_provider: t.Any) -> None:
    answer = kit.app.test_client().post("/login/google", headers=SAME_ORIGIN)
    assert answer.status_code == 303
    assert answer.location.startswith(social_provider.url)
    sent = query(answer.location)
    assert sent["redirect_uri"] == "http://localhost/callback/google"
    assert sent["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge", "client_id"} <= set(sent)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_json_callers_get_the_address(kit: Kit) -> None:
    answer = kit.app.test_client().post("/login/google", headers=JSON)
    assert answer.status_code == 200
    assert "state" in query(answer.get_json()["response"]["authorization_url"])


@pytest.mark.parametrize("path", ["login", "connect", "reconnect", "verify", "callback"])
def test_an_unknown_provider_is_not_found(kit: Kit, path: str) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    for provider in ("nothing", "goog", "google_work", "GOOGLE"):
        assert client.post(f"/{path}/{provider}", headers=SAME_ORIGIN).status_code == 404


@pytest.mark.parametrize("path", ["login/google", "connect/google", "reconnect/google", "verify/google"])
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_other_methods_begin_nothing(kit: Kit, path: str, method: str) -> None:
    client = kit.app.test_client()
    answer = getattr(client, method)(f"/{path}", headers=SAME_ORIGIN)
    assert "oauth" not in (answer.location or "")
    with client.session_transaction() as session:
        assert "social_attempts" not in session


@pytest.mark.parametrize("path", ["connect", "reconnect", "verify"])
def test_a_user_is_needed(kit: Kit, path: str) -> None:
    client = kit.app.test_client()
    answer = client.post(f"/{path}/google", headers=SAME_ORIGIN)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")
    assert client.post(f"/{path}/google", headers=JSON).status_code == 401


def test_an_auth_token_connects_nothing(kit: Kit) -> None:
    token = kit.log_in(kit.app.test_client())
    for path in ("connect/google", "verify/google", "disconnect/google"):
        answer = kit.app.test_client().post(f"/{path}", headers={**JSON, "Authentication-Token": token})
        assert answer.status_code == 401


ORIGINS: list[tuple[dict[str, str], int]] = [
    ({}, 400),
    ({"Sec-Fetch-Site": "same-origin"}, 303),
    ({"Origin": "http://localhost"}, 303),
    ({"Origin": "https://localhost"}, 400),
    ({"Origin": "http://localhost:8080"}, 400),
    ({"Origin": "http://evil.example"}, 400),
    ({"Origin": "http://localhost.evil.example"}, 400),
    ({"Origin": "null"}, 400),
    ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 400),
    ({"Sec-Fetch-Site": "same-site"}, 400),
    ({"Sec-Fetch-Site": "cross-site"}, 400),
    ({"Sec-Fetch-Site": "none"}, 400),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 400),
    ({"Referer": "http://localhost/"}, 400),
    ({"X-CSRFToken": "made-up"}, 400),
]


@pytest.mark.parametrize(("headers", "status"), ORIGINS)
@pytest.mark.parametrize("protect", ["never", "before", "after"])
def test_where_a_begin_may_come_from(
    social_provider: t.Any, headers: dict[str, str], status: int, protect: str
) -> None:
    kit = make_kit({"google": social_provider.settings("google")})
    if protect != "never":
        CSRFProtect(kit.app)
    assert kit.app.test_client().post("/login/google", headers=headers).status_code == status


@pytest.mark.parametrize("place", ["form", "header"])
@pytest.mark.parametrize("protect", [False, True])
def test_a_token_is_enough(social_provider: t.Any, place: str, protect: bool) -> None:
    kit = make_kit({"google": social_provider.settings("google")})
    if protect:
        CSRFProtect(kit.app)

    client = kit.app.test_client()
    value = client.get("/token").get_data(as_text=True)
    sent: dict[str, t.Any] = (
        {"data": {"csrf_token": value}} if place == "form" else {"headers": {"X-CSRF-Token": value}}
    )
    assert client.post("/login/google", **sent).status_code == 303
    assert kit.app.test_client().post("/login/google", **sent).status_code == 400
    sent.setdefault("headers", {})["Origin"] = "http://evil.example"
    assert client.post("/login/google", **sent).status_code == 400


def test_switched_off_csrf_still_refuses_other_origins(social_provider: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, WTF_CSRF_ENABLED=False)
    client = kit.app.test_client()
    assert client.post("/login/google").status_code == 303
    assert client.post("/login/google", headers={"Origin": "http://evil.example"}).status_code == 400


def test_the_refusal_says_why(kit: Kit) -> None:
    client = kit.app.test_client()
    page = client.post("/login/google")
    assert "reload the page" in page.get_data(as_text=True)
    answer = client.post("/login/google", headers={"Accept": "application/json", "Origin": "http://evil.example"})
    assert answer.get_json()["response"]["code"] == "origin_mismatch"


@pytest.mark.parametrize(
    ("config", "uri"),
    [
        ({}, "http://localhost/callback/google"),
        ({"SOCIAL_URL_PREFIX": "/social"}, "http://localhost/social/callback/google"),
        ({"SOCIAL_APP_URL": "https://www.example.org"}, "https://www.example.org/callback/google"),
        ({"SOCIAL_APP_URL": "https://www.example.org/app/"}, "https://www.example.org/app/callback/google"),
        ({"SOCIAL_LEGACY_CALLBACKS": True}, "http://localhost/login/google"),
    ],
)
def test_redirect_uri(social_provider: t.Any, config: dict[str, t.Any], uri: str) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, **config)
    path = "/social/login/google" if "SOCIAL_URL_PREFIX" in config else "/login/google"
    answer = kit.app.test_client().post(path, headers=SAME_ORIGIN)
    assert query(answer.location)["redirect_uri"] == uri


def test_app_url_counts_as_our_origin(social_provider: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_APP_URL="https://www.example.org")
    answer = kit.app.test_client().post("/login/google", headers={"Origin": "https://www.example.org"})
    assert answer.status_code == 303


def cookie_size(client: t.Any) -> int:
    cookie = client.get_cookie("session")
    return len(cookie.value) if cookie is not None else 0


def test_what_an_attempt_costs_in_the_cookie(kit: Kit) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    before = cookie_size(client)
    client.post("/connect/google", headers=SAME_ORIGIN, data={"next": "/settings/connections?tab=social"})
    assert 0 < cookie_size(client) - before <= 400
    for number in range(50):
        client.post("/connect/google", headers=SAME_ORIGIN, data={"next": f"/{'n' * 150}{number}"})
    assert cookie_size(client) - before <= 1100


def test_two_apps_of_one_provider(social_provider: t.Any) -> None:
    work = {**social_provider.settings("google"), "provider": "google", "name": "Google at work"}
    kit = make_kit({"google": social_provider.settings("google"), "google_work": work})
    client = kit.app.test_client()
    answer = client.post("/login/google_work", headers=SAME_ORIGIN)
    assert query(answer.location)["redirect_uri"].endswith("/callback/google_work")


@pytest.mark.parametrize(("accept", "status"), [(SAME_ORIGIN, 302), (JSON, 502)])
def test_a_broken_provider_is_a_message(kit: Kit, social_provider: t.Any, accept: dict[str, str], status: int) -> None:
    social_provider.faults.server_error("request_token")
    client = kit.app.test_client()
    answer = client.post("/login/twitter", headers=accept)
    assert answer.status_code == status
    if status == 302:
        assert answer.location == "/login"
        assert "Twitter is not available" in client.get("/login").get_data(as_text=True)
    else:
        assert answer.get_json()["response"]["code"] == "provider_unavailable"
    assert kit.events[-1][1]["code"] == "provider_unavailable"
