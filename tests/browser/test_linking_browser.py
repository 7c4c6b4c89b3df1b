"""Connecting an account at a provider with one that is here already, and never losing the last way in."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

import pytest

from flask_social.demo.app import DEMO_EMAIL
from flask_social.demo.server import Demo

from .walkkit import (
    TWIN,
    accounts,
    choose,
    error_code,
    faults,
    flashes,
    grow_stale,
    let_time_pass,
    press,
    sign_in,
    tab_to,
    users,
)

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    # Werkzeug's server does not close the file it sent when the browser drops the connection right after.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

NewPage = cabc.Callable[..., t.Any]

OTHER = ("grace@example.net", "another long password")
PROOF = "Log in to connect"


@pytest.fixture
def waiting(page: Page, demo: Demo) -> Page:
    """A browser that came from the provider with the address of the demonstration's user."""
    demo.stand_in.add_person(TWIN)
    come_back(page, demo)
    return page


def come_back(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/login")
    choose(page, "Log in with Google", TWIN.id)
    page.wait_for_url(f"{demo.url}/link")


def register(page: Page, demo: Demo) -> None:
    """Somebody else makes an account here, and logs out again."""
    page.goto(f"{demo.url}/register")
    email, password = OTHER
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    for again in page.get_by_label("Retype Password").all():
        again.fill(password)
    press(page, "Register")
    press(page, "Log out")


def nothing_waits(page: Page, demo: Demo) -> bool:
    """Whether the identity is gone: for whoever is here now, and for its owner who comes next."""
    page.goto(f"{demo.url}/link")
    codes = [error_code(page)]
    page.goto(demo.url)
    press(page, "Log out")
    page.goto(f"{demo.url}/login")
    sign_in(page, DEMO_EMAIL, demo.password)
    page.goto(f"{demo.url}/link")
    return [*codes, error_code(page)] == ["nothing_waits"] * 2 and accounts(demo) == []


# The ordinary walk ----------------------------------------------------------------------------------------------


def test_the_password_proves_the_account_and_only_the_button_connects(waiting: Page, demo: Demo) -> None:
    page = waiting
    assert "There is an account here with the address of your Google account." in page.locator("main").inner_text()
    assert DEMO_EMAIL not in page.locator("main").inner_text()
    assert page.locator("main form").count() == 0
    assert faults(page) == []
    page.get_by_role("link", name=PROOF).click()
    sign_in(page, DEMO_EMAIL, demo.password)
    assert page.url.startswith(f"{demo.url}/link?identity=")
    text = page.locator("main").inner_text()
    assert "Shall Ada Byron be able to log in to your account?" in text
    assert f"Ada Byron ({DEMO_EMAIL})" in text
    assert faults(page) == []
    page.reload()
    assert accounts(demo) == []
    press(page, "Connect Google")
    assert page.url == f"{demo.url}/profile"
    assert flashes(page) == ["Connection established to Google"]
    assert accounts(demo) == [(DEMO_EMAIL, "google")]
    assert users(demo) == [DEMO_EMAIL]

    press(page, "Log out")
    page.goto(f"{demo.url}/login")
    choose(page, "Log in with Google", TWIN.id)
    page.wait_for_url(f"{demo.url}/profile")


def test_a_wrong_password_loses_nothing(waiting: Page, demo: Demo) -> None:
    page = waiting
    page.get_by_role("link", name=PROOF).click()
    sign_in(page, DEMO_EMAIL, "a wrong password")
    assert page.url.startswith(f"{demo.url}/login")
    sign_in(page, DEMO_EMAIL, demo.password)
    press(page, "Connect Google")
    assert accounts(demo) == [(DEMO_EMAIL, "google")]


def test_who_says_no_is_connected_with_nothing(waiting: Page, demo: Demo) -> None:
    page = waiting
    page.get_by_role("link", name=PROOF).click()
    sign_in(page, DEMO_EMAIL, demo.password)
    page.get_by_role("link", name="No, do not connect it").click()
    page.wait_for_url(f"{demo.url}/connections")
    assert accounts(demo) == []


def test_by_keyboard(waiting: Page, demo: Demo) -> None:
    page = waiting
    tab_to(page, PROOF)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "Email Address")
    page.keyboard.type(DEMO_EMAIL)
    tab_to(page, "Password")
    page.keyboard.type(demo.password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "Connect Google")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert accounts(demo) == [(DEMO_EMAIL, "google")]


# Somebody else, and too late ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_our_link", [True, False])
def test_somebody_else_at_this_browser_inherits_nothing(page: Page, demo: Demo, by_our_link: bool) -> None:
    register(page, demo)
    demo.stand_in.add_person(TWIN)
    come_back(page, demo)
    page.get_by_role("link", name=PROOF if by_our_link else "Log in", exact=True).click()
    sign_in(page, *OTHER)
    if by_our_link:
        assert error_code(page) == "nothing_waits"
        assert faults(page) == []
    assert nothing_waits(page, demo)


