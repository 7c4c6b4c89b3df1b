"""A front end of its own (``SECURITY_REDIRECT_BEHAVIOR = "spa"``): it is told how a visit ended, and nothing secret."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import parse_qsl, urlsplit

import pytest

from flask_social.testing.browser import visit

from .appkit import JSON, PASSWORD, SAME_ORIGIN, Kit, make_kit
from .joinkit import CONFIRM, TWO_FACTOR, UNVERIFIED, link_in, send_json

VIEWS = {
    "SECURITY_REDIRECT_BEHAVIOR": "spa",
    "SECURITY_POST_LOGIN_VIEW": "/app/home",
    "SECURITY_LOGIN_ERROR_VIEW": "/app/login",
    "SOCIAL_CONNECT_ALLOW_VIEW": "/app/accounts",
    "SOCIAL_CONNECT_DENY_VIEW": "/app/accounts?tab=2",
}


@pytest.fixture
def make(social_provider: t.Any) -> t.Any:
    """Makes an application with two providers; ``ada`` is a user."""

    def make(**options: t.Any) -> Kit:
        providers = {name: social_provider.settings(name, verify=True) for name in ("google", "twitter")}
        settings = {name: value for name, value in {**VIEWS, **options}.items() if value is not None}
        kit = make_kit(providers, **settings)
        kit.add_user()
        return kit

    return make


def told(answer: t.Any) -> tuple[str, dict[str, str]]:
    """Where a redirect goes, and what it tells."""
    assert answer.status_code in (302, 303), answer.get_data(as_text=True)
    parts = urlsplit(answer.location)
    netloc = f"{parts.scheme}://{parts.netloc}" if parts.scheme else f"//{parts.netloc}" if parts.netloc else ""
    return netloc + parts.path, dict(parse_qsl(parts.query))


def flashes(client: t.Any) -> list[t.Any]:
    with client.session_transaction() as session:
        return list(session.get("_flashes", []))


def connected(kit: Kit, social_login: t.Any, provider: str = "google") -> t.Any:
    """A browser of ada, with an account of the provider connected."""
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, provider, "ada", intent="connect")
    return client


# Ends of a callback ---------------------------------------------------------------------------------------------

# intent, person, connected before, view of the settings -> page, code
ENDS: list[t.Any] = [
    ("login", "ada", True, {}, "/app/home", "logged_in"),
    ("login", "ada", True, {"SOCIAL_LOGGED_IN_VIEW": "/app/in"}, "/app/in", "logged_in"),
    ("login", "ada", False, {}, "/app/login", "not_connected"),
    ("login", "ada", False, {"SOCIAL_NOT_CONNECTED_VIEW": "/app/new"}, "/app/new", "not_connected"),
    ("login", None, False, {}, "/app/login", "access_denied"),
    ("login", None, False, {"SECURITY_LOGIN_ERROR_VIEW": None}, "/login", "access_denied"),
    ("connect", "ada", False, {}, "/app/accounts", "connected"),
    ("connect", "ada", False, {"SOCIAL_CONNECTED_VIEW": "/app/done"}, "/app/done", "connected"),
    ("connect", "ada", True, {}, "/app/accounts", "already_connected"),
    ("connect", None, False, {}, "/app/accounts", "access_denied"),
    ("reconnect", "ada", True, {}, "/app/accounts", "reconnected"),
    ("reconnect", "grace", True, {}, "/app/accounts", "reconnect_mismatch"),
    ("verify", "ada", True, {}, "/app/home", "verified"),
    ("verify", "grace", True, {}, "/app/accounts", "verify_mismatch"),
]


@pytest.mark.parametrize("next_url", [None, "/inbox?page=2"])
@pytest.mark.parametrize(("intent", "person", "before", "views", "page", "code"), ENDS)
def test_every_end_tells_its_code(
    make: t.Any,
    social_login: t.Any,
    intent: str,
    person: str | None,
    before: bool,
    views: dict[str, t.Any],
    page: str,
    code: str,
    next_url: str | None,
) -> None:
    kit = make(**views)
    client = connected(kit, social_login) if before else kit.app.test_client()
    if intent == "login":
        client = kit.app.test_client()
    elif not before:
        kit.log_in(client)
    form = {"next": next_url} if next_url else {}
    answer = social_login(client, "google", person, intent=intent, **form)
    expected = {"code": code, "provider": "google", **form}
    if code in ("access_denied", "reconnect_mismatch", "verify_mismatch") and intent != "login":
        expected["tab"] = "2"  # what the view had in its query stays
    assert told(answer) == (page, expected)
    assert flashes(client) == []


def test_a_double_click_ends_like_a_login(make: t.Any, social_begin: t.Any, social_login: t.Any) -> None:
    kit = make()
    connected(kit, social_login)
    client = kit.app.test_client()
    first, second = (social_begin(client, "google", "ada") for _ in range(2))
    assert told(client.get(first)) == told(client.get(second))


def test_the_target_that_the_application_left_is_told(make: t.Any, social_login: t.Any) -> None:
    kit = make()
    connected(kit, social_login)
    client = kit.app.test_client()
    with client.session_transaction() as session:
        session["post_oauth_login_url"] = "/welcome"
    assert told(social_login(client, "google", "ada"))[1]["next"] == "/welcome"


@pytest.mark.parametrize(
    ("host", "view", "page"),
    [
        (None, "/app/home", "/app/home"),
        ("app.example.org", "/app/home", "//app.example.org/app/home"),
        (None, "https://app.example.org/home", "https://app.example.org/home"),
        ("app.example.org", "index", "/"),
        (None, "index", "/"),
    ],
)
def test_the_host_of_the_front_end(make: t.Any, social_login: t.Any, host: str | None, view: str, page: str) -> None:
    kit = make(SECURITY_REDIRECT_HOST=host, SECURITY_POST_LOGIN_VIEW=view)
    connected(kit, social_login)
    answer = social_login(kit.app.test_client(), "google", "ada")
    assert told(answer) == (page, {"code": "logged_in", "provider": "google"})


def test_the_query_stands_before_the_fragment(make: t.Any, social_login: t.Any) -> None:
    kit = make(SECURITY_LOGIN_ERROR_VIEW="/app#/login")
    answer = social_login(kit.app.test_client(), "google", None)
    assert answer.location == "/app?code=access_denied&provider=google#/login"


@pytest.mark.parametrize("query", ["", "?state=wrong&code=x", "?error=access_denied", "?state=a&state=b"])
def test_a_callback_that_fits_nothing(make: t.Any, query: str) -> None:
    client = make().app.test_client()
    client.set_cookie("session", "x")
    page, values = told(client.get(f"/callback/google{query}", headers=JSON))
    assert page == "/app/login"
    assert values["provider"] == "google"
    assert values["code"] in ("use_a_button", "state_unknown", "state_missing")
    assert flashes(client) == []


def test_a_begin_that_fails_tells_its_code(make: t.Any, social_provider: t.Any) -> None:
    kit = make()
    social_provider.faults.add("request_token", status=503)
    client = kit.app.test_client()
    answer = client.post("/login/twitter", headers=SAME_ORIGIN, data={"next": "/inbox"})
    assert told(answer) == ("/app/login", {"code": "provider_unavailable", "provider": "twitter", "next": "/inbox"})


def test_nothing_of_the_person_or_the_token_is_in_an_address(make: t.Any, social_login: t.Any) -> None:
    kit = make()
    connected(kit, social_login)
    answer = social_login(kit.app.test_client(), "google", "ada")
    with kit.app.app_context():
        (row,) = kit.rows()
        for secret in (row.access_token, row.provider_user_id, row.email, "ada"):
            assert secret
            assert secret not in answer.location


def test_pages_stay_pages_without_the_setting(make: t.Any, social_login: t.Any) -> None:
    kit = make(SECURITY_REDIRECT_BEHAVIOR=None)
    client = connected(kit, social_login)
    assert flashes(client)
    client = kit.app.test_client()
    assert social_login(client, "google", "ada", next="/inbox").location == "/inbox"
    assert social_login(kit.app.test_client(), "google", None).location == "/login"


# Second factor --------------------------------------------------------------------------------------------------

STEPS: list[t.Any] = [
    ({}, True, "/app/login", {"tf_state": "ready", "tf_primary_method": "authenticator"}),
    (
        {"SOCIAL_SECOND_FACTOR_VIEW": "/app/tf"},
        True,
        "/app/tf",
        {"tf_state": "ready", "tf_primary_method": "authenticator"},
    ),
    (
        {"SECURITY_LOGIN_ERROR_VIEW": None},
        True,
        "/tf-validate",
        {"tf_state": "ready", "tf_primary_method": "authenticator"},
    ),
    (
        {"SOCIAL_SECOND_FACTOR_VIEW": "/app/tf", "SECURITY_TWO_FACTOR_REQUIRED": True},
        False,
        "/app/tf",
        {"tf_state": "setup_from_login"},
    ),
]


@pytest.mark.parametrize(("views", "is_set_up", "page", "state"), STEPS)
def test_the_second_factor_is_the_front_ends(
    make: t.Any, social_login: t.Any, views: dict[str, t.Any], is_set_up: bool, page: str, state: dict[str, str]
) -> None:
    kit = make(**{**TWO_FACTOR, **views, "SECURITY_TWO_FACTOR_REQUIRED": False})
    connected(kit, social_login)
    kit.app.config.update({name: value for name, value in views.items() if name == "SECURITY_TWO_FACTOR_REQUIRED"})
    kit.events.clear()
    secret = set_up_second_factor(kit) if is_set_up else None
    client = kit.app.test_client()
    at, values = told(social_login(client, "google", "ada", next="/inbox"))
    expected = {"code": "second_factor", "provider": "google", "tf_required": "1", **state, "next": "/inbox"}
    assert (at, values) == (page, expected)
    assert flashes(client) == []
    assert kit.who(client) is None
    if secret is None:
        return
    code = kit.app.extensions["security"]._totp_factory.generate_totp_password(secret)
    token = client.get("/token").get_data(as_text=True)
    answer = client.post("/tf-validate", json={"code": code, "csrf_token": token}, headers=JSON)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert kit.who(client) == "ada@example.org"
    assert kit.names() == ["login_completed"]


def set_up_second_factor(kit: Kit) -> str:
    """Turns ada's second factor on, and gives its secret."""
    with kit.app.app_context():
        user = kit.db.session.execute(kit.db.select(kit.User)).scalar_one()
        user.tf_totp_secret = kit.app.extensions["security"]._totp_factory.generate_totp_secret()
        user.tf_primary_method = "authenticator"
        kit.db.session.commit()
        return str(user.tf_totp_secret)


