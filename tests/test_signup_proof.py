"""Whom the application lets sign up, and how an address is proven by a mail before there is a user."""

from __future__ import annotations

import typing as t

import pytest

from flask_social.testing import Person

from .appkit import JSON, Kit
from .joinkit import CONFIRM, connected, join_kit, link_in, no_address, send, send_json, values

Go = t.Callable[..., tuple[Kit, t.Any]]


@pytest.fixture
def go(social_provider: t.Any, social_login: t.Any) -> Go:
    """Makes an application that asks, and walks a person up to the form."""

    def walk(provider: str = "google", person: str = "ada", **options: t.Any) -> tuple[Kit, t.Any]:
        kit = join_kit(social_provider, **{"SOCIAL_SIGNUP": "ask", **options})
        client = kit.app.test_client()
        assert social_login(client, provider, person, next="/inbox").location == f"/signup/{provider}"
        return kit, client

    return walk


# Whom the application lets in -----------------------------------------------------------------------------------

DOMAINS = [
    ("ada@example.org", True),
    ("ada@EXAMPLE.ORG", True),
    ("Ada+news@Example.Org", True),
    ("ada@sub.example.org", False),
    ("ada@xn--bcher-kva.example", True),
    ("ada@b\u00fccher.example", True),
    ("ada@example.org.evil.example", False),
    ("ada@notexample.org", False),
    ("ada@example.com", False),
    ("ada@ex\u0430mple.org", False),  # a Cyrillic letter
    ("ada@example.\u043erg", False),
]


@pytest.mark.parametrize(("address", "admitted"), DOMAINS)
@pytest.mark.parametrize("policy", ["auto", "ask"])
def test_domains_of_proven_addresses(
    social_provider: t.Any, social_login: t.Any, address: str, admitted: bool, policy: str
) -> None:
    social_provider.add_person(Person("eve", "Eve", "eve", address))
    domains = ["Example.org", "b\u00fccher.example"]
    kit = join_kit(social_provider, SOCIAL_SIGNUP=policy, SOCIAL_SIGNUP_DOMAINS=domains)
    client = kit.app.test_client()
    target = {"auto": "/", "ask": "/signup/google"}[policy] if admitted else "/login"
    assert social_login(client, "google", "eve").location == target
    assert len(values(kit, "id")) == (admitted and policy == "auto")
    if not admitted:
        assert (kit.names(), kit.events[0][1]["code"]) == (["attempt_refused"], "not_admitted")
        assert client.get("/signup/google").status_code == 400


#: Confirmable, nullable address.
MODELS = [(False, False), (True, False), (False, True), (True, True)]

UNPROVEN = [("facebook", "ada"), ("oauth2", "ada"), ("google", "mallory"), ("google", "alan")]


@pytest.mark.parametrize(("confirmable", "nullable"), MODELS)
@pytest.mark.parametrize(("provider", "person"), UNPROVEN)
@pytest.mark.parametrize("domain", ["example.com", "example.org"])
def test_domains_and_an_address_without_proof(
    social_provider: t.Any,
    social_login: t.Any,
    provider: str,
    person: str,
    domain: str,
    confirmable: bool,
    nullable: bool,
) -> None:
    """Nobody signs up at once: a claim is no proof, and a user without an address is of no domain."""
    kit = join_kit(
        social_provider,
        columns=no_address() if nullable else None,
        SOCIAL_SIGNUP="auto",
        SOCIAL_SIGNUP_DOMAINS=[domain],
        **(CONFIRM if confirmable else {}),
    )
    client = kit.app.test_client()
    target = social_login(client, provider, person).location
    assert values(kit, "id") == []
    assert target in (f"/signup/{provider}", "/login")


ANSWERS: list[tuple[t.Any, bool]] = [(True, True), (False, False), (None, False), (1, False), ("yes", False)]


@pytest.mark.parametrize(("answer", "admitted"), ANSWERS)
@pytest.mark.parametrize("policy", ["auto", "ask"])
def test_the_applications_own_rule(
    social_provider: t.Any, social_login: t.Any, answer: t.Any, admitted: bool, policy: str
) -> None:
    asked = []

    def admit(profile: t.Any, provider: t.Any) -> t.Any:
        asked.append((profile.display_name, provider.id))
        return answer

    kit = join_kit(social_provider, SOCIAL_SIGNUP=policy, SOCIAL_SIGNUP_ADMIT=admit)
    target = {"auto": "/", "ask": "/signup/google"}[policy] if admitted else "/login"
    assert social_login(kit.app.test_client(), "google", "ada").location == target
    assert set(asked) == {("Ada Lovelace", "google")}


