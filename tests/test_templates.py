"""The macros and pages, rendered by real applications."""

from __future__ import annotations

import datetime as dt
import io
import pathlib
import re
import typing as t

import jinja2
import pytest
from flask import render_template, render_template_string
from flask_security import login_user
from jinja2.ext import babel_extract

import flask_social

from .appkit import Kit, make_kit
from .pagekit import Page

PACKAGE = pathlib.Path(flask_social.__file__).parent
TEMPLATES = sorted((PACKAGE / "templates/social").glob("*.html"))
KEYS = {"consumer_key": "key", "consumer_secret": "secret"}
PROVIDERS: dict[str, dict[str, str]] = {
    "twitter": KEYS,
    "x": KEYS,
    "facebook": KEYS,
    "google": KEYS,
    "foursquare": KEYS,
    "oidc": {**KEYS, "issuer": "https://sso.example", "name": "Example Corp"},
}
NAMES = ["Twitter", "X", "Facebook", "Google", "Foursquare", "Example Corp"]
MACROS = "login_buttons, social_login, show_provider_button, connections_table, connect_buttons, verify_buttons"


@pytest.fixture
def kit() -> Kit:
    made = make_kit(PROVIDERS)
    made.add_user()
    return made


def connect(kit: Kit, provider_id: str = "google", subject: str = "1", **values: t.Any) -> None:
    """Writes a connection of the first user."""
    with kit.app.app_context():
        row = kit.Connection(user_id=1, provider_id=provider_id, provider_user_id=subject)
        for name, value in ({"display_name": "Ada Lovelace", "created_at": dt.datetime(2026, 11, 21, tzinfo=dt.UTC)} | values).items():
            setattr(row, name, value)
        kit.db.session.add(row)
        kit.db.session.commit()


def render(kit: Kit, body: str, *, path: str = "/", user: bool = True) -> Page:
    """What a template of an application shows to the first user, or to nobody."""
    source = f'{{% from "social/_macros.html" import {MACROS} %}}{body}'
    with kit.app.test_request_context(path):
        if user:
            login_user(kit.db.session.get(kit.User, 1))
        return Page(render_template_string(source))


def page(kit: Kit, template: str, **context: t.Any) -> Page:
    with kit.app.test_request_context():
        return Page(render_template(template, **context))


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
    (button,) = render(kit, "{{ %s }}" % call, user=False).buttons
    assert button.text == text
    assert button.method == "post"
    assert button.action in ("/login/google", "/login/oidc")
    assert button.fields.keys() == {"csrf_token"}
    assert button.attributes["type"] == "submit"


@pytest.mark.parametrize("call", ["social_login('nobody')", "social_login(none)", "show_provider_button('nobody')"])
def test_no_button_for_a_provider_that_is_not_there(kit: Kit, call: str) -> None:
    assert render(kit, "{{ %s }}" % call).tags == []


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
    (button,) = render(kit, "{{ %s }}" % call).buttons
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
    (button,) = render(kit, "{{ %s }}" % call).buttons
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
    shown = render(kit, "{{ %s }}" % call)
    assert [button.enabled for button in shown.buttons] == [False]
    assert "This is your only way to log in." in shown.text


@pytest.mark.parametrize("call", ["show_provider_button('google')", "connections_table()"])
def test_an_unwell_connection_can_be_renewed(kit: Kit, call: str) -> None:
    connect(kit, subject="7", status="needs_reconnect")
    button = render(kit, "{{ %s }}" % call).button("Reconnect")
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
    row = dict.fromkeys(("display_name", "profile_url", "image_url")) | {"provider_id": "google", "provider_user_id": "1"}
    source = '{% from "social/_macros.html" import connections_table %}{{ connections_table([row]) }}'
    with kit.app.test_request_context():
        listed = Page(render_template_string(source, row=row))
    assert listed.texts() == ["Disconnect"]
    assert "Connected on" not in listed.text


# The pages


def test_connections_page(kit: Kit) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    assert "No account is connected yet." in client.get("/connections").text
    connect(kit, email="ada@example.com")
    answer = client.get("/connections")
    shown = Page(answer.text)
    assert {"main", "h1", "h2"} <= set(shown.tags)
    assert '<html lang="en">' in answer.text
    assert "Connected on 2026-11-21" in shown.text
    assert "ada@example.com" in shown.text
    assert shown.texts()[0] == "Disconnect"
    assert {button.fields["next"] for button in shown.buttons} == {"/connections"}


def test_disconnect_page(kit: Kit) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    connect(kit, subject="a/b")
    shown = Page(client.get("/connect/google/a/b").text)
    assert "Disconnect Google" in shown.text
    assert [(button.action, button.fields["provider_user_id"]) for button in shown.buttons] == [("/disconnect/google", "a/b")]


