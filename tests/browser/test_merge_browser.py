"""Merging two accounts of one person, proving oneself again, and the second factor: what a person sees of each."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import pathlib
import typing as t

import pytest
from passlib.totp import TOTP

from ..appkit import PASSWORD
from ..joinkit import TWO_FACTOR
from .walkkit import (
    Site,
    choose,
    error_code,
    faults,
    flashes,
    grow_stale,
    let_time_pass,
    press,
    serve,
    sign_in,
    tab_to,
)

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    # Werkzeug's server does not close the file it sent when the browser drops the connection right after.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

Make = cabc.Callable[..., Site]

NAME = "Stand-in OpenID"
ADA, GRACE = "ada@example.org", "grace@example.org"
BEFORE = [(GRACE, "google"), (GRACE, "facebook")]


@pytest.fixture
def make(tmp_path: pathlib.Path) -> cabc.Iterator[Make]:
    """Makes an application with ada and grace, who have passwords unless the test says otherwise."""
    with contextlib.ExitStack() as stack:

        def build(*providers: str, password: str | None = PASSWORD, **config: t.Any) -> Site:
            site = stack.enter_context(serve(tmp_path, *providers, SECURITY_POST_LOGIN_VIEW="/connections", **config))
            site.kit.add_user(ADA, password=password)
            site.kit.add_user(GRACE, password=password)
            return site

        yield build


# Merge ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(make: Make, page: Page) -> Site:
    """Ada is logged in, connects what is grace's, and is asked."""
    site = make("google", "facebook", SOCIAL_MERGE="ask", SOCIAL_MERGE_HOOK=lambda keep, other, dry_run: ["3 photos"])
    two_accounts(page, site)
    offer(page, site)
    return site


def two_accounts(page: Page, site: Site) -> None:
    """Grace has two connections, and ada is logged in."""
    for _, provider_id in BEFORE:
        site.connect(2, provider_id, "grace")
    page.goto(f"{site.url}/login")
    sign_in(page, ADA)


