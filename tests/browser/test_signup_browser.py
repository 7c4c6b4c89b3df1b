"""Signing up through a provider, as a person meets it in a real browser."""

from __future__ import annotations

import collections.abc as cabc
import threading
import typing as t

import pytest

from flask_social.demo.app import DEMO_EMAIL
from flask_social.demo.server import Demo
from flask_social.signals import user_signed_up

from .walkkit import accounts, choose, error_code, faults, flashes, let_time_pass, press, tab_to, users

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    # Werkzeug's server does not close the file it sent when the browser drops the connection right after.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

NewPage = cabc.Callable[..., t.Any]

ADA = "ada@example.com"
SEND = "document.querySelector('form.social-fields').requestSubmit()"


def to_the_form(page: Page, demo: Demo, name: str = "Google", person: str = "ada") -> None:
    """Goes from the login page over the provider to the sign-up form."""
    page.goto(f"{demo.url}/login")
    choose(page, f"Log in with {name}", person)
    page.wait_for_url(f"{demo.url}/signup/{name.lower()}")


def waits(page: Page) -> bool:
    return page.get_by_role("heading", level=1).inner_text().startswith("Sign up with")


# The ordinary walk ----------------------------------------------------------------------------------------------


def test_the_form_is_filled_and_one_button_makes_the_account(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    assert "You are new here as Ada Lovelace." in page.locator("main").inner_text()
    assert page.get_by_label("Email").input_value() == ADA
    assert f"{ADA} is proven." in page.locator("form.social-fields").inner_text()
    assert page.locator("[type=password]").count() == 0
    assert users(demo) == [DEMO_EMAIL]
    press(page, "Sign up")
    assert page.url == f"{demo.url}/profile"
    assert ADA in page.locator("main").inner_text()
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL, ADA], [(ADA, "google")])
    press(page, "Log out")
    page.goto(f"{demo.url}/login")
    choose(page, "Log in with Google", "ada")
    page.wait_for_url(f"{demo.url}/profile")


def test_where_the_person_wanted_to_go_is_where_they_come(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/apis")
    choose(page, "Log in with Google", "ada")
    page.wait_for_url(f"{demo.url}/signup/google")
    press(page, "Sign up")
    assert page.url == f"{demo.url}/apis"


def test_somebody_with_an_account_finds_the_login_page(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    page.get_by_role("link", name="I have an account already: log in").click()
    page.wait_for_url(f"{demo.url}/login")


# Addresses ------------------------------------------------------------------------------------------------------


def test_an_address_that_is_taken_is_told_at_its_field(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    field = page.get_by_label("Email")
    field.fill(DEMO_EMAIL)
    press(page, "Sign up")
    assert field.get_attribute("aria-invalid") == "true"
    told = page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
    assert told == f"{DEMO_EMAIL} is already associated with an account."
    assert field.input_value() == DEMO_EMAIL
    assert (users(demo), accounts(demo), faults(page)) == ([DEMO_EMAIL], [], [])
    field.fill(ADA)
    press(page, "Sign up")
    assert page.url == f"{demo.url}/profile"


@pytest.mark.parametrize(("name", "person", "typed"), [
    ("Google", "ada", "countess@example.net"),  # another one than the proven one
    ("Facebook", "ada", ADA),  # as it stands there: this provider's word is not enough
    ("Twitter", "alan", "alan@example.net"),  # from somebody who has none there
])  # fmt: skip
def test_an_address_is_proven_by_the_mail(page: Page, demo: Demo, name: str, person: str, typed: str) -> None:
    to_the_form(page, demo, name, person)
    page.get_by_label("Email").fill(typed)
    press(page, "Sign up")
    assert flashes(page) == ["We sent you a mail. Open its link in this browser to go on."]
    assert page.get_by_label("Email").input_value() == typed
    assert f"{typed} is proven." not in page.locator("main").inner_text()
    assert users(demo) == [DEMO_EMAIL]

    page.goto(f"{demo.url}/mails")
    assert f"To {typed}" in page.locator("main").inner_text()
    page.get_by_test_id("mail").first.get_by_role("link").click()
    page.wait_for_url(f"{demo.url}/signup/{name.lower()}")
    assert page.get_by_label("Email").input_value() == typed
    assert f"{typed} is proven." in page.locator("main").inner_text()
    assert users(demo) == [DEMO_EMAIL]
    press(page, "Sign up")
    assert page.url == f"{demo.url}/profile"
    assert accounts(demo) == [(typed, name.lower())]


def test_the_mail_in_another_browser_explains_itself_and_loses_nothing(
    new_page: NewPage, page: Page, demo: Demo
) -> None:
    to_the_form(page, demo, "Facebook")
    press(page, "Sign up")
    elsewhere = new_page()
    for expected in ("nothing_waits", "proof_invalid"):
        elsewhere.goto(f"{demo.url}/mails")
        elsewhere.get_by_test_id("mail").last.get_by_role("link").click()
        assert error_code(elsewhere) == expected
        if expected == "nothing_waits":
            to_the_form(elsewhere, demo, "Facebook", "grace")
    elsewhere.goto(f"{demo.url}/signup/facebook")
    assert "is proven" not in elsewhere.locator("main").inner_text()

    page.goto(f"{demo.url}/mails")
    page.get_by_test_id("mail").last.get_by_role("link").click()
    press(page, "Sign up")
    assert accounts(demo) == [(ADA, "facebook")]


# Twice ----------------------------------------------------------------------------------------------------------


def test_a_double_click_makes_one_account(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    page.get_by_role("button", name="Sign up").dblclick()
    # Chromium sends one request or two; what two of them do is shown by the next test.
    page.wait_for_url(lambda url: "/signup/" not in url)
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL, ADA], [(ADA, "google")])


def test_a_second_click_while_the_first_one_is_answered(page: Page, demo: Demo) -> None:
    """The browser throws the first answer away, and with it the login; the second one lets nobody in."""
    begun, done = threading.Event(), threading.Event()

    def take_long(sender: object, **values: object) -> None:
        begun.set()
        done.wait(5)

    with user_signed_up.connected_to(take_long, sender=demo.app):
        to_the_form(page, demo)
        page.evaluate(f"{{ setTimeout(() => {SEND}); setTimeout(() => {SEND}, 300) }}")
        page.get_by_role("heading", name="Login").wait_for()
        assert begun.is_set()
        done.set()
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL, ADA], [(ADA, "google")])
    choose(page, "Log in with Google", "ada")
    page.wait_for_url(f"{demo.url}/profile")


