"""What an attack on signing up and confirming must not get: other hosts in mails, old sessions, odd names."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

import pytest
from cachelib import SimpleCache
from flask.sessions import SecureCookieSessionInterface

from .appkit import JSON, SAME_ORIGIN, Kit
from .joinkit import ADA, CONFIRM, connected, join_kit, link_in, send, send_json, values

EVIL = {"base_url": "http://evil.example"}


def test_the_link_that_confirms_stands_under_our_own_address(social_provider: t.Any, social_login: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SOCIAL_APP_URL="https://www.example.org", **CONFIRM)
    client = kit.app.test_client()
    begun = social_login.begin(client, "facebook", **EVIL)
    back = urlsplit(social_provider.visit(begun.location, "ada").url)
    client.get(f"{back.path}?{back.query}", **EVIL)
    (mail,) = kit.mails
    assert "https://www.example.org/confirm/" in mail.body
    assert "evil.example" not in mail.body


HOSTS: list[tuple[dict[str, t.Any], bool]] = [
    ({}, False),
    ({"SOCIAL_APP_URL": "http://localhost"}, True),
    ({"TRUSTED_HOSTS": ["localhost"]}, True),
]


@pytest.mark.parametrize(("config", "made"), HOSTS)
@pytest.mark.parametrize("signup", ["auto", "ask"])
def test_nobody_is_asked_to_confirm_under_a_host_that_anybody_may_name(
    social_provider: t.Any, social_login: t.Any, signup: str, config: dict[str, t.Any], made: bool
) -> None:
    options = {"SOCIAL_SIGNUP": signup, "TESTING": False, "MAIL_BACKEND": "locmem", **CONFIRM, **config}
    kit = join_kit(social_provider, **options)
    client = kit.app.test_client()
    social_login(client, "facebook", "ada")
    if signup == "ask":
        assert send(client, "/signup/facebook", email=ADA).status_code == (303 if made else 503)
    assert len(values(kit, "email")) == made


NAMES: list[tuple[str, str | None]] = [
    ("ada", "ada"),
    ("<b>x</b>", None),
    ("a", None),
    ("root\u200b", None),
    ("victim@example.com", None),
    ("\uff41\uff44\uff41", "ada"),
]


@pytest.mark.parametrize(("name", "stored"), NAMES)
def test_a_mapped_username_is_one_that_flask_security_takes(
    social_provider: t.Any, social_login: t.Any, name: str, stored: str | None
) -> None:
    kit = join_kit(
        social_provider,
        SOCIAL_SIGNUP="auto",
        SOCIAL_SIGNUP_MAPPER=lambda profile, provider: {"username": name},
        SOCIAL_SIGNUP_FIELDS=["username"],
        SECURITY_USERNAME_ENABLE=True,
        SECURITY_USERNAME_MIN_LENGTH=3,
    )
    client = kit.app.test_client()
    answer = social_login(client, "google", "ada")
    assert answer.location == ("/" if stored else "/signup/google")
    assert values(kit, "username") == ([(stored,)] if stored else [])


def test_a_cache_that_fails_after_the_account_was_made(
    social_provider: t.Any, social_login: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = SimpleCache()
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", SOCIAL_ATTEMPT_CACHE=cache)
    client = kit.app.test_client()
    assert social_login(client, "google", "ada").location == "/signup/google"

    def gone(key: str) -> bool:
        raise ConnectionError("gone")

    monkeypatch.setattr(cache, "delete", gone)
    assert send(client, "/signup/google", email=ADA).location == "/"
    assert connected(kit) == [(1, "google")]
    assert {"user_signed_up", "user_registered", "login_completed"} <= {*kit.names()}


class Regenerating(SecureCookieSessionInterface):
    """Counts the new ids that a server-side session would get."""

    def __init__(self) -> None:
        self.renewed = 0

    def regenerate(self, session: t.Any) -> None:
        self.renewed += 1


def test_an_identity_that_waits_is_in_a_session_whose_id_nobody_planted(
    social_provider: t.Any, social_login: t.Any
) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask")
    kit.app.session_interface = interface = Regenerating()
    social_login(kit.app.test_client(), "google", "ada")
    assert interface.renewed == 1


@pytest.mark.parametrize("value", [True, False, 1, None, [], {}, "\ud800"])
def test_json_of_any_kind_in_a_text_field(social_provider: t.Any, social_login: t.Any, value: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask")
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert send_json(client, "/signup/google", email=value).status_code == 400
    assert values(kit, "email") == []


def test_a_provider_that_signs_nobody_up_any_more(social_provider: t.Any, social_login: t.Any) -> None:
    settings = {"google": {"provider": "google", **social_provider.settings("google"), "signup": "ask"}}
    kit = join_kit(social_provider, SOCIAL_PROVIDER_RESOLVER=lambda id: settings.get(id.removeprefix("my-")))
    client = kit.app.test_client()
    assert social_login(client, "my-google", "ada").location == "/signup/my-google"
    identity = client.get("/signup/my-google", headers=JSON).get_json()["response"]["identity"]
    settings["google"]["signup"] = "never"
    answer = client.post("/signup/my-google", data={"email": ADA, "identity": identity}, headers=SAME_ORIGIN)
    assert answer.status_code == 400
    assert values(kit, "email") == []


# Who proves an address, and who set the account up ---------------------------------------------------------------

LINKS = [("prove", 1), ("verified", 0)]


@pytest.mark.parametrize(("policy", "passwords"), LINKS)
def test_a_password_from_before_the_confirmation_where_addresses_link(
    social_provider: t.Any, policy: str, passwords: int
) -> None:
    """Somebody registers the address of somebody else, who opens the mail in a browser of their own."""
    kit = registered(social_provider, policy)
    kit.app.test_client().get(link_in(kit.mails[0]))
    ((password, confirmed),) = values(kit, "password", "confirmed_at")
    assert confirmed is not None
    assert (password is not None) == bool(passwords)


def test_the_browser_that_registered_keeps_the_password(social_provider: t.Any) -> None:
    kit = registered(social_provider, "verified")
    kit.browser.get(link_in(kit.mails[0]))
    ((password, confirmed),) = values(kit, "password", "confirmed_at")
    assert confirmed is not None
    assert password is not None


def registered(standin: t.Any, policy: str) -> t.Any:
    kit: t.Any = join_kit(standin, SOCIAL_LINK_BY_EMAIL=policy, SECURITY_REGISTERABLE=True, **CONFIRM)
    kit.browser = kit.app.test_client()
    form = {"email": ADA, "password": "a long password", "password_confirm": "a long password"}
    answer = kit.browser.post("/register", data={**form, "csrf_token": kit.browser.get("/token").text})
    assert answer.status_code == 302
    return kit


@pytest.mark.parametrize(("by_mail", "left"), [(True, 0), (False, 1)])
def test_a_session_that_a_mail_opened_made_nothing(
    social_provider: t.Any, social_login: t.Any, by_mail: bool, left: int
) -> None:
    kit = join_kit(
        social_provider,
        SECURITY_LOGIN_WITHOUT_CONFIRMATION=True,
        SECURITY_UNIFIED_SIGNIN=True,
        SECURITY_US_ENABLED_METHODS=["password", "email"],
        SECURITY_TOTP_SECRETS={"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
        SECURITY_TOTP_ISSUER="tests",
        **CONFIRM,
    )
    kit.add_user(ADA, confirmed_at=None)
    stranger = kit.app.test_client()
    kit.log_in(stranger, ADA)
    social_login(stranger, "facebook", "grace", intent="connect")
    assert len(connected(kit)) == 1
    with kit.app.test_request_context():
        from flask_security.confirmable import generate_confirmation_link

        link = generate_confirmation_link(kit.users()[0])[0]
    client = kit.app.test_client()
    if by_mail:
        sign_in_by_code(kit, client)
    else:
        kit.log_in(client, ADA)
    assert kit.who(client) == ADA
    client.get(link)
    assert len(connected(kit)) == left


def sign_in_by_code(kit: Kit, client: t.Any) -> None:
    with kit.app.app_context():
        kit.security.datastore.us_setup_email(kit.users()[0])
        kit.db.session.commit()
    token = {"csrf_token": client.get("/token").text}
    client.post("/us-signin/send-code", data={"identity": ADA, "chosen_method": "email", **token})
    code = next(word for word in kit.mails[-1].body.split() if word.strip(".").isdigit()).strip(".")
    client.post("/us-signin", data={"identity": ADA, "passcode": code, **token})