def offer(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/connections")
    choose(page, "Connect Google", "grace")
    page.wait_for_url(f"{site.url}/merge?identity=*")


def test_the_page_says_what_would_move_and_the_button_moves_it(asked: Site, page: Page) -> None:
    text = page.locator("main").inner_text()
    assert "Grace Hopper at Google belongs to another account here." in text
    assert page.locator(".social-facts dd").all_inner_texts() == [ADA, GRACE]
    assert page.locator("main li").all_inner_texts() == ["Google: Grace", "Facebook: Grace", "3 photos"]
    assert faults(page) == []
    page.reload()
    assert asked.owners() == BEFORE
    press(page, "Merge")
    assert page.url == f"{asked.url}/connections"
    assert flashes(page) == ["The other account's connections are yours now. From now on, log in here with them."]
    assert asked.owners() == [(ADA, "google"), (ADA, "facebook")]
    assert page.locator(".social-connection").count() == 2
    page.context.clear_cookies()
    page.goto(f"{asked.url}/login")
    choose(page, "Log in with Facebook", "grace")
    page.wait_for_url(f"{asked.url}/connections")
    assert page.locator(".social-connection").count() == 2


def test_who_says_no_keeps_both(asked: Site, page: Page) -> None:
    page.get_by_role("link", name="No, leave both as they are").click()
    page.wait_for_url(f"{asked.url}/connections")
    assert asked.owners() == BEFORE


def test_the_merge_by_keyboard(asked: Site, page: Page) -> None:
    tab_to(page, "Merge")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert asked.owners() == [(ADA, "google"), (ADA, "facebook")]


def test_a_double_click_merges_once(asked: Site, page: Page) -> None:
    page.get_by_role("button", name="Merge").dblclick()
    # Chromium sends one request or two, and shows what came of the last one.
    page.wait_for_url(lambda url: "identity=" not in url)
    assert asked.owners() == [(ADA, "google"), (ADA, "facebook")]


def test_with_a_provider_on_both_sides_there_is_a_reason_and_no_button(make: Make, page: Page) -> None:
    site = make("google", "facebook", SOCIAL_MERGE="ask", SOCIAL_SEVERAL_PER_PROVIDER=False)
    site.connect(1, "facebook", "ada")
    two_accounts(page, site)
    offer(page, site)
    assert "Disconnect it in one of them first." in page.locator("main").inner_text()
    assert page.get_by_role("button", name="Merge").count() == 0
    assert faults(page) == []


def test_too_late_is_explained_and_nothing_moves(asked: Site, page: Page) -> None:
    let_time_pass(page, asked.kit.app)
    press(page, "Merge")
    assert error_code(page) == "nothing_waits"
    assert faults(page) == []
    assert asked.owners() == BEFORE
    offer(page, asked)
    press(page, "Merge")
    assert asked.owners() == [(ADA, "google"), (ADA, "facebook")]


def test_whoever_logs_in_here_later_merges_nothing(asked: Site, page: Page) -> None:
    here = page.url
    page.evaluate("fetch('/logout', {method: 'POST'})")
    page.goto(f"{asked.url}/login")
    sign_in(page, GRACE)
    page.goto(here)
    assert error_code(page) == "nothing_waits"
    assert asked.owners() == BEFORE


# Proving oneself again ------------------------------------------------------------------------------------------


def test_without_a_password_the_provider_proves_it(make: Make, page: Page) -> None:
    site = make("oidc", "google", password=None)
    site.connect(1, "oidc", "ada")
    page.goto(f"{site.url}/login")
    choose(page, f"Log in with {NAME}", "ada")
    page.wait_for_url(f"{site.url}/connections")
    grow_stale(page, site.kit.app)
    press(page, "Connect Google")
    assert page.url == f"{site.url}/verify?next=/connections"
    assert page.get_by_role("heading", name="Or confirm that it is you").is_visible()
    assert page.locator(".social-group button").all_inner_texts() == [f"Confirm with {NAME}"]

    choose(page, f"Confirm with {NAME}", "grace")
    page.wait_for_url(lambda url: url.startswith(site.url))
    page.goto(f"{site.url}/connections")
    assert flashes(page) == [f"That {NAME} account is not connected to you. Choose the connected one."]
    press(page, "Connect Google")
    choose(page, f"Confirm with {NAME}", "ada")
    page.wait_for_url(f"{site.url}/connections")
    assert flashes(page) == [f"You confirmed with {NAME} that it is you"]
    choose(page, "Connect Google", "ada")
    page.wait_for_url(f"{site.url}/connections")
    assert site.owners() == [(ADA, "oidc"), (ADA, "google")]


def test_no_password_is_a_wrong_one(make: Make, page: Page) -> None:
    site = make("oidc", password=None)
    site.connect(1, "oidc", "ada")
    page.goto(f"{site.url}/login")
    choose(page, f"Log in with {NAME}", "ada")
    page.wait_for_url(f"{site.url}/connections")
    page.goto(f"{site.url}/verify")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Verify Password")
    assert "Invalid password" in page.locator("body").inner_text()


# The second factor ----------------------------------------------------------------------------------------------


def code_for(key: str) -> str:
    """What an authenticator shows for a key that was typed in."""
    return str(TOTP(key, new=False).generate().token)


def test_the_first_login_sets_an_authenticator_up_and_goes_on(make: Make, page: Page) -> None:
    site = make("google", **{**TWO_FACTOR, "SECURITY_TWO_FACTOR_REQUIRED": True})
    site.connect(1, "google", "ada")
    for time in ("first", "second"):
        page.context.clear_cookies()
        page.goto(f"{site.url}/connections")
        assert "/login?next=/connections" in page.url
        choose(page, "Log in with Google", "ada")
        page.wait_for_url(lambda url: url.startswith(site.url))
        if time == "first":
            page.get_by_label("authenticator").check()
            press(page, "Submit")
            key = page.locator("#qrcode").locator("xpath=../following-sibling::div").inner_text()
        assert site.kit.names().count("login_completed") == (time == "second")
        page.locator("#code").fill(code_for(key))
        with page.expect_navigation():
            page.locator("form:has(#code) [type=submit]").click()
        assert page.url == f"{site.url}/connections"
        assert page.locator(".social-connection").count() == 1
    assert site.kit.names().count("login_completed") == 2
