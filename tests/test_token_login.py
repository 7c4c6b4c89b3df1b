"""Logging in without a redirect: a token that a button or a native app got for a nonce of ours."""

from __future__ import annotations

import base64
import io
import json
import logging
import time
import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest
from cachelib import SimpleCache
from flask import render_template_string

from flask_social import ConfigurationError, attempts
from flask_social.jws import decode
from flask_social.providers.base import OAuth1Provider, OAuth2Provider, OIDCProvider, TokenFacts
from flask_social.views.begin import SESSION_KEY
from flask_social.views.token import MAX_BODY

from .appkit import JSON, PASSWORD, SAME_ORIGIN, Kit, make_kit

WAYS = ("google", "oidc", "facebook")
FORM = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    made = make_kit({name: social_provider.settings(name, token_login=True) for name in WAYS})
    made.add_user()
    made.app.add_url_rule("/page", view_func=lambda: render_template_string("{{ social.token_nonce('google') }}"))
    return made


@pytest.fixture
def client(kit: Kit, social_login: t.Any) -> t.Any:
    """A browser where nobody is logged in; Ada's accounts are connected."""
    client = kit.app.test_client()
    kit.log_in(client)
    for name in WAYS:
        social_login(client, name, "ada", intent="connect")
    kit.log_out(client)
    kit.events.clear()
    return client


