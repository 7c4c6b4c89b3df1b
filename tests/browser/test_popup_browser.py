"""A visit in a popup, in a real browser: the opener is told, another site is not."""

from __future__ import annotations

import collections.abc as cabc
import pathlib
import typing as t
from urllib.parse import urlsplit

import pytest

from flask_social.demo.server import Demo

from .test_demo_browser import log_in, press

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    # Werkzeug's server does not close the file it sent when the browser drops the connection right after.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

NewPage = cabc.Callable[..., t.Any]

#: The script of the documentation.
SCRIPT = (pathlib.Path(__file__).parents[2] / "docs" / "popup-opener.js").read_text(encoding="utf-8")

#: A page of the application, and one of somebody else; both write down what they are told.
NOTES = "window.notes = []; window.addEventListener('message', (e) => window.notes.push([e.origin, e.data]));"
OPENER = """<!doctype html><title>Opener</title><script src="/notes.js"></script><script src="/opener.js"></script>
<form method="post" action="/{intent}/{provider}"><input type="hidden" name="next" value="/activity?from=popup">
<input type="hidden" name="display" value="popup"><button>Go</button></form>"""


def serve(
    page: Page, url: str, intent: str = "login", provider: str = "google", script: str = SCRIPT, **headers: str
) -> None:
    """Adds the opener's page to the application, under its own policy, for every window of this browser."""
    policy = {"Content-Security-Policy": "default-src 'self'; form-action *", **headers}
    shown = {
        "/opener": (OPENER.format(intent=intent, provider=provider), "text/html"),
        "/notes.js": (NOTES, "text/javascript"),
        "/opener.js": (script, "text/javascript"),
    }

    def answer(route: t.Any) -> None:
        body, kind = shown[urlsplit(route.request.url).path]
        route.fulfill(body=body, content_type=kind, headers=policy)

    for path in shown:
        page.context.route(url + path, answer)


def go(page: Page) -> Page:
    """Presses the button, and gives the window that opens, at the provider."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Go").click()
    return t.cast("Page", opened.value)


def from_another_site(demo: Demo, policy: str) -> None:
    """For a browser "localhost" is another site than the stand-in's "127.0.0.1", as a real provider is."""
    demo.url = demo.url.replace("127.0.0.1", "localhost")
    demo.app.config["SESSION_COOKIE_SAMESITE"] = policy


@pytest.mark.parametrize("policy", ["Lax", "Strict"])
@pytest.mark.parametrize("provider", ["google", "oidc", "twitter"])
def test_the_opener_goes_on_and_the_popup_closes(new_page: NewPage, demo: Demo, provider: str, policy: str) -> None:
    from_another_site(demo, policy)
    page = new_page()
    serve(page, demo.url, "connect", provider)
    log_in(page, demo)
    page.goto(f"{demo.url}/opener")
    popup = go(page)
    choice = popup.get_by_test_id("person-ada")
    choice.wait_for()
    with popup.expect_event("close"):
        choice.click()
    page.wait_for_url(f"{demo.url}/activity?from=popup")
    page.goto(f"{demo.url}/connections")
    assert page.locator(".social-connection").count() == 1


@pytest.mark.parametrize("policy", ["unsafe-none", "same-origin-allow-popups"])
def test_what_the_opener_is_told(page: Page, demo: Demo, policy: str) -> None:
    script = SCRIPT.replace("window.location.assign(event.data.next);", "")
    serve(page, demo.url, script=script, **{"Cross-Origin-Opener-Policy": policy})
    page.goto(f"{demo.url}/opener")
    for choice, code, next_url in ("deny", "access_denied", "/login"), ("person-ada", "signup", "/signup/google"):
        popup = go(page)
        with popup.expect_event("close"):
            popup.get_by_test_id(choice).click()
        page.wait_for_function("window.notes.length > 0")
        told = {"type": "flask-social", "code": code, "provider": "google", "next": next_url}
        assert page.evaluate("window.notes.splice(0)") == [[demo.url, told]]


def test_an_opener_of_another_origin_is_told_nothing(new_page: NewPage, demo: Demo) -> None:
    page = new_page()
    foreign = demo.url.replace("127.0.0.1", "localhost")
    serve(page, demo.url, script="")
    serve(page, foreign, script="")
    page.goto(f"{foreign}/opener")
    with page.expect_popup() as opened:
        page.evaluate("url => { window.open(url) }", f"{demo.url}/opener")
    popup = opened.value
    assert popup.evaluate("window.opener !== null")
    press(popup, "Go", "person-ada")
    popup.wait_for_url(f"{demo.url}/signup/google")
    assert page.evaluate("window.notes") == []
    assert not popup.is_closed()


def test_an_opener_that_went_elsewhere_is_told_nothing(new_page: NewPage, demo: Demo) -> None:
    page = new_page()
    foreign = demo.url.replace("127.0.0.1", "localhost")
    serve(page, demo.url)
    serve(page, foreign, script="")
    page.goto(f"{demo.url}/opener")
    popup = go(page)
    popup.get_by_test_id("person-ada").wait_for()
    page.goto(f"{foreign}/opener")
    popup.get_by_test_id("person-ada").click()
    popup.wait_for_url(f"{demo.url}/signup/google")
    assert page.evaluate("window.notes") == []


def test_without_an_opener_the_popup_goes_on_itself(page: Page, demo: Demo) -> None:
    serve(page, demo.url, script="")
    page.goto(f"{demo.url}/opener")
    press(page, "Go", "person-ada")
    page.wait_for_url(f"{demo.url}/signup/google")


def test_without_scripts_there_is_a_link(new_page: NewPage, demo: Demo) -> None:
    page = new_page(java_script_enabled=False)
    serve(page, demo.url)
    page.goto(f"{demo.url}/opener")
    press(page, "Go", "person-ada")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{demo.url}/signup/google")


def test_where_popups_are_blocked_the_window_itself_serves(page: Page, demo: Demo) -> None:
    serve(page, demo.url, script="window.open = () => null;" + SCRIPT)
    page.goto(f"{demo.url}/opener")
    press(page, "Go", "person-ada")
    page.wait_for_url(f"{demo.url}/signup/google")
