"""The second factor after a social login, and what this package relies on in Flask-Security."""

from __future__ import annotations

import time
import typing as t

import pytest
from flask.sessions import SecureCookieSessionInterface

from flask_social import security

from .appkit import Kit, make_kit
from .test_session import Regenerating, fixed


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    made = make_kit(
        {"google": social_provider.settings("google")},
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_REQUIRED=False,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
        SECURITY_TOTP_ISSUER="tests",
    )
    made.add_user()
    return made


@pytest.fixture
def secret(kit: Kit, social_login: t.Any) -> t.Any:
    """Connects ada, and turns her second factor on; returns a function that makes a code."""
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    kit.events.clear()
    totp = kit.app.extensions["security"]._totp_factory
    with kit.app.app_context():
        user = kit.db.session.execute(kit.db.select(kit.User)).scalar_one()
        user.tf_totp_secret = totp.generate_totp_secret()
        user.tf_primary_method = "authenticator"
        kit.db.session.commit()
        stored = user.tf_totp_secret

    def code() -> str:
        with kit.app.app_context():
            return str(totp.generate_totp_password(stored))

    return code


def test_the_login_completes_with_the_second_factor(kit: Kit, secret: t.Any, social_login: t.Any) -> None:
    client = kit.app.test_client()
    answer = social_login(client, "google", "ada", next="/inbox")
    assert answer.location == "/tf-validate?next=/inbox"
    assert kit.who(client) is None
    assert kit.names() == []
    with kit.app.app_context():
        assert kit.rows()[0].last_login_at is None
    answer = kit.give_code(client, secret(), "?next=/inbox")
    assert answer.location == "/inbox"
    assert kit.who(client) == "ada@example.org"
    assert kit.names() == ["login_completed"]
    with kit.app.app_context():
        assert kit.rows()[0].last_login_at is not None


def test_accept_json_gets_the_page_too(kit: Kit, secret: t.Any, social_begin: t.Any) -> None:
    client = kit.app.test_client()
    answer = client.get(social_begin(client, "google", "ada"), headers={"Accept": "application/json"})
    assert answer.location.startswith("/tf-validate")


def test_somebody_else_ends_the_waiting(kit: Kit, secret: t.Any, social_login: t.Any) -> None:
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    kit.add_user("grace@example.org")
    kit.log_in(client, "grace@example.org")
    assert kit.names() == []
    with client.session_transaction() as session:
        assert "social_login" not in session


@pytest.mark.parametrize("age", [security.SECOND_FACTOR_LIFETIME + 1, -1000])
def test_the_waiting_ends(kit: Kit, secret: t.Any, social_login: t.Any, age: int) -> None:
    from json import dumps

    client = kit.app.test_client()
    social_login(client, "google", "ada")
    with kit.app.app_context():
        (row,) = kit.rows()
        record = ["google", row.provider_user_id, str(row.user_id), int(time.time()) - age, None]
    sealed = kit.app.extensions["social"].vault.seal("social_login", dumps(record).encode())
    with client.session_transaction() as session:
        session["social_login"] = sealed
    kit.give_code(client, secret())
    assert kit.who(client) == "ada@example.org"
    assert kit.names() == []


def test_a_planted_record_completes_nothing(kit: Kit, secret: t.Any, social_login: t.Any) -> None:
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    with client.session_transaction() as session:
        session["social_login"] = "planted"
    kit.give_code(client, secret())
    assert kit.names() == []


def test_a_connection_removed_meanwhile(kit: Kit, secret: t.Any, social_login: t.Any) -> None:
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    with kit.app.app_context():
        kit.db.session.delete(kit.rows()[0])
        kit.db.session.commit()
    kit.give_code(client, secret())
    assert kit.names() == []


def set_up(client: t.Any, kit: Kit, page: str) -> t.Any:
    """Sets an authenticator up on Flask-Security's page, as its forms do, and gives the answer to the code."""
    assert client.get(page).status_code == 200
    token = client.get("/token").get_data(as_text=True)
    assert client.post(page, data={"setup": "authenticator", "csrf_token": token}).status_code == 200
    assert kit.who(client) is None
    assert "login_completed" not in kit.names()
    with client.session_transaction() as session:
        secret = session["tf_totp_secret"]
    with kit.app.app_context():
        code = kit.app.extensions["security"]._totp_factory.generate_totp_password(secret)
    return kit.give_code(client, str(code))


@pytest.mark.parametrize(("next_url", "target"), [("/inbox", "/inbox"), (None, "/")])
def test_the_first_set_up_keeps_next_and_ends_the_login(
    social_provider: t.Any, social_login: t.Any, next_url: str | None, target: str
) -> None:
    kit = required(social_provider)
    client = kit.app.test_client()
    answer = social_login(client, "google", "ada", next=next_url)
    assert answer.location == "/tf-setup"
    assert kit.who(client) is None
    assert set_up(client, kit, answer.location).location == target
    assert kit.who(client) == "ada@example.org"
    assert kit.names() == ["connection_updated", "login_completed"]
    with kit.app.app_context():
        assert kit.rows()[0].last_login_at is not None


