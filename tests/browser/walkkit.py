"""What the walks through sign-up, linking and merging share: an application behind a server, and looks at a page."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import dataclasses as dc
import pathlib
import time
import typing as t

from flask import Flask, Response, request
from werkzeug.serving import make_server

from flask_social import pending
from flask_social.demo.app import DEMO_EMAIL
from flask_social.demo.models import Connection, User, db
from flask_social.demo.server import Demo
from flask_social.testing import Person, StandIn

from ..appkit import PASSWORD, Kit, make_kit
from .test_next_browser import QuietHandler, serving

if t.TYPE_CHECKING:
    from playwright.sync_api import Page

#: Somebody at the provider whose address is the one of the demonstration's user.
TWIN = Person("twin", "Ada Byron", "twin", DEMO_EMAIL)

#: Of our own pages; the place is the provider's.
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "img-src 'self' {0}; form-action 'self' {0}"
)


@dc.dataclass
class Site:
    """An application behind a server, in Flask-Security's frame, and the provider."""

    kit: Kit
    url: str
    standin: StandIn

    def connect(self, user_id: int, provider_id: str, person: str) -> None:
        """Connects somebody's account at a provider with a user."""
        subject = self.standin.subject(provider_id, person)
        with self.kit.app.app_context():
            row = self.kit.Connection(
                user_id=user_id, provider_id=provider_id, provider_user_id=subject, display_name=person.title()
            )
            self.kit.db.session.add(row)
            self.kit.db.session.commit()

    def owners(self) -> list[tuple[str, str]]:
        """The address of each connection's user, and the provider."""
        with self.kit.app.app_context():
            return [(row.user.email, row.provider_id) for row in self.kit.rows()]


@contextlib.contextmanager
def serve(folder: pathlib.Path, *providers: str, **config: t.Any) -> cabc.Iterator[Site]:
    """An application with these providers of a stand-in of its own. Our pages stand under a strict policy.

    Flask-Security's pages do not: their frame has a style inline.
    """
    with StandIn() as standin:
        kit = make_kit(
            {name: standin.settings(name) for name in providers},
            # A file: a database in memory is of one thread.
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'test.db'}",
            **config,
        )

        @kit.app.after_request
        def protect(response: Response) -> Response:
            if request.blueprint == "social":
                response.headers["Content-Security-Policy"] = POLICY.format(standin.url)
            return response

        server = make_server("127.0.0.1", 0, kit.app, threaded=True, request_handler=QuietHandler)
        with serving(server):
            yield Site(kit, f"http://127.0.0.1:{server.server_port}", standin)
        with kit.app.app_context():
            kit.db.engine.dispose()


# What a person does ---------------------------------------------------------------------------------------------


def choose(page: Page, button: str, person: str) -> None:
    """Presses a button of ours, then one of the provider's page."""
    page.get_by_role("button", name=button, exact=True).first.click()
    page.get_by_test_id(f"person-{person}").click()


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fills Flask-Security's login form, where the page is, and sends it."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Login", exact=True).click()


def press(page: Page, button: str) -> None:
    """Presses a button that leads to another page, and waits for it."""
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


# What a person sees ---------------------------------------------------------------------------------------------


def flashes(page: Page) -> list[str]:
    """The messages at the top of a page."""
    return page.locator(".social-flash").all_inner_texts()


def error_code(page: Page) -> str:
    """The code on the page that explains a refusal."""
    assert page.get_by_role("heading", level=1).inner_text() == "That did not work"
    return page.locator(".social-code").inner_text().removeprefix("Code for support: ")


