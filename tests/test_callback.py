"""The provider's answer: whatever is wrong with it, a redirect, a code, a log line, and nothing else."""

from __future__ import annotations

import logging
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from .appkit import JSON, PASSWORD, SAME_ORIGIN, Kit, make_kit


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    made = make_kit({name: social_provider.settings(name) for name in ("google", "oidc", "twitter", "facebook", "x")})
    made.add_user()
    return made


def change(url: str, **params: str | None) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **params}
    return f"{parts.path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def refused(kit: Kit, answer: t.Any, code: str) -> None:
    assert (answer.status_code, answer.location) == (302, "/login"), answer.get_data(as_text=True)
    name, values = kit.events[-1]
    assert (name, values["code"]) == ("attempt_refused", code)
    with kit.app.app_context():
        assert kit.rows() == []


CHANGES: list[tuple[str, dict[str, str | None], str]] = [
    ("google", {"state": None}, "state_missing"),
    ("google", {"state": ""}, "state_missing"),
    ("google", {"state": "A" * 43}, "state_unknown"),
    ("google", {"state": "é\x00"}, "state_unknown"),
    ("google", {"code": None}, "callback_invalid"),
    ("google", {"code": ""}, "callback_invalid"),
    ("google", {"code": "made-up"}, "provider_refused"),
    ("google", {"iss": "https://evil.example"}, "issuer_mismatch"),
    ("google", {"error": "access_denied"}, "access_denied"),
    ("google", {"error": "server_error"}, "provider_refused"),
    ("google", {"error": "<script>alert(1)</script>"}, "provider_refused"),
    ("facebook", {"code": "made-up"}, "provider_refused"),
    ("x", {"code": "made-up"}, "provider_refused"),
    ("twitter", {"oauth_token": "other"}, "state_unknown"),
    ("twitter", {"oauth_verifier": None}, "callback_invalid"),
    ("twitter", {"oauth_verifier": "wrong"}, "provider_refused"),
]


@pytest.mark.parametrize(("provider", "params", "code"), CHANGES)
def test_a_changed_answer(
    kit: Kit, social_begin: t.Any, caplog: pytest.LogCaptureFixture,
    provider: str, params: dict[str, str | None], code: str,
) -> None:  # fmt: skip
    client = kit.app.test_client()
    url = social_begin(client, provider, "ada")
    with caplog.at_level(logging.INFO, "flask_social"):
        answer = client.get(change(url, **params))
    refused(kit, answer, code)
    (line,) = [record for record in caplog.records if record.name == "flask_social"]
    assert line.levelname == "WARNING"
    assert code in line.getMessage()
    for _, value in parse_qsl(urlsplit(url).query):
        assert value not in line.getMessage()
    page = client.get("/login").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "Please" in page or "denied" in page


