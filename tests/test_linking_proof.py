"""Linking after a proof: by that login, of that user, in that browser, with a click; anything else ends the waiting."""

from __future__ import annotations

import functools
import re
import typing as t
from urllib.parse import urlsplit

import pytest

from flask_social.testing import Person

from .appkit import PASSWORD, Kit
from .joinkit import (
    ADA,
    TWO_FACTOR,
    connected,
    log_in,
    login_link,
    nothing_linked,
    page_behind,
    send,
    waiting_kit,
    waits,
)

Waiting = t.Callable[..., tuple[Kit, t.Any]]


@pytest.fixture
def waiting(social_provider: t.Any, social_login: t.Any) -> Waiting:
    """An application where Google's ada waits to be linked to the user who has her address."""
    return functools.partial(waiting_kit, social_provider, social_login)


# The way it goes ------------------------------------------------------------------------------------------------


def test_log_in_from_the_page_and_click(waiting: Waiting, social_login: t.Any) -> None:
    kit, client = waiting()
    assert "Log in with it once" in client.get("/link").text
    answer = log_in(client, login_link(client))
    page = answer.location
    shown = client.get(page).text
    assert "Shall Ada Lovelace be able to log in to your account?" in shown
    assert all(word in shown for word in ("Google", ADA))
    assert connected(kit) == []
    form = dict(re.findall(r'name="(csrf_token|identity)" value="([^"]+)"', shown))
    assert send(client, "/link", headers={}, **form).location == "/inbox"
    assert connected(kit) == [(1, "google")]
    assert kit.names() == ["connection_created"]
    assert not waits(client)
    assert nothing_more(kit, client, page)
    assert social_login(kit.app.test_client(), "google", "ada").location == "/"


def nothing_more(kit: Kit, client: t.Any, page: str) -> bool:
    """A second use finds nothing."""
    return {client.get(page).status_code, send(client, page).status_code} == {400} and len(connected(kit)) == 1


def give_factor(kit: Kit) -> None:
    with kit.app.app_context():
        user = kit.users()[0]
        user.tf_totp_secret = kit.app.extensions["security"]._totp_factory.generate_totp_secret()
        user.tf_primary_method = "authenticator"
        kit.db.session.commit()


def code_of(kit: Kit) -> str:
    with kit.app.app_context():
        user = kit.users()[0]
        return str(kit.app.extensions["security"]._totp_factory.generate_totp_password(user.tf_totp_secret))


def test_with_a_second_factor(waiting: Waiting) -> None:
    kit, client = waiting(**TWO_FACTOR)
    give_factor(kit)
    asked = log_in(client, login_link(client)).location
    assert urlsplit(asked).path == "/tf-validate"
    assert waits(client)
    assert client.get("/link").status_code == 200
    answer = kit.give_code(client, code_of(kit), f"?{urlsplit(asked).query}")
    assert kit.who(client) == ADA
    assert send(client, answer.location).location == "/inbox"
    assert connected(kit) == [(1, "google")]


def test_with_a_second_factor_that_is_set_up_now(waiting: Waiting, social_login: t.Any) -> None:
    """Flask-Security forgets where the login came from, so the identity is dropped; the next try works."""
    kit, client = waiting(**{**TWO_FACTOR, "SECURITY_TWO_FACTOR_REQUIRED": True})
    login = login_link(client)
    assert log_in(client, login).location == "/tf-setup"
    client.post("/tf-setup", data={"setup": "authenticator", "csrf_token": client.get("/token").text})
    with client.session_transaction() as session:
        secret = session["tf_totp_secret"]
    kit.give_code(client, kit.app.extensions["security"]._totp_factory.generate_totp_password(secret))
    assert kit.who(client) == ADA
    assert nothing_linked(kit, client, page_behind(login))
    kit.log_out(client)
    social_login(client, "google", "ada")
    asked = log_in(client, login_link(client)).location
    answer = kit.give_code(client, code_of(kit), f"?{urlsplit(asked).query}")
    send(client, answer.location)
    assert connected(kit) == [(1, "google")]


def test_by_another_connection_with_a_second_factor(
    waiting: Waiting, social_provider: t.Any, social_login: t.Any
) -> None:
    social_provider.add_person(Person("countess", "Ada", "ada", "countess@example.org"))
    kit, client = waiting(**TWO_FACTOR)
    other = kit.app.test_client()
    kit.log_in(other, ADA)
    social_login(other, "facebook", "countess", intent="connect")
    give_factor(kit)
    page = page_behind(login_link(client))
    asked = social_login(client, "facebook", "countess", next=page).location
    assert urlsplit(asked).path == "/tf-validate"
    assert kit.give_code(client, code_of(kit), f"?{urlsplit(asked).query}").location == page
    assert send(client, page).location == "/inbox"
    assert connected(kit) == [(1, "facebook"), (1, "google")]


def test_by_unified_sign_in(waiting: Waiting) -> None:
    config = {"SECURITY_UNIFIED_SIGNIN": True, "SECURITY_US_ENABLED_METHODS": ["password", "email"]}
    totp = {name: TWO_FACTOR[name] for name in ("SECURITY_TOTP_SECRETS", "SECURITY_TOTP_ISSUER")}
    kit, client = waiting(**config, **totp)
    page = page_behind(login_link(client))
    form = {"identity": ADA, "passcode": PASSWORD, "csrf_token": client.get("/token").text, "next": page}
    answer = client.post("/us-signin", data=form)
    assert answer.location == page
    assert send(client, page).location == "/inbox"
    assert connected(kit) == [(1, "google")]


def test_by_another_connection(waiting: Waiting, social_provider: t.Any, social_login: t.Any) -> None:
    """A user without any password proves the account by what they have."""
    social_provider.add_person(Person("countess", "Ada", "ada", "countess@example.org"))
    kit, client = waiting()
    other = kit.app.test_client()
    kit.log_in(other, ADA)
    social_login(other, "facebook", "countess", intent="connect")
    page = page_behind(login_link(client))
    assert social_login(client, "facebook", "countess", next=page).location == page
    assert send(client, page).location == "/inbox"
    assert connected(kit) == [(1, "facebook"), (1, "google")]


def test_the_buttons_on_the_login_page_lead_back(waiting: Waiting) -> None:
    _, client = waiting()
    login = login_link(client)
    nonce = page_behind(login).rpartition("=")[2]
    shown = client.get(login).text
    button = shown[shown.index('action="/login/facebook"') :]
    assert nonce in button[: button.index("</form>")]