def test_the_rule_sees_the_domain_that_google_hosts(social_provider: t.Any, social_login: t.Any) -> None:
    """``hd`` is a claim; the end of an address is none."""
    social_provider.add_person(Person("eve", "Eve", "eve", "eve@corp.example", hosted_domain="corp.example"))
    social_provider.add_person(Person("bob", "Bob", "bob", "bob@corp.example"))

    def admit(profile: t.Any, provider: t.Any) -> bool:
        return bool(profile.raw.get("hd") == "corp.example")

    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SOCIAL_SIGNUP_ADMIT=admit)
    assert social_login(kit.app.test_client(), "google", "eve").location == "/"
    assert social_login(kit.app.test_client(), "google", "bob").location == "/login"


def test_who_is_in_stays_in(social_provider: t.Any, social_login: t.Any) -> None:
    """The rules are about signing up."""
    kit = join_kit(social_provider, SOCIAL_SIGNUP="auto", SOCIAL_SIGNUP_DOMAINS=["example.org"])
    kit.add_user("ada@example.com")
    client = kit.app.test_client()
    kit.log_in(client, "ada@example.com")
    social_login(client, "google", "ada", intent="connect")
    assert social_login(kit.app.test_client(), "google", "ada").location == "/"


# Proof by mail --------------------------------------------------------------------------------------------------


def test_an_unproven_address_is_proven_before_there_is_a_user(go: Go) -> None:
    kit, client = go("facebook", "ada")
    assert send(client, "/signup/facebook", email="ada@example.com").location == "/signup/facebook"
    assert "We sent you a mail" in client.get("/signup/facebook").text
    assert values(kit, "id") == connected(kit) == kit.names() == []
    (mail,) = kit.mails
    assert mail.to == ["ada@example.com"]
    assert "Facebook" in mail.body
    assert client.get(link_in(mail)).location == "/signup/facebook"
    assert values(kit, "id") == []
    assert "ada@example.com is proven" in client.get("/signup/facebook").text
    assert send(client, "/signup/facebook", email="ada@example.com").location == "/inbox"
    assert kit.who(client) == "ada@example.com"
    assert values(kit, "confirmed_at") != [(None,)]
    assert len(kit.mails) == 1


def test_the_same_by_json(go: Go) -> None:
    kit, client = go("facebook", "ada")
    answer = send_json(client, "/signup/facebook", email="ada@example.com")
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (202, "proof_sent")
    client.get(link_in(kit.mails[0]))
    answer = client.get("/signup/facebook", headers=JSON).get_json()["response"]
    assert answer["proven"] == "ada@example.com"
    assert send_json(client, "/signup/facebook", email="ada@example.com").status_code == 200
    assert kit.who(client) == "ada@example.com"


def test_one_identity_sends_three_mails_at_most(go: Go) -> None:
    kit, client = go("facebook", "ada")
    found = [send_json(client, "/signup/facebook", email=f"victim{n}@example.net").status_code for n in range(5)]
    assert (found, len(kit.mails)) == ([202, 202, 202, 429, 429], 3)


def test_a_person_without_an_address_gives_one(go: Go) -> None:
    kit, client = go("google", "alan")
    assert send(client, "/signup/google", email="").status_code == 400
    send(client, "/signup/google", email="alan@example.org")
    client.get(link_in(kit.mails[0]))
    send(client, "/signup/google", email="alan@example.org")
    assert values(kit, "email") == [("alan@example.org",)]


def test_the_address_may_be_left_empty_where_the_model_allows_it(go: Go) -> None:
    kit, client = go("google", "mallory", columns=no_address())
    assert send(client, "/signup/google", email="").location == "/inbox"
    assert values(kit, "email", "confirmed_at") == [(None, None)]
    assert kit.mails == []


def test_it_may_not_where_it_has_to_be_confirmed(go: Go) -> None:
    """A user without an address could never confirm one, and never log in."""
    kit, client = go("google", "mallory", columns=no_address(), **CONFIRM)
    assert send(client, "/signup/google", email="").status_code == 400
    assert values(kit, "id") == []


def test_another_address_than_the_proven_one(go: Go) -> None:
    kit, client = go("google", "ada")
    send(client, "/signup/google", email="other@example.org")
    assert values(kit, "id") == []
    client.get(link_in(kit.mails[0]))
    assert send(client, "/signup/google", email="third@example.org").location == "/signup/google"
    assert values(kit, "id") == []
    send(client, "/signup/google", email="other@example.org")
    assert values(kit, "email") == [("other@example.org",)]


