"""An identity that waits: how big it may be, and a cache that fails."""

from __future__ import annotations

import datetime as dt
import secrets
import typing as t

import pytest
import sqlalchemy as sa
from cachelib import SimpleCache
from flask_security import RegisterFormV2
from wtforms import DateField, TextAreaField

from flask_social.errors import ConfigurationError
from flask_social.testing import Person

from .appkit import JSON
from .joinkit import join_kit, link_in, send, values

# Sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 3000, 30_000, 100_000])
@pytest.mark.parametrize("cached", [False, True], ids=["cookie", "cache"])
def test_big_tokens(social_provider: t.Any, social_login: t.Any, size: int, cached: bool) -> None:
    """In a cookie they are dropped and the row says so; in a cache they wait too, up to a point."""
    fits = cached and size <= 30_000
    refresh = secrets.token_hex(size)
    social_provider.faults.add("token", "oauth2", 2, merge={"refresh_token": refresh})
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", SOCIAL_ATTEMPT_CACHE=SimpleCache() if cached else None)
    client = kit.app.test_client()
    social_login(client, "oauth2", "ada")
    cookie = client.get_cookie("session")
    assert len(cookie.value) < 4000
    send(client, "/signup/oauth2", email="ada@example.com")
    client.get(link_in(kit.mails[0]))
    assert send(client, "/signup/oauth2", email="ada@example.com").status_code == 302
    with kit.app.app_context():
        (row,) = kit.rows()
        assert (row.status, row.refresh_token) == (("active", refresh) if fits else ("needs_reconnect", None))
    social_login(kit.app.test_client(), "oauth2", "ada")
    with kit.app.app_context():
        assert kit.rows()[0].status == "active"


def test_a_big_profile_and_a_long_text(social_provider: t.Any, social_login: t.Any) -> None:
    """The cookie stays one that a browser takes, whatever the provider or the person writes."""
    form = type("Form", (RegisterFormV2,), {"about": TextAreaField("About")})
    social_provider.add_person(
        Person("big", "\u00e9" * 255, "big", "big@example.com", picture="https://x.example/" + secrets.token_hex(900))
    )
    kit = join_kit(
        social_provider, SOCIAL_SIGNUP="ask", forms={"register_form": form}, columns={"about": sa.Column(sa.Text)}
    )
    client = kit.app.test_client()
    social_login(client, "facebook", "big", next="/" + "n" * 199)
    assert len(client.get_cookie("session").value) < 4000
    about = secrets.token_hex(5000)
    send(client, "/signup/facebook", email="big@example.com", about=about)
    assert len(client.get_cookie("session").value) < 4000


def test_a_field_that_is_no_text(social_provider: t.Any, social_login: t.Any) -> None:
    form = type("Form", (RegisterFormV2,), {"born": DateField("Born")})
    day = dt.date(1815, 12, 10)
    kit = join_kit(
        social_provider,
        SOCIAL_SIGNUP="ask",
        forms={"register_form": form},
        columns={"born": sa.Column(sa.Date)},
    )
    client = kit.app.test_client()
    social_login(client, "facebook", "ada")
    assert 'value="1815-12-10"' not in client.get("/signup/facebook").text
    send(client, "/signup/facebook", email="ada@example.com", born="1815-12-10")
    assert 'value="1815-12-10"' in client.get("/signup/facebook").text
    client.get(link_in(kit.mails[0]))
    assert 'value="1815-12-10"' in client.get("/signup/facebook").text
    send(client, "/signup/facebook", email="ada@example.com", born="1815-12-10")
    assert values(kit, "born") == [(day,)]


@pytest.mark.parametrize("value", [dt.date(1815, 12, 10), b"x", object(), ["x"], {"x": 1}])
def test_a_mapper_that_gives_what_cannot_wait(social_provider: t.Any, social_login: t.Any, value: t.Any) -> None:
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", SOCIAL_SIGNUP_MAPPER=lambda *given: {"username": value})
    with pytest.raises(ConfigurationError, match="SOCIAL_SIGNUP_MAPPER"):
        social_login(kit.app.test_client(), "google", "ada")


# A cache that fails ---------------------------------------------------------------------------------------------


class Failing(SimpleCache):
    """A cache that stops answering when it is told to."""

    refuses_to_set = False
    is_down = False

    def get(self, key: str) -> t.Any:
        if self.is_down:
            raise ConnectionError
        return super().get(key)

    def set(self, key: str, value: t.Any, timeout: int | None = None) -> t.Any:
        return not (self.refuses_to_set and "pending" in key) and super().set(key, value, timeout)


@pytest.mark.parametrize(("provider", "policy"), [("google", "ask"), ("google", "never")])
def test_a_cache_that_takes_nothing(social_provider: t.Any, social_login: t.Any, provider: str, policy: str) -> None:
    cache = Failing()
    cache.refuses_to_set = True
    kit = join_kit(social_provider, SOCIAL_SIGNUP=policy, SOCIAL_ATTEMPT_CACHE=cache)
    if policy == "never":
        kit.add_user("ada@example.com")
    client = kit.app.test_client()
    assert social_login(client, provider, "ada").location == "/login"
    assert kit.events[-1][1]["code"] == "attempts_unavailable"


def test_a_cache_that_is_down(social_provider: t.Any, social_login: t.Any) -> None:
    cache = Failing()
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", SOCIAL_ATTEMPT_CACHE=cache)
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    cache.is_down = True
    for answer in (
        client.get("/signup/google", headers=JSON),
        client.post("/signup/google", headers=JSON, json={"email": "ada@example.com"}),
        client.get("/link", headers=JSON),
    ):
        assert (answer.status_code, answer.get_json()["response"]["code"]) == (503, "attempts_unavailable")
    kit.add_user()
    kit.log_in(client)
    with client.session_transaction() as session:
        assert "social_pending" not in session
