"""The macros, rendered by a real application."""

from __future__ import annotations

import types

import pytest
from flask import render_template_string
from flask_security import login_user

from .appkit import Kit, make_kit
from .pagekit import NAMES, Page, connect, make_page_kit

MACROS = "login_buttons, social_login, show_provider_button, connections_table, connect_buttons, verify_buttons"


@pytest.fixture
def kit() -> Kit:
    return make_page_kit()


def render(kit: Kit, body: str, *, path: str = "/", user: bool = True) -> Page:
    """What a template of an application shows to the first user, or to nobody."""
    source = f'{{% from "social/_macros.html" import {MACROS} %}}{body}'
    with kit.app.test_request_context(path):
        if user:
            login_user(kit.db.session.get(kit.User, 1))
        return Page(render_template_string(source))


# Login buttons


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("social_login('google')", "Log in with Google"),
        ("social_login(social.provider('google'))", "Log in with Google"),
        ("social_login('google', 'Gmail')", "Log in with Gmail"),
        ("social_login('oidc')", "Log in with Example Corp"),
    ],
)
def test_login_button(kit: Kit, call: str, text: str) -> None:
    (button,) = render(kit, "{{ " + call + " }}", user=False).buttons
    assert button.text == text
    assert button.method == "post"
    assert button.action in ("/login/google", "/login/oidc")
    assert button.fields.keys() == {"csrf_token"}
    assert button.attributes["type"] == "submit"


@pytest.mark.parametrize("call", ["social_login('nobody')", "social_login(none)", "show_provider_button('nobody')"])
def test_no_button_for_a_provider_that_is_not_there(kit: Kit, call: str) -> None:
    assert render(kit, "{{ " + call + " }}").tags == []


def test_login_buttons_in_the_order_of_the_settings(kit: Kit) -> None:
    shown = render(kit, "{{ login_buttons() }}", user=False)
    assert shown.texts() == [f"Log in with {name}" for name in NAMES]
    assert "Or continue with" in shown.text


@pytest.mark.parametrize(("asked", "kept"), [("/profile?a=b", "/profile?a=b"), ("//evil.example", None)])
def test_the_buttons_carry_next(kit: Kit, asked: str, kept: str | None) -> None:
    shown = render(kit, "{{ login_buttons() }}", path=f"/login?next={asked.replace('?', '%3F')}", user=False)
    assert [button.fields.get("next") for button in shown.buttons] == [kept] * len(NAMES)


def test_nothing_where_no_provider_is_on() -> None:
    kit = make_kit()
    kit.add_user()
    assert render(kit, "{{ login_buttons() }}{{ connect_buttons() }}{{ verify_buttons() }}").tags == []


def test_the_token_of_a_button_is_accepted(kit: Kit) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    connect(kit)
    button = Page(client.get("/connections").text).button("Disconnect")
    assert client.post(button.action, data={**button.fields, "csrf_token": "wrong"}).status_code == 400
    assert client.post(button.action, data=button.fields).location == "/connections"
    with kit.app.app_context():
        assert kit.rows() == []


# Connect and disconnect


@pytest.mark.parametrize(
    "call",
    [
        "show_provider_button('google')",
        "show_provider_button('google', none)",
        "show_provider_button('google', 'Google', none)",
        "show_provider_button(social.provider('google'), social.google.get_connection())",
        "show_provider_button('google', connection=none)",
    ],
)
def test_connect_button(kit: Kit, call: str) -> None:
    (button,) = render(kit, "{{ " + call + " }}").buttons
    assert (button.text, button.method, button.action) == ("Connect Google", "post", "/connect/google")
    assert "social-button--google" in (button.attributes["class"] or "")


@pytest.mark.parametrize(
    "call",
    [
        "show_provider_button('google')",
        "show_provider_button('google', social.google.get_connection())",
        "show_provider_button('google', 'Google', social.google.get_connection())",
        "show_provider_button(social.provider('google'), social.connection('google'))",
    ],
)
def test_disconnect_button(kit: Kit, call: str) -> None:
    connect(kit, subject="a/b ü")
    (button,) = render(kit, "{{ " + call + " }}").buttons
    assert (button.text, button.method, button.action) == ("Disconnect Google", "post", "/disconnect/google")
    assert button.fields["provider_user_id"] == "a/b ü"
    assert button.attributes["aria-label"] == "Disconnect Google: Google account Ada Lovelace"
    assert button.enabled


