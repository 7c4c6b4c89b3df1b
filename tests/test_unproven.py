"""Pre-hijacking: an account that somebody set up with the address of somebody else has one master in the end."""

from __future__ import annotations

import dataclasses as dc
import typing as t

import pytest
from flask_security.confirmable import generate_confirmation_token
from flask_security.recoverable import generate_reset_password_token

from .appkit import JSON, PASSWORD, Kit, make_kit

NEW = "another correct horse battery"
CONFIG: dict[str, t.Any] = {
    "SECURITY_CONFIRMABLE": True,
    "SECURITY_RECOVERABLE": True,
    "SECURITY_REGISTERABLE": True,
    "SECURITY_LOGIN_WITHOUT_CONFIRMATION": True,
    "SECURITY_SEND_REGISTER_EMAIL": False,
    "SECURITY_SEND_PASSWORD_RESET_EMAIL": False,
    "SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL": False,
}


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return make_kit({"google": social_provider.settings("google")}, **CONFIG)


def token(kit: Kit, make: t.Any) -> str:
    with kit.app.test_request_context():
        return str(make(kit.security.datastore.find_user(email="ada@example.org")))


def confirm(kit: Kit, client: t.Any) -> None:
    answer = client.get(f"/confirm/{token(kit, generate_confirmation_token)}")
    assert answer.status_code == 302, answer.get_data(as_text=True)


def reset(kit: Kit, client: t.Any) -> None:
    url = f"/reset/{token(kit, generate_reset_password_token)}"
    csrf = client.get("/token").get_data(as_text=True)
    form = {"password": NEW, "password_confirm": NEW, "csrf_token": csrf}
    answer = client.post(url, json=form, headers=JSON)
    assert answer.status_code == 200, answer.get_data(as_text=True)


def may_log_in(kit: Kit, password: str) -> bool:
    client = kit.app.test_client()
    csrf = client.get("/login", headers=JSON).get_json()["response"]["csrf_token"]
    form = {"email": "ada@example.org", "password": password, "csrf_token": csrf}
    return bool(client.post("/login", json=form, headers=JSON).status_code == 200)


def set_up(kit: Kit, social_login: t.Any) -> t.Any:
    """The attacker's browser: an account with Ada's address, a password, and a connection."""
    attacker = kit.app.test_client()
    kit.add_user()
    kit.log_in(attacker)
    social_login(attacker, "google", "grace", intent="connect")
    assert left(kit) == 1
    return attacker


def left(kit: Kit) -> int:
    with kit.app.app_context():
        return len(kit.rows())


def test_confirming_elsewhere_takes_everything_away(kit: Kit, social_login: t.Any) -> None:
    attacker = set_up(kit, social_login)
    owner = kit.app.test_client()
    confirm(kit, owner)
    assert left(kit) == 0
    assert kit.who(attacker) is None
    assert not may_log_in(kit, PASSWORD)
    assert "Choose a new password" in owner.get("/login").get_data(as_text=True)
    reset(kit, owner)
    assert may_log_in(kit, NEW)


def test_a_reset_keeps_the_new_password_only(kit: Kit, social_login: t.Any) -> None:
    attacker = set_up(kit, social_login)
    owner = kit.app.test_client()
    reset(kit, owner)
    assert left(kit) == 0
    assert kit.who(attacker) is None
    assert may_log_in(kit, NEW)
    assert not may_log_in(kit, PASSWORD)


def test_a_reset_of_a_proven_account_takes_nothing(kit: Kit, social_login: t.Any) -> None:
    client = set_up(kit, social_login)
    confirm(kit, client)
    assert left(kit) == 1
    reset(kit, kit.app.test_client())
    assert left(kit) == 1


def test_whoever_is_logged_in_confirms_their_own(kit: Kit, social_login: t.Any) -> None:
    client = set_up(kit, social_login)
    confirm(kit, client)
    assert (left(kit), kit.who(client)) == (1, "ada@example.org")
    assert may_log_in(kit, PASSWORD)


def test_an_account_without_connections_is_left_alone(kit: Kit) -> None:
    kit.add_user()
    confirm(kit, kit.app.test_client())
    assert may_log_in(kit, PASSWORD)


def test_the_owner_whose_identity_waits_takes_the_account_back(
    kit: Kit, social_login: t.Any, social_provider: t.Any
) -> None:
    """No connection yet, but the owner came through a provider, and was asked to prove the account."""
    social_provider.people["ada"] = dc.replace(social_provider.people["ada"], email="ada@example.org")
    kit.add_user()
    owner = kit.app.test_client()
    social_login(owner, "google", "ada")
    confirm(kit, owner)
    assert not may_log_in(kit, PASSWORD)


@pytest.mark.parametrize("same_browser", [True, False])
def test_a_sign_up_is_confirmed_where_it_was_made(
    social_provider: t.Any, social_login: t.Any, same_browser: bool
) -> None:
    provider = social_provider.settings("google") | {"signup": "auto", "email_trust": "claimed"}
    kit = make_kit({"google": provider}, **CONFIG | {"SECURITY_LOGIN_WITHOUT_CONFIRMATION": False})
    client = kit.app.test_client()
    social_provider.people["ada"] = dc.replace(social_provider.people["ada"], email="ada@example.org")
    social_login(client, "google", "ada")
    assert left(kit) == 1
    confirm(kit, client if same_browser else kit.app.test_client())
    assert left(kit) == (1 if same_browser else 0)
