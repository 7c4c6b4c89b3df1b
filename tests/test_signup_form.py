"""The sign-up form: what it shows, what it takes, whom it takes, and for how long it waits."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa
from flask_security import RegisterForm, RegisterFormV2
from wtforms import StringField
from wtforms.validators import DataRequired

from flask_social.errors import ConfigurationError

from .appkit import JSON, PASSWORD, Kit
from .joinkit import CONFIRM, connected, join_kit, send, send_json, values

FORM = "/signup/google"

Go = t.Callable[..., tuple[Kit, t.Any]]


@pytest.fixture
def go(social_provider: t.Any, social_login: t.Any) -> Go:
    """Makes an application that asks, and walks a person up to the form."""

    def walk(provider: str = "google", person: str = "ada", **options: t.Any) -> tuple[Kit, t.Any]:
        kit = join_kit(social_provider, **{"SOCIAL_SIGNUP": "ask", **options})
        client = kit.app.test_client()
        answer = social_login(client, provider, person, next="/inbox")
        assert answer.location == f"/signup/{provider}"
        return kit, client

    return walk


# What it shows --------------------------------------------------------------------------------------------------


def test_it_shows_what_the_provider_said(go: Go) -> None:
    _, client = go()
    page = client.get(FORM).text
    assert "Ada Lovelace" in page
    assert 'value="ada@example.com"' in page
    assert "ada@example.com is proven" in page
    assert 'type="password"' not in page


@pytest.mark.parametrize(("provider", "person"), [("google", "mallory"), ("facebook", "ada"), ("oauth2", "ada")])
def test_an_unproven_address_is_shown_as_a_proposal(go: Go, provider: str, person: str) -> None:
    _, client = go(provider, person)
    assert " is proven" not in client.get(f"/signup/{provider}").text
    answer = client.get(f"/signup/{provider}", headers=JSON).get_json()["response"]
    assert answer["proven"] is None
    assert answer["fields"]["email"].endswith("@example.com")


def test_the_form_as_json_holds_no_secret(go: Go) -> None:
    _, client = go()
    answer = client.get(FORM, headers=JSON)
    assert answer.headers["Cache-Control"] == "no-store"
    response = answer.get_json()["response"]
    assert response["fields"] == {"email": "ada@example.com"}
    assert (response["provider_id"], response["proven"]) == ("google", "ada@example.com")
    assert all(name not in answer.text for name in ("token", "nonce", "password", "csrf"))


# What it takes --------------------------------------------------------------------------------------------------


def test_it_makes_the_account(go: Go) -> None:
    kit, client = go()
    assert send(client, FORM, email="ada@example.com").location == "/inbox"
    assert kit.who(client) == "ada@example.com"
    assert connected(kit) == [(1, "google")]
    assert values(kit, "password") == [(None,)]
    assert kit.names() == ["connection_created", "user_signed_up", "user_registered", "login_completed"]
    with kit.app.app_context():
        assert kit.rows()[0].status == "active"
        assert kit.users()[0].confirmed_at is not None
    assert "nothing to finish" in client.get(FORM).text


def test_json_is_taken_too(go: Go) -> None:
    kit, client = go()
    answer = send_json(client, FORM, email="ada@example.com")
    assert (answer.status_code, answer.get_json()["response"]["next"]) == (200, "/inbox")
    assert kit.who(client) == "ada@example.com"


BODIES = (1, [1], {"a": 1}, None, "", True, "no address", "x" * 100_000, "a@b\0.c", "\ud800@example.com")


@pytest.mark.parametrize("email", BODIES, ids=range(len(BODIES)))
def test_what_is_no_address_makes_nobody(go: Go, email: t.Any) -> None:
    kit, client = go()
    answer = send_json(client, FORM, email=email)
    assert answer.status_code == 400
    assert values(kit, "id") == []
    assert "email" in answer.get_json()["response"]["field_errors"]


def test_an_empty_form_is_the_one_that_is_shown(go: Go) -> None:
    kit, client = go()
    assert send_json(client, FORM).status_code == 200
    assert values(kit, "email") == [("ada@example.com",)]


def test_a_password_that_is_sent_along_is_not_set(go: Go) -> None:
    kit, client = go()
    more = {"password": PASSWORD, "password_confirm": "other", "active": "", "confirmed_at": "2000-01-01", "id": "7"}
    send(client, FORM, email="ada@example.com", fs_uniquifier="mine", roles="admin", **more)
    with kit.app.app_context():
        (user,) = kit.users()
        assert (user.password, user.active, user.id, list(user.roles)) == (None, True, 1, [])
        assert user.confirmed_at.year > 2000
        assert user.fs_uniquifier != "mine"


# The application's own form -------------------------------------------------------------------------------------


def named(base: type[t.Any]) -> type[t.Any]:
    """A register form with one more field that must be filled."""
    return type("NamedForm", (base,), {"motto": StringField("Motto", validators=[DataRequired()])})


OLD = pytest.mark.filterwarnings("ignore:.*(RegisterForm|REGISTER_V2).*:DeprecationWarning")

FORMS = [
    pytest.param({}, lambda: {"register_form": named(RegisterFormV2)}, id="version 2"),
    pytest.param(CONFIRM, lambda: {"register_form": named(RegisterFormV2)}, id="version 2, confirmable"),
    pytest.param(
        {"SECURITY_USE_REGISTER_V2": False}, lambda: {"register_form": named(RegisterForm)}, marks=OLD, id="old"
    ),
    pytest.param(
        {"SECURITY_USE_REGISTER_V2": False, **CONFIRM},
        lambda: {"confirm_register_form": named(RegisterForm)},
        marks=OLD,
        id="old, confirmable",
    ),
]


@pytest.mark.parametrize(("config", "forms"), FORMS)
@pytest.mark.parametrize("registerable", [False, True])
def test_the_applications_register_form(go: Go, config: t.Any, forms: t.Any, registerable: bool) -> None:
    kit, client = go(
        forms=forms(),
        columns={"motto": sa.Column(sa.String(50))},
        SECURITY_REGISTERABLE=registerable,
        **config,
    )
    assert 'name="motto"' in client.get(FORM).text
    answer = send(client, FORM, email="ada@example.com")
    assert answer.status_code == 400
    assert values(kit, "id") == []
    send(client, FORM, email="ada@example.com", motto="Sapere aude")
    assert values(kit, "motto") == [("Sapere aude",)]
    assert kit.who(client) == "ada@example.com"


@pytest.mark.parametrize("answer", [False, None, 0, ""])
def test_a_form_that_says_no_without_a_word_is_obeyed(go: Go, answer: t.Any) -> None:
    form = type("Form", (RegisterFormV2,), {"validate": lambda form, **more: answer})
    kit, client = go(forms={"register_form": form})
    assert send(client, FORM, email="ada@example.com").status_code == 400
    assert values(kit, "id") == connected(kit) == []


def test_the_applications_own_registration_still_wants_a_password(go: Go) -> None:
    """The form without passwords is a class of its own."""
    kit, client = go(SECURITY_REGISTERABLE=True)
    send(client, FORM, email="ada@example.com")
    stranger = kit.app.test_client()
    token = stranger.get("/login", headers=JSON).get_json()["response"]["csrf_token"]
    answer = stranger.post("/register", json={"email": "b@example.org", "csrf_token": token}, headers=JSON)
    assert answer.status_code == 400
    assert values(kit, "email") == [("ada@example.com",)]


NAMES = [("lovelace", 302), ("", 400), ("a", 400), ("taken", 400), ("a b", 400)]


@pytest.mark.parametrize(("name", "status"), NAMES)
def test_usernames(go: Go, name: str, status: int) -> None:
    config = {"SECURITY_USERNAME_ENABLE": True, "SECURITY_USERNAME_REQUIRED": True}
    kit, client = go(**config)
    kit.add_user("other@example.org", username="taken")
    assert send(client, FORM, email="ada@example.com", username=name).status_code == status
    assert (("lovelace",) in values(kit, "username")) is (status == 302)


def test_applications_that_share_a_form_class(social_provider: t.Any, social_login: t.Any) -> None:
    """Flask-Security has one class for all applications of a process, and one of them may add its username."""
    forms = {"register_form": type("Form", (RegisterFormV2,), {})}
    for config, shown in (({}, False), ({"SECURITY_USERNAME_ENABLE": True}, True)):
        kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", forms=forms, **config)
        client = kit.app.test_client()
        social_login(client, "google", "ada")
        assert ('name="username"' in client.get(FORM).text) is shown


def test_a_required_username_is_asked_for(social_provider: t.Any, social_login: t.Any) -> None:
    config = {"SECURITY_USERNAME_ENABLE": True, "SECURITY_USERNAME_REQUIRED": True}
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", **config)
    assert social_login(kit.app.test_client(), "google", "ada").location == FORM
    assert values(kit, "id") == []


# The mapper -----------------------------------------------------------------------------------------------------


def mapper(**fields: t.Any) -> t.Callable[..., dict[str, t.Any]]:
    return lambda profile, provider: {name: str(value(profile, provider)) for name, value in fields.items()}


def by_profile(profile: t.Any, provider: t.Any) -> str:
    return f"{profile.display_name} of {provider.name}"


@pytest.mark.parametrize("policy", ["auto", "ask"])
def test_the_mapper_fills_fields(social_provider: t.Any, social_login: t.Any, policy: str) -> None:
    options = {"SOCIAL_SIGNUP_MAPPER": mapper(motto=by_profile), "SOCIAL_SIGNUP_FIELDS": ["motto"]}
    kit = join_kit(social_provider, columns={"motto": sa.Column(sa.String(50))}, SOCIAL_SIGNUP=policy, **options)
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    if policy == "ask":
        send(client, FORM, email="ada@example.com")
    assert values(kit, "motto") == [("Ada Lovelace of Google",)]


def test_a_person_may_change_what_the_mapper_proposed(go: Go) -> None:
    kit, client = go(
        SECURITY_USERNAME_ENABLE=True,
        SOCIAL_SIGNUP_MAPPER=mapper(username=lambda profile, provider: profile.display_name.replace(" ", "")),
    )
    assert 'value="AdaLovelace"' in client.get(FORM).text
    send(client, FORM, email="ada@example.com", username="countess")
    assert values(kit, "username") == [("countess",)]


def test_what_the_mapper_made_is_taken_already(social_provider: t.Any, social_login: t.Any) -> None:
    """At once is not possible, so the person is asked."""
    config = {"SOCIAL_SIGNUP_MAPPER": mapper(username=lambda profile, provider: "taken")}
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SECURITY_USERNAME_ENABLE=True, **config)
    kit.add_user("other@example.org", username="taken")
    client = kit.app.test_client()
    assert social_login(client, "google", "ada").location == FORM
    assert send(client, FORM, email="ada@example.com", username="taken").status_code == 400
    assert send(client, FORM, email="ada@example.com", username="lovelace").status_code == 302
    assert connected(kit) == [(2, "google")]


@pytest.mark.parametrize("policy", ["auto", "ask"])
@pytest.mark.parametrize("name", ["motto", "active", "password", "fs_uniquifier", "roles", "confirmed_at", "email"])
def test_a_field_that_is_not_allowed(social_provider: t.Any, social_login: t.Any, policy: str, name: str) -> None:
    config = {"SOCIAL_SIGNUP": policy, "SOCIAL_SIGNUP_MAPPER": mapper(**{name: by_profile})}
    kit = join_kit(social_provider, columns={"motto": sa.Column(sa.String(50))}, **config)
    with pytest.raises(ConfigurationError, match=f"SOCIAL_SIGNUP_FIELDS.*'{name}'"):
        social_login(kit.app.test_client(), "google", "ada")
    assert values(kit, "id") == connected(kit) == []


PROTECTED = ["active", "password", "fs_uniquifier", "roles", "confirmed_at", "tf_totp_secret", "tf_phone_number", "id"]


@pytest.mark.parametrize("name", PROTECTED)
def test_a_field_that_can_never_be_allowed(social_provider: t.Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SOCIAL_SIGNUP_FIELDS.*'{name}'"):
        join_kit(social_provider, SOCIAL_SIGNUP_FIELDS=[name])