@pytest.mark.parametrize("call", ["show_provider_button('google')", "connections_table()"])
def test_the_last_way_in_stays(kit: Kit, call: str) -> None:
    connect(kit)
    with kit.app.app_context():
        kit.db.session.get(kit.User, 1).password = None
        kit.db.session.commit()
    shown = render(kit, "{{ " + call + " }}")
    assert [button.enabled for button in shown.buttons] == [False]
    assert "This is your only way to log in." in shown.text


@pytest.mark.parametrize("call", ["show_provider_button('google')", "connections_table()"])
def test_an_unwell_connection_can_be_renewed(kit: Kit, call: str) -> None:
    connect(kit, subject="7", status="needs_reconnect")
    button = render(kit, "{{ " + call + " }}").button("Reconnect")
    assert (button.action, button.fields["provider_user_id"]) == ("/reconnect/google", "7")
    assert button.attributes["aria-label"] == "Reconnect Google account Ada Lovelace"


def test_connect_buttons_for_what_is_left(kit: Kit) -> None:
    assert "Connect an account" in render(kit, "{{ connect_buttons() }}").text
    connect(kit)
    shown = render(kit, "{{ connect_buttons(next='/here') }}")
    assert shown.texts() == [f"Connect {name}" for name in NAMES if name != "Google"]
    assert {button.fields["next"] for button in shown.buttons} == {"/here"}


def test_verify_buttons(kit: Kit) -> None:
    connect(kit, "oidc")
    connect(kit, "foursquare")
    shown = render(kit, "{{ verify_buttons() }}", path="/verify?next=/secret")
    assert shown.texts() == ["Confirm with Example Corp"]
    assert (shown.buttons[0].action, shown.buttons[0].fields["next"]) == ("/verify/oidc", "/secret")


# The list


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://pictures.example/a.png?x=1&y=2", True),
        ("HTTP://pictures.example/a.png", True),
        ("javascript:alert(1)", False),
        (" https://pictures.example/", False),
        ("data:image/svg+xml,<svg/>", False),
        ("//pictures.example/a.png", False),
        ("", False),
        (None, False),
    ],
)
def test_only_web_addresses_are_shown(kit: Kit, url: str | None, shown: bool) -> None:
    connect(kit, image_url=url, profile_url=url)
    listed = render(kit, "{{ connections_table() }}")
    assert [image["src"] for image in listed.images] == ([url] if shown else [])
    assert [link["href"] for link in listed.links] == ([url] if shown else [])
    for image in listed.images:
        assert image["referrerpolicy"] == "no-referrer"
        assert image["loading"] == "lazy"
        assert image["alt"] == ""
    assert all("noreferrer" in (link["rel"] or "") for link in listed.links)


def test_what_a_provider_says_is_text(kit: Kit) -> None:
    hostile = '"><script>alert(1)</script>'
    connect(kit, subject=hostile, display_name=hostile, email=hostile)
    listed = render(kit, "{{ connections_table() }}")
    assert "script" not in listed.tags
    assert hostile in listed.text
    assert listed.buttons[0].fields["provider_user_id"] == hostile


def test_a_connection_without_a_name_shows_its_id(kit: Kit) -> None:
    connect(kit, subject="id-7", display_name=None)
    assert "id-7" in render(kit, "{{ connections_table() }}").text


def test_a_provider_that_is_switched_off(kit: Kit) -> None:
    connect(kit, "gone", status="needs_reconnect")
    listed = render(kit, "{{ connections_table() }}")
    assert "switched off" in listed.text
    assert listed.texts() == ["Disconnect"]
    assert listed.buttons[0].action == "/disconnect/gone"


def test_an_old_model_without_the_new_columns(kit: Kit) -> None:
    row = types.SimpleNamespace(provider_id="google", provider_user_id="1", display_name=None)
    source = '{% from "social/_macros.html" import connections_table %}{{ connections_table([row]) }}'
    with kit.app.test_request_context():
        listed = Page(render_template_string(source, row=row))
    assert listed.texts() == ["Disconnect"]
    assert "Connected on" not in listed.text
