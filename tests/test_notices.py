"""The mail that tells a user of a change of connections."""

from __future__ import annotations

import typing as t

import pytest
from flask import Flask, render_template
from flask_security import MailUtil

from flask_social import connection_created, users

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit
from .pagekit import KEYS, connect

SUBJECTS = {"connected": "An account was connected", "disconnected": "An account was disconnected"}


def made(social_provider: t.Any, **config: t.Any) -> Kit:
    kit = make_kit({name: social_provider.settings(name) for name in ("google", "facebook")}, **config)
    kit.add_user()
    return kit


def signed_in(kit: Kit) -> t.Any:
    client = kit.app.test_client()
    kit.log_in(client)
    return client


def told(kit: Kit) -> list[tuple[str, list[str]]]:
    return [(mail.subject, mail.to) for mail in kit.mails]


def test_connecting_and_disconnecting_are_told(social_provider: t.Any, social_login: t.Any) -> None:
    kit = made(social_provider)
    client = signed_in(kit)
    social_login(client, "google", "ada", intent="connect")
    assert told(kit) == [(SUBJECTS["connected"], ["ada@example.org"])]
    client.post("/disconnect/google", headers=SAME_ORIGIN)
    assert told(kit)[1:] == [(SUBJECTS["disconnected"], ["ada@example.org"])]
    first, second = ("".join((mail.body, str(mail.alternatives))) for mail in kit.mails)
    assert "Google was connected" in first
    assert "Google was disconnected" in second


def test_the_mail_holds_no_word_of_the_person_at_the_provider(social_provider: t.Any, social_login: t.Any) -> None:
    social_provider.faults.add("id_token", claims={"name": "Visit https://evil.example now", "email": "x@evil.example"})
    kit = made(social_provider)
    social_login(signed_in(kit), "google", "ada", intent="connect")
    (mail,) = kit.mails
    with kit.app.app_context():
        (row,) = kit.rows()
        assert "evil" in row.display_name
        secrets = [row.access_token, row.provider_user_id]
    text = f"{mail.subject}{mail.body}{mail.alternatives}{mail.extra_headers}"
    assert "evil" not in text
    assert not any(secret in text for secret in secrets)


SILENT: list[tuple[str, str]] = [
    ("an account that is connected already", "again"),
    ("a renewal", "reconnect"),
    ("a login", "login"),
    ("a removal of nothing", "nothing"),
    ("a removal that is refused", "last"),
    ("an account of somebody else", "elsewhere"),
]


@pytest.mark.parametrize("what", [what for _, what in SILENT], ids=[name for name, _ in SILENT])
def test_what_changes_no_connection_is_not_told(social_provider: t.Any, social_login: t.Any, what: str) -> None:
    kit = made(social_provider)
    client = signed_in(kit)
    social_login(client, "google", "ada", intent="connect")
    del kit.mails[:], kit.mail.state.outbox[:]
    if what == "again":
        social_login(client, "google", "ada", intent="connect")
    elif what == "reconnect":
        social_login(client, "google", "ada", intent="reconnect")
    elif what == "login":
        social_login(kit.app.test_client(), "google", "ada")
    elif what == "nothing":
        client.post("/disconnect/facebook", headers=JSON)
    elif what == "last":
        with kit.app.app_context():
            kit.db.session.execute(kit.db.select(kit.User)).scalar_one().password = None
            kit.db.session.commit()
        assert client.post("/disconnect/google", headers=JSON).status_code == 409
    else:
        kit.add_user("grace@example.org")
        other = kit.app.test_client()
        kit.log_in(other, "grace@example.org")
        social_login(other, "google", "ada", intent="connect")
    assert told(kit) == []


@pytest.mark.parametrize("confirmable", [True, False])
@pytest.mark.parametrize("confirmed", [True, False])
def test_an_address_that_is_not_confirmed_may_be_a_strangers(
    social_provider: t.Any, social_login: t.Any, confirmable: bool, confirmed: bool
) -> None:
    kit = make_kit(
        {"google": social_provider.settings("google")},
        SECURITY_CONFIRMABLE=confirmable,
        SECURITY_LOGIN_WITHOUT_CONFIRMATION=True,
    )
    kit.add_user(confirmed_at=kit.security.datetime_factory() if confirmed else None)
    client = signed_in(kit)
    social_login(client, "google", "ada", intent="connect")
    assert client.post("/disconnect/google", headers=JSON).status_code == 200
    assert kit.names() == ["connection_created", "connection_removed"]
    assert len(told(kit)) == (2 if confirmed or not confirmable else 0)


def test_a_sign_up_is_told_by_the_welcome_alone(social_provider: t.Any, social_login: t.Any) -> None:
    kit = made(social_provider, SOCIAL_SIGNUP="auto", SECURITY_SEND_REGISTER_EMAIL=True)
    social_login(kit.app.test_client(), "google", "grace")
    assert [subject for subject, _ in told(kit)] == ["Welcome"]


