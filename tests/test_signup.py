"""Sign-up: who gets an account, with which address, and what is sent when."""

from __future__ import annotations

import typing as t

import pytest
from flask_security import verify_password

from flask_social import security, users
from flask_social.testing import Person

from .joinkit import CONFIRM, connected, join_kit, link_in, no_address, no_null, values

# What comes of a new face ---------------------------------------------------------------------------------------

POLICIES = [
    ("never", {}, "google", "/login"),
    ("ask", {}, "google", "/signup/google"),
    ("auto", {}, "google", "/"),
    ("never", {"google": {"signup": "auto"}}, "google", "/"),
    ("never", {"google": {"signup": "ask"}}, "google", "/signup/google"),
    ("auto", {"google": {"signup": "never"}}, "google", "/login"),
    ("auto", {"google": {"signup": "never"}}, "oauth2", "/"),
]


@pytest.mark.parametrize(("policy", "more", "provider", "target"), POLICIES)
def test_the_setting_and_the_providers_own(
    social_provider: t.Any, social_login: t.Any, policy: str, more: t.Any, provider: str, target: str
) -> None:
    kit = join_kit(social_provider, columns=no_address(), SOCIAL_SIGNUP=policy, **more)
    client = kit.app.test_client()
    assert social_login(client, provider, "ada").location == target
    made = target == "/"
    assert len(values(kit, "id")) == made
    assert connected(kit) == ([(1, provider)] if made else [])
    with client.session_transaction() as session:
        assert ("_user_id" in session) is made


