"""What a person sees and does in the demonstration, in a real browser."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

import pytest

from flask_social.demo.app import DEMO_EMAIL
from flask_social.demo.server import Demo

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    # Werkzeug's server does not close the file it sent when the browser drops the connection right after.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

PROVIDERS = {
    "twitter": "Twitter",
    "facebook": "Facebook",
    "google": "Google",
    "foursquare": "Foursquare",
    "oidc": "Example Corp",
}
every_provider = pytest.mark.parametrize("provider_id", PROVIDERS)
NewPage = cabc.Callable[..., t.Any]


def log_in(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/login")
    page.get_by_label("Email").fill(DEMO_EMAIL)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Login", exact=True).click()
    page.wait_for_url(f"{demo.url}/profile")


def press(page: Page, button: str, choose: str) -> None:
    """Presses a button of ours, then one of the provider's page."""
    page.get_by_role("button", name=button, exact=True).first.click()
    page.get_by_test_id(choose).click()


def message(page: Page) -> str:
    return page.locator(".social-flash").inner_text()


@every_provider
def test_the_whole_walk(page: Page, demo: Demo, provider_id: str) -> None:
    name = PROVIDERS[provider_id]
    page.goto(f"{demo.url}/login")
    press(page, f"Log in with {name}", "person-ada")
    page.wait_for_url(f"{demo.url}/signup/{provider_id}")
    assert page.get_by_role("heading", level=1).inner_text() == f"Sign up with {name}"
    page.get_by_role("link", name="I have an account already").click()

    log_in(page, demo)
    press(page, f"Connect {name}", "person-ada")
    page.wait_for_url(f"{demo.url}/profile")
    assert message(page) == f"Connection established to {name}"
    item = page.locator(".social-connection")
    assert "Connected on" in item.inner_text()
    picture = item.locator("img").element_handle()
    assert picture is not None
    page.wait_for_function("picture => picture.complete && picture.naturalWidth > 0", arg=picture)

    page.get_by_role("link", name="API calls").click()
    page.get_by_role("link", name=name).click()
    assert "Ada" in page.get_by_test_id("answer").inner_text()

    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in", exact=True).first.click()
    press(page, f"Log in with {name}", "person-ada")
    page.wait_for_url(f"{demo.url}/profile")

    page.get_by_role("button", name="Disconnect").click()
    assert message(page) == f"Connection to {name} removed"
    assert "No account is connected yet." in page.locator("main").inner_text()


def test_a_page_that_needs_more(page: Page, demo: Demo) -> None:
    """The missing access is asked for once, and the person comes back to the page; whoever declines sees why not."""
    log_in(page, demo)
    press(page, "Connect Facebook", "person-ada")
    page.get_by_role("link", name="API calls").click()
    page.get_by_role("link", name="A page that needs more access").click()
    assert page.get_by_role("heading", level=1).inner_text() == "One more step"
    assert page.locator("main .social-scopes").inner_text().split() == ["user_posts"]
    press(page, "Continue to Facebook", "deny")
    assert message(page) == "Access was denied by Facebook"
    page.goto(f"{demo.url}/posts")
    press(page, "Continue to Facebook", "person-ada")
    page.wait_for_url(f"{demo.url}/posts")
    assert page.get_by_role("heading", level=1).inner_text() == "Facebook posts"
    assert "user_posts" in page.locator("main .social-scopes").inner_text().split()


@every_provider
def test_the_person_says_no(page: Page, demo: Demo, provider_id: str) -> None:
    name = PROVIDERS[provider_id]
    page.goto(f"{demo.url}/login")
    press(page, f"Log in with {name}", "deny")
    page.wait_for_url(f"{demo.url}/login")
    assert message(page) == f"Access was denied by {name}"
    log_in(page, demo)
    press(page, f"Connect {name}", "deny")
    page.wait_for_url(f"{demo.url}/profile")
    assert message(page) == f"Access was denied by {name}"
    assert "No account is connected yet." in page.locator("main").inner_text()


