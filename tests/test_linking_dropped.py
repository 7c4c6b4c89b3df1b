"""What ends the waiting for a proof: nobody inherits an identity at a shared browser."""

from __future__ import annotations

import datetime as dt
import functools
import json
import time
import typing as t
import zlib

import pytest
from flask_security import RegisterFormV2

from flask_social.testing import Person

from .appkit import JSON, PASSWORD, Kit
from .joinkit import (
    ADA,
    BOB,
    connected,
    join_kit,
    log_in,
    login_link,
    nothing_linked,
    page_behind,
    same_browser,
    send,
    waiting_kit,
    waits,
)

Waiting = t.Callable[..., tuple[Kit, t.Any]]


@pytest.fixture
def waiting(social_provider: t.Any, social_login: t.Any) -> Waiting:
    """An application where Google's ada waits to be linked to the user who has her address."""
    return functools.partial(waiting_kit, social_provider, social_login)


# What ends the waiting ------------------------------------------------------------------------------------------


def test_the_owner_by_another_login(waiting: Waiting) -> None:
    kit, client = waiting()
    page = page_behind(login_link(client))
    log_in(client, "/login")
    assert kit.who(client) == ADA
    assert nothing_linked(kit, client, page)


NEXTS = ["/", "/link", "/link?identity=", "/link?identity=x", "/link?identity=%s&more=1", "/link?identity=x%s"]


@pytest.mark.parametrize("next_url", NEXTS)
def test_the_owner_with_another_next(waiting: Waiting, next_url: str) -> None:
    kit, client = waiting()
    page = page_behind(login_link(client))
    nonce = page.rpartition("=")[2]
    log_in(client, "/login?" + "next=" + (next_url % nonce if "%" in next_url else next_url).replace("&", "%26"))
    assert kit.who(client) == ADA
    assert connected(kit) == []
    if "%" not in next_url:
        assert nothing_linked(kit, client, page)


def test_another_user_with_the_link(waiting: Waiting) -> None:
    kit, client = waiting()
    login = login_link(client)
    log_in(client, login, BOB)
    assert kit.who(client) == BOB
    assert nothing_linked(kit, client, page_behind(login))


def test_somebody_else_first_and_then_the_owner(waiting: Waiting) -> None:
    """On a shared browser: who left an identity here does not get into the account of who comes later."""
    kit, client = waiting()
    login = login_link(client)
    log_in(client, "/login", BOB)
    kit.log_out(client)
    log_in(client, login)
    assert kit.who(client) == ADA
    assert nothing_linked(kit, client, page_behind(login))


def test_a_logout(waiting: Waiting) -> None:
    kit, client = waiting()
    login = login_link(client)
    log_in(client, login)
    assert waits(client)
    kit.log_out(client)
    log_in(client, login)
    assert nothing_linked(kit, client, page_behind(login))


def test_a_wrong_nonce_drops_it(waiting: Waiting) -> None:
    for text in ("", "?identity=", "?identity=x", "?identity=%00", "?identity=x&identity=y", "?identity=%F0%9F%98%80"):
        kit, client = waiting()
        page = log_in(client, login_link(client)).location
        answer = client.get(f"/link{text}", headers=JSON)
        assert answer.get_json()["response"]["code"] == "link_mismatch"
        assert nothing_linked(kit, client, page)


def test_another_browser(waiting: Waiting) -> None:
    kit, client = waiting()
    page = page_behind(login_link(client))
    other = kit.app.test_client()
    log_in(other, f"/login?next={page}")
    assert nothing_linked(kit, other, page)
    assert client.get("/link").status_code == 200


def test_the_browser_of_another_identity(waiting: Waiting, social_provider: t.Any, social_login: t.Any) -> None:
    """An attacker cannot give their nonce to somebody whose own identity waits."""
    social_provider.add_person(Person("eve", "Eve", "eve", ADA, email_verified=False))
    kit, attacker = waiting()
    victim = kit.app.test_client()
    social_login(victim, "google", "eve")
    page = page_behind(login_link(attacker))
    log_in(victim, f"/login?next={page}")
    assert nothing_linked(kit, victim, page)


def test_a_new_identity_replaces_the_one_that_waits(waiting: Waiting, social_login: t.Any) -> None:
    kit, client = waiting()
    old = page_behind(login_link(client))
    social_login(client, "facebook", "ada")
    new = page_behind(login_link(client))
    assert old != new
    log_in(client, f"/login?next={old}")
    assert nothing_linked(kit, client, new)