# Sign-up and link -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [None, "/app/signup"])
def test_the_sign_up_form_is_the_front_ends(make: t.Any, social_login: t.Any, view: str | None) -> None:
    kit = make(SOCIAL_SIGNUP="ask", SOCIAL_SIGNUP_VIEW=view)
    client = kit.app.test_client()
    answer = social_login(client, "google", "grace", next="/inbox")
    expected = {"code": "signup", "provider": "google", "next": "/inbox"}
    assert told(answer) == (view or "/signup/google", expected)

    form = client.get("/signup/google", headers=JSON).get_json()["response"]
    assert form["provider_id"] == "google"
    body = {"email": form["fields"]["email"], "identity": form["identity"]}
    sent = client.post("/signup/google", json=body, headers=JSON)
    assert sent.status_code == 200, sent.get_data(as_text=True)
    assert sent.get_json()["response"] == {
        "code": "logged_in",
        "provider": "google",
        "next": "/app/home?code=logged_in&provider=google&next=%2Finbox",
    }
    assert kit.who(client) == form["fields"]["email"]
    assert flashes(client) == []
    again = client.post("/signup/google", json=body, headers=JSON)
    assert (again.status_code, again.get_json()["response"]["code"]) == (400, "nothing_waits")


@pytest.mark.parametrize("view", [None, "/app/link"])
def test_the_link_is_the_front_ends(make: t.Any, social_login: t.Any, view: str | None) -> None:
    kit = make(SOCIAL_LINK_VIEW=view)
    kit.add_user("ada@example.com")
    client = kit.app.test_client()
    assert told(social_login(client, "google", "ada", next="/inbox")) == (
        view or "/link",
        {"code": "link", "provider": "google", "next": "/inbox"},
    )
    asked = client.get("/link", headers=JSON).get_json()["response"]
    identity = asked["identity"]
    token = client.get("/token").get_data(as_text=True)
    proof = {
        "email": "ada@example.com",
        "password": PASSWORD,
        "next": f"/link?identity={identity}",
        "csrf_token": token,
    }
    assert client.post("/login", json=proof, headers=JSON).status_code == 200
    asked = client.get(f"/link?identity={identity}", headers=JSON).get_json()["response"]
    assert (asked["provider_id"], asked["login_url"]) == ("google", None)
    done = client.post("/link", json={"identity": identity}, headers=JSON)
    assert (done.status_code, done.get_json()["response"]) == (
        200,
        {
            "code": "connected",
            "provider": "google",
            "next": "/app/accounts?code=connected&provider=google&next=%2Finbox",
        },
    )
    with kit.app.app_context():
        assert len(kit.rows()) == 1