def test_next_is_forgotten_with_the_login_that_it_belongs_to(social_provider: t.Any, social_login: t.Any) -> None:
    kit = required(social_provider)
    client = kit.app.test_client()
    social_login(client, "google", "ada", next="/inbox")
    with client.session_transaction() as session:
        del session["social_login"]
    assert set_up(client, kit, "/tf-setup").location == "/"
    assert kit.names() == ["connection_updated"]


def required(social_provider: t.Any) -> Kit:
    """An application where everybody needs a second factor, and ada, connected, has none yet."""
    kit = make_kit(
        {"google": social_provider.settings("google")},
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_REQUIRED=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
        SECURITY_TOTP_ISSUER="tests",
    )
    user_id = kit.add_user()
    with kit.app.app_context():
        subject = social_provider.subject("google", "ada")
        kit.db.session.add(kit.Connection(user_id=user_id, provider_id="google", provider_user_id=subject))
        kit.db.session.commit()
    return kit


@pytest.mark.parametrize("name", security.RELIES_ON)
def test_what_flask_security_must_have(kit: Kit, name: str) -> None:
    found: t.Any = kit.security
    for part in name.split("."):
        assert hasattr(found, part), name
        found = getattr(found, part)


# Flask-Login's own cookie code, on Python 3.12 and newer.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_remember_is_flask_securitys(social_provider: t.Any, social_login: t.Any) -> None:
    for remember in (True, False):
        kit = make_kit({"google": social_provider.settings("google")}, SECURITY_DEFAULT_REMEMBER_ME=remember)
        kit.add_user()
        client = kit.app.test_client()
        kit.log_in(client)
        social_login(client, "google", "ada", intent="connect")
        client = kit.app.test_client()
        social_login(client, "google", "ada")
        assert (client.get_cookie("remember_token") is not None) is remember


def test_a_login_gives_a_server_side_session_a_new_id(social_provider: t.Any, social_login: t.Any) -> None:
    class Interface(SecureCookieSessionInterface):
        """As server-side interfaces do: a session that can have a new id."""

        renewed = 0

        def regenerate(self, session: t.Any) -> None:
            self.renewed += 1

    kit = make_kit({"google": social_provider.settings("google")})
    interface = kit.app.session_interface = Interface()
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    assert interface.renewed == 0
    social_login(kit.app.test_client(), "google", "ada")
    assert interface.renewed == 1


WAYS: list[t.Any] = [
    ({}, []),
    pytest.param(
        {"SECURITY_PASSWORDLESS": True, "SOCIAL_URL_PREFIX": "/social"},
        ["mail_link"],
        marks=pytest.mark.filterwarnings("ignore:The passwordless feature:DeprecationWarning"),
    ),
    ({"SECURITY_UNIFIED_SIGNIN": True, "SECURITY_US_ENABLED_METHODS": ["email"]}, ["unified:email"]),
    ({"SECURITY_UNIFIED_SIGNIN": True, "SECURITY_US_ENABLED_METHODS": ["password"]}, []),
    ({"SECURITY_WEBAUTHN": True, "passkeys": True}, ["passkey"]),
    ({"SECURITY_WEBAUTHN": True, "SECURITY_WAN_ALLOW_AS_FIRST_FACTOR": False, "passkeys": True}, []),
]


@pytest.mark.parametrize(("config", "expected"), WAYS)
def test_every_way_in_of_flask_security(config: dict[str, t.Any], expected: list[str]) -> None:
    totp = {"SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"}, "SECURITY_TOTP_ISSUER": "t"}
    kit = make_kit(**{**totp, **config})
    user_id = kit.add_user(password=None)
    with kit.app.test_request_context():
        store = kit.security.datastore
        user = store.find_user(id=user_id)
        if "SECURITY_UNIFIED_SIGNIN" in config:
            store.us_setup_email(user)
        if "SECURITY_WEBAUTHN" in config:
            store.create_webauthn(
                user, credential_id=b"1", public_key=b"1", name="key", sign_count=0, usage="first",
                device_type="single_device", backup_state=False, transports=[],
            )  # fmt: skip
        store.commit()
        assert security.other_ways_in(user) == expected


def test_ways_in(kit: Kit) -> None:
    kit.add_user("nobody@example.org", password=None)
    with kit.app.app_context():
        users = kit.db.session.execute(kit.db.select(kit.User).order_by(kit.User.id)).scalars().all()
        assert [security.other_ways_in(user) for user in users] == [["password"], []]


def test_a_fixed_session_id(kit: Kit, secret: t.Any, social_login: t.Any) -> None:
    kit.app.session_interface = Regenerating()
    attacker, victim, sid = fixed(kit)
    social_login(victim, "google", "ada")
    kit.give_code(victim, secret())
    assert kit.who(victim) == "ada@example.org"
    assert kit.who(attacker) is None
    assert victim.get_cookie("session").value != sid
