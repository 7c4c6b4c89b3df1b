"""Logging in, for every provider, against the stand-in."""

from __future__ import annotations

import typing as t

import pytest

from flask_social.values import ConnectionKey

from .appkit import SAME_ORIGIN, Kit, make_kit

PROVIDERS = ("twitter", "x", "facebook", "google", "foursquare", "oidc", "oauth2")


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return make_kit({name: social_provider.settings(name) for name in PROVIDERS})


def connect(kit: Kit, walk: t.Any, provider: str, person: str = "ada") -> t.Any:
    client = kit.app.test_client()
    kit.log_in(client)
    return walk(client, provider, person, intent="connect")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_connect_then_log_in(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    user_id = kit.add_user()
    answer = connect(kit, social_login, provider)
    assert (answer.status_code, answer.location) == (302, "/")
    assert kit.names() == ["connection_created"]
    with kit.app.app_context():
        (row,) = kit.rows()
        assert row.user_id == user_id
        assert row.provider_user_id == social_provider.subject(provider, "ada")
        assert row.access_token
        assert row.created_at.tzinfo is not None
        assert row.last_login_at is None
        assert row.image_url is None or row.image_url.startswith("http")
        issuer = row.issuer
    assert bool(issuer) == (provider in ("google", "oidc"))

    client = kit.app.test_client()
    answer = social_login(client, provider, "ada")
    assert (answer.status_code, answer.location) == (302, "/")
    assert kit.who(client) == "ada@example.org"
    assert kit.names()[-1] == "login_completed"
    assert kit.events[-1][1]["provider"].id == provider
    with kit.app.app_context():
        (row,) = kit.rows()
        assert row.last_login_at is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stranger_is_told_so_and_nothing_is_kept(kit: Kit, social_login: t.Any, provider: str) -> None:
    client = kit.app.test_client()
    answer = social_login(client, provider, "grace")
    assert (answer.status_code, answer.location) == (302, "/login")
    assert kit.names() == ["login_failed", "attempt_refused"]
    response = kit.events[0][1]["oauth_response"]
    assert response["access_token"]
    assert response.profile.subject
    assert response.error == "not_connected"
    assert kit.who(client) is None
    with kit.app.app_context():
        assert kit.rows() == []
    page = client.get("/login").get_data(as_text=True)
    assert "account not associated with an existing user" in page


@pytest.mark.parametrize("provider", PROVIDERS)
def test_denied_consent(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    social_provider.deny_next()
    client = kit.app.test_client()
    answer = social_login(client, provider, "ada")
    assert (answer.status_code, answer.location) == (302, "/login")
    assert kit.events == [
        ("attempt_refused", {"provider": kit.events[0][1]["provider"], "code": "access_denied", "intent": "login"})
    ]
    assert "Access was denied by" in client.get("/login").get_data(as_text=True)


def test_next_is_kept(kit: Kit, social_login: t.Any) -> None:
    kit.add_user()
    connect(kit, social_login, "google")
    answer = social_login(kit.app.test_client(), "google", "ada", next="/inbox?page=2")
    assert answer.location == "/inbox?page=2"
    answer = social_login(kit.app.test_client(), "google", "ada", next="https://evil.example/")
    assert answer.location == "/"


def test_a_login_updates_what_changed(kit: Kit, social_login: t.Any, social_provider: t.Any) -> None:
    kit.add_user()
    connect(kit, social_login, "google")
    with kit.app.app_context():
        before = kit.rows()[0].access_token
    import dataclasses

    ada = social_provider.people["ada"]
    social_provider.add_person(dataclasses.replace(ada, name="Ada King"))
    social_login(kit.app.test_client(), "google", "ada")
    with kit.app.app_context():
        (row,) = kit.rows()
        assert row.full_name == "Ada King"
        assert row.access_token != before
    name, values = kit.events[-2]
    assert name == "connection_updated"
    assert "full_name" in values["changed"]


def test_a_double_click_ends_in_one_login(kit: Kit, social_login: t.Any) -> None:
    kit.add_user()
    connect(kit, social_login, "google")
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    answer = client.post("/login/google", headers=SAME_ORIGIN)
    assert answer.location == "/"


@pytest.mark.parametrize(
    ("change", "code"), [({"active": False}, "user_inactive"), ({"confirmed_at": None}, "user_unconfirmed")]
)
def test_gates(social_provider: t.Any, social_login: t.Any, change: dict[str, t.Any], code: str) -> None:
    import datetime as dt

    kit = make_kit(
        {"google": social_provider.settings("google")},
        SECURITY_CONFIRMABLE=True,
        SECURITY_SEND_CONFIRMATION_EMAIL=False,
    )
    kit.add_user(confirmed_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None))
    connect(kit, social_login, "google")
    with kit.app.app_context():
        user = kit.db.session.execute(kit.db.select(kit.User)).scalar_one()
        for name, value in change.items():
            setattr(user, name, value)
        kit.db.session.commit()
    client = kit.app.test_client()
    answer = social_login(client, "google", "ada")
    assert answer.location == "/login"
    assert kit.events[-1][1]["code"] == code
    assert kit.who(client) is None


def test_a_locked_user(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")})
    kit.add_user()
    connect(kit, social_login, "google")
    kit.User.is_locked = lambda self, errors=None: True
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert kit.events[-1][1]["code"] == "user_locked"
    assert kit.who(client) is None


def test_another_issuer_under_the_same_key(kit: Kit, social_login: t.Any) -> None:
    kit.add_user()
    connect(kit, social_login, "oidc")
    with kit.app.app_context():
        kit.rows()[0].issuer = "https://another.example"
        kit.db.session.commit()
    client = kit.app.test_client()
    social_login(client, "oidc", "ada")
    assert kit.events[-1][1]["code"] == "issuer_mismatch"
    assert kit.who(client) is None


def test_an_id_that_now_belongs_to_a_provider_without_an_issuer(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"oauth2": social_provider.settings("oauth2")})
    kit.add_user()
    connect(kit, social_login, "oauth2")
    with kit.app.app_context():
        kit.rows()[0].issuer = "https://sso.example"
        kit.db.session.commit()
    client = kit.app.test_client()
    social_login(client, "oauth2", "ada")
    assert (kit.events[-1][1]["code"], kit.who(client)) == ("issuer_mismatch", None)


def test_a_row_without_its_user_logs_nobody_in(kit: Kit, social_login: t.Any) -> None:
    user_id = kit.add_user()
    connect(kit, social_login, "google")
    with kit.app.app_context():
        kit.db.session.execute(kit.db.text("PRAGMA foreign_keys=OFF"))
        kit.db.session.execute(kit.db.text("DELETE FROM user WHERE id = :id"), {"id": user_id})
        kit.db.session.commit()
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert kit.events[-1][1]["code"] == "not_connected"


def test_the_key_is_what_the_provider_said(kit: Kit, social_login: t.Any, social_provider: t.Any) -> None:
    """Two people with one address are two people."""
    import dataclasses

    kit.add_user()
    connect(kit, social_login, "google")
    ada = social_provider.people["ada"]
    social_provider.add_person(dataclasses.replace(social_provider.people["grace"], email=ada.email))
    client = kit.app.test_client()
    social_login(client, "google", "grace")
    assert kit.who(client) is None
    assert ConnectionKey("google", social_provider.subject("google", "grace")).fingerprint
