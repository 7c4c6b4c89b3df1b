"""What counts as a proof of an address that somebody else may have set up, and who counts as the one who signed up."""

from __future__ import annotations

import dataclasses as dc
import time
import typing as t

import pytest
from flask import request
from flask_security import current_user
from flask_security.confirmable import confirm_user
from flask_security.recoverable import update_password

from .appkit import PASSWORD, SAME_ORIGIN, Kit, make_kit
from .joinkit import connected, link_in
from .test_unproven import CONFIG, confirm, left, may_log_in, set_up

OWNER = "owner@example.org"


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return make_kit({"google": social_provider.settings("google")}, **CONFIG, SECURITY_CHANGE_EMAIL=True)


# Change of an address -------------------------------------------------------------------------------------------


def change_address(kit: Kit, client: t.Any, to: str = OWNER) -> str:
    """Asks for another address; gives the link in the mail that goes there."""
    form = {"email": to, "csrf_token": client.get("/token").text}
    client.post("/change-email", data=form)
    assert kit.mails[-1].to == [to]
    return link_in(kit.mails[-1])


@pytest.mark.parametrize("proven", [False, True])
def test_an_address_taken_over_elsewhere_takes_everything_away(kit: Kit, social_login: t.Any, proven: bool) -> None:
    """The attacker names the address of somebody else, who opens the link: then the account is theirs alone."""
    attacker = set_up(kit, social_login)
    if proven:
        confirm(kit, attacker)
    link = change_address(kit, attacker)
    owner = kit.app.test_client()
    owner.get(link)
    with kit.app.app_context():
        assert [user.email for user in kit.users()] == [OWNER]
    assert left(kit) == 0
    assert kit.who(attacker) is None
    token = owner.get("/token").text
    owner.post("/login", data={"email": OWNER, "password": PASSWORD, "csrf_token": token})
    assert kit.who(owner) is None


def test_whoever_is_logged_in_takes_their_own_address_over(kit: Kit, social_login: t.Any) -> None:
    client = set_up(kit, social_login)
    client.get(change_address(kit, client))
    assert (left(kit), kit.who(client)) == (1, OWNER)


# What is no proof -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["confirm", "password"])
@pytest.mark.parametrize("where", ["a page of the application", "a command"])
def test_what_an_administrator_does_is_no_proof(kit: Kit, social_login: t.Any, how: str, where: str) -> None:
    store = kit.security.datastore

    @kit.app.post("/admin")
    def change() -> str:
        user = store.find_user(email="ada@example.org")
        confirm_user(user) if how == "confirm" else update_password(user, PASSWORD)
        store.commit()
        return "done"

    attacker = set_up(kit, social_login)
    if where == "a command":
        with kit.app.app_context():
            change()
    else:
        assert kit.app.test_client().post("/admin").text == "done"
    assert left(kit) == 1
    assert may_log_in(kit, PASSWORD)
    if how == "confirm":
        assert kit.who(attacker) == "ada@example.org"


# A connect that is under way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
def test_a_connect_whose_sessions_are_ended_meanwhile(
    social_provider: t.Any, social_login: t.Any, tmp_path: t.Any, ended: bool
) -> None:
    """The attacker comes back from the provider, and is known already, when the owner confirms in another browser."""
    made = [
        make_kit(
            {"google": social_provider.settings("google")},
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'test.db'}?timeout=20",
            **CONFIG,
        )
        for _ in range(2)
    ]
    kit, other = made
    running: list[bool] = []

    @kit.app.before_request
    def meanwhile() -> None:
        if request.path == "/callback/google" and current_user.is_authenticated and ended and running:
            confirm(other, other.app.test_client())

    attacker = set_up(kit, social_login)
    running.append(True)
    social_login(attacker, "google", "alan", intent="connect")
    assert left(kit) == (0 if ended else 2)
    assert kit.events[-1][1].get("code") == ("session_changed" if ended else None)
    assert kit.who(attacker) == (None if ended else "ada@example.org")