@every_provider
@pytest.mark.parametrize("begun", [False, True])
def test_a_bad_callback(page: Page, demo: Demo, provider_id: str, begun: bool) -> None:
    page.goto(f"{demo.url}/login")
    if begun:
        page.get_by_role("button", name=f"Log in with {PROVIDERS[provider_id]}").click()
        page.get_by_test_id("person-ada").wait_for()
    query = "oauth_token=wrong&oauth_verifier=x" if provider_id == "twitter" else "state=wrong&code=x"
    page.goto(f"{demo.url}/callback/{provider_id}?{query}")
    assert page.url == f"{demo.url}/login"
    assert "Please start again." in message(page)
    page.goto(f"{demo.url}/profile")
    assert page.url.startswith(f"{demo.url}/login")


@pytest.mark.parametrize("policy", ["Lax", "Strict"])
@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("name", ["Google", "Example Corp"])
def test_from_another_site(new_page: NewPage, demo: Demo, name: str, policy: str, script: bool) -> None:
    # For a browser "localhost" is another site than the stand-in's "127.0.0.1", as a real provider is.
    demo.url = demo.url.replace("127.0.0.1", "localhost")
    demo.app.config["SESSION_COOKIE_SAMESITE"] = policy
    page = new_page(java_script_enabled=script)
    log_in(page, demo)
    press(page, f"Connect {name}", "person-ada")
    if name == "Example Corp" and not script:
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Your profile").wait_for()
    assert message(page) == f"Connection established to {name}"


def test_the_activity_list_is_live(new_page: NewPage, page: Page, demo: Demo) -> None:
    watching = new_page()
    watching.goto(f"{demo.url}/activity")
    watching.get_by_text("Nothing yet.").wait_for()
    log_in(page, demo)
    watching.get_by_role("cell", name="user_authenticated").wait_for()
    assert watching.get_by_text("live", exact=True).is_visible()


def focused(page: Page) -> tuple[str, float]:
    """The text of what has the focus, and how wide the line around it is, in pixels."""
    text, style, width = page.evaluate(
        """() => {
            const it = document.activeElement, style = getComputedStyle(it);
            return [it.innerText.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];
        }"""
    )
    return text, 0.0 if style == "none" else width


def test_the_keyboard_reaches_every_button(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/login")
    lines = {}
    for _ in range(25):
        page.keyboard.press("Tab")
        text, width = focused(page)
        lines[text] = width
    wanted = [f"Log in with {name}" for name in PROVIDERS.values()]
    assert [text for text in lines if text in wanted] == wanted
    assert all(lines[text] >= 2 for text in wanted)
    page.get_by_role("button", name=wanted[2]).focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("person-ada").wait_for()
    assert page.url.startswith(f"{demo.stand_in.url}/google/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(new_page: NewPage, demo: Demo, width: int, scheme: str) -> None:
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in ("/", "/login", "/register", "/mails"):
        page.goto(demo.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    log_in(page, demo)
    for name in PROVIDERS.values():
        press(page, f"Connect {name}", "person-grace")
        page.wait_for_url(f"{demo.url}/profile")
    for path in ("/", "/profile", "/connections", "/apis", "/apis/google", "/apis/twitter", "/activity"):
        page.goto(demo.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_every_control_has_a_name_and_a_page_one_heading(page: Page, demo: Demo) -> None:
    log_in(page, demo)
    press(page, "Connect Google", "person-ada")
    for path in ("/", "/profile", "/connections", "/apis/google", "/activity"):
        page.goto(demo.url + path)
        assert page.locator("h1").count() == 1, path
        assert page.locator("main").count() == 1, path
        assert page.locator("html").get_attribute("lang") == "en"
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, a, input:not([type=hidden])")].filter(
                it => !(it.innerText || it.getAttribute("aria-label") || it.labels?.length || it.value)).length"""
        )
        assert nameless == 0, path
