"""A sign-up form names the identity that it shows: the form of another one makes nobody, and loses nothing."""

from __future__ import annotations

import json
import time
import typing as t

import pytest

from flask_social import pending

from .appkit import JSON, SAME_ORIGIN, Kit
from .joinkit import join_kit, named_in, send, values
from .pagekit import Page

FORM = "/signup/google"
ADA = "ada@example.com"


@pytest.fixture
def waiting(social_provider: t.Any, social_login: t.Any) -> tuple[Kit, t.Any]:
    """An application that asks, and a browser in which Google's ada waits."""
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask")
    client = kit.app.test_client()
    assert social_login(client, "google", "ada", next="/inbox").location == FORM
    return kit, client


NAMES: list[t.Any] = ["", "x", "x" * 100_000, 1, None, True, ["NAME"], {"a": "NAME"}, "NAME\0", "\ud800"]
BODIES: list[t.Any] = [[], "text", 1, None, True, {}, {"email": ADA}, *({"email": ADA, "identity": it} for it in NAMES)]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_without_the_name(waiting: tuple[Kit, t.Any], body: t.Any) -> None:
    kit, client = waiting
    sent = json.dumps(body).replace("NAME", named_in(client, FORM)["identity"])
    answer = client.post(FORM, data=sent, headers={**JSON, "Content-Type": "application/json"})
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (400, "link_mismatch")
    assert values(kit, "id") == kit.events == []
    assert send(client, FORM, email=ADA).location == "/inbox"


@pytest.mark.parametrize("form", [{}, {"identity": ""}, {"identity": "x"}, {"identity": ["x", "NAME"]}])
def test_a_form_without_the_name(waiting: tuple[Kit, t.Any], form: dict[str, t.Any]) -> None:
    kit, client = waiting
    name = named_in(client, FORM)["identity"]
    for address in (FORM, f"{FORM}?identity={name}"):  # an address is kept in histories and logs
        answer = client.post(address, data={"email": ADA, **form}, headers=SAME_ORIGIN)
        assert answer.status_code == 400
        assert "Start again with Google" in answer.text
    assert values(kit, "id") == kit.events == []
    assert send(client, FORM, email=ADA).location == "/inbox"


def test_the_form_of_an_earlier_visit_in_another_tab(waiting: tuple[Kit, t.Any], social_login: t.Any) -> None:
    """What it shows is somebody else than who waits by now: nobody is made of the two."""
    kit, client = waiting
    first = Page(client.get(FORM).text).button("Sign up")
    social_login(client, "google", "grace")
    second = Page(client.get(FORM).text).button("Sign up")
    answer = client.post(FORM, data={**first.fields, "email": ADA})
    assert answer.status_code == 400
    assert "Nothing was connected: that was another account" in answer.text
    assert values(kit, "id") == kit.mails == []
    assert client.post(FORM, data={**second.fields, "email": "grace@example.com"}).status_code == 302
    assert values(kit, "email") == [("grace@example.com",)]


def test_the_name_outlives_a_proof_by_mail_and_a_form_that_was_not_right(waiting: tuple[Kit, t.Any]) -> None:
    _, client = waiting
    shown = Page(client.get(FORM).text).button("Sign up").fields["identity"]
    for email in ("no address", "other@example.org"):
        send(client, FORM, email=email)
        assert named_in(client, FORM) == {"identity": shown}


def test_the_name_is_nothing_that_was_typed(waiting: tuple[Kit, t.Any]) -> None:
    """It comes back as the hidden field, and not as one of the form's, nor does it wait with them."""
    kit, client = waiting
    send(client, FORM, email="other@example.org")
    with client.session_transaction() as session:
        found = pending.unseal(kit.app.extensions["social"].vault, session["social_pending"], now=time.time())
    assert found is not None
    assert found.typed == {"email": "other@example.org"}
    page = client.get(FORM).text
    assert page.count('name="identity"') == 1
    assert "identity" not in client.get(FORM, headers=JSON).get_json()["response"]["fields"]
