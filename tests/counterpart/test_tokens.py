"""After the login: tokens are renewed and revoked."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social.errors import ProviderRefused
from flask_social.values import Token

from .counterpart import OFFLINE, Counterpart, Visits, new_session


@pytest.fixture
def visits(new_visits: t.Any) -> Visits:
    """A person who is connected, with a refresh token."""
    found = t.cast("Visits", new_visits(**OFFLINE))
    found.connect()
    return found


def works(counterpart: Counterpart, token: Token) -> bool:
    """Whether the counterpart takes an access token."""
    with new_session() as session:
        headers = {"Authorization": f"Bearer {token.access_token}"}
        status = session.get(f"{counterpart.issuer}/me", headers=headers, timeout=10).status_code
    assert status in (200, 401)
    return status == 200


def refusal(visits: Visits, token: Token) -> str | None:
    """Why a token cannot be renewed."""
    with pytest.raises(ProviderRefused) as caught:
        visits.refresh(token)
    return caught.value.error


def test_refresh_with_rotation(visits: Visits, counterpart: Counterpart) -> None:
    first = visits.token()
    second = visits.refresh(first)
    assert second.access_token != first.access_token
    assert second.refresh_token not in (None, first.refresh_token)
    assert (second.scope, second.id_token) == (first.scope, first.id_token)
    assert t.cast("dt.datetime", second.expires_at) > dt.datetime.now(dt.UTC)
    assert works(counterpart, second)
    third = visits.refresh(second)
    assert third.refresh_token != second.refresh_token
    assert works(counterpart, third)


def test_a_refresh_token_works_once(visits: Visits, counterpart: Counterpart) -> None:
    """Who uses it again may be a thief: the counterpart ends the whole grant."""
    first = visits.token()
    second = visits.refresh(first)
    assert refusal(visits, first) == "invalid_grant"
    assert refusal(visits, second) == "invalid_grant"
    assert not works(counterpart, second)


@pytest.mark.parametrize("hint", ["refresh_token", "access_token"])
def test_revoking(visits: Visits, counterpart: Counterpart, hint: str) -> None:
    """RFC 7009 section 2.1: whichever token is named, this counterpart ends the grant."""
    token = visits.token()
    assert works(counterpart, token)
    visits.revoke(token if hint == "refresh_token" else Token(token.access_token))
    (entry,) = counterpart.seen("revocation")
    assert (entry["status"], entry["params"]["token_type_hint"]) == (200, hint)
    assert not works(counterpart, token)
    assert refusal(visits, token) == "invalid_grant"


def test_revoking_twice_is_no_error(visits: Visits) -> None:
    """RFC 7009 section 2.2: what is gone is gone."""
    token = visits.token()
    visits.revoke(token)
    visits.revoke(token)


def test_a_login_after_that_brings_new_tokens(visits: Visits, counterpart: Counterpart) -> None:
    visits.revoke(visits.token())
    visits.change_browser()
    visits.walk("login")
    assert visits.kit.names()[-1] == "login_completed"
    assert works(counterpart, visits.token())
    assert works(counterpart, visits.refresh(visits.token()))
