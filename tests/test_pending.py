"""An identity that waits: sealed, for one browser and one purpose, for a few minutes; and what ends the waiting."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import json
import secrets
import typing as t
import zlib

import pytest
from cachelib import SimpleCache
from flask_security import RegisterFormV2

from flask_social import pending
from flask_social.errors import AnswerInvalid
from flask_social.pending import LIFETIME, MAX_SEALED, Pending, seal, unseal
from flask_social.providers.base import Grant
from flask_social.values import Profile, Token
from flask_social.vault import Vault

from .appkit import JSON, SAME_ORIGIN, Kit
from .joinkit import CONFIRM, connected, join_kit, named_in, same_browser, send, values

NOW = 1_800_000_000
VAULT = Vault(["secret"])

TOKEN = Token(
    "access", secret="secret", refresh_token="refresh", token_type="bearer", scope=("a", "b"), id_token="id",
    expires_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
)  # fmt: skip
PROFILE = Profile("1", "Ada", "Ada Lovelace", "ada@example.com", True, "verified", "https://x.example/ada", None)
WAITING = Pending(
    "signup", "google", Grant(TOKEN, PROFILE, "https://issuer.example"), NOW, nonce="nonce", next_url="/inbox",
    fields={"email": "ada@example.com", "username": "ada"}, proven="ada@example.com",
)  # fmt: skip


# The sealed text ------------------------------------------------------------------------------------------------


def test_what_is_sealed_comes_back() -> None:
    assert unseal(VAULT, seal(VAULT, WAITING), now=NOW) == WAITING
    least = Pending("link", "google", Grant(Token("a"), Profile("1"), None), NOW)
    assert unseal(VAULT, seal(VAULT, least), now=NOW) == least


def test_nothing_can_be_read_in_it() -> None:
    text = seal(VAULT, WAITING)
    assert all(word not in text for word in ("ada", "access", "refresh", "nonce"))
    shown = repr(WAITING)
    assert all(word not in shown for word in ("'access'", "'secret'", "'refresh'", "'nonce'"))


@pytest.mark.parametrize("purpose", ["signup", "link"])
def test_how_long_it_waits(purpose: t.Any) -> None:
    text = seal(VAULT, dc.replace(WAITING, purpose=purpose))
    for age, found in ((0, True), (LIFETIME[purpose] - 1, True), (LIFETIME[purpose], False), (-1, False)):
        assert (unseal(VAULT, text, now=NOW + age) is not None) is found


SHAPES = [None, "", "x", 1, b"x", [], {}, "a" * 100_000, "\u00e9", "\0"]


@pytest.mark.parametrize("text", SHAPES, ids=range(len(SHAPES)))
def test_what_is_no_sealed_identity(text: t.Any) -> None:
    assert unseal(VAULT, text, now=NOW) is None


def test_a_text_of_another_purpose_or_secret() -> None:
    text = seal(VAULT, WAITING)
    assert unseal(Vault(["other"]), text, now=NOW) is None
    assert unseal(Vault(["new", "secret"]), text, now=NOW) == WAITING
    assert unseal(VAULT, VAULT.seal("attempts", b"x"), now=NOW) is None


#: Length of the access token, of the ID token -> which of the two is kept.
SIZES = [(100, 100, True, True), (600, 4000, True, False), (4000, 100, False, False), (60_000, 0, False, False)]


@pytest.mark.parametrize(("access", "id_token", "access_kept", "id_kept"), SIZES)
def test_tokens_that_fit_into_no_cookie_are_left_out(
    access: int, id_token: int, access_kept: bool, id_kept: bool
) -> None:
    token = Token(secrets.token_hex(access // 2), id_token=secrets.token_hex(id_token // 2), scope=("a",))
    big = dc.replace(WAITING, grant=Grant(token, PROFILE, None))
    text = seal(VAULT, big)
    assert len(text) <= MAX_SEALED
    found = unseal(VAULT, text, now=NOW)
    assert found is not None
    assert (found.grant.token.access_token, found.grant.token.id_token) == (
        token.access_token if access_kept else "",
        token.id_token if id_kept else None,
    )
    assert found.whole is access_kept
    assert found.grant.profile == PROFILE
    whole = unseal(VAULT, seal(VAULT, big, limit=None), now=NOW)
    assert whole == big


def test_what_is_too_big_waits_nowhere() -> None:
    for limit, fields in ((MAX_SEALED, {"motto": secrets.token_hex(2000)}), (None, {"motto": "a" * 65_536})):
        with pytest.raises(AnswerInvalid):
            seal(VAULT, dc.replace(WAITING, fields=fields), limit=limit)


def test_nonces() -> None:
    made = {pending.new_nonce(secrets.token_bytes) for _ in range(100)}
    assert len(made) == 100
    assert {len(nonce) for nonce in made} == {22}


# In a browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["cookie", "cache"])
def walk(request: pytest.FixtureRequest, social_provider: t.Any, social_login: t.Any) -> t.Any:
    """Walks a person up to the sign-up form, the identity waiting in the cookie or in a cache."""

    def up_to_the_form(provider: str = "google", person: str = "ada", **options: t.Any) -> tuple[Kit, t.Any]:
        cache = SimpleCache() if request.param else None
        kit = join_kit(social_provider, **{"SOCIAL_SIGNUP": "ask", "SOCIAL_ATTEMPT_CACHE": cache, **options})
        client = kit.app.test_client()
        assert social_login(client, provider, person).location == f"/signup/{provider}"
        return kit, client

    return up_to_the_form


def waits(client: t.Any) -> bool:
    with client.session_transaction() as session:
        return "social_pending" in session


def refused(answer: t.Any) -> bool:
    return answer.status_code == 400 and "There is nothing to finish here" in answer.text


def test_a_form_without_a_waiting_identity(walk: t.Any) -> None:
    kit, client = walk()
    stranger = kit.app.test_client()
    assert refused(stranger.get("/signup/google"))
    assert refused(send(stranger, "/signup/google", email="ada@example.com"))
    assert refused(client.get("/link"))
    answer = stranger.get("/signup/google", headers=JSON)
    assert answer.get_json()["response"]["code"] == "nothing_waits"
    assert stranger.get("/signup/nobody").status_code == 404
    assert values(kit, "id") == []
    assert client.get("/signup/google").status_code == 200


def test_the_identity_of_another_provider(walk: t.Any, social_login: t.Any) -> None:
    kit, client = walk()
    assert refused(client.get("/signup/facebook"))
    assert refused(send(client, "/signup/facebook", email="ada@example.com"))
    social_login(client, "facebook", "ada")
    assert refused(send(client, "/signup/google", email="ada@example.com"))
    assert values(kit, "id") == []


@pytest.mark.parametrize("text", ["planted", "", 1, None, ["x"], {"a": 1}])
def test_a_planted_text(walk: t.Any, text: t.Any) -> None:
    _, client = walk()
    with client.session_transaction() as session:
        session["social_pending"] = text
    assert refused(client.get("/signup/google"))


@pytest.mark.parametrize(("age", "shown"), [(899, True), (901, False)])
def test_the_time(walk: t.Any, age: int, shown: bool) -> None:
    """The clock cannot be turned here, so the identity is made older."""
    kit, client = walk(SOCIAL_ATTEMPT_CACHE=None)
    vault = kit.app.extensions["social"].vault
    with client.session_transaction() as session:
        text = session["social_pending"]
        row = json.loads(zlib.decompress(vault.open("pending", text)))
        row["created_at"] -= age
        session["social_pending"] = vault.seal("pending", zlib.compress(json.dumps(row).encode()))
    answer = client.get("/signup/google")
    assert answer.status_code == 200 if shown else refused(answer)


def test_csrf(walk: t.Any) -> None:
    kit, client = walk()
    token = client.get("/token").text
    cases: list[tuple[dict[str, str], dict[str, str], str | None]] = [
        ({}, {}, "csrf_required"),
        ({}, {"csrf_token": "wrong"}, "csrf_required"),
        ({"Origin": "https://evil.example"}, {"csrf_token": token}, "origin_mismatch"),
        ({"Sec-Fetch-Site": "cross-site"}, {"csrf_token": token}, "origin_mismatch"),
        ({"Sec-Fetch-Site": "same-site"}, {"csrf_token": token}, "origin_mismatch"),
        ({}, {"csrf_token": token}, None),
    ]
    for headers, form, code in cases:
        accept = {"Accept": "application/json", **headers}
        answer = send(client, "/signup/google", headers=accept, email="ada@example.com", **form)
        assert answer.get_json()["response"].get("code") in (code, "logged_in" if code is None else code)
        assert len(values(kit, "id")) == (code is None)


def test_somebody_who_is_logged_in(walk: t.Any) -> None:
    """Also when the login was in another tab, from a page that knew nothing of this one."""
    kit, client = walk()
    copy = same_browser(kit, client)
    kit.add_user()
    kit.log_in(client)
    assert not waits(client)
    assert refused(send(client, "/signup/google", email="ada@example.com"))
    kit.log_out(client)
    assert refused(client.get("/signup/google"))
    with client.session_transaction() as session, copy.session_transaction() as old:
        session["social_pending"] = old["social_pending"]
    kit.log_in(client)
    assert refused(send(client, "/signup/google", email="ada@example.com"))
    assert len(values(kit, "id")) == 1


def test_two_tabs_make_one_account(walk: t.Any, social_login: t.Any) -> None:
    kit, client = walk()
    social_login(client, "google", "ada")
    other = kit.app.test_client()
    social_login(other, "google", "ada")
    for browser, who in ((client, "ada@example.com"), (other, None)):
        assert send(browser, "/signup/google", email="ada@example.com").status_code in (302, 303)
        assert kit.who(browser) == who, "a form that waits is no login"
    assert connected(kit) == [(1, "google")]
    assert len(values(kit, "id")) == 1


@pytest.mark.parametrize("typed", ["ada@example.com", "other@example.org"])
def test_a_form_sent_twice_makes_one_account(social_provider: t.Any, social_login: t.Any, typed: str) -> None:
    """The second click left before the first one was answered. Its answer goes where the first one logged in."""
    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", **CONFIRM, SECURITY_LOGIN_WITHOUT_CONFIRMATION=True)
    client = kit.app.test_client()
    social_login(client, "google", "ada", next="/inbox")
    second = same_browser(kit, client)
    assert send(client, "/signup/google", email=typed).location == "/inbox"
    assert kit.who(client) == typed
    assert send(second, "/signup/google", email=typed).location == "/"
    assert kit.who(second) is None
    assert connected(kit) == [(1, "google")]


def test_a_form_sent_twice_while_the_first_one_is_written(social_provider: t.Any, social_login: t.Any) -> None:
    """The first click makes the account while the second one's fields are looked at: its address is taken now."""
    first: list[t.Any] = []

    class Form(RegisterFormV2):
        def validate(self, **options: t.Any) -> bool:
            if first:
                assert send(first.pop(), "/signup/google", email="ada@example.com").location == "/inbox"
            return bool(super().validate(**options))

    kit = join_kit(social_provider, SOCIAL_SIGNUP="ask", forms={"register_form": Form})
    client = kit.app.test_client()
    social_login(client, "google", "ada", next="/inbox")
    identity = named_in(client, "/signup/google")
    first.append(same_browser(kit, client))
    answer = client.post("/signup/google", data={**identity, "email": "ada@example.com"}, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.location) == (303, "/")
    assert connected(kit) == [(1, "google")]
