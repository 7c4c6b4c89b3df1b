"""What the tests of sign-up and linking share: applications that let people in, and what a browser does there."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from flask_security import RegisterFormV2
from flask_security.signals import user_registered

from flask_social.state import listen
from flask_social.testing import Person

from .appkit import JSON, PASSWORD, SAME_ORIGIN, Kit, make_kit

#: Three providers, and what an address of theirs is worth: verified, claimed, claimed.
PROVIDERS = ("google", "facebook", "oauth2")

#: An application that confirms addresses by mail.
CONFIRM = {"SECURITY_CONFIRMABLE": True, "SECURITY_SEND_REGISTER_EMAIL": True}

TWO_FACTOR = {
    "SECURITY_TWO_FACTOR": True,
    "SECURITY_TWO_FACTOR_REQUIRED": False,
    "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
    "SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"},
    "SECURITY_TOTP_ISSUER": "tests",
}

#: Somebody whose address the provider has not verified.
UNVERIFIED = Person("mallory", "Mallory", "mallory", "mallory@example.com", email_verified=False)


def no_address() -> dict[str, t.Any]:
    """A user model that takes a user without an address."""
    return {"email": sa.Column(sa.String(255), unique=True, nullable=True)}


def no_null() -> dict[str, t.Any]:
    """Flask-Security's second version: no user without a password."""
    return {"password": sa.Column(sa.String(255), nullable=False)}


def join_kit(standin: t.Any, **options: t.Any) -> Kit:
    """An application with three providers; user_registered is written down among the other signals."""
    standin.add_person(UNVERIFIED)
    changes = {name: options.pop(name, {}) for name in PROVIDERS}
    # A class of its own, because Flask-Security writes its options into it.
    options.setdefault("forms", {"register_form": type("Form", (RegisterFormV2,), {})})
    kit = make_kit({name: standin.settings(name, **changes[name]) for name in PROVIDERS}, **options)
    listen(kit.app, user_registered, lambda sender, **values: kit.events.append(("user_registered", values)))
    return kit


def send(client: t.Any, path: str, *, headers: dict[str, str] | None = None, **form: t.Any) -> t.Any:
    """Sends a form from a page of the application; that of a sign-up names the identity that waits."""
    data = {**named_in(client, path), **form}
    return client.post(path, data=data, headers=SAME_ORIGIN if headers is None else headers)


def send_json(client: t.Any, path: str, **body: t.Any) -> t.Any:
    """Sends a JSON object from a page of the application; that of a sign-up names the identity that waits."""
    return client.post(path, json={**named_in(client, path), **body}, headers=JSON)


def named_in(client: t.Any, path: str) -> dict[str, str]:
    """The hidden field of a sign-up form, as its page has it at this moment; nothing for other pages."""
    if not path.startswith("/signup/"):
        return {}
    identity = client.get(path, headers=JSON).get_json()["response"].get("identity")
    return {"identity": identity} if identity else {}


def link_in(mail: t.Any) -> str:
    """The path of the first link in a mail."""
    found = re.search(r"https?://[^/\s]+(/\S+)", mail.body)
    assert found is not None, mail.body
    return found.group(1)


def same_browser(kit: Kit, client: t.Any) -> t.Any:
    """A browser with the same cookies as they are now: a second tab, or a second click, before any answer came."""
    copy = kit.app.test_client()
    cookie = client.get_cookie("session")
    if cookie is not None:
        copy.set_cookie("session", cookie.value)
    return copy


def values(kit: Kit, *names: str) -> list[tuple[t.Any, ...]]:
    """These columns of every user."""
    with kit.app.app_context():
        return [tuple(getattr(user, name) for name in names) for user in kit.users()]


def connected(kit: Kit) -> list[tuple[int, str]]:
    """Which user has an account at which provider, in order."""
    with kit.app.app_context():
        return [(row.user_id, row.provider_id) for row in kit.rows()]


# Linking --------------------------------------------------------------------------------------------------------

ADA = "ada@example.com"
BOB = "bob@example.org"


def waiting_kit(
    standin: t.Any, social_login: t.Any, *, user: dict[str, t.Any] | None = None, **options: t.Any
) -> tuple[Kit, t.Any]:
    """An application and a browser where Google's ada waits to be linked to the user who has her address."""
    kit = join_kit(standin, **options)
    kit.add_user(ADA, **(user or {}))
    kit.add_user(BOB)
    client = kit.app.test_client()
    assert social_login(client, "google", "ada", next="/inbox").location == "/link"
    kit.events.clear()
    return kit, client


def login_link(client: t.Any) -> str:
    """Where the page sends a person who has to prove the account."""
    found = re.search(r'href="(/login\?next=[^"]+)"', client.get("/link").text)
    assert found is not None
    return found.group(1).replace("&amp;", "&")


def page_behind(login: str) -> str:
    """The page that the login of a link leads to."""
    return parse_qs(urlsplit(login).query)["next"][0]


def log_in(client: t.Any, path: str, email: str = ADA) -> t.Any:
    form = {"email": email, "password": PASSWORD, "csrf_token": client.get("/token").text}
    return client.post(path, data=form)


def waits(client: t.Any) -> bool:
    with client.session_transaction() as session:
        return "social_pending" in session


def nothing_linked(kit: Kit, client: t.Any, page: str) -> bool:
    """The identity is gone: neither the page nor a POST does anything."""
    answers = [client.get(page), send(client, page), send(client, "/link"), client.get("/link")]
    return connected(kit) == [] and not waits(client) and {answer.status_code for answer in answers} == {400}
