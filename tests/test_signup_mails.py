"""The mails of a sign-up: where their links lead, and what happens when none can be sent."""

from __future__ import annotations

import re
import typing as t

import pytest
from flask_security import MailUtil, RegisterFormV2

from .appkit import JSON, SAME_ORIGIN, Kit
from .joinkit import CONFIRM, connected, join_kit, send, send_json, values

FORM = "/signup/facebook"
ADA = "ada@example.com"

Go = t.Callable[..., tuple[Kit, t.Any]]


@pytest.fixture
def go(social_provider: t.Any, social_login: t.Any) -> Go:
    """Makes an application that asks, and walks Facebook's ada, whose address is claimed only, up to the form."""

    def walk(**options: t.Any) -> tuple[Kit, t.Any]:
        kit = join_kit(social_provider, **{"SOCIAL_SIGNUP": "ask", **options})
        client = kit.app.test_client()
        assert social_login(client, "facebook", "ada", next="/inbox").location == FORM
        return kit, client

    return walk


# Where the links lead -------------------------------------------------------------------------------------------

# Settings -> whether a mail is sent, and how its link begins.
HOSTS: list[tuple[dict[str, t.Any], str | None]] = [
    ({}, None),
    ({"TRUSTED_HOSTS": []}, None),
    ({"TRUSTED_HOSTS": ["localhost"]}, "http://localhost/"),
    ({"SOCIAL_APP_URL": "http://localhost:8080"}, "http://localhost:8080/"),
]


@pytest.mark.parametrize(("config", "begins"), HOSTS)
def test_a_proof_needs_an_address_of_ours(
    go: Go, caplog: pytest.LogCaptureFixture, config: dict[str, t.Any], begins: str | None
) -> None:
    """Without one the link would lead wherever the Host header says."""
    kit, client = go(TESTING=False, MAIL_BACKEND="locmem", **config)
    answer = send_json(client, FORM, email=ADA)
    assert values(kit, "id") == []
    if begins is not None:
        assert answer.status_code == 202
        assert re.search(r"https?://\S+", kit.mails[0].body)[0].startswith(f"{begins}signup/facebook?proof=")  # type: ignore[index]
        return
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (503, "mail_unavailable")
    assert kit.mails == []
    assert "signing up through facebook needs SOCIAL_APP_URL or TRUSTED_HOSTS" in caplog.text
    assert client.get(FORM).status_code == 200, "the identity waits on"


def test_a_forged_host(go: Go) -> None:
    kit, client = go(TESTING=False, MAIL_BACKEND="locmem", SOCIAL_APP_URL="http://localhost")
    name = client.get(FORM, headers=JSON).get_json()["response"]["identity"]
    client.set_cookie("session", client.get_cookie("session").value, domain="evil.example")
    form = {"email": ADA, "identity": name}
    assert client.post(FORM, data=form, headers=SAME_ORIGIN, base_url="http://evil.example").status_code == 303
    assert "evil.example" not in f"{kit.mails[0].body}{kit.mails[0].alternatives}"


# Mail servers that fail -----------------------------------------------------------------------------------------


class Down(MailUtil):
    """A mail server that fails, and whose error says what it was told."""

    def send_mail(self, template: str, subject: str, recipient: str, *more: t.Any, **options: t.Any) -> None:
        raise ConnectionRefusedError(f"no mail for {recipient}: {more} {options}")


def down() -> dict[str, t.Any]:
    return {"register_form": type("Form", (RegisterFormV2,), {}), "mail_util_cls": Down}


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says, none of which is the mail."""
    said = [record.getMessage() for record in caplog.records if record.name == "flask_social"]
    assert not any(word in caplog.text for word in ("no mail for", "proof=", "/confirm/", "Traceback"))
    return [text for text in said if "mail" in text]


def test_a_proof_that_cannot_be_sent(go: Go, caplog: pytest.LogCaptureFixture) -> None:
    kit, client = go(forms=down())
    answer = send_json(client, FORM, email=ADA)
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (503, "mail_unavailable")
    page = send(client, FORM, email=ADA)
    assert page.status_code == 503
    assert "We cannot send you the mail" in page.text
    assert not any(word in answer.text + page.text for word in ("proof=", "ConnectionRefusedError", ADA))
    assert told(caplog) == ["a mail could not be sent: ConnectionRefusedError"] * 2
    assert values(kit, "id") == connected(kit) == kit.names() == []
    assert client.get(FORM).status_code == 200, "the identity waits on"


@pytest.mark.parametrize("confirmable", [False, True])
def test_a_welcome_that_cannot_be_sent(
    social_provider: t.Any, social_login: t.Any, caplog: pytest.LogCaptureFixture, confirmable: bool
) -> None:
    """The user is made all the same, and where the address has to be confirmed, can ask for the mail again."""
    config = {"SECURITY_SEND_REGISTER_EMAIL": True, **(CONFIRM if confirmable else {})}
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", forms=down(), **config)
    client = kit.app.test_client()
    answer = social_login(client, "facebook" if confirmable else "google", "ada", next="/inbox")
    assert answer.location == ("/login" if confirmable else "/inbox")
    assert len(connected(kit)) == 1
    assert told(caplog) == ["a mail could not be sent: ConnectionRefusedError"]


def test_where_mail_is_not_set_up(go: Go, caplog: pytest.LogCaptureFixture) -> None:
    kit, client = go()
    del kit.app.extensions["mailman"]
    answer = send_json(client, FORM, email=ADA)
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (503, "mail_unavailable")
    assert told(caplog) == ["a mail could not be sent: this application has no mail set up"]
