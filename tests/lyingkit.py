"""Providers that lie: what each says of a person, and what a visit to one leaves behind."""

from __future__ import annotations

import collections.abc as cabc
import logging
import typing as t

import pytest

from flask_social.testing.faults import REMOVE

from .appkit import Kit, make_kit

#: Where each provider's answer holds the parts of a profile; Google's stand in the ID token.
PLACES: dict[str, dict[str, str]] = {
    "twitter": {"id": "id_str", "name": "screen_name", "email": "email", "picture": "profile_image_url_https"},
    "x": {
        "id": "data.id",
        "name": "data.username",
        "email": "data.confirmed_email",
        "picture": "data.profile_image_url",
    },
    "facebook": {"id": "id", "name": "name", "email": "email", "picture": "picture.data.url"},
    "foursquare": {
        "id": "response.user.id",
        "name": "response.user.firstName",
        "email": "response.user.contact.email",
        "picture": "response.user.photo.prefix",
        "page": "response.user.canonicalUrl",
    },
    "oauth2": {
        "id": "user.id",
        "name": "user.login",
        "email": "contact.email",
        "verified": "contact.verified",
        "picture": "user.avatar",
        "page": "user.url",
    },
    "google": {
        "id": "sub",
        "name": "name",
        "email": "email",
        "verified": "email_verified",
        "picture": "picture",
        "page": "profile",
    },
}

#: The providers of OAuth 2 among them.
OAUTH2 = [provider for provider in PLACES if provider != "twitter"]


def lying_kit(social_provider: t.Any, providers: cabc.Iterable[str]) -> Kit:
    """An application with these providers and one user."""
    made = make_kit({name: social_provider.settings(name) for name in providers})
    made.add_user()
    return made


def says(faults: t.Any, provider: str, **parts: t.Any) -> t.Any:
    """The next answer about a person holds these parts of a profile, where this provider has them."""
    if provider == "google":
        return faults.add("id_token", provider, claims={PLACES[provider][part]: value for part, value in parts.items()})
    data: dict[str, t.Any] = {}
    for part, value in {"id": "7", **parts}.items():
        *path, last = PLACES[provider][part].split(".")
        place = data
        for step in path:
            place = place.setdefault(step, {})
        if value is not REMOVE:
            place[last] = value
    if provider == "foursquare" and "picture" in parts:
        data["response"]["user"]["photo"]["suffix"] = "/a.png"
    return faults.add("profile", provider, status=200, json=data)


def can_be_said(provider: str, value: object) -> bool:
    """Whether the stand-in can: the library that signs its ID tokens writes no lone surrogates."""
    return provider != "google" or not isinstance(value, str) or value.encode("utf-8", "ignore").decode() == value


def rows(kit: Kit) -> list[dict[str, t.Any]]:
    """Every row, as a dictionary."""
    names = "provider_user_id access_token expires_at email email_verified image_url profile_url".split()
    with kit.app.app_context():
        return [{name: getattr(row, name) for name in names} for row in kit.rows()]


def plant(kit: Kit, provider: str, *subjects: str) -> None:
    """Connects the user to accounts, straight in the database."""
    with kit.app.app_context():
        for subject in subjects:
            kit.db.session.add(kit.Connection(user_id=1, provider_id=provider, provider_user_id=subject))
        kit.db.session.commit()


def user_client(kit: Kit) -> t.Any:
    client = kit.app.test_client()
    kit.log_in(client)
    return client


def connected(kit: Kit, client: t.Any, walk: t.Any, provider: str) -> dict[str, t.Any]:
    """The one row that a connect makes, which is removed again."""
    kit.events.clear()
    answer = walk(client, provider, "ada", intent="connect")
    assert (answer.status_code, kit.names()) == (302, ["connection_created"])
    (row,) = rows(kit)
    with kit.app.app_context():
        kit.db.session.execute(kit.db.delete(kit.Connection))
        kit.db.session.commit()
    return row


class Refusals:
    """Walks logins and connects that are refused; neither may leave anything behind."""

    def __init__(self, kit: Kit, walk: t.Any, provider: str) -> None:
        self.kit, self.walk, self.provider = kit, walk, provider
        self.stranger, self.user = kit.app.test_client(), user_client(kit)
        self.before = rows(kit)

    def codes(self) -> set[str]:
        """The code of a login and that of a connect."""
        found = set()
        for client, intent, place in ((self.stranger, "login", "/login"), (self.user, "connect", "/")):
            self.kit.events.clear()
            answer = self.walk(client, self.provider, "ada", intent=intent)
            assert (answer.status_code, answer.location) == (302, place)
            ((name, values),) = self.kit.events
            assert (name, values["intent"]) == ("attempt_refused", intent)
            found.add(values["code"])
        assert (self.kit.who(self.stranger), self.kit.who(self.user)) == (None, "ada@example.org")
        assert rows(self.kit) == self.before
        return found


#: Each part would do harm somewhere; the word in it is looked for everywhere.
HOSTILE = (
    "<script>alert('zq9zq9')</script>\"><img src=x onerror=zq9zq9>\r\nSet-Cookie: zq9zq9=1\r\n\r\n"
    "%(zq9zq9)s {{ zq9zq9 }}"
)
DETAILS = dict.fromkeys(("error_description", "error_uri", "error_message", "error_hint", "zq9zq9"), HOSTILE)


class Told:
    """All that anybody is told of a refusal: answer, flashes, next pages, signals and log."""

    def __init__(self, kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
        self.kit, self.caplog = kit, caplog
        self.clients = {"login": kit.app.test_client(), "connect": user_client(kit)}

    def after(self, walk: t.Any, provider: str, intent: t.Any) -> tuple[str, bool]:
        """The code of the refusal, and whether the word is anywhere."""
        client = self.clients[intent]
        self.kit.events.clear()
        self.caplog.clear()
        with self.caplog.at_level(logging.DEBUG):
            answer = walk(client, provider, "ada", intent=intent)
        assert answer.status_code == 302
        with client.session_transaction() as session:
            told = str(session["_flashes"])
        for page in (answer, client.get("/login"), client.get("/connections")):
            told += f"{page.headers}{page.text}"
        told += repr(self.kit.events) + "".join(map(self.caplog.handler.format, self.caplog.records))
        return self.kit.events[-1][1]["code"], "zq9zq9" in told