def test_a_parameter_twice(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    url = social_begin(client, "google", "ada")
    refused(kit, client.get(f"{url}&code=other"), "callback_invalid")
    refused(kit, client.get(url), "state_unknown")


def test_a_second_use(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    url = social_begin(client, "google", "grace")
    client.get(url)
    refused(kit, client.get(url), "state_unknown")


def test_another_browser(kit: Kit, social_begin: t.Any) -> None:
    url = social_begin(kit.app.test_client(), "google", "ada")
    thief = kit.app.test_client()
    thief.post("/login/google", headers=SAME_ORIGIN)
    refused(kit, thief.get(url), "state_unknown")


def test_another_provider(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    url = social_begin(client, "google", "ada")
    refused(kit, client.get(url.replace("/callback/google", "/callback/oidc")), "state_foreign")


def test_too_late(social_provider: t.Any, social_begin: t.Any) -> None:
    import time

    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_ATTEMPT_LIFETIME=1)
    client = kit.app.test_client()
    url = social_begin(client, "google", "ada")
    time.sleep(1.1)
    refused(kit, client.get(url), "state_expired")


def test_two_tabs(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    first, second = social_begin(client, "google", "grace"), social_begin(client, "facebook", "grace")
    for url in (first, second):
        client.get(url)
        assert kit.events[-1][1]["code"] == "not_connected"


FAULTS: list[tuple[str, t.Callable[[t.Any], object], str]] = [
    ("google", lambda faults: faults.wrong_nonce(), "id_token_invalid"),
    ("google", lambda faults: faults.wrong_issuer(), "id_token_invalid"),
    ("google", lambda faults: faults.wrong_audience(), "id_token_invalid"),
    ("google", lambda faults: faults.bad_id_token("unsigned"), "id_token_invalid"),
    ("google", lambda faults: faults.bad_id_token("tampered"), "id_token_invalid"),
    ("google", lambda faults: faults.bad_id_token("hs256"), "id_token_invalid"),
    ("google", lambda faults: faults.bad_id_token("missing"), "id_token_invalid"),
    ("google", lambda faults: faults.expired_code(), "provider_refused"),
    ("google", lambda faults: faults.server_error("token"), "provider_unavailable"),
    ("google", lambda faults: faults.huge(endpoint="token"), "provider_answer_invalid"),
    ("google", lambda faults: faults.huge(endpoint="token", compressed=True), "provider_answer_invalid"),
    ("google", lambda faults: faults.add("token", status=200, body="<html>"), "provider_answer_invalid"),
    ("google", lambda faults: faults.add("token", status=200, json={"error": "invalid_grant"}), "provider_refused"),
    ("google", lambda faults: faults.add("token", drop=True), "provider_unavailable"),
    ("google", lambda faults: faults.add("token", status=302, headers={"Location": "/x"}), "provider_answer_invalid"),
    ("facebook", lambda faults: faults.add("profile", status=200, json={"id": None}), "provider_answer_invalid"),
    ("facebook", lambda faults: faults.add("profile", status=200, json={"id": True}), "provider_answer_invalid"),
    ("x", lambda faults: faults.rate_limited("profile"), "provider_unavailable"),
    ("x", lambda faults: faults.server_error("profile"), "provider_unavailable"),
    ("twitter", lambda faults: faults.server_error("token"), "provider_unavailable"),
    ("twitter", lambda faults: faults.server_error("profile"), "provider_unavailable"),
]


@pytest.mark.parametrize(("provider", "fault", "code"), FAULTS)
def test_a_lying_or_broken_provider(
    kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str, fault: t.Any, code: str
) -> None:
    fault(social_provider.faults)
    client = kit.app.test_client()
    refused(kit, social_login(client, provider, "ada"), code)
    assert kit.who(client) is None


def test_a_slow_provider(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_HTTP_TIMEOUT=(1, 0.3))
    social_provider.faults.slow(1, endpoint="token")
    refused(kit, social_login(kit.app.test_client(), "google", "ada"), "provider_timeout")


def test_rotated_keys_are_fetched_again(kit: Kit, social_login: t.Any, social_provider: t.Any) -> None:
    social_login(kit.app.test_client(), "google", "grace")
    social_provider.rotate_keys("new")
    social_login(kit.app.test_client(), "google", "grace")
    assert kit.events[-1][1]["code"] == "not_connected"


def test_the_number_of_provider_requests(kit: Kit, social_login: t.Any, social_provider: t.Any) -> None:
    for provider, expected in (("google", 1), ("oidc", 1), ("x", 2), ("facebook", 3)):
        social_login(kit.app.test_client(), provider, "grace")
        social_provider.forget_requests()
        social_login(kit.app.test_client(), provider, "grace")
        assert social_provider.count(provider=provider) == expected, provider


def test_without_parameters(kit: Kit) -> None:
    client = kit.app.test_client()
    client.get("/")
    for path in ("/callback/google", "/login/google", "/connect/google"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (302, "/login")
    assert "use the button" in client.get("/login").get_data(as_text=True)
    assert client.get("/login/nothing").status_code == 404


def test_accept_json_changes_nothing(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    url = social_begin(client, "google", "grace")
    answer = client.get(url, headers={"Accept": "application/json", "Content-Type": "application/json"})
    assert (answer.status_code, answer.location) == (302, "/login")


def test_a_callback_without_cookie_bounces_once(kit: Kit, social_begin: t.Any) -> None:
    url = social_begin(kit.app.test_client(), "google", "ada")
    fresh = kit.app.test_client()
    page = fresh.get(url)
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    text = page.get_data(as_text=True)
    assert 'http-equiv="refresh"' in text
    assert "<script" not in text
    answer = fresh.get(change(url, social_bounced="1"))
    refused(kit, answer, "state_unknown")


def test_a_posted_answer_bounces_to_get(kit: Kit, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    url = social_begin(client, "google", "grace")
    before = client.get_cookie("session").value
    page = client.post(urlsplit(url).path, data=dict(parse_qsl(urlsplit(url).query)))
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    assert client.get_cookie("session").value == before
    client.get(change(url, social_bounced="1"))
    assert kit.events[-1][1]["code"] == "not_connected"


# Flask-Login, where it writes its cookie, on Python 3.12 and later.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.parametrize("refresh", [False, True])
def test_a_bounce_touches_no_session(social_provider: t.Any, social_begin: t.Any, refresh: bool) -> None:
    """Also when Flask-Login writes into it afterwards, for a remembered user."""
    google = {"google": social_provider.settings("google")}
    kit = make_kit(google, REMEMBER_COOKIE_REFRESH_EACH_REQUEST=refresh)
    kit.add_user()
    client = kit.app.test_client()
    csrf = client.get("/login", headers=JSON).get_json()["response"]["csrf_token"]
    form = {"email": "ada@example.org", "password": PASSWORD, "remember": True, "csrf_token": csrf}
    client.post("/login", json=form, headers=JSON)
    social_begin(client, "google", "ada", intent="connect")
    before = client.get_cookie("session").value
    for method in ("get", "post"):
        if method == "get":
            client.delete_cookie("session")
        page = getattr(client, method)("/callback/google?code=c&state=s", headers={"Sec-Fetch-Site": "cross-site"})
        assert page.status_code == 200
        assert not [it for it in page.headers.getlist("Set-Cookie") if it.startswith("session=")]
        client.set_cookie("session", before)


def test_another_site_cannot_say_that_it_was_bounced(kit: Kit) -> None:
    """Its flash would take the place of the session that the browser keeps from it."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    page = kit.app.test_client().get("/callback/google?state=s&social_bounced=1", headers=headers)
    assert (page.status_code, "Set-Cookie" in page.headers) == (200, False)


def test_two_session_cookies(kit: Kit, social_begin: t.Any) -> None:
    """A sibling host sets the first: with it, the victim's account would be connected to the attacker."""
    kit.add_user("eve@example.org")
    attacker, victim = kit.app.test_client(), kit.app.test_client(use_cookies=False)
    kit.log_in(attacker, "eve@example.org")
    url = social_begin(attacker, "google", "ada", intent="connect")
    cookies = f"session={attacker.get_cookie('session').value}; other=1; session=of-the-victim"
    answer = victim.get(url, headers={"Cookie": cookies})
    assert answer.location == "/login"
    assert kit.events[-1][1]["code"] == "session_doubled"
    with kit.app.app_context():
        assert kit.rows() == []


def test_a_bounce_stays_below_the_mount_point(kit: Kit) -> None:
    answer = kit.app.test_client().get("/callback/google?code=1", base_url="http://localhost/mounted")
    assert "url=/mounted/callback/google?code=1&amp;" in answer.get_data(as_text=True)


def test_bounced_text_is_escaped(kit: Kit) -> None:
    page = kit.app.test_client().get('/callback/google?state="><script>alert(1)</script>').get_data(as_text=True)
    assert "<script>alert" not in page


def test_legacy_callbacks(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_LEGACY_CALLBACKS=True)
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert kit.who(client) == "ada@example.org"
