"""A real Chromium, and the demonstration to walk through."""

from __future__ import annotations

import collections.abc as cabc
import shutil
import typing as t

import pytest

from flask_social.demo.server import Demo

from ..servers import unavailable

if t.TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


# Not for the whole run: while Playwright lives, this thread has an event loop, which other tests take for their own.
@pytest.fixture(scope="module")
def browser() -> cabc.Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright", 'pip install "Flask-Social[test]"')
    chromium = shutil.which("chromium")
    if chromium is None:
        unavailable("chromium", "apt-get install chromium (Debian), or your system's package of that name")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS, headless=True)
        yield browser
        browser.close()


@pytest.fixture
def demo() -> cabc.Iterator[Demo]:
    with Demo(port=0) as running:
        yield running


@pytest.fixture
def new_page(browser: Browser, demo: Demo) -> cabc.Iterator[cabc.Callable[..., Page]]:
    """Makes pages, each in a profile of its own. One that breaks its policy, or whose script fails, fails the test.

    A page that was refused (4xx) is none of those: what it says is for the test to look at. The demonstration is asked
    for only to outlive the pages.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    refused: set[str] = set()

    def note_answer(answer: Response) -> None:
        if 400 <= answer.status < 500 and answer.request.is_navigation_request():
            refused.add(
                f"Failed to load resource: the server responded with a status of {answer.status}"
                f" ({answer.status_text}) ({answer.url})"
            )

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon.ico" not in message.location["url"]:
            complaints.append(f"{message.text} ({message.location['url']})")

    def make(**options: t.Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        # Not on the page: a second one of the same profile is watched as well.
        context.on("console", note)
        context.on("response", note_answer)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert [it for it in complaints if it not in refused] == []


@pytest.fixture
def page(new_page: cabc.Callable[..., Page]) -> Page:
    return new_page()
