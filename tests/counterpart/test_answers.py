"""The way back: ``iss``, ``form_post``, and answers that are no code."""

from __future__ import annotations

import typing as t

import pytest

from flask_social.testing.browser import WayBack

from .counterpart import Counterpart, changed


def test_the_answer_names_its_issuer(new_visits: t.Any, counterpart: Counterpart) -> None:
    """RFC 9207."""
    visits = new_visits()
    back = visits.browser.visit(visits.begin("login"), "ada")
    assert back.params["iss"] == counterpart.issuer
    assert back.params.keys() == {"code", "state", "iss"}


@pytest.mark.parametrize("iss", [None, "https://evil.example", "{issuer}/", ""])
def test_an_answer_that_names_another_or_none(new_visits: t.Any, counterpart: Counterpart, iss: str | None) -> None:
    """The code is good, and is not sent anywhere."""
    visits = new_visits()
    back = visits.browser.visit(visits.begin("login"), "ada")
    given = None if iss is None else iss.format(issuer=counterpart.issuer)
    answer = visits.finish(WayBack("GET", changed(back.url, iss=given)))
    assert (answer.location, visits.code()) == ("/login", "issuer_mismatch")
    assert counterpart.seen("token") == []


@pytest.mark.parametrize("iss", ["{issuer}", None])
def test_a_person_who_declines(new_visits: t.Any, counterpart: Counterpart, iss: str | None) -> None:
    """A refusal comes from this issuer as well, or it is none."""
    visits = new_visits()
    back = visits.browser.visit(visits.begin("login"), None)
    assert (back.params["error"], "code" in back.params) == ("access_denied", False)
    visits.finish(WayBack("GET", back.url if iss else changed(back.url, iss=None)))
    assert visits.code() == ("access_denied" if iss else "issuer_mismatch")
    assert counterpart.seen("token") == []


def test_form_post(new_visits: t.Any, counterpart: Counterpart) -> None:
    visits = new_visits(response_mode="form_post")
    visits.connect_and_log_in()
    assert {entry["params"]["response_mode"] for entry in counterpart.seen("authorization")} == {"form_post"}


def test_a_form_of_a_person_who_declines(new_visits: t.Any) -> None:
    visits = new_visits(response_mode="form_post")
    back = visits.browser.visit(visits.begin("login"), None)
    assert (back.method, back.params["error"]) == ("POST", "access_denied")
    answer = visits.finish(back)
    assert (answer.location, visits.code()) == ("/login", "access_denied")


def test_a_code_works_once(new_visits: t.Any, counterpart: Counterpart) -> None:
    """The second time the attempt is gone, so the counterpart is not even asked."""
    visits = new_visits()
    visits.connect()
    visits.change_browser()
    back = visits.browser.visit(visits.begin("login"), "ada")
    visits.finish(back)
    assert visits.kit.names()[-1] == "login_completed"
    counterpart.seen()
    visits.finish(back)
    assert (visits.code(), counterpart.seen("token")) == ("state_unknown", [])


def test_a_code_of_another_visit(new_visits: t.Any, counterpart: Counterpart) -> None:
    """A code that somebody else's browser was given: PKCE and nonce tie it to theirs."""
    visits = new_visits()
    theirs = visits.browser.visit(visits.begin("login"), "ada")
    visits.change_browser()
    mine = visits.browser.visit(visits.begin("login"), "grace")
    visits.finish(WayBack("GET", changed(mine.url, code=theirs.params["code"])))
    (entry,) = counterpart.seen("token")
    assert (entry["error"], visits.code()) == ("invalid_grant", "provider_refused")


def test_an_authorization_request_that_is_refused(new_visits: t.Any) -> None:
    visits = new_visits(authorize_params={"prompt": "none"})
    back = visits.browser.visit(visits.begin("login"), "ada")
    assert back.params["error"] == "login_required"
    visits.finish(back)
    assert visits.code() == "provider_refused"