#: What is wrong with a page for somebody who cannot see it, or has a narrow screen; read by ``faults``.
LOOK = """() => {
    const faults = [], here = document.documentElement;
    if (here.scrollWidth > here.clientWidth) faults.push(`it is ${here.scrollWidth} pixels wide`);
    for (const name of ["h1", "main"]) {
        const count = document.querySelectorAll(name).length;
        if (count !== 1) faults.push(`${count} of ${name}`);
    }
    if (!here.lang) faults.push("no language");
    if (!document.title) faults.push("no title");
    for (const it of document.querySelectorAll("input:not([type=hidden], [type=submit]), select, textarea")) {
        if (!it.labels.length) faults.push(`${it.name} has no label`);
    }
    for (const it of document.querySelectorAll("a, button")) {
        if (!(it.getAttribute("aria-label") || it.innerText).trim()) faults.push(`${it.outerHTML} has no name`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((it) => it.id);
    ids.filter((id, index) => ids.indexOf(id) !== index).forEach((id) => faults.push(`two of #${id}`));
    for (const it of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
        const id = it.getAttribute("aria-describedby") ?? it.getAttribute("aria-labelledby");
        if (!document.getElementById(id)) faults.push(`nothing is #${id}`);
    }
    return faults.concat(faint(document.querySelector("main")));

    // Texts whose contrast is below WCAG's 4.5:1.
    function faint(part) {
        const found = [], walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const it = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
            if (!text || it.closest(":disabled") || !it.checkVisibility()) continue;
            const ratio = contrast(getComputedStyle(it).color, behind(it));
            if (ratio < 4.5) found.push(`${ratio.toFixed(2)}:1 for ${text}`);
        }
        for (const it of part.querySelectorAll("input:not([type=hidden], [type=submit])")) {
            const ratio = contrast(getComputedStyle(it).color, behind(it));
            if (ratio < 4.5) found.push(`${ratio.toFixed(2)}:1 in ${it.name}`);
        }
        return found;
    }
    function behind(it) {
        for (; it; it = it.parentElement) {
            const colour = getComputedStyle(it).backgroundColor;
            if (!/^rgba\\(.*, 0\\)$|^transparent$/.test(colour)) return colour;
        }
        return "rgb(255, 255, 255)";
    }
    function contrast(one, other) {
        const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    }
    function light(colour) {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((it) => it / 255)
            .map((it) => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    }
}"""

#: Widths and colour schemes in which a page is looked at.
SHAPES = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")]


def faults(page: Page) -> list[str]:
    """What is wrong with a page, in each shape."""
    found = []
    for width, scheme in SHAPES:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=t.cast("t.Any", scheme), reduced_motion="reduce")
        found += [f"{width} {scheme}: {fault}" for fault in page.evaluate(LOOK)]
    return found


def tab_to(page: Page, text: str) -> None:
    """Goes on with the Tab key up to what has this name, whose focus must be seen."""
    for _ in range(40):
        page.keyboard.press("Tab")
        name, style, width = page.evaluate(
            """() => {
                const it = document.activeElement, style = getComputedStyle(it);
                const name = it.labels?.[0]?.innerText || it.innerText;
                return [name.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        if name == text:
            assert style != "none"
            assert width >= 2
            return
    raise AssertionError(f"the Tab key does not reach {text!r}")


# What time does -------------------------------------------------------------------------------------------------


def change_session(page: Page, app: Flask, change: cabc.Callable[[dict[str, t.Any]], None]) -> None:
    """Rewrites the session in a browser's cookie, as the application could have done."""
    name = app.config["SESSION_COOKIE_NAME"]
    (cookie,) = (cookie for cookie in page.context.cookies() if cookie["name"] == name)
    signer = t.cast("t.Any", app.session_interface).get_signing_serializer(app)
    session = signer.loads(cookie["value"])
    change(session)
    page.context.add_cookies([t.cast("t.Any", {**cookie, "value": signer.dumps(session)})])


def let_time_pass(page: Page, app: Flask) -> None:
    """Makes the identity that waits in a browser older than any lifetime."""
    vault = app.extensions["social"].vault

    def age(session: dict[str, t.Any]) -> None:
        waiting = pending.unseal(vault, session["social_pending"], now=time.time())
        assert waiting is not None
        old = dc.replace(waiting, created_at=waiting.created_at - max(pending.LIFETIME.values()) - 1)
        session["social_pending"] = pending.seal(vault, old)

    change_session(page, app, age)


def grow_stale(page: Page, app: Flask) -> None:
    """Makes a login too old for a change of connections."""

    def age(session: dict[str, t.Any]) -> None:
        session["fs_paa"] = 1.0
        session.pop("fs_gexp", None)

    change_session(page, app, age)


def users(demo: Demo) -> list[str]:
    """The addresses of the demonstration's users, in order of making."""
    with demo.app.app_context():
        return list(db.session.execute(db.select(User.email).order_by(User.id)).scalars())


def accounts(demo: Demo) -> list[tuple[str, str]]:
    """The demonstration's connections: the user's address and the provider."""
    with demo.app.app_context():
        rows = db.session.execute(db.select(Connection).order_by(Connection.id)).scalars()
        return [(row.user.email, row.provider_id) for row in rows]