def test_with_confirmable_the_mail_comes_afterwards(go: Go) -> None:
    kit, client = go("google", "ada", **CONFIRM)
    assert send(client, "/signup/google", email="other@example.org").location == "/login"
    assert kit.who(client) is None
    assert values(kit, "email", "confirmed_at") == [("other@example.org", None)]
    client.get(link_in(kit.mails[0]))
    assert values(kit, "confirmed_at") != [(None,)]


@pytest.mark.parametrize("confirmable", [False, True])
def test_domains_are_asked_of_the_proven_address(go: Go, confirmable: bool) -> None:
    config = {"SOCIAL_SIGNUP_DOMAINS": ["example.org"], **(CONFIRM if confirmable else {})}
    kit, client = go("facebook", "ada", **config)
    answer = send_json(client, "/signup/facebook", email="ada@example.com")
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (400, "not_admitted")
    send(client, "/signup/facebook", email="ada@Example.org")
    assert values(kit, "id") == []
    client.get(link_in(kit.mails[0]))
    assert send(client, "/signup/facebook", email="ada@example.com").status_code == 400
    assert send(client, "/signup/facebook", email="ada@example.org").location == "/inbox"
    assert values(kit, "email") == [("ada@example.org",)]


def test_the_link_works_in_its_own_browser_only(go: Go, social_login: t.Any) -> None:
    kit, client = go("facebook", "ada")
    send(client, "/signup/facebook", email="ada@example.com")
    link = link_in(kit.mails[0])
    other = kit.app.test_client()
    assert other.get(link).status_code == 400
    assert "nothing to finish" in other.get(link).text
    social_login(other, "facebook", "grace")
    answer = other.get(link, headers=JSON)
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (400, "proof_invalid")
    send(other, "/signup/facebook", email="ada@example.com")
    assert values(kit, "id") == []
    assert client.get(link).status_code == 303
    assert client.get(link).status_code == 303


def test_a_link_of_an_earlier_visit(go: Go, social_login: t.Any) -> None:
    kit, client = go("facebook", "ada")
    send(client, "/signup/facebook", email="ada@example.com")
    social_login(client, "facebook", "ada")
    assert "belongs to another visit" in client.get(link_in(kit.mails[0])).text
    social_login(client, "google", "ada")
    assert client.get(link_in(kit.mails[0])).status_code == 400


CHANGED = ["", "x", "=", "\u00e9", "\0", "a" * 5000]


@pytest.mark.parametrize("proof", CHANGED, ids=range(len(CHANGED)))
def test_a_link_that_was_changed(go: Go, proof: str) -> None:
    kit, client = go("facebook", "ada")
    send(client, "/signup/facebook", email="ada@example.com")
    path, _, real = link_in(kit.mails[0]).partition("proof=")
    for text in (proof, proof + real[4:], real[:-4], real.swapcase()):
        client.get(path.rstrip("?"), query_string={"proof": text})
        assert client.get("/signup/facebook", headers=JSON).get_json()["response"]["proven"] is None
    sealed = kit.app.extensions["social"].vault.seal("address", b"another-nonce ada@example.com")
    assert client.get("/signup/facebook", query_string={"proof": sealed}).status_code == 400


# An address of somebody else ------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["bob@example.org", "BOB@EXAMPLE.ORG", "Bob@example.org", " bob@example.org "])
@pytest.mark.parametrize("confirmable", [False, True])
def test_an_address_that_belongs_to_somebody_is_never_taken(go: Go, typed: str, confirmable: bool) -> None:
    kit, client = go("google", "ada", **(CONFIRM if confirmable else {}))
    kit.add_user("bob@example.org")
    assert send(client, "/signup/google", email=typed).status_code == 400
    assert values(kit, "email") == [("bob@example.org",)]
    assert kit.mails == connected(kit) == []


def test_an_address_that_was_taken_between_the_proof_and_the_form(go: Go) -> None:
    kit, client = go("facebook", "ada")
    send(client, "/signup/facebook", email="ada@example.com")
    client.get(link_in(kit.mails[0]))
    kit.add_user("ada@example.com")
    assert send(client, "/signup/facebook", email="ada@example.com").status_code == 400
    assert (connected(kit), kit.who(client)) == ([], None)
