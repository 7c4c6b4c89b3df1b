"""The health of a connection: one word, on the page, in JSON, and what to do about it."""

from __future__ import annotations

import datetime as dt
import types
import typing as t

import pytest

from flask_social.datastores.columns import utcnow
from flask_social.health import health
from flask_social.values import Client

from .appkit import JSON, Kit
from .pagekit import Page, connect, make_page_kit
from .test_providers import make

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
HOUR, DAYS = dt.timedelta(hours=1), dt.timedelta(days=9)

#: What the columns hold, and the word for it; the provider's own scopes are "a b".
ROWS: list[tuple[dict[str, t.Any], str]] = [
    ({}, "active"),
    ({"status": None}, "active"),
    ({"status": "active"}, "active"),
    ({"status": "claimed"}, "active"),
    ({"status": "revoked"}, "revoked"),
    ({"status": "needs_reconnect"}, "needs_reconnect"),
    ({"status": "needs_reconnect", "granted_scope": "a"}, "needs_reconnect"),
    ({"granted_scope": None}, "active"),
    ({"granted_scope": "a b"}, "active"),
    ({"granted_scope": "b c a"}, "active"),
    ({"granted_scope": "a"}, "missing_scope"),
    ({"granted_scope": ""}, "missing_scope"),
    ({"granted_scope": "a", "expires_at": NOW - HOUR}, "missing_scope"),
    ({"expires_at": NOW + DAYS}, "active"),
    ({"expires_at": NOW + HOUR}, "expiring"),
    ({"expires_at": NOW - HOUR}, "expiring"),
    ({"expires_at": (NOW - HOUR).replace(tzinfo=None)}, "expiring"),
    ({"expires_at": NOW - HOUR, "refresh_token": "r"}, "active"),
    ({"expires_at": NOW - HOUR, "refresh_token": ""}, "expiring"),
    ({"expires_at": NOW - HOUR, "sealed_refresh_token": "fs2$"}, "active"),
    ({"expires_at": NOW - HOUR, "sealed_refresh_token": None}, "expiring"),
]


@pytest.mark.parametrize(("columns", "word"), ROWS)
def test_the_word(columns: dict[str, t.Any], word: str) -> None:
    provider = make("x", scopes=["a", "b"])
    assert health(types.SimpleNamespace(**columns), provider, NOW) == word


def test_no_token_is_opened() -> None:
    class Row:
        sealed_refresh_token = "fs2$broken"
        expires_at = NOW

        @property
        def refresh_token(self) -> str:
            raise AssertionError("opened")

    assert health(Row(), make("x", scopes=[]), NOW) == "active"


@pytest.mark.parametrize("status", ["active", "revoked", "needs_reconnect"])
def test_of_a_provider_that_is_switched_off_only_the_status_counts(status: str) -> None:
    row = types.SimpleNamespace(status=status, granted_scope="", expires_at=NOW - HOUR)
    assert health(row, None, NOW) == status


@pytest.mark.parametrize(("ends", "word"), [(HOUR, "active"), (-HOUR, "expiring")])
def test_a_provider_that_renews_by_itself(ends: dt.timedelta, word: str) -> None:
    row = types.SimpleNamespace(expires_at=NOW + ends)
    assert health(row, make("facebook"), NOW) == word


def test_scopes_that_no_answer_names_are_not_missed() -> None:
    provider = make("google", scopes=["openid", "email", "offline_access"])
    assert health(types.SimpleNamespace(granted_scope="email"), provider, NOW) == "active"
    assert provider.credentials == Client("app", "s3cret")


WORDS = {
    "active": ({}, None),
    "needs_reconnect": ({"status": "needs_reconnect"}, "Access has ended. Reconnect to renew it."),
    "revoked": ({"status": "revoked"}, "The provider has ended the access. Reconnect to allow it again."),
    "missing_scope": ({"granted_scope": "openid"}, "Less access is allowed than is needed."),
    "expiring": ({"expires_at": utcnow()}, "Access is renewed when you log in with this account."),
}


@pytest.fixture
def kit() -> Kit:
    return make_page_kit()


@pytest.mark.parametrize("word", WORDS)
def test_the_page_and_the_json_say_it(kit: Kit, word: str) -> None:
    values, text = WORDS[word]
    connect(kit)
    with kit.app.app_context():
        for name, value in {"granted_scope": None, "expires_at": None, **values}.items():
            setattr(kit.rows()[0], name, value)
            kit.db.session.commit()
    client = kit.app.test_client()
    kit.log_in(client)
    (found,) = client.get("/connections", headers=JSON).get_json()["response"]["connections"]
    assert found["health"] == word
    page = Page(client.get("/connections").text)
    assert text is None or text in page.text
    assert [other for _, other in WORDS.values() if other is not None and other != text and other in page.text] == []
    buttons = [button.action for button in page.buttons]
    assert ("/reconnect/google" in buttons) is (word in ("needs_reconnect", "revoked", "missing_scope"))
