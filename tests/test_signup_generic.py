"""``SECURITY_RETURN_GENERIC_RESPONSES``: a sign-up form does not tell which addresses and names are taken."""

from __future__ import annotations

import re
import typing as t

import pytest
from flask_security import MailUtil, RegisterFormV2
from flask_security.confirmable import generate_confirmation_token
from flask_security.signals import user_not_registered

from flask_social.state import listen

from .appkit import JSON, Kit
from .joinkit import CONFIRM, connected, join_kit, link_in, named_in, send, send_json, values

FORM = "/signup/google"
BOB, EVE = "bob@example.org", "eve@example.org"
GENERIC = {"SOCIAL_SIGNUP": "ask", "SECURITY_RETURN_GENERIC_RESPONSES": True}
NAMES = {"SECURITY_USERNAME_ENABLE": True}

Go = t.Callable[..., tuple[Kit, t.Any]]

BOTH = pytest.mark.parametrize("config", [{}, CONFIRM], ids=["with a proof by mail", "confirmable"])


@pytest.fixture
def go(social_provider: t.Any, social_login: t.Any) -> Go:
    """Makes an application where bob has an address and a name, and walks somebody up to the form."""

    def walk(person: str = "alan", **options: t.Any) -> tuple[Kit, t.Any]:
        kit = join_kit(social_provider, **{**GENERIC, **options})
        kit.add_user(BOB, **({"username": "robert"} if "SECURITY_USERNAME_ENABLE" in options else {}))
        client = kit.app.test_client()
        assert social_login(client, "google", person, next="/inbox").location == FORM
        return kit, client

    return walk


def masked(text: str, *words: str) -> str:
    """A text without what differs from visit to visit, or was typed."""
    for word in words:
        text = text.replace(word, "TYPED")
    return re.sub(r'(name="(?:csrf_token|identity)"[^>]* value=|"identity":\s*)"[^"]+"', r"\1", text)


def seen(kit: Kit, client: t.Any, as_json: bool, **form: str) -> dict[str, t.Any]:
    """All that a browser can see of a form that was sent, and of the pages behind it."""
    answer = (send_json if as_json else send)(client, FORM, **form)
    with client.session_transaction() as session:
        # The text of an identity is of another length at each visit.
        cookie = {name: len(str(session[name])) for name in session if name not in ("csrf_token", "social_pending")}
        waits = "social_pending" in session
    page = client.get("/login" if answer.location == "/login" else FORM)
    return {
        "status": answer.status_code,
        "location": answer.location,
        "headers": sorted(name for name, _ in answer.headers),
        "body": masked(answer.text, *form.values()),
        "cookie": (cookie, waits),
        "page": (page.status_code, masked(page.text, *form.values())),
        "form": masked(client.get(FORM, headers=JSON).text, *form.values()),
        "who": kit.who(client),
        "mails": len(kit.mails),
    }


SENT: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("an address", {"email": BOB}, {"email": EVE}),
    ("an address in capitals", {"email": "BOB@example.org"}, {"email": "EVE@example.org"}),
    ("an address and a name", {"email": BOB, "username": "rob22"}, {"email": EVE, "username": "eve22"}),
    ("a name", {"email": "new@example.org", "username": "robert"}, {"email": EVE, "username": "albert"}),
    ("both", {"email": BOB, "username": "robert"}, {"email": EVE, "username": "albert"}),
]
APPLICATIONS: list[tuple[str, dict[str, t.Any]]] = [
    ("with a proof by mail", {}),
    ("confirmable", CONFIRM),
    ("confirmable, of a domain", {**CONFIRM, "SOCIAL_SIGNUP_DOMAINS": ["example.org"]}),
    ("of another domain", {"SOCIAL_SIGNUP_DOMAINS": ["example.net"]}),
    ("confirmable, of another domain", {**CONFIRM, "SOCIAL_SIGNUP_DOMAINS": ["example.net"]}),
]


@pytest.mark.parametrize(("taken", "free"), [row[1:] for row in SENT], ids=[row[0] for row in SENT])
@pytest.mark.parametrize("config", [row[1] for row in APPLICATIONS], ids=[row[0] for row in APPLICATIONS])
@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_taken_is_answered_like_what_is_free(
    go: Go, config: dict[str, t.Any], taken: dict[str, str], free: dict[str, str], as_json: bool
) -> None:
    known, unknown = (seen(*go(**NAMES, **config), as_json, **form) for form in (taken, free))
    assert known == unknown
    assert known["status"] in ((200, 202, 400) if as_json else (303, 400))