def ask(client: t.Any, provider: str = "google", **fields: t.Any) -> str:
    """Asks for a nonce, as a script does."""
    answer = client.post(f"/token/{provider}", json=fields, headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["response"]["client_id"] == f"{provider}-app"
    return str(answer.get_json()["response"]["nonce"])


def show(client: t.Any, provider: str = "google", **fields: t.Any) -> t.Any:
    """Brings a token."""
    return client.post(f"/token/{provider}", json=fields, headers=JSON)


def code(answer: t.Any) -> tuple[int, str]:
    response = answer.get_json()["response"]
    assert response["errors"]
    return answer.status_code, response["code"]


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# What works ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["google", "oidc"])
def test_an_id_token_logs_in(kit: Kit, client: t.Any, social_provider: t.Any, provider: str) -> None:
    nonce = ask(client, provider, next="/inbox")
    answer = show(client, provider, id_token=social_provider.mint_id_token(provider, "ada", nonce=nonce))
    assert answer.status_code == 200
    assert answer.get_json()["response"]["next"] == "/inbox"
    assert answer.headers["Cache-Control"] == "no-store"
    assert kit.who(client) == "ada@example.org"
    assert kit.names()[-1] == "login_completed"


def test_a_form_logs_in_by_a_redirect(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    nonce = client.post("/token/google", data={"next": "/inbox"}, headers=FORM).get_json()["response"]["nonce"]
    token = social_provider.mint_id_token("google", "ada", nonce=nonce)
    answer = client.post("/token/google", data={"id_token": token}, headers=FORM)
    assert (answer.status_code, answer.location) == (302, "/inbox")
    assert kit.who(client) == "ada@example.org"


def test_a_form_that_fails_leads_to_the_login_page(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = social_provider.mint_id_token("google", "ada", nonce="x" * 43)
    answer = client.post("/token/google", data={"id_token": token}, headers=FORM)
    assert (answer.status_code, answer.location) == (302, "/login")
    assert "not known in this browser" in client.get("/login").text
    assert kit.names() == ["attempt_refused"]


def test_a_page_has_the_nonce(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    nonce = client.get("/page?next=/inbox").text
    answer = show(client, id_token=social_provider.mint_id_token("google", "ada", nonce=nonce))
    assert answer.get_json()["response"]["next"] == "/inbox"
    assert client.get("/page").text == "None"  # somebody is logged in


def test_an_access_token_logs_in(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = social_provider.mint_access_token("facebook", "ada")
    answer = show(client, "facebook", access_token=token, nonce=ask(client, "facebook"))
    assert answer.status_code == 200
    assert kit.who(client) == "ada@example.org"
    with kit.app.app_context():
        (row,) = [row for row in kit.rows() if row.provider_id == "facebook"]
        assert (row.access_token, row.status) == (token, "active")
        assert row.expires_at is not None
        assert row.granted_scope == "email public_profile"


def test_an_id_token_keeps_the_tokens_and_the_profile(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    def row() -> dict[str, t.Any]:
        with kit.app.app_context():
            (found,) = [row for row in kit.rows() if row.provider_id == "oidc"]
            return {name: getattr(found, name) for name in NAMES}

    before = row()
    assert None not in (before["access_token"], before["expires_at"], before["email"], before["full_name"])
    assert before["status"] == "active"
    social_provider.thin_id_tokens = True
    assert show(client, "oidc", id_token=mint(social_provider, client, "oidc")).status_code == 200
    assert {**row(), "last_login_at": None} == before
    assert row()["last_login_at"] is not None
    assert kit.names() == ["login_completed"]


NAMES = (
    *("access_token", "refresh_token", "id_token", "expires_at", "status", "granted_scope", "last_login_at"),
    *("display_name", "full_name", "email", "email_verified", "image_url", "issuer"),
)


def test_an_id_token_brings_a_new_profile(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = mint(social_provider, client, "google", name="Ada King", email="king@example.com", email_verified=False)
    assert show(client, id_token=token).status_code == 200
    with kit.app.app_context():
        row = kit.rows()[0]
        assert (row.full_name, row.email, row.email_verified) == ("Ada King", "king@example.com", False)
        assert row.access_token
    ((_, event), _) = kit.events
    assert event["changed"] >= {"full_name", "email", "email_verified"}


def mint(standin: t.Any, client: t.Any, provider: str = "google", person: str = "ada", **more: t.Any) -> str:
    """An ID token for a nonce of this browser."""
    return str(standin.mint_id_token(provider, person, nonce=ask(client, provider), **more))


# Every outcome of a callback ----------------------------------------------------------------------------------


def test_a_stranger_is_told_so(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    answer = show(client, id_token=mint(social_provider, client, person="grace"))
    assert code(answer) == (400, "not_connected")
    assert kit.who(client) is None
    assert set(kit.names()) == {"attempt_refused", "login_failed"}


def test_a_stranger_signs_up(social_provider: t.Any) -> None:
    for signup in ("auto", "ask"):
        kit = make_kit({"google": social_provider.settings("google", token_login=True, signup=signup)})
        client = kit.app.test_client()
        token = mint(social_provider, client, person="grace")
        after = show(client, id_token=token).get_json()["response"]["next"]
        assert after.startswith("/signup/google" if signup == "ask" else "/")
        if signup == "auto":
            assert kit.who(client) == "grace@example.com"
            with kit.app.app_context():
                (row,) = kit.rows()
                assert (row.access_token, row.status, row.id_token) == (None, "needs_reconnect", token)


def test_a_known_address_proves_the_account_first(social_provider: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google", token_login=True, link_by_email="prove")})
    kit.add_user("ada@example.com")
    client = kit.app.test_client()
    answer = show(client, id_token=mint(social_provider, client))
    assert answer.get_json()["response"]["next"].startswith("/link")
    assert kit.who(client) is None


def test_a_link_that_comes_too_late_keeps_the_tokens(social_provider: t.Any, social_login: t.Any) -> None:
    """While the identity waits for a proof, the same person connects it elsewhere, by a redirect."""
    kit = make_kit({"google": social_provider.settings("google", token_login=True, link_by_email="prove")})
    kit.add_user("ada@example.com")
    client, elsewhere = kit.app.test_client(), kit.app.test_client()
    show(client, id_token=mint(social_provider, client))
    kit.log_in(elsewhere, "ada@example.com")
    social_login(elsewhere, "google", "ada", intent="connect")
    with kit.app.app_context():
        token = kit.rows()[0].access_token
    assert token
    identity = client.get("/link", headers=JSON).get_json()["response"]["identity"]
    fields = {"email": "ada@example.com", "password": PASSWORD, "csrf_token": client.get("/token").text}
    fields["next"] = f"/link?identity={identity}"
    assert client.post("/login", data=fields).location.endswith(fields["next"])
    kit.events.clear()
    assert client.post("/link", data={"identity": identity}, headers=SAME_ORIGIN).status_code == 302
    with kit.app.app_context():
        (row,) = kit.rows()
        assert (row.access_token, row.status) == (token, "active")
    assert dict(kit.events)["connection_updated"]["changed"] == frozenset()


def test_the_gates_stand(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    with kit.app.app_context():
        kit.db.session.execute(kit.db.select(kit.User)).scalar_one().active = False
        kit.db.session.commit()
    assert code(show(client, id_token=mint(social_provider, client))) == (400, "user_inactive")
    assert kit.who(client) is None


def test_the_second_factor_stands(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit(
        {"google": social_provider.settings("google", token_login=True)},
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
        SECURITY_TOTP_ISSUER="tests",
    )
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    kit.log_out(client)
    with kit.app.app_context():
        user = kit.db.session.execute(kit.db.select(kit.User)).scalar_one()
        user.tf_totp_secret = kit.app.extensions["security"]._totp_factory.generate_totp_secret()
        user.tf_primary_method = "authenticator"
        kit.db.session.commit()
    answer = show(client, id_token=mint(social_provider, client))
    assert answer.get_json()["response"]["tf_required"] is True
    assert kit.who(client) is None
    token = mint(social_provider, client)
    answer = client.post("/token/google", data={"id_token": token}, headers=FORM)
    assert answer.location.startswith("/tf-validate")
    assert kit.who(client) is None


# Attacks ------------------------------------------------------------------------------------------------------


HOUR = 3600
CLAIMS: list[tuple[str, dict[str, t.Any]]] = [
    ("another client's", {"client_id": "another-app"}),
    ("for us, made for another client's app", {"azp": "another-app"}),
    ("for us and others", {"aud": ["google-app", "another-app"], "azp": "another-app"}),
    ("of another issuer", {"iss": "https://issuer.invalid"}),
    ("expired", {"exp": int(time.time()) - HOUR}),
    ("of the future", {"iat": int(time.time()) + HOUR, "exp": int(time.time()) + 2 * HOUR}),
    ("without an end", {"exp": None}),
    ("of nobody", {"sub": ""}),
    ("unsigned", {"kind": "unsigned"}),
    ("signed with the client secret", {"kind": "hs256"}),
    ("changed after signing", {"kind": "tampered"}),
]


@pytest.mark.parametrize(("what", "how"), CLAIMS, ids=[what for what, _ in CLAIMS])
def test_an_id_token_that_does_not_hold(
    kit: Kit, client: t.Any, social_provider: t.Any, what: str, how: dict[str, t.Any]
) -> None:
    nonce = ask(client)
    answer = show(client, id_token=social_provider.mint_id_token("google", "ada", nonce=nonce, **how))
    assert code(answer) == (400, "id_token_invalid")
    # It has used the nonce up: a thief has one try.
    answer = show(client, id_token=social_provider.mint_id_token("google", "ada", nonce=nonce))
    assert code(answer) == (400, "state_unknown")
    assert kit.who(client) is None
    assert set(kit.names()) == {"attempt_refused"}


def test_native_apps_of_our_own(social_provider: t.Any, social_login: t.Any) -> None:
    """An app asks under its own client id for a token that is meant for us; a redirect's token is none of its."""
    settings = social_provider.settings("google", token_login=True, native_clients=["our-android-app"], signup="auto")
    kit = make_kit({"google": settings})
    for azp, fine in (("our-android-app", True), ("another-app", False), (["our-android-app"], False)):
        client = kit.app.test_client()
        token = social_provider.mint_id_token("google", "ada", nonce=ask(client), azp=azp)
        assert (show(client, id_token=token).status_code == 200) is fine
        assert (kit.who(client) is not None) is fine
    client = kit.app.test_client()
    social_provider.faults.add("id_token", claims={"azp": "our-android-app"})
    social_login(client, "google", "ada")
    assert (kit.events[-1][1]["code"], kit.who(client)) == ("id_token_invalid", None)


def test_the_public_key_is_no_secret(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    nonce = ask(client)
    good = social_provider.mint_id_token("google", "ada", nonce=nonce)
    claims = json.loads(decode(good.split(".")[1]))
    for secret in (social_provider.keys.key.as_pem(private=False).decode(), ""):
        forged = social_provider.keys.sign({**claims, "nonce": ask(client)}, "hs256", secret)
        assert code(show(client, id_token=forged)) == (400, "id_token_invalid")


def test_a_token_works_once(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = mint(social_provider, client)
    assert show(client, id_token=token).status_code == 200
    kit.log_out(client)
    assert code(show(client, id_token=token)) == (400, "state_unknown")


def test_an_old_cookie_works_once_with_a_cache(social_provider: t.Any) -> None:
    """Without a cache nothing on the server knows that a cookie is old: it ends with the attempt."""
    for cache, second in ((None, 200), (SimpleCache(), 400)):
        settings = social_provider.settings("google", token_login=True, signup="auto")
        kit = make_kit({"google": settings}, SOCIAL_ATTEMPT_CACHE=cache)
        client = kit.app.test_client()
        token = mint(social_provider, client)
        cookie = client.get_cookie("session").value
        assert show(client, id_token=token).status_code == 200
        kit.log_out(client)
        client.set_cookie("session", cookie)
        assert show(client, id_token=token).status_code == second


def test_a_cache_that_is_down(social_provider: t.Any) -> None:
    class Down(SimpleCache):
        def set(self, *args: t.Any, **kwargs: t.Any) -> bool:
            raise OSError("down")

    kit = make_kit({"google": social_provider.settings("google", token_login=True)}, SOCIAL_ATTEMPT_CACHE=Down())
    answer = kit.app.test_client().post("/token/google", headers=JSON)
    assert code(answer) == (503, "attempts_unavailable")
    with kit.app.test_request_context():
        assert kit.app.jinja_env.globals["social"].token_nonce("google") is None  # type: ignore[attr-defined]


def test_a_nonce_of_another_browser(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    mine = kit.app.test_client()
    token = mint(social_provider, mine)
    ask(client)
    assert code(show(client, id_token=token)) == (400, "state_unknown")
    assert show(mine, id_token=token).status_code == 200


def test_a_nonce_of_another_provider(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = social_provider.mint_id_token("google", "ada", nonce=ask(client, "oidc"))
    assert code(show(client, id_token=token)) == (400, "state_unknown")
    token = social_provider.mint_access_token("facebook", "ada")
    assert code(show(client, "facebook", access_token=token, nonce=ask(client))) == (400, "state_unknown")


def test_another_nonce_than_the_tokens(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    """The body's nonce has no say where the token names one, and a token without one is worth nothing."""
    token = social_provider.mint_id_token("google", "ada", nonce="x" * 43)
    assert code(show(client, id_token=token, nonce=ask(client))) == (400, "state_unknown")
    token = social_provider.mint_id_token("google", "ada")
    assert code(show(client, id_token=token, nonce=ask(client))) == (400, "state_missing")


def test_an_attempt_expires(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = mint(social_provider, client)
    state = kit.app.extensions["social"]
    with client.session_transaction() as session:
        rows = attempts._open(state.vault, session[SESSION_KEY])
        rows[-1][1] -= 601
        session[SESSION_KEY] = attempts._seal(state.vault, rows)
    assert code(show(client, id_token=token)) == (400, "state_expired")


def test_a_state_is_no_nonce(kit: Kit, client: t.Any, social_provider: t.Any, social_begin: t.Any) -> None:
    begun = client.post("/login/google", headers=JSON).get_json()["response"]["authorization_url"]
    query = parse_qs(urlsplit(begun).query)
    for nonce in (query["state"][0], query["nonce"][0]):
        token = social_provider.mint_id_token("google", "ada", nonce=nonce)
        assert code(show(client, id_token=token)) == (400, "state_unknown")
    # The visit was not disturbed.
    assert client.get(social_provider.visit(begun, "ada").url).location == "/"
    assert kit.who(client) == "ada@example.org"


def test_a_nonce_is_no_state(kit: Kit, client: t.Any, social_provider: t.Any, social_begin: t.Any) -> None:
    nonce = ask(client)
    code_ = parse_qs(urlsplit(social_begin(kit.app.test_client(), "google", "ada")).query)["code"][0]
    assert client.get(f"/callback/google?state={nonce}&code={code_}").location == "/login"
    assert kit.events[-1][1]["code"] == "state_unknown"
    assert show(client, id_token=social_provider.mint_id_token("google", "ada", nonce=nonce)).status_code == 200


def test_an_id_token_of_a_redirect(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada")
    with kit.app.app_context():
        (token,) = [row.id_token for row in kit.rows() if row.provider_id == "google"]
    kit.log_out(client)
    assert code(show(client, id_token=token)) == (400, "state_unknown")


SITES: list[tuple[dict[str, str], str]] = [
    ({}, "csrf_required"),
    ({"X-CSRFToken": "wrong"}, "csrf_required"),
    ({"Sec-Fetch-Site": "none"}, "csrf_required"),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://accounts.google.com"}, "origin_mismatch"),
    ({"Origin": "https://accounts.google.com"}, "origin_mismatch"),
    ({"Sec-Fetch-Site": "same-site"}, "origin_mismatch"),
]


@pytest.mark.parametrize(("headers", "expected"), SITES)
def test_who_sent_it(kit: Kit, client: t.Any, social_provider: t.Any, headers: dict[str, str], expected: str) -> None:
    """Google's ``login_uri`` mode posts from Google's site, with a double-submit cookie of its own."""
    client.set_cookie("g_csrf_token", "same")
    token = mint(social_provider, client)
    fields = {"id_token": token, "credential": token, "g_csrf_token": "same"}
    for data in (fields, {}):
        answer = client.post("/token/google", data=data, headers={"Accept": "application/json", **headers})
        assert code(answer) == (400, expected)
    assert client.post("/token/google", data=fields, headers=headers).status_code == 400
    assert kit.who(client) is None


def test_a_native_app_sends_the_csrf_token(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    headers = {"X-CSRFToken": client.get("/token").text, "Accept": "application/json"}
    nonce = client.post("/token/google", headers=headers).get_json()["response"]["nonce"]
    token = social_provider.mint_id_token("google", "ada", nonce=nonce)
    assert client.post("/token/google", json={"id_token": token}, headers=headers).status_code == 200


BODIES: list[tuple[str, dict[str, t.Any]]] = [
    ("token_refused", {"json": []}),
    ("token_refused", {"json": "text"}),
    ("token_refused", {"data": b"{", "content_type": "application/json"}),
    ("token_refused", {"data": b"\xff\xfe", "content_type": "application/json"}),
    ("token_refused", {"data": b"[" * 100_000, "content_type": "application/json"}),
    ("token_refused", {"data": b'{"a":' * 20_000, "content_type": "application/json"}),
    ("token_refused", {"data": b"x" * (MAX_BODY + 1), "content_type": "application/json"}),
    ("token_refused", {"data": {"id_token": "x" * (MAX_BODY + 1)}}),
    ("token_refused", {"json": {"id_token": "x" * (128 * 1024 + 1)}}),
    *(("token_refused", {"json": {"id_token": value}}) for value in (None, "", " ", 1, True, [], ["a"], {}, "\ud800")),
    *(("token_refused", {"json": {"access_token": value}}) for value in (None, "", 1, [], "a\r\nb", "\u00e9")),
    ("token_refused", {"json": {"id_token": "a.b.c", "access_token": "a"}}),
    ("state_missing", {"json": {"id_token": "abc"}}),
    ("state_missing", {"json": {"id_token": "a.b.c"}}),
    ("state_missing", {"json": {"id_token": "a.W10.c"}}),
    ("state_missing", {"json": {"id_token": f"a.{'W' * 100_000}.c"}}),
    ("state_missing", {"json": {"id_token": f"a.{encode(b'[' * 60_000)}.c"}}),
    *(
        ("state_missing", {"json": {"id_token": f"a.{encode(json.dumps({'nonce': value}).encode())}.c"}})
        for value in (None, "", 1, [], {}, "short", "x" * 44, "\ud800" * 43, "\u00e9" * 43, "x" * 42 + "\n")
    ),
    ("state_missing", {"json": {"access_token": "a"}}),
    ("state_missing", {"json": {"access_token": "a", "nonce": ["x"]}}),
    ("state_unknown", {"json": {"access_token": "a", "nonce": "x" * 43}}),
]


@pytest.mark.parametrize(("expected", "body"), BODIES)
def test_bodies(kit: Kit, expected: str, body: dict[str, t.Any]) -> None:
    answer = kit.app.test_client().post("/token/google", headers=JSON, **body)
    assert code(answer) == (400, expected)


@pytest.mark.parametrize(("kind", "head"), [("x-www-form-urlencoded", b"id_token="), ("json", b'{"id_token":"')])
def test_a_body_of_unknown_length(kit: Kit, kind: str, head: bytes) -> None:
    stream = io.BytesIO(head + b"x" * MAX_BODY * 2)
    answer = kit.app.test_client().post(
        "/token/google",
        headers={**JSON, "Content-Type": f"application/{kind}"},
        input_stream=stream,
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert code(answer) == (400, "token_refused")
    # JSON has been read before us, by Flask-Security that looks for an auth token: there MAX_CONTENT_LENGTH helps.
    assert stream.tell() <= MAX_BODY or kind == "json"


def test_json_of_unknown_length(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    body = json.dumps({"id_token": mint(social_provider, client)}).encode()
    answer = client.post(
        "/token/google",
        headers={**JSON, "Content-Type": "application/json"},
        input_stream=io.BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert answer.status_code == 200
    assert kit.who(client) == "ada@example.org"


def test_nothing_is_asked_for_a_nonce_that_is_not_ours(kit: Kit, social_provider: t.Any) -> None:
    social_provider.forget_requests()
    client = kit.app.test_client()
    show(client, id_token=social_provider.mint_id_token("google", "ada", nonce="x" * 43))
    show(client, "facebook", access_token=social_provider.mint_access_token("facebook", "ada"), nonce="x" * 43)
    assert social_provider.count() == 0


def test_a_caller_who_is_logged_in(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = mint(social_provider, client)
    bearer = kit.log_in(client)
    assert show(client, id_token=token).status_code == 400
    assert client.post("/token/google", data={"id_token": token}, headers=FORM).location == "/"
    app = kit.app.test_client()
    assert app.post("/token/google", headers={**JSON, "Authentication-Token": bearer}).status_code == 400
    assert kit.names() == []


def test_other_methods(kit: Kit) -> None:
    client = kit.app.test_client()
    assert {client.open("/token/google", method=method).status_code for method in ("GET", "PUT", "DELETE")} == {405}


def test_off_unless_the_setting_says_so(social_provider: t.Any) -> None:
    off = {name: social_provider.settings(name) for name in ("google", "facebook", "twitter", "oauth2")}
    kit = make_kit({**off, "oidc": social_provider.settings("oidc", token_login=False)})
    for name in (*off, "oidc", "nobody", "nobody" * 20):
        assert kit.app.test_client().post(f"/token/{name}", headers=JSON).status_code == 404, name
    with kit.app.test_request_context():
        social = t.cast("t.Any", kit.app.jinja_env.globals["social"])
        assert {social.token_nonce(name) for name in (*off, "oidc", "nobody")} == {None}


@pytest.mark.parametrize(
    ("name", "changes", "cure"),
    [
        ("twitter", {}, "is no key of this provider"),
        ("x", {}, "cannot say for whom"),
        ("foursquare", {}, "cannot say for whom"),
        ("oauth2", {}, "cannot say for whom"),
        ("oidc", {"nonce": False}, "needs 'nonce'"),
        ("facebook", {"consumer_secret": None, "token_auth_method": "none"}, "needs 'consumer_secret'"),
        ("google", {"token_login": "yes"}, "must be True or False"),
    ],
)
def test_only_where_it_can_be_proven(social_provider: t.Any, name: str, changes: dict[str, t.Any], cure: str) -> None:
    with pytest.raises(ConfigurationError, match=cure):
        make_kit({name: social_provider.settings(name, **{"token_login": True, **changes})})


# Access tokens ------------------------------------------------------------------------------------------------


def test_an_access_token_of_another_client(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    """Its owner is Ada, who gave it to another app."""
    social_provider.register("facebook", "another-app", "secret")
    token = social_provider.mint_access_token("facebook", "ada", client_id="another-app")
    assert code(show(client, "facebook", access_token=token, nonce=ask(client, "facebook"))) == (400, "token_refused")
    assert kit.who(client) is None


GOOD = {"app_id": "facebook-app", "type": "USER", "is_valid": True, "expires_at": 0, "scopes": [], "user_id": "1"}
DEBUG: list[tuple[object, int, str]] = [
    ({"data": {**GOOD, "app_id": "another-app"}}, 400, "token_refused"),
    ({"data": {**GOOD, "type": "PAGE"}}, 400, "token_refused"),
    ({"data": {**GOOD, "is_valid": "true"}}, 400, "token_refused"),
    ({"data": {**GOOD, "is_valid": False}}, 400, "token_refused"),
    ({"data": {**GOOD, "expires_at": 1}}, 400, "token_refused"),
    ({"data": {**GOOD, "user_id": "another"}}, 502, "provider_answer_invalid"),
    ({"data": {**GOOD, "user_id": None}}, 502, "provider_answer_invalid"),
    ({"data": {**GOOD, "app_id": ["facebook-app"]}}, 502, "provider_answer_invalid"),
    *(
        ({"data": {**GOOD, "expires_at": v}}, 502, "provider_answer_invalid")
        for v in (None, "0", True, -1, 10**12, 1.5)
    ),
    ({"data": {k: v for k, v in GOOD.items() if k != "expires_at"}}, 502, "provider_answer_invalid"),
    ({"data": []}, 400, "token_refused"),
    ({}, 400, "token_refused"),
    ([], 502, "provider_answer_invalid"),
]


@pytest.mark.parametrize(("answered", "status", "expected"), DEBUG)
def test_what_facebook_says_of_it(
    kit: Kit, client: t.Any, social_provider: t.Any, answered: object, status: int, expected: str
) -> None:
    social_provider.faults.add("api", "facebook", json=answered)
    token = social_provider.mint_access_token("facebook", "ada")
    answer = show(client, "facebook", access_token=token, nonce=ask(client, "facebook"))
    assert code(answer) == (status, expected)
    assert kit.who(client) is None


def test_facebook_is_down(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    social_provider.faults.server_error("api")
    token = social_provider.mint_access_token("facebook", "ada")
    answer = show(client, "facebook", access_token=token, nonce=ask(client, "facebook"))
    assert code(answer) == (502, "provider_unavailable")


def test_the_other_kind_of_token(kit: Kit, client: t.Any, social_provider: t.Any) -> None:
    token = social_provider.mint_access_token("google", "ada")
    assert code(show(client, access_token=token, nonce=ask(client))) == (400, "token_refused")
    token = social_provider.mint_id_token("google", "ada", nonce=ask(client, "facebook"))
    assert code(show(client, "facebook", id_token=token)) == (400, "token_refused")


def test_no_secret_is_said(kit: Kit, client: t.Any, social_provider: t.Any, caplog: t.Any) -> None:
    with caplog.at_level(logging.DEBUG):
        secrets = [social_provider.mint_access_token("facebook", "ada"), "facebook-app-secret", ask(client, "facebook")]
        said = show(client, "facebook", access_token=secrets[0], nonce=secrets[2]).text
        kit.log_out(client)
        secrets += [social_provider.mint_id_token("google", "ada", nonce=ask(client), client_id="another-app")]
        said += show(client, id_token=secrets[-1]).text
    # The test client's own form of the request is none of ours.
    said += " ".join(r.getMessage() for r in caplog.records)
    assert "debug_token" in said
    assert [secret for secret in secrets if secret in said] == []


# Providers written elsewhere ----------------------------------------------------------------------------------


class Asking(OAuth2Provider):
    """A provider that says for whom a token was made."""

    authorize_url = access_token_url = userinfo_url = "https://acme.example/"
    token_login = True

    def check_access_token(self, context: t.Any, token: t.Any) -> t.Any:
        yield from ()
        return TokenFacts("another-app", "1")

    def fetch_profile(self, context: t.Any, token: t.Any) -> t.Any:
        raise AssertionError("a token of another client is shown to nobody")


def test_a_hook_cannot_let_another_clients_token_in() -> None:
    kit = make_kit({"acme": {"class": Asking, "client_id": "acme-app"}})
    client = kit.app.test_client()
    assert code(show(client, "acme", access_token="a", nonce=ask(client, "acme"))) == (400, "token_refused")


@pytest.mark.parametrize("name", ["finish_token", "_finish_token", "_granted", "_check_token_login"])
@pytest.mark.parametrize("family", [OAuth1Provider, OAuth2Provider, OIDCProvider])
def test_the_checks_cannot_be_replaced(family: type, name: str) -> None:
    with pytest.raises(TypeError, match="may not replace"):
        type("Replaced", (family,), {name: lambda *args: None})


def test_a_class_cannot_turn_it_on_where_nothing_is_proven() -> None:
    for family in (OAuth1Provider, OAuth2Provider):
        urls = dict.fromkeys(("request_token_url", "authorize_url", "access_token_url"), "https://acme.example/")
        broken = type("Broken", (family,), {"token_login": True, **urls})
        with pytest.raises(ConfigurationError, match="for whom"):
            make_kit({"acme": {"class": broken, "client_id": "a", "client_secret": "b"}})