def test_one_click_makes_user_connection_and_login(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto")
    client = kit.app.test_client()
    assert social_login(client, "google", "ada", next="/inbox").location == "/inbox"
    assert kit.who(client) == "ada@example.com"
    assert connected(kit) == [(1, "google")]
    assert kit.names() == ["connection_created", "user_signed_up", "user_registered", "login_completed"]
    with kit.app.app_context():
        (row,) = kit.rows()
        assert (row.status, row.email) == ("active", "ada@example.com")
        assert row.access_token
        assert row.last_login_at is not None
    social_login(kit.app.test_client(), "google", "ada")
    assert len(values(kit, "id")) == 1


# The address ----------------------------------------------------------------------------------------------------

# provider, person, confirmable, nullable address -> where to, addresses, confirmed, mails
ADDRESSES: list[t.Any] = [
    pytest.param("google", "ada", False, False, "/", "ada@example.com", True, 0, id="proven by the provider"),
    pytest.param("google", "ada", True, False, "/", "ada@example.com", True, 1, id="proven, so not confirmed again"),
    pytest.param("google", "mallory", True, False, "/login", "mallory@example.com", False, 1, id="has to be confirmed"),
    pytest.param("facebook", "ada", True, False, "/login", "ada@example.com", False, 1, id="claimed only"),
    pytest.param("oauth2", "ada", True, False, "/login", "ada@example.com", False, 1, id="verified, of no trust"),
    pytest.param("google", "mallory", False, True, "/", None, False, 0, id="unproven, left empty"),
    pytest.param("oauth2", "ada", False, True, "/", None, False, 0, id="of no trust, left empty"),
    pytest.param("google", "alan", False, True, "/", None, False, 0, id="without an address"),
    pytest.param("google", "alan", True, True, "/signup/google", [], False, 0, id="none that could be confirmed"),
    pytest.param("google", "mallory", False, False, "/signup/google", [], False, 0, id="unproven and needed"),
    pytest.param("google", "alan", False, False, "/signup/google", [], False, 0, id="none and needed"),
    pytest.param("google", "alan", True, False, "/signup/google", [], False, 0, id="none and needed, confirmable"),
]


@pytest.mark.parametrize(
    ("provider", "person", "confirmable", "nullable", "target", "address", "confirmed", "mails"), ADDRESSES
)
def test_what_becomes_of_the_address(
    social_provider: t.Any,
    social_login: t.Any,
    provider: str,
    person: str,
    confirmable: bool,
    nullable: bool,
    target: str,
    address: t.Any,
    confirmed: bool,
    mails: int,
) -> None:
    kit = join_kit(
        social_provider,
        columns=no_address() if nullable else None,
        SOCIAL_SIGNUP="auto",
        **(CONFIRM if confirmable else {}),
    )
    client = kit.app.test_client()
    assert social_login(client, provider, person).location == target
    assert [email for (email,) in values(kit, "email")] == ([address] if address != [] else [])
    assert [at is not None for (at,) in values(kit, "confirmed_at")] == ([confirmed] if address != [] else [])
    assert len(kit.mails) == mails
    with client.session_transaction() as session:
        assert ("_user_id" in session) is (target == "/")


def test_confirming_by_the_mail_and_then_logging_in(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", **CONFIRM)
    client = kit.app.test_client()
    assert social_login(client, "facebook", "ada", next="/inbox").location == "/login"
    assert "Open the link in the mail" in client.get("/login").text
    assert kit.who(client) is None
    assert kit.names() == ["connection_created", "user_signed_up", "user_registered"]
    (mail,) = kit.mails
    assert mail.to == ["ada@example.com"]
    social_login(client, "facebook", "ada")
    assert (kit.who(client), kit.names()[-1]) == (None, "attempt_refused")
    client.get(link_in(mail))
    (confirmed,) = values(kit, "confirmed_at")
    assert confirmed[0] is not None
    assert social_login(client, "facebook", "ada", next="/inbox").location == "/inbox"
    assert kit.who(client) == "ada@example.com"
    assert connected(kit) == [(1, "facebook")]


def test_login_without_confirmation_is_flask_securitys(social_provider: t.Any, social_login: t.Any) -> None:
    config = {**CONFIRM, "SECURITY_LOGIN_WITHOUT_CONFIRMATION": True}
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", **config)
    client = kit.app.test_client()
    assert social_login(client, "facebook", "ada").location == "/"
    assert kit.who(client) == "ada@example.com"
    assert values(kit, "confirmed_at") == [(None,)]


NAMES = [
    ("ADA@EXAMPLE.com", "ADA@example.com"),
    ("ada@B\u00dcCHER.example", "ada@b\u00fccher.example"),
    ("\uff41da@example.com", "\uff41da@example.com"),
]


@pytest.mark.parametrize(("given", "stored"), NAMES)
def test_the_address_is_kept_in_its_normal_form(
    social_provider: t.Any, social_login: t.Any, given: str, stored: str
) -> None:
    social_provider.add_person(Person("eve", "Eve", "eve", given))
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto")
    social_login(kit.app.test_client(), "google", "eve")
    assert values(kit, "email") == [(stored,)]


# The password ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nullable", [True, False])
def test_nobody_knows_the_password(social_provider: t.Any, social_login: t.Any, nullable: bool) -> None:
    columns = {} if nullable else no_null()
    kit = join_kit(social_provider, columns=columns, SOCIAL_SIGNUP="auto", SECURITY_PASSWORD_HASH="argon2")
    social_login(kit.app.test_client(), "google", "ada")
    with kit.app.app_context():
        (user,) = kit.users()
        assert (user.password is None) is nullable
        assert not users.has_password(user)
        assert security.other_ways_in(user) == []
        for word in ("", "None", "no password", user.password or "x"):
            assert nullable or not verify_password(word, user.password)
    client = kit.app.test_client()
    for word in ("", "None", "no password"):
        form = {"email": "ada@example.com", "password": word, "csrf_token": client.get("/token").text}
        client.post("/login", data=form)
        assert kit.who(client) is None


def test_the_unknown_password_outlives_a_change_of_the_secret(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, columns=no_null(), SOCIAL_SIGNUP="auto")
    social_login(kit.app.test_client(), "google", "ada")
    old = kit.app.config["SECRET_KEY"]
    with kit.app.app_context():
        stored = kit.users()[0].password
    new = join_kit(social_provider, columns=no_null(), SECRET_KEY="new" * 12, SECRET_KEY_FALLBACKS=[old])
    new.add_user("ada@example.com")
    with new.app.app_context():
        (user,) = new.users()
        assert users.has_password(user)
        user.password = stored
        assert not users.has_password(user)


def test_a_password_that_is_set_later_counts(social_provider: t.Any, social_login: t.Any) -> None:
    config = {"SECURITY_RECOVERABLE": True, "SECURITY_SEND_PASSWORD_RESET_NOTICE_EMAIL": False}
    kit = join_kit(social_provider, columns=no_null(), SOCIAL_SIGNUP="auto", **config)
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    kit.log_out(client)
    client.post("/reset", data={"email": "ada@example.com", "csrf_token": client.get("/token").text})
    word = {"password": "a long new password", "password_confirm": "a long new password"}
    client.post(link_in(kit.mails[-1]), data={**word, "csrf_token": client.get("/token").text})
    with kit.app.app_context():
        assert security.other_ways_in(kit.users()[0]) == ["password"]