@BOTH
def test_nobody_is_made_and_the_owner_hears_of_it(go: Go, config: dict[str, t.Any]) -> None:
    kit, client = go(**config)
    told: list[dict[str, t.Any]] = []
    listen(kit.app, user_not_registered, lambda sender, **more: told.append(more))
    send(client, FORM, email=BOB)
    assert values(kit, "email") == [(BOB,)]
    assert connected(kit) == kit.names() == []
    (mail,) = kit.mails
    assert mail.to == [BOB]
    assert "tried to register this email" in mail.body
    assert "http" not in mail.body, "a mail that a stranger caused leads nowhere"
    (signal,) = told
    assert (signal["user"].email, signal["existing_email"], signal["existing_username"]) == (BOB, True, False)
    assert (signal["form_data"]["email"], signal["form_data"].get("password")) == (BOB, None)


def test_a_taken_name_is_told_to_the_address_of_the_form(go: Go) -> None:
    kit, client = go(**CONFIRM, **NAMES)
    send(client, FORM, email=EVE, username="robert")
    assert values(kit, "email") == [(BOB,)]
    (mail,) = kit.mails
    assert mail.to == [EVE]
    assert '"robert" that is already associated' in mail.body


def test_without_the_mail_of_welcome_none_is_sent(go: Go) -> None:
    kit, client = go(**{**CONFIRM, "SECURITY_SEND_REGISTER_EMAIL": False})
    assert send(client, FORM, email=BOB).location == "/login"
    assert kit.mails == []


def test_an_identity_mails_to_an_owner_three_times_at_most(go: Go) -> None:
    kit, client = go()
    found = [send_json(client, FORM, email=address).status_code for address in (BOB, EVE, BOB, BOB, EVE)]
    assert (found, len(kit.mails)) == ([202, 202, 202, 429, 429], 3)


@pytest.mark.parametrize("email", [BOB, EVE])
def test_a_mail_server_that_is_down_tells_nothing_either(go: Go, email: str) -> None:
    class Down(MailUtil):
        def send_mail(self, *given: t.Any, **more: t.Any) -> None:
            raise ConnectionRefusedError("down")

    _, client = go(forms={"register_form": type("Form", (RegisterFormV2,), {}), "mail_util_cls": Down})
    assert send_json(client, FORM, email=email).get_json()["response"]["code"] == "mail_unavailable"


OTHERWISE: list[dict[str, str]] = [
    {"email": "no address", "username": "robert"},
    {"email": BOB, "username": "!"},
    {"email": EVE, "username": "a"},
]


@pytest.mark.parametrize("form", OTHERWISE, ids=range(len(OTHERWISE)))
@BOTH
def test_what_is_wrong_otherwise_is_said(go: Go, form: dict[str, str], config: dict[str, t.Any]) -> None:
    kit, client = go(**config, **NAMES)
    assert send_json(client, FORM, **form).status_code == 400
    assert kit.mails == []
    assert named_in(client, FORM) != {}


@BOTH
def test_a_form_that_would_log_in_at_once_says_what_is_taken(go: Go, config: dict[str, t.Any]) -> None:
    """What follows would tell it anyway, and the person could not go on."""
    kit, client = go("ada", **config, **NAMES)
    answer = send_json(client, FORM, email="ada@example.com", username="robert")
    assert answer.status_code == 400
    assert list(answer.get_json()["response"]["field_errors"]) == ["username"]
    assert send(client, FORM, email="ada@example.com", username="lovelace").location == "/inbox"
    assert kit.mails == [] or "already" not in kit.mails[-1].body


def test_an_address_that_was_taken_since_its_proof(go: Go) -> None:
    kit, client = go()
    send(client, FORM, email=EVE)
    client.get(link_in(kit.mails[0]))
    kit.add_user(EVE)
    answer = send_json(client, FORM, email=EVE)
    assert (answer.status_code, list(answer.get_json()["response"]["field_errors"])) == (400, ["email"])


def test_without_the_setting_it_is_said(go: Go) -> None:
    for config in ({}, CONFIRM):
        kit, client = go(**NAMES, **config, SECURITY_RETURN_GENERIC_RESPONSES=False)
        for form in {"email": BOB}, {"email": EVE, "username": "robert"}:
            assert send(client, FORM, **form).status_code == 400
        assert kit.mails == []


def test_a_pretended_sign_up_is_no_sign_up(go: Go) -> None:
    """Its note in the session is of nobody: when the owner confirms, this browser does not count as theirs."""
    kit, client = go(**CONFIRM)
    with kit.app.app_context():
        kit.db.session.add(kit.Connection(user_id=1, provider_id="facebook", provider_user_id="1"))
        kit.db.session.commit()
    send(client, FORM, email=BOB)
    with kit.app.test_request_context():
        link = generate_confirmation_token(kit.security.datastore.find_user(email=BOB))
    client.get(f"/confirm/{link}")
    assert connected(kit) == []
