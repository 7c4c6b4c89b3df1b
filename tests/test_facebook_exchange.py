"""Facebook's tokens: hours become sixty days after a login, and sixty days are renewed before they end."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social.datastores.columns import utcnow
from flask_social.errors import ReconnectRequired
from flask_social.flow import run
from flask_social.testing import REMOVE
from flask_social.tokens import Renewal
from flask_social.values import ConnectionKey, Token

from .appkit import Kit, make_kit
from .protocolkit import answer, context, step
from .test_providers import make

DAY = dt.timedelta(days=1)


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    kit = make_kit({"facebook": social_provider.settings("facebook")})
    kit.add_user()
    return kit


@pytest.fixture
def connect(kit: Kit, social_login: t.Any) -> t.Any:
    def make() -> t.Any:
        client = kit.app.test_client()
        kit.log_in(client)
        assert social_login(client, "facebook", "ada", intent="connect").location == "/"
        return client

    return make


def lifetime(kit: Kit) -> dt.timedelta | None:
    with kit.app.app_context():
        (row,) = kit.rows()
        return None if row.expires_at is None else row.expires_at - utcnow()


def exchanges(standin: t.Any) -> list[str]:
    found = [seen for seen in standin.requests if "fb_exchange_token" in seen.params.get("grant_type", "")]
    assert all(seen.method == "POST" for seen in found)  # a secret in an address would be written down
    return [seen.params["fb_exchange_token"] for seen in found]


def test_a_login_brings_a_token_of_sixty_days(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    connect()
    found = lifetime(kit)
    assert found is not None
    assert 59 * DAY < found <= 60 * DAY
    assert len(exchanges(social_provider)) == 1
    with kit.app.app_context():
        assert kit.rows()[0].access_token not in exchanges(social_provider)
        assert kit.social.facebook.get_session(1).get("me").json()["name"] == "Ada Lovelace"


FAILURES: list[dict[str, t.Any]] = [
    {"error": "server_error"},
    {"error": "rate_limited"},
    {"error": "unauthorized"},
    {"status": 200, "body": "<p>Maintenance"},
    {"status": 200, "json": {"token_type": "bearer"}},
    {"status": 200, "json": {"access_token": 5, "token_type": "bearer"}},
]


@pytest.mark.parametrize("how", FAILURES, ids=[str(number) for number in range(len(FAILURES))])
def test_an_exchange_that_fails_keeps_the_short_token(
    kit: Kit, connect: t.Any, social_provider: t.Any, how: dict[str, t.Any]
) -> None:
    social_provider.faults.add("exchange", "facebook", **how)
    connect()
    found = lifetime(kit)
    assert found is not None
    assert dt.timedelta(minutes=50) < found < dt.timedelta(hours=2)
    with kit.app.app_context():
        assert [kit.rows()[0].access_token] == exchanges(social_provider)


def test_an_answer_without_a_lifetime_means_sixty_days(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    social_provider.faults.add("exchange", "facebook", merge={"expires_in": REMOVE})
    connect()
    found = lifetime(kit)
    assert found is not None
    assert 59 * DAY < found <= 60 * DAY


def test_a_token_that_lives_long_is_not_exchanged(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    social_provider.faults.add("token", "facebook", merge={"expires_in": 5_000_000})
    connect()
    assert exchanges(social_provider) == []


def test_a_token_without_a_lifetime_is_exchanged(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    social_provider.faults.add("token", "facebook", merge={"expires_in": REMOVE})
    connect()
    assert len(exchanges(social_provider)) == 1


def test_what_was_granted_stays_through_the_exchange(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    social_provider.withheld_scopes = ("email",)
    connect()
    with kit.app.app_context():
        assert kit.rows()[0].granted_scope == "public_profile"


def renewal(kit: Kit, standin: t.Any) -> Renewal:
    state = kit.app.extensions["social"]
    key = ConnectionKey("facebook", standin.subject("facebook", "ada"))
    return Renewal(state, state.providers["facebook"], key)


def set_end(kit: Kit, left: dt.timedelta) -> None:
    with kit.app.app_context():
        kit.rows()[0].expires_at = utcnow() + left
        kit.db.session.commit()


@pytest.mark.parametrize(("left", "outcome"), [(11 * DAY, "fresh"), (9 * DAY, "renewed")])
def test_a_token_is_renewed_ten_days_before_its_end(
    kit: Kit, connect: t.Any, social_provider: t.Any, left: dt.timedelta, outcome: str
) -> None:
    connect()
    set_end(kit, left)
    social_provider.forget_requests()
    with kit.app.app_context():
        found, token, _ = renewal(kit, social_provider).run()
    assert found == outcome
    assert len(exchanges(social_provider)) == (outcome == "renewed")
    assert token.expires_at is not None
    if outcome == "renewed":
        assert token.expires_at - utcnow() > 59 * DAY


def test_a_dead_token_cannot_be_exchanged(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    connect()
    social_provider.revoke("facebook", "ada")
    set_end(kit, -DAY)
    with kit.app.app_context(), pytest.raises(ReconnectRequired):
        renewal(kit, social_provider).run()
    with kit.app.app_context():
        assert kit.rows()[0].status == "needs_reconnect"


def test_a_token_past_its_end_is_refused(kit: Kit, connect: t.Any, social_provider: t.Any) -> None:
    connect()
    social_provider.advance(61 * 86400)
    with kit.app.app_context():
        state = kit.app.extensions["social"]
        provider, token = state.providers["facebook"], Token(kit.rows()[0].access_token)
        assert provider.can_renew(token)
        with pytest.raises(Exception, match="refused") as caught:
            run(provider.refresh(context(), token), state.exchange())
    assert caught.value.error == "190"


def test_the_request_is_the_documented_one() -> None:
    new = answer({"access_token": "long", "token_type": "bearer", "expires_in": 5183944})
    (request,), token = step(make("facebook").refresh(context(), Token("short", scope=("email",))), new)
    assert request.url == "https://graph.facebook.com/v25.0/oauth/access_token"
    assert sorted(request.body.decode().split("&")) == [
        "client_id=app",
        "client_secret=s3cret",
        "fb_exchange_token=short",
        "grant_type=fb_exchange_token",
    ]
    assert (token.access_token, token.scope) == ("long", ("email",))
