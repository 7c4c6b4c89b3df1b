"""The pages, Flask-Security's with our buttons, and the files behind them."""

from __future__ import annotations

import io
import pathlib
import re
import typing as t

import jinja2
import pytest
from flask import render_template, render_template_string
from jinja2.ext import babel_extract

from .appkit import Kit
from .pagekit import NAMES, PACKAGE, Page, connect, make_page_kit

TEMPLATES = sorted((PACKAGE / "templates/social").glob("*.html"))
TOTP = {"SECURITY_TOTP_SECRETS": {"1": "a secret for tests only"}, "SECURITY_TOTP_ISSUER": "tests"}


@pytest.fixture
def kit() -> Kit:
    return make_page_kit()


def page(kit: Kit, template: str, **context: t.Any) -> Page:
    with kit.app.test_request_context():
        return Page(render_template(template, **context))


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
    assert [(button.action, button.fields["provider_user_id"]) for button in shown.buttons] == [
        ("/disconnect/google", "a/b")
    ]


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
    kit = make_page_kit(SECURITY_UNIFIED_SIGNIN=True, SECURITY_US_ENABLED_METHODS=["password"], **TOTP)
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
    page = re.sub(r'<script src="{{ [^"]+ }}" defer></script>', "", path.read_text())
    assert not re.search(r"<script|<style|\sstyle\s*=|\son\w+\s*=|javascript:", page)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_can_be_translated(path: pathlib.Path) -> None:
    bare = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<(?!html)[^>]*>", " ", path.read_text(), flags=re.S)
    bare = re.sub(r'<html lang=" ">|lang="\s*"|class="social-body"', "", bare)
    assert not re.findall(r"[A-Za-z]{2,}", bare)


def test_texts_are_found_by_babel() -> None:
    found = {
        message if isinstance(message, str) else message[0]  # placeholders make it a tuple
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