def test_a_link_by_address_is_told(social_provider: t.Any, social_login: t.Any) -> None:
    email = social_provider.people["ada"].email
    kit = make_kit(
        {"google": {**social_provider.settings("google"), "link_by_email": "verified"}}, SECURITY_CONFIRMABLE=True
    )
    with kit.app.app_context():
        now = kit.security.datetime_factory()
    kit.add_user(email, confirmed_at=now)
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert kit.who(client) == email
    assert told(kit) == [(SUBJECTS["connected"], [email])]


def test_switched_off(social_provider: t.Any, social_login: t.Any) -> None:
    kit = made(social_provider, SOCIAL_SEND_CONNECTION_EMAIL=False)
    social_login(signed_in(kit), "google", "ada", intent="connect")
    assert told(kit) == []


def test_where_mail_is_not_set_up_nothing_is_tried(
    social_provider: t.Any, social_login: t.Any, caplog: pytest.LogCaptureFixture
) -> None:
    kit = made(social_provider)
    client = signed_in(kit)
    del kit.app.extensions["mailman"]
    social_login(client, "google", "ada", intent="connect")
    assert kit.names() == ["connection_created"]
    assert caplog.records == []


def test_without_an_address_there_is_no_mail(social_provider: t.Any) -> None:
    import sqlalchemy as sa

    columns = {"email": sa.Column(sa.String(255), unique=True, nullable=True)}
    kit = make_kit({"google": KEYS}, columns=columns, SOCIAL_WAYS_IN=lambda user: ["smart card"])
    with kit.app.app_context():
        name = kit.security.datastore.create_user(email=None, password="x").fs_uniquifier
        kit.db.session.commit()
    connect(kit)
    client = kit.app.test_client()
    with client.session_transaction() as session:
        session.update({"_user_id": name, "_fresh": True, "fs_cc": "set", "fs_paa": 9e9, "fs_gexp": 9e9})
    assert client.post("/disconnect/google", headers=JSON).status_code == 200
    assert told(kit) == []


@pytest.mark.parametrize("how", ["connected", "disconnected"])
def test_a_mail_server_that_is_down_is_no_error_of_the_request(
    social_provider: t.Any, social_login: t.Any, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    class Down(MailUtil):
        def send_mail(self, *args: t.Any, **more: t.Any) -> None:
            raise ConnectionRefusedError("the server said: no mail for ada@example.org")

    kit = make_kit({"google": social_provider.settings("google")}, forms={"mail_util_cls": Down})
    kit.add_user()
    client = signed_in(kit)
    if how == "disconnected":
        connect(kit)
    if how == "connected":
        assert social_login(client, "google", "ada", intent="connect").status_code == 302
    else:
        assert client.post("/disconnect/google", headers=JSON).status_code == 200
    with kit.app.app_context():
        assert len(kit.rows()) == (1 if how == "connected" else 0)
    assert kit.names()[-1] == ("connection_created" if how == "connected" else "connection_removed")
    (warning,) = [record.getMessage() for record in caplog.records if "by mail" in record.getMessage()]
    assert warning == "user 1 was not told of a change by mail (ConnectionRefusedError)"


def test_a_receiver_that_raises_does_not_keep_the_mail_back(social_provider: t.Any, social_login: t.Any) -> None:
    kit = made(social_provider)
    client = signed_in(kit)

    def receiver(sender: t.Any, **values: t.Any) -> None:
        raise RuntimeError("an application's mistake")

    with connection_created.connected_to(receiver, sender=kit.app), pytest.raises(RuntimeError):
        social_login(client, "google", "ada", intent="connect")
    assert told(kit) == [(SUBJECTS["connected"], ["ada@example.org"])]


class Own(MailUtil):
    """An application's way to send mail."""


SET_UP: list[tuple[str, bool]] = [("nothing", False), ("mailman", True), ("mail", True), ("own", True)]


@pytest.mark.parametrize(("by", "expected"), SET_UP)
def test_whether_mail_is_set_up(by: str, expected: bool) -> None:
    kit = make_kit(forms={"mail_util_cls": Own} if by == "own" else {})
    with kit.app.app_context():
        del kit.app.extensions["mailman"]
        if by in ("mail", "mailman"):
            kit.app.extensions[by] = object()
        assert users.mail_is_set_up() is expected


def test_the_mail_can_be_overridden(tmp_path: t.Any) -> None:
    (tmp_path / "social" / "email").mkdir(parents=True)
    (tmp_path / "social" / "email" / "connection_changed.txt").write_text("{{ provider }}: {{ connected }}")
    kit = make_kit({"google": KEYS})
    plain = Flask("templates", template_folder=str(tmp_path))
    assert kit.app.jinja_loader is not None
    kit.app.jinja_loader = plain.jinja_loader
    with kit.app.test_request_context():
        assert render_template("social/email/connection_changed.txt", provider="X", connected=True) == "X: True"