def test_a_sign_up_whose_address_has_to_be_confirmed(make: t.Any, social_provider: t.Any, social_login: t.Any) -> None:
    social_provider.add_person(UNVERIFIED)
    kit = make(SOCIAL_SIGNUP="auto", **CONFIRM)
    client = kit.app.test_client()
    answer = social_login(client, "google", "mallory", next="/inbox")
    assert told(answer) == ("/app/login", {"code": "confirm_address", "provider": "google", "next": "/inbox"})
    assert flashes(client) == []


def test_a_proof_by_mail_comes_back_to_the_front_end(make: t.Any, social_provider: t.Any, social_login: t.Any) -> None:
    social_provider.add_person(UNVERIFIED)
    kit = make(SOCIAL_SIGNUP="ask", SOCIAL_SIGNUP_VIEW="/app/signup")
    client = kit.app.test_client()
    social_login(client, "google", "mallory")
    sent = send_json(client, "/signup/google", email="mallory@example.com")
    assert (sent.status_code, sent.get_json()["response"]) == (202, {"code": "proof_sent"})
    answer = client.get(link_in(kit.mails[-1]))
    assert told(answer) == ("/app/signup", {"code": "signup", "provider": "google"})
    assert client.get("/signup/google", headers=JSON).get_json()["response"]["proven"] == "mallory@example.com"


# JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [None, "spa"])
def test_a_begin_by_json_takes_its_fields_from_the_body(
    make: t.Any, social_login: t.Any, behaviour: str | None
) -> None:
    kit = make(SECURITY_REDIRECT_BEHAVIOR=behaviour)
    connected(kit, social_login)
    client = kit.app.test_client()
    begun = client.post("/login/google", json={"next": "/inbox"}, headers=JSON)
    back = visit(begun.get_json()["response"]["authorization_url"], "ada")
    assert "inbox" in client.get(back.url).location


@pytest.mark.parametrize(
    "body", [[], "x", 1, None, {"next": ["/inbox"]}, {"next": 1}, {"display": ["popup"], "next": {}}]
)
def test_nonsense_in_the_body_begins_as_nothing(make: t.Any, body: t.Any) -> None:
    answer = make().app.test_client().post("/login/google", json=body, headers=JSON)
    assert (answer.status_code, list(answer.get_json()["response"])) == (200, ["authorization_url"])


@pytest.mark.parametrize("path", ["/login/google", "/signup/google", "/connect/google", "/reconnect/google"])
def test_a_body_that_is_nested_too_deep(make: t.Any, social_login: t.Any, path: str) -> None:
    kit = make(SOCIAL_SIGNUP="ask")
    client = kit.app.test_client() if path in ("/login/google", "/signup/google") else connected(kit, social_login)
    if path == "/signup/google":
        social_login(client, "google", "grace")
    body = '{"next": ' + "[" * 100_000 + "]" * 100_000 + "}"
    answer = client.post(path, data=body, content_type="application/json", headers=JSON)
    assert answer.status_code in (200, 400), answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("subject", "status"),
    [(None, 200), ("", 200), ("own", 200), ("other", 404), (["own"], 404), ({}, 404), (True, 404), (7, 404)],
)
def test_a_reconnect_by_json_names_its_account(make: t.Any, social_login: t.Any, subject: t.Any, status: int) -> None:
    kit = make()
    client = connected(kit, social_login)
    with kit.app.app_context():
        own = kit.rows()[0].provider_user_id
    body = {"provider_user_id": own if subject == "own" else subject}
    answer = client.post("/reconnect/google", json=body, headers=JSON)
    assert answer.status_code == status, answer.get_data(as_text=True)
    if status == 404:
        assert answer.get_json()["response"]["code"] == "connection_unknown"


@pytest.mark.parametrize("path", ["/login/nobody", "/connect/nobody", "/verify/nobody", "/signup/nobody"])
def test_an_unknown_provider_has_a_code(make: t.Any, path: str) -> None:
    client = make().app.test_client()
    answer = client.post(path, headers=JSON)
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (404, "provider_unknown")
    assert re.match("text/html", client.post(path, headers=SAME_ORIGIN).content_type)