# Who signed up --------------------------------------------------------------------------------------------------

KEY = "social_signed_up"


@pytest.fixture
def signed_up(social_provider: t.Any, social_login: t.Any) -> tuple[Kit, t.Any]:
    """An account with an address to confirm, and the browser that made it."""
    provider = social_provider.settings("google") | {"signup": "auto", "email_trust": "claimed"}
    kit = make_kit({"google": provider}, **CONFIG | {"SECURITY_LOGIN_WITHOUT_CONFIRMATION": False})
    social_provider.people["ada"] = dc.replace(social_provider.people["ada"], email="ada@example.org")
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert connected(kit) == [(1, "google")]
    return kit, client


def test_a_login_of_somebody_else_ends_it(signed_up: tuple[Kit, t.Any]) -> None:
    kit, client = signed_up
    kit.add_user("bob@example.org", confirmed_at=kit.security.datetime_factory())
    kit.log_in(client, "bob@example.org")
    confirm(kit, client)
    assert left(kit) == 0


def test_a_logout_ends_it(signed_up: tuple[Kit, t.Any]) -> None:
    kit, client = signed_up
    with client.session_transaction() as session:
        note = session[KEY]
    kit.add_user("bob@example.org", confirmed_at=kit.security.datetime_factory())
    kit.log_in(client, "bob@example.org")
    with client.session_transaction() as session:
        session[KEY] = note
    kit.log_out(client)
    confirm(kit, client)
    assert left(kit) == 0


def test_a_confirmation_ends_it(signed_up: tuple[Kit, t.Any]) -> None:
    kit, client = signed_up
    confirm(kit, client)
    assert left(kit) == 1
    with client.session_transaction() as session:
        assert KEY not in session


NOTES: list[tuple[str, t.Any, bool]] = [
    ("one of now", lambda now, name: f"{now} {name}", True),
    ("one of nearly an hour", lambda now, name: f"{now - 3590} {name}", True),
    ("one of more than an hour", lambda now, name: f"{now - 3601} {name}", False),
    ("one of somebody else", lambda now, name: f"{now} {name[::-1]}", False),
    ("one of a primary key", lambda now, name: f"{now} 1", False),
    ("one of nobody", lambda now, name: f"{now} ", False),
    ("one with more in it", lambda now, name: f"{now} {name} 2", False),
]


@pytest.mark.parametrize(("note", "counts"), [row[1:] for row in NOTES], ids=[row[0] for row in NOTES])
def test_for_how_long_and_of_whom_it_is(signed_up: tuple[Kit, t.Any], note: t.Any, counts: bool) -> None:
    """The clock cannot be turned here, so the note is made older."""
    kit, client = signed_up
    with kit.app.app_context():
        name = kit.users()[0].fs_uniquifier
    text = note(int(time.time()), name).ljust(80).encode()
    with client.session_transaction() as session:
        assert len(session[KEY]) == len(kit.app.extensions["social"].vault.seal("signed up", text))
        session[KEY] = kit.app.extensions["social"].vault.seal("signed up", text)
    confirm(kit, client)
    assert left(kit) == counts


@pytest.mark.parametrize("planted", ["", "1", 1, None, True, ["1", 9e9], [1, 9e9], {"1": 1}])
def test_a_planted_note(signed_up: tuple[Kit, t.Any], planted: t.Any) -> None:
    kit, client = signed_up
    with client.session_transaction() as session:
        session[KEY] = planted
    confirm(kit, client)
    assert left(kit) == 0


def test_the_note_says_nothing_to_who_reads_the_cookie(signed_up: tuple[Kit, t.Any]) -> None:
    _, client = signed_up
    client.post("/login/google", headers=SAME_ORIGIN)
    with client.session_transaction() as session:
        assert isinstance(session[KEY], str)
        assert len(session[KEY]) > 100