def test_the_owner_who_logs_in_for_another_reason_inherits_nothing(waiting: Page, demo: Demo) -> None:
    """The identity may be somebody else's, who left this browser with it."""
    page = waiting
    page.goto(f"{demo.url}/login")
    sign_in(page, DEMO_EMAIL, demo.password)
    assert page.url == f"{demo.url}/profile"
    assert nothing_waits(page, demo)


def test_an_older_link_to_the_login_page_connects_nothing(waiting: Page, demo: Demo) -> None:
    page = waiting
    older = page.get_by_role("link", name=PROOF).get_attribute("href")
    come_back(page, demo)
    page.goto(f"{demo.url}{older}")
    sign_in(page, DEMO_EMAIL, demo.password)
    assert error_code(page) == "nothing_waits"
    assert nothing_waits(page, demo)


@pytest.mark.parametrize("after_the_login", [False, True])
def test_an_identity_that_waited_too_long_explains_itself(waiting: Page, demo: Demo, after_the_login: bool) -> None:
    page = waiting
    if after_the_login:
        page.get_by_role("link", name=PROOF).click()
        sign_in(page, DEMO_EMAIL, demo.password)
        let_time_pass(page, demo.app)
        press(page, "Connect Google")
    else:
        let_time_pass(page, demo.app)
        page.get_by_role("link", name=PROOF).click()
        sign_in(page, DEMO_EMAIL, demo.password)
    assert error_code(page) == "nothing_waits"
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL], [])
    page.goto(f"{demo.url}/profile")
    choose(page, "Connect Google", TWIN.id)
    page.wait_for_url(f"{demo.url}/profile")
    assert accounts(demo) == [(DEMO_EMAIL, "google")]


def test_the_identity_of_another_browser_explains_itself(waiting: Page, new_page: NewPage, demo: Demo) -> None:
    proof = waiting.get_by_role("link", name=PROOF).get_attribute("href")
    elsewhere = new_page()
    elsewhere.goto(f"{demo.url}/link")
    assert error_code(elsewhere) == "nothing_waits"
    elsewhere.goto(f"{demo.url}{proof}")
    sign_in(elsewhere, DEMO_EMAIL, demo.password)
    assert error_code(elsewhere) == "nothing_waits"
    waiting.get_by_role("link", name=PROOF).click()
    sign_in(waiting, DEMO_EMAIL, demo.password)
    press(waiting, "Connect Google")
    assert accounts(demo) == [(DEMO_EMAIL, "google")]


def test_a_login_that_grew_stale_is_renewed_before_the_button_connects(waiting: Page, demo: Demo) -> None:
    page = waiting
    page.get_by_role("link", name=PROOF).click()
    sign_in(page, DEMO_EMAIL, demo.password)
    grow_stale(page, demo.app)
    press(page, "Connect Google")
    assert page.get_by_role("heading", level=1).inner_text() == "Reauthenticate"
    assert accounts(demo) == []
    page.get_by_label("Password").fill(demo.password)
    press(page, "Verify Password")
    assert page.url.startswith(f"{demo.url}/link?identity=")
    press(page, "Connect Google")
    assert accounts(demo) == [(DEMO_EMAIL, "google")]


# The last way in ------------------------------------------------------------------------------------------------


def test_the_last_way_in_cannot_be_pressed_away(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/login")
    choose(page, "Log in with Google", "ada")
    press(page, "Sign up")
    for path in ("/profile", "/connections"):
        page.goto(demo.url + path)
        assert page.get_by_text("Disconnect", exact=True).is_disabled()
        assert "This is your only way to log in." in page.locator(".social-connection").inner_text()
        assert faults(page) == []
    # Somebody who presses it all the same, in a page that they changed or that is older.
    page.evaluate("document.querySelector('.social-action--danger').disabled = false")
    with page.expect_navigation():
        page.locator(".social-action--danger").click()
    assert flashes(page) == ["This is your last way to log in. Set a password or connect another account first."]
    assert accounts(demo) == [("ada@example.com", "google")]

    page.goto(f"{demo.url}/profile")
    choose(page, "Connect Facebook", "ada")
    page.wait_for_url(f"{demo.url}/profile")
    assert page.get_by_text("Disconnect", exact=True).first.is_enabled()
    assert "only way" not in page.locator("main").inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="Disconnect: Google account Ada Lovelace").click()
    assert accounts(demo) == [("ada@example.com", "facebook")]
    assert page.get_by_text("Disconnect", exact=True).is_disabled()
