"""Sign-up: user, connection, signals and login belong together, also when many come at once or something fails."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import pathlib
import threading
import typing as t

import pytest
import sqlalchemy as sa
from flask_security import RegisterFormV2
from flask_security.signals import user_registered
from wtforms import StringField

from flask_social.signals import connection_created, login_completed, user_signed_up
from flask_social.state import listen
from flask_social.testing import Person

from .joinkit import TWO_FACTOR, connected, join_kit, no_address, send_json, values

# Together or not at all -----------------------------------------------------------------------------------------


def test_signals_speak_of_what_is_committed(
    social_provider: t.Any, social_login: t.Any, tmp_path: pathlib.Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'test.db'}"
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SQLALCHEMY_DATABASE_URI=uri)
    other = join_kit(social_provider, SQLALCHEMY_DATABASE_URI=uri)
    seen: list[tuple[str, int, int]] = []
    for signal in (connection_created, user_signed_up, user_registered, login_completed):

        def look(sender: t.Any, _name: str = signal.name, **told: t.Any) -> None:
            seen.append((_name, len(values(other, "id")), len(connected(other))))

        listen(kit.app, signal, look)
    social_login(kit.app.test_client(), "google", "ada")
    names = ["connection-created", "user-signed-up", "user-registered", "login-success"]
    assert seen == [(name, 1, 1) for name in names]


def test_what_the_signals_carry(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto")
    social_login(kit.app.test_client(), "google", "ada")
    told = dict(kit.events)
    assert set(told["user_signed_up"]) == set(told["connection_created"]) == {"user", "connection"}
    assert set(told["user_registered"]) >= {"user", "confirm_token", "confirmation_token", "form_data"}
    assert "password" not in told["user_registered"]["form_data"]


def test_a_receiver_that_raises_leaves_a_whole_account(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto")

    def fail(sender: t.Any, **values: t.Any) -> None:
        raise RuntimeError("of the application")

    user_signed_up.connect(fail, sender=kit.app)
    client = kit.app.test_client()
    with pytest.raises(RuntimeError, match="of the application"):
        social_login(client, "google", "ada")
    assert connected(kit) == [(1, "google")]
    user_signed_up.disconnect(fail, sender=kit.app)
    assert social_login(kit.app.test_client(), "google", "ada").location == "/"


def test_many_callbacks_of_one_new_face_make_one_account(
    social_provider: t.Any, social_begin: t.Any, tmp_path: pathlib.Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'test.db'}?timeout=20"
    kit = join_kit(social_provider, columns=no_address(), SOCIAL_SIGNUP="auto", SQLALCHEMY_DATABASE_URI=uri)
    for person in ("ada", "alan"):
        clients = [kit.app.test_client() for _ in range(6)]
        addresses = [social_begin(client, "google", person) for client in clients]
        together = threading.Barrier(len(clients))

        def walk(client: t.Any, url: str, together: threading.Barrier = together) -> str:
            together.wait(20)
            return str(client.get(url).location)

        with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
            assert list(pool.map(walk, clients, addresses)) == ["/"] * len(clients)
        with kit.app.app_context():
            assert {row.user_id for row in kit.rows()} == {user.id for user in kit.users()}
    assert values(kit, "email") == [("ada@example.com",), (None,)]
    assert connected(kit) == [(1, "google"), (2, "google")]


def test_a_second_factor_that_everybody_has_to_set_up(social_provider: t.Any, social_login: t.Any) -> None:
    config = {**TWO_FACTOR, "SECURITY_TWO_FACTOR_REQUIRED": True}
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", **config)
    client = kit.app.test_client()
    assert social_login(client, "google", "ada").location.startswith("/tf-setup")
    assert kit.who(client) is None
    assert kit.names() == ["connection_created", "user_signed_up", "user_registered"]
    assert connected(kit) == [(1, "google")]


@pytest.mark.parametrize("subscribed", [True, False])
def test_the_welcome_mail_is_flask_securitys(social_provider: t.Any, social_login: t.Any, subscribed: bool) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SECURITY_SEND_REGISTER_EMAIL=subscribed)
    social_login(kit.app.test_client(), "google", "ada")
    assert [mail.to for mail in kit.mails] == ([["ada@example.com"]] if subscribed else [])
    assert not any("/confirm/" in mail.body for mail in kit.mails)


def test_a_first_login_is_counted(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SECURITY_TRACKABLE=True)
    social_login(kit.app.test_client(), "google", "ada")
    assert values(kit, "login_count") == [(1,)]


def test_two_identities_of_one_address_at_once(
    social_provider: t.Any, social_begin: t.Any, tmp_path: pathlib.Path
) -> None:
    """One makes the account; the other has to prove it, and never gets in."""
    uri = f"sqlite:///{tmp_path / 'test.db'}?timeout=20"
    social_provider.add_person(Person("twin", "Ada", "ada2", "ada@example.com"))
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SQLALCHEMY_DATABASE_URI=uri)
    clients = [kit.app.test_client() for _ in range(4)]
    addresses = [social_begin(client, "google", ("ada", "twin")[n % 2]) for n, client in enumerate(clients)]
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        targets = list(pool.map(lambda client, url: client.get(url).location, clients, addresses))
    assert len(connected(kit)) == len(values(kit, "id")) == 1
    assert sorted(targets) == ["/", "/", "/link", "/link"]


@pytest.mark.parametrize("motto", ["\ud800", "a\0b", "x" * 100_000])
def test_a_text_that_a_column_may_not_take(social_provider: t.Any, social_login: t.Any, motto: str) -> None:
    form = type("Form", (RegisterFormV2,), {"motto": StringField("Motto")})
    columns = {"motto": sa.Column(sa.String(50))}
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", forms={"register_form": form}, columns=columns)
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    answer = send_json(client, "/signup/google", email="ada@example.com", motto=motto)
    assert answer.status_code in (200, 400, 409)
    assert len(values(kit, "id")) == (answer.status_code == 200)


# asgiref, which Flask needs for them, is not installed everywhere; Flask-Security's own registration takes them.
def test_a_receiver_that_is_a_coroutine(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto")

    def ensure_sync(function: t.Any) -> t.Any:
        run = lambda *given, **more: asyncio.run(function(*given, **more))  # noqa: E731
        return run if inspect.iscoroutinefunction(function) else function

    kit.app.ensure_sync = ensure_sync
    seen = []

    async def receiver(sender: t.Any, user: t.Any, **more: t.Any) -> None:
        seen.append(user.email)

    user_registered.connect(receiver, sender=kit.app)
    assert social_login(kit.app.test_client(), "google", "ada").location == "/"
    assert seen == ["ada@example.com"]
