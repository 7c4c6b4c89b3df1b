"""An identity whose address has an owner here: refused, linked after a proof, or linked at once."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social.testing import Person

from .appkit import JSON, PASSWORD, Kit
from .joinkit import CONFIRM, TWO_FACTOR, connected, join_kit, send, values

CONFIRMED = {"confirmed_at": dt.datetime(2026, 1, 1)}
ADA = "ada@example.com"

Owned = t.Callable[..., tuple[Kit, t.Any]]


@pytest.fixture
def owned(social_provider: t.Any) -> Owned:
    """An application where ada@example.com has an owner already, and a browser."""

    def make(address: str = ADA, *, user: dict[str, t.Any] | None = None, **options: t.Any) -> tuple[Kit, t.Any]:
        kit = join_kit(social_provider, **{"SOCIAL_SIGNUP": "auto", **options})
        kit.add_user(address, **(CONFIRMED if user is None else user))
        return kit, kit.app.test_client()

    return make


# The setting, and the provider's own ----------------------------------------------------------------------------

POLICIES = [
    ("never", {}, "google", "/login"),
    ("prove", {}, "google", "/link"),
    ("verified", {}, "google", "/"),
    (None, {}, "google", "/link"),
    ("never", {"google": {"link_by_email": "prove"}}, "google", "/link"),
    ("never", {"google": {"link_by_email": "verified"}}, "google", "/"),
    ("verified", {"google": {"link_by_email": "never"}}, "google", "/login"),
    ("verified", {"google": {"link_by_email": "never"}}, "facebook", "/link"),
    ("verified", {"google": {"email_trust": "claimed"}}, "google", "/link"),
    ("verified", {"google": {"email_trust": "never"}}, "google", "/link"),
]


@pytest.mark.parametrize(("policy", "more", "provider", "target"), POLICIES)
@pytest.mark.parametrize("signup", ["never", "ask", "auto"])
def test_the_setting_and_the_providers_own(
    owned: Owned, social_login: t.Any, policy: str | None, more: t.Any, provider: str, target: str, signup: str
) -> None:
    """Whatever the sign-up policy: an address that has an owner is never signed up."""
    kit, client = owned(SOCIAL_SIGNUP=signup, **({"SOCIAL_LINK_BY_EMAIL": policy} if policy else {}), **more)
    assert social_login(client, provider, "ada").location == target
    assert kit.who(client) == (ADA if target == "/" else None)
    assert connected(kit) == ([(1, provider)] if target == "/" else [])
    assert len(values(kit, "id")) == 1


def test_never(owned: Owned, social_login: t.Any) -> None:
    kit, client = owned(SOCIAL_LINK_BY_EMAIL="never")
    social_login(client, "google", "ada")
    assert "is in use here" in client.get("/login").text
    assert [(name, told["code"]) for name, told in kit.events] == [("attempt_refused", "email_in_use")]
    assert client.get("/link").status_code == 400


# Verified -------------------------------------------------------------------------------------------------------

#: What the provider says, verified by it, what we know, confirmed here -> linked at once.
ADDRESSES = [
    (ADA, True, ADA, True, True),
    ("ada@EXAMPLE.com", True, ADA, True, True),
    (ADA, True, ADA, False, False),
    (ADA, False, ADA, True, False),
    ("ADA@example.com", True, ADA, True, False),
    ("Ada@example.com", True, ADA, True, False),
    (ADA, True, "ADA@example.com", True, False),
    ("ada+x@example.com", True, ADA, True, None),
    ("a.da@example.com", True, ADA, True, None),
    ("\uff41da@example.com", True, ADA, True, None),
    ("\u0430da@example.com", True, ADA, True, None),
    ("ada@ex\u0430mple.com", True, ADA, True, None),
    ("ada@example.com.evil.example", True, ADA, True, None),
    ("\u0131da@example.com", True, "ida@example.com", True, None),
    ("jos\u00e9@example.com", True, "jos\u00e9@example.com", True, True),
    ("jose\u0301@example.com", True, "jos\u00e9@example.com", True, True),
    ("jose@example.com", True, "jos\u00e9@example.com", True, None),
    ("ada@b\u00fccher.example", True, "ada@b\u00fccher.example", True, True),
    ("ada@xn--bcher-kva.example", True, "ada@b\u00fccher.example", True, True),
    ("ada@stra\u00dfe.example", True, "ada@strasse.example", True, None),
]


@pytest.mark.parametrize(("given", "verified", "known", "confirmed", "linked"), ADDRESSES)
def test_which_addresses_are_the_same(
    owned: Owned,
    social_provider: t.Any,
    social_login: t.Any,
    given: str,
    verified: bool,
    known: str,
    confirmed: bool,
    linked: bool | None,
) -> None:
    """``True``: at once. ``False``: the owner is asked to prove the account. ``None``: that is somebody else."""
    social_provider.add_person(Person("eve", "Eve", "eve", given, email_verified=verified))
    kit, client = owned(known, user=CONFIRMED if confirmed else {}, SOCIAL_LINK_BY_EMAIL="verified")
    target = social_login(client, "google", "eve").location
    assert target == ("/link" if linked is False else "/")
    assert connected(kit) == {True: [(1, "google")], False: [], None: [(2, "google")]}[linked]
    assert len(values(kit, "id")) == (2 if linked is None else 1)


def test_linked_at_once(owned: Owned, social_login: t.Any) -> None:
    kit, client = owned(SOCIAL_LINK_BY_EMAIL="verified")
    assert social_login(client, "google", "ada", next="/inbox").location == "/inbox"
    assert kit.names() == ["connection_created", "login_completed"]
    assert social_login(kit.app.test_client(), "google", "ada").location == "/"
    assert connected(kit) == [(1, "google")]


GATES = [
    ({"active": False, **CONFIRMED}, {}, "user_inactive"),
    ({"active": False}, {}, None),
]


@pytest.mark.parametrize(("user", "config", "code"), GATES)
def test_who_may_not_come_in_is_not_linked(
    owned: Owned, social_login: t.Any, user: t.Any, config: t.Any, code: str | None
) -> None:
    kit, client = owned(user=user, SOCIAL_LINK_BY_EMAIL="verified", **config)
    assert social_login(client, "google", "ada").location == ("/login" if code else "/link")
    assert connected(kit) == []
    assert [told.get("code") for _, told in kit.events] == ([code] if code else [])


FACTORS = [
    ({"tf_primary_method": "authenticator", "tf_totp_secret": "{}"}, {}, "/link"),
    ({}, {"SECURITY_TWO_FACTOR_REQUIRED": True}, "/link"),
    ({}, {}, "/"),
]


@pytest.mark.parametrize(("user", "config", "target"), FACTORS)
def test_a_second_factor_comes_before_the_link(
    owned: Owned, social_login: t.Any, user: t.Any, config: t.Any, target: str
) -> None:
    options = {**TWO_FACTOR, **config}
    kit, client = owned(user={**CONFIRMED, **user}, SOCIAL_LINK_BY_EMAIL="verified", **options)
    assert social_login(client, "google", "ada").location == target
    assert connected(kit) == ([(1, "google")] if target == "/" else [])


def test_several_users_of_one_address_in_other_capitals(owned: Owned, social_login: t.Any) -> None:
    """Whoever of them is found: the address alone links to nobody but its exact owner."""
    kit, client = owned("Ada@example.com", SOCIAL_LINK_BY_EMAIL="verified")
    kit.add_user(ADA, confirmed_at=None)
    assert social_login(client, "google", "ada").location in ("/link", "/login")
    assert connected(kit) == []


def test_an_owner_who_is_not_confirmed_where_that_is_needed(owned: Owned, social_login: t.Any) -> None:
    kit, client = owned(user={}, SOCIAL_LINK_BY_EMAIL="verified", **CONFIRM)
    assert social_login(client, "google", "ada").location == "/link"
    assert connected(kit) == []


def test_a_second_account_of_one_provider(owned: Owned, social_provider: t.Any, social_login: t.Any) -> None:
    """Somebody who is connected already, and whose address is that of another account there."""
    social_provider.add_person(Person("second", "Ada again", "ada2", ADA))
    kit, client = owned(SOCIAL_LINK_BY_EMAIL="verified")
    social_login(client, "google", "ada")
    social_login(kit.app.test_client(), "google", "second")
    with kit.app.app_context():
        assert {row.user_id for row in kit.rows()} == {1}


def test_many_callbacks_at_once(owned: Owned, social_begin: t.Any, tmp_path: t.Any) -> None:
    import concurrent.futures

    kit, _ = owned(
        SOCIAL_LINK_BY_EMAIL="verified", SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'test.db'}?timeout=20"
    )
    clients = [kit.app.test_client() for _ in range(6)]
    addresses = [social_begin(client, "google", "ada") for client in clients]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        targets = list(pool.map(lambda client, url: client.get(url).location, clients, addresses))
    assert targets == ["/"] * 6
    assert connected(kit) == [(1, "google")]


# What is shown and told ------------------------------------------------------------------------------------------


def test_json_callers_of_the_page(owned: Owned, social_login: t.Any) -> None:
    kit, client = owned()
    assert client.get("/link", headers=JSON).get_json()["response"]["code"] == "nothing_waits"
    social_login(client, "google", "ada")
    answer = client.get("/link", headers=JSON)
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.get_json()["response"]
    assert told["provider_id"] == "google"
    assert told["account"] == {"display_name": "Ada Lovelace", "email": ADA}
    assert told["login_url"].startswith("/login?next=/link")
    assert "token" not in answer.text
    token = client.get("/login", headers=JSON).get_json()["response"]["csrf_token"]
    form = {"email": ADA, "password": PASSWORD, "csrf_token": token, "next": f"/link?identity={told['identity']}"}
    assert client.post("/login", json=form, headers=JSON).status_code == 200
    here = f"/link?identity={told['identity']}"
    assert client.get(here, headers=JSON).get_json()["response"]["login_url"] is None
    assert connected(kit) == []
    answer = client.post("/link", json={"identity": told["identity"]}, headers=JSON)
    assert answer.status_code == 200
    assert answer.is_json
    assert connected(kit) == [(1, "google")]


@pytest.mark.parametrize("body", [[], "x", 1, None, {}, {"identity": 1}, {"identity": None}, {"identity": ["x"]}])
def test_a_body_without_the_nonce(owned: Owned, social_login: t.Any, body: t.Any) -> None:
    kit, client = owned()
    social_login(client, "google", "ada")
    told = client.get("/link", headers=JSON).get_json()["response"]
    client.post(told["login_url"], data={"email": ADA, "password": PASSWORD, "csrf_token": client.get("/token").text})
    answer = client.post("/link", json=body, headers=JSON)
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (400, "link_mismatch")
    assert connected(kit) == []


def test_nobody_is_asked_to_link_who_is_logged_in(owned: Owned, social_login: t.Any) -> None:
    """Somebody else's session: connecting has a button of its own."""
    kit, client = owned()
    kit.add_user("bob@example.org")
    other = kit.app.test_client()
    target = social_login(other, "google", "ada").location
    assert target == "/link"
    kit.log_in(client, "bob@example.org")
    assert client.get("/link").status_code == 400
    assert send(client, "/link").status_code == 400
    assert connected(kit) == []