@pytest.mark.parametrize(("age", "shown"), [(298, True), (301, False), (-10, False)])
def test_the_time(waiting: Waiting, age: int, shown: bool) -> None:
    kit, client = waiting()
    page = log_in(client, login_link(client)).location
    vault = kit.app.extensions["social"].vault
    with client.session_transaction() as session:
        row = json.loads(zlib.decompress(vault.open("pending", session["social_pending"])))
        row["created_at"] -= age
        session["social_pending"] = vault.seal("pending", zlib.compress(json.dumps(row).encode()))
    assert client.get(page).status_code == (200 if shown else 400)
    send(client, page)
    assert len(connected(kit)) == shown


def test_csrf(waiting: Waiting) -> None:
    kit, client = waiting()
    page = log_in(client, login_link(client)).location
    token = client.get("/token").text
    headers: dict[str, str]
    for headers, form, code in (
        ({}, {}, "csrf_required"),
        ({}, {"csrf_token": "wrong"}, "csrf_required"),
        ({"Origin": "https://evil.example"}, {"csrf_token": token}, "origin_mismatch"),
        ({"Sec-Fetch-Site": "cross-site"}, {"csrf_token": token}, "origin_mismatch"),
    ):
        answer = send(client, page, headers={"Accept": "application/json", **headers}, **form)
        assert answer.get_json()["response"]["code"] == code
        assert connected(kit) == []
    assert send(client, page, headers={}, csrf_token=token).location == "/inbox"


def test_a_session_that_is_not_fresh(waiting: Waiting) -> None:
    kit, client = waiting()
    page = log_in(client, login_link(client)).location
    with client.session_transaction() as session:
        session["fs_paa"] = time.time() - dt.timedelta(days=2).total_seconds()
        session.pop("fs_gexp", None)
    asked = send(client, page).location
    assert asked.startswith("/verify?next=")
    assert page_behind(asked) == page
    assert connected(kit) == []
    answer = client.post(asked, data={"password": PASSWORD, "csrf_token": client.get("/token").text})
    assert answer.location == page
    assert send(client, page).location == "/inbox"
    assert connected(kit) == [(1, "google")]


def test_two_clicks(waiting: Waiting) -> None:
    """The second click left before the first one was answered."""
    kit, client = waiting()
    page = log_in(client, login_link(client)).location
    second = same_browser(kit, client)
    for browser in (client, second):
        assert send(browser, page).location == "/inbox"
    assert connected(kit) == [(1, "google")]


def test_the_identity_was_connected_elsewhere_meanwhile(waiting: Waiting, social_login: t.Any) -> None:
    kit, client = waiting()
    page = log_in(client, login_link(client)).location
    other = kit.app.test_client()
    kit.log_in(other, BOB)
    social_login(other, "google", "ada", intent="connect")
    kit.events.clear()
    send(client, page)
    assert connected(kit) == [(2, "google")]
    assert kit.names() == ["attempt_refused"] or "connection_failed" in kit.names()


def test_the_owner_was_deleted_meanwhile(waiting: Waiting) -> None:
    kit, client = waiting()
    page = log_in(client, login_link(client)).location
    with kit.app.app_context():
        kit.db.session.delete(kit.users()[0])
        kit.db.session.commit()
    assert send(client, page).status_code in (200, 302, 400)
    assert connected(kit) == []


def test_a_provider_that_was_switched_off_meanwhile(social_provider: t.Any, social_login: t.Any) -> None:
    settings = {"later": {**social_provider.settings("google"), "provider": "google"}}
    kit = join_kit(social_provider, SOCIAL_PROVIDER_RESOLVER=settings.get)
    kit.add_user(ADA)
    client = kit.app.test_client()
    assert social_login(client, "later", "ada").location == "/link"
    settings.clear()
    assert client.get("/link").status_code == 400


def test_signing_up_by_password_is_no_proof(waiting: Waiting) -> None:
    """Somebody registers in the browser where an identity waits."""
    kit, client = waiting(SECURITY_REGISTERABLE=True, forms={"register_form": type("Form", (RegisterFormV2,), {})})
    page = page_behind(login_link(client))
    word = {"password": PASSWORD, "password_confirm": PASSWORD, "csrf_token": client.get("/token").text}
    client.post(f"/register?next={page}", data={"email": "new@example.org", **word})
    assert kit.who(client) == "new@example.org"
    assert nothing_linked(kit, client, page)