@pytest.mark.parametrize(("status", "advice"), [(400, "Nothing was changed."), (502, "The fault is not yours.")])
def test_error_page(kit: Kit, status: int, advice: str) -> None:
    shown = page(kit, "social/error.html", code="a_code", message="<b>Why</b>", status=status)
    assert "<b>Why</b>" in shown.text
    assert "a_code" in shown.text
    assert advice in shown.text
    assert "/login" in [link["href"] for link in shown.links]


def test_bounce_page(kit: Kit) -> None:
    url = "/callback/google?state=a&code=\"'><x>"
    shown = page(kit, "social/bounce.html", url=url)
    assert shown.tags.count("meta") == 4
    assert not {"script", "link", "img", "style", "form", "x"} & set(shown.tags)
    assert [link["href"] for link in shown.links] == [url]


def test_messages_are_shown(kit: Kit) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    connect(kit)
    client.post("/disconnect/google", headers={"Sec-Fetch-Site": "same-origin"})
    assert "Connection to Google removed" in client.get("/connections").text


# Flask-Security's pages


def test_buttons_on_the_login_page(kit: Kit) -> None:
    shown = Page(kit.app.test_client().get("/login").text)
    assert shown.texts() == [f"Log in with {name}" for name in NAMES]
    assert any("social.css" in (link.get("href") or "") for link in shown.links)


def test_buttons_on_the_page_that_asks_again(kit: Kit) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    connect(kit, "oidc")
    assert Page(client.get("/verify").text).button("Confirm with Example Corp").action == "/verify/oidc"


def test_buttons_on_the_unified_pages() -> None:
    kit = make_kit(PROVIDERS, SECURITY_UNIFIED_SIGNIN=True, SECURITY_US_ENABLED_METHODS=["password"])
    kit.add_user()
    connect(kit, "oidc")
    client = kit.app.test_client()
    assert "Log in with Google" in Page(client.get("/us-signin").text).texts()
    kit.log_in(client)
    assert "Confirm with Example Corp" in Page(client.get("/us-verify").text).texts()


def test_an_override_of_the_application_still_shows(kit: Kit) -> None:
    own = '{% extends "security/base.html" %}{% block content %}<p>our own login page</p>{% endblock %}'
    loader = kit.app.jinja_env.loader
    assert loader is not None
    kit.app.jinja_env.loader = jinja2.ChoiceLoader([jinja2.DictLoader({"security/login_user.html": own}), loader])
    shown = Page(kit.app.test_client().get("/login").text)
    assert "our own login page" in shown.text
    assert len(shown.buttons) == len(NAMES)


def test_an_application_may_replace_a_block(kit: Kit) -> None:
    own = '{% extends "social/connections.html" %}{% block introduction %}<p>Ours</p>{% endblock %}'
    with kit.app.test_request_context():
        shown = Page(render_template_string(own, connections=[]))
    assert "Ours" in shown.text
    assert "You can log in with any" not in shown.text


# The files


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_is_inline(path: pathlib.Path) -> None:
    assert not re.search(r"<script|<style|\sstyle\s*=|\son\w+\s*=|javascript:", path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_can_be_translated(path: pathlib.Path) -> None:
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<(?!html)[^>]*>", " ", path.read_text(), flags=re.S)
    bare = re.sub(r'lang="\s*en\s*"|<html lang="en">', "", bare)
    assert not re.findall(r"[A-Za-z]{2,}", bare)


def test_texts_are_found_by_babel() -> None:
    found = {
        message
        for path in TEMPLATES
        for _, _, message, _ in babel_extract(io.BytesIO(path.read_bytes()), ["_"], [], {"silent": "false"})
    }
    assert {"Log in with %(provider)s", "Disconnect", "Reconnect", "Connected accounts", "Continue"} <= found


CSS = (PACKAGE / "static/social/brands.css").read_text()
RULE = re.compile(r"^([.\w,\s-]+) {([^}]*)}", re.M)
BRANDS = {
    match[1]: dict(re.findall(r"(--[\w-]+): ([^;]+);", body))
    for names, body in RULE.findall(CSS)
    if (match := re.search(r"\.social-button(?:--)?(\w*)", names))
}


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, section 8)."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", BRANDS)
@pytest.mark.parametrize("ground", ["--social-brand", "--social-brand-hover"])
def test_brand_colours_can_be_read(name: str, ground: str) -> None:
    brand = BRANDS[""] | BRANDS[name]
    light, dark = sorted((luminance(brand[ground]), luminance(brand["--social-brand-text"])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_every_provider_has_a_look(kit: Kit) -> None:
    providers = t.cast("t.Any", kit.app.jinja_env.globals["social"]).providers
    for provider in [*providers.values()]:
        assert provider.icon in BRANDS
    client = kit.app.test_client()
    for brand in BRANDS.values():
        name = brand["--social-icon"].removeprefix('url("').removesuffix('")')
        answer = client.get(f"/social-static/{name}")
        assert answer.mimetype == "image/svg+xml"
        assert len(answer.data) < 600
        answer.close()
