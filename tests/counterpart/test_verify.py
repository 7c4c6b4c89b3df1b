"""The ``verify`` intent: the person has to log in again, and the ID token has to say so."""

from __future__ import annotations

import typing as t

import pytest

from .counterpart import Counterpart, Visits, changed

HOUR = 3600


def connected(visits: Visits, *, ago: int = 0) -> Visits:
    """A person who is connected, whose session here is stale, and whom the counterpart knows."""
    visits.connect(ago=ago)
    with visits.client.session_transaction() as session:
        session["fs_paa"] = 1.0
    return visits


def is_fresh(visits: Visits) -> bool:
    """Whether the person was present since then."""
    with visits.client.session_transaction() as session:
        return bool(session["fs_paa"] > 1.0)


def test_the_person_is_asked_again(new_visits: t.Any, counterpart: Counterpart) -> None:
    visits = connected(new_visits())
    counterpart.seen()
    visits.walk("verify")
    assert is_fresh(visits)
    found = counterpart.seen()
    (asked,) = [entry["params"] for entry in found if entry["route"] == "authorization"]
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert [entry["prompt"] for entry in found if entry["route"] == "interaction"] == ["login"]


@pytest.mark.parametrize("client", [{}, {"require_auth_time": True}], ids=["no auth_time", "an old auth_time"])
def test_a_request_that_was_tampered_with(
    new_visits: t.Any, counterpart: Counterpart, client: dict[str, t.Any]
) -> None:
    """Who sits at a computer left unlocked cuts the demand out of the address, and the counterpart asks nothing."""
    visits = connected(new_visits(client), ago=HOUR)
    counterpart.seen()
    visits.finish(visits.browser.visit(changed(visits.begin("verify"), prompt=None, max_age=None), None))
    assert [entry["status"] for entry in counterpart.seen() if entry["route"] in ("interaction", "token")] == [200]
    assert (visits.code(), is_fresh(visits)) == ("id_token_invalid", False)


def test_a_login_that_the_counterpart_did_not_renew(new_visits: t.Any) -> None:
    visits = connected(new_visits())
    visits.walk("verify", ago=HOUR)
    assert (visits.code(), is_fresh(visits)) == ("id_token_invalid", False)


def test_another_person(new_visits: t.Any) -> None:
    visits = connected(new_visits())
    visits.browser.forget()
    visits.walk("verify", "grace")
    assert (visits.code(), is_fresh(visits)) == ("verify_mismatch", False)


def test_a_person_who_declines(new_visits: t.Any) -> None:
    visits = connected(new_visits())
    visits.walk("verify", None)
    assert (visits.code(), is_fresh(visits)) == ("access_denied", False)