def test_two_tabs_at_once_make_one_account(page: Page, demo: Demo) -> None:
    other = page.context.new_page()
    for tab in (page, other):
        to_the_form(tab, demo)
    with other.expect_navigation(), page.expect_navigation():
        page.evaluate(SEND)
        other.evaluate(SEND)
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL, ADA], [(ADA, "google")])
    page.goto(f"{demo.url}/profile")
    assert ADA in page.locator("main").inner_text()


@pytest.mark.parametrize("younger_first", [True, False])
def test_of_two_tabs_one_makes_the_account_and_one_explains_itself(page: Page, demo: Demo, younger_first: bool) -> None:
    younger = page.context.new_page()
    for tab in (page, younger):
        to_the_form(tab, demo)
    for tab in (younger, page) if younger_first else (page, younger):
        press(tab, "Sign up")
    assert error_code(page) == ("nothing_waits" if younger_first else "link_mismatch")
    assert younger.url == f"{demo.url}/profile"
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL, ADA], [(ADA, "google")])


def test_the_form_of_one_person_never_signs_up_another(page: Page, demo: Demo) -> None:
    """Two tabs, two people of one provider: the older form is of an identity that waits no more."""
    other = page.context.new_page()
    to_the_form(page, demo, person="ada")
    to_the_form(other, demo, person="grace")
    press(page, "Sign up")
    assert error_code(page) == "link_mismatch"
    assert accounts(demo) == []
    press(other, "Sign up")
    assert accounts(demo) == [("grace@example.com", "google")]


# Too late, and somebody else ------------------------------------------------------------------------------------


def test_an_identity_that_waited_too_long_explains_itself_and_loses_nothing(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    let_time_pass(page, demo.app)
    press(page, "Sign up")
    assert error_code(page) == "nothing_waits"
    assert "it took too long. Please start again." in page.locator("main").inner_text()
    assert faults(page) == []
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL], [])
    page.get_by_role("link", name="To the login page").click()
    choose(page, "Log in with Google", "ada")
    press(page, "Sign up")
    assert accounts(demo) == [(ADA, "google")]


def test_the_identity_of_another_browser_explains_itself(new_page: NewPage, page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    elsewhere = new_page()
    elsewhere.goto(f"{demo.url}/signup/google")
    assert error_code(elsewhere) == "nothing_waits"
    to_the_form(elsewhere, demo, "Facebook", "grace")
    elsewhere.goto(f"{demo.url}/signup/google")
    assert error_code(elsewhere) == "nothing_waits"
    elsewhere.goto(f"{demo.url}/signup/facebook")
    assert waits(elsewhere)
    press(page, "Sign up")
    assert accounts(demo) == [(ADA, "google")]


def test_whoever_logs_in_meanwhile_inherits_nothing(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    page.get_by_role("link", name="I have an account already: log in").click()
    page.get_by_label("Email").fill(DEMO_EMAIL)
    page.get_by_label("Password").fill(demo.password)
    press(page, "Login")
    page.goto(f"{demo.url}/signup/google")
    assert error_code(page) == "nothing_waits"
    page.goto(demo.url)
    press(page, "Log out")
    page.goto(f"{demo.url}/signup/google")
    assert error_code(page) == "nothing_waits"
    assert (users(demo), accounts(demo)) == ([DEMO_EMAIL], [])


# For everybody --------------------------------------------------------------------------------------------------


def test_the_whole_walk_by_keyboard(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/login")
    tab_to(page, "Log in with Google")
    page.keyboard.press("Enter")
    page.get_by_test_id("person-ada").press("Enter")
    page.wait_for_url(f"{demo.url}/signup/google")
    tab_to(page, "Email Address")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(DEMO_EMAIL)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "Email Address")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(ADA)
    tab_to(page, "Sign up")
    with page.expect_navigation():
        page.keyboard.press("Space")
    assert page.url == f"{demo.url}/profile"
    assert accounts(demo) == [(ADA, "google")]


def test_the_form_in_every_shape(page: Page, demo: Demo) -> None:
    to_the_form(page, demo)
    assert faults(page) == []
    page.get_by_label("Email").fill("countess@example.net")
    press(page, "Sign up")
    assert faults(page) == []


def test_without_scripts_it_works_too(new_page: NewPage, demo: Demo) -> None:
    page = new_page(java_script_enabled=False)
    to_the_form(page, demo)
    press(page, "Sign up")
    assert page.url == f"{demo.url}/profile"
