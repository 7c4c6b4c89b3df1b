"""Merging two local accounts of one person: when it is offered, what the page says, and what a POST moves."""

from __future__ import annotations

import dataclasses as dc
import time
import typing as t

import pytest
from cachelib import SimpleCache

from flask_social import ConfigurationError, pending
from flask_social.settings import Settings

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit
from .joinkit import same_browser
from .pagekit import Page

ADA, GRACE = "ada@example.org", "grace@example.org"
TOTP = {"SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"}, "SECURITY_TOTP_ISSUER": "tests"}


def make(social_provider: t.Any, **config: t.Any) -> Kit:
    """Ada with facebook, and grace with google (twice, once switched off) and facebook."""
    names = ("google", "facebook", "oidc")
    kit = make_kit({name: social_provider.settings(name) for name in names}, **{"SOCIAL_MERGE": "ask", **config})
    confirmed = {"confirmed_at": kit.security.datetime_factory()} if kit.app.config["SECURITY_CONFIRMABLE"] else {}
    ada, grace = kit.add_user(ADA, **confirmed), kit.add_user(GRACE, **confirmed)
    rows = [
        (ada, "facebook", social_provider.subject("facebook", "ada")),
        (grace, "google", social_provider.subject("google", "grace")),
        (grace, "facebook", social_provider.subject("facebook", "grace")),
        (grace, "gone", "17"),
    ]
    with kit.app.app_context():
        for user_id, provider_id, subject in rows:
            kit.db.session.add(kit.Connection(user_id=user_id, provider_id=provider_id, provider_user_id=subject))
        kit.db.session.commit()
    return kit


def signed_in(kit: Kit, email: str = ADA) -> t.Any:
    client = kit.app.test_client()
    kit.log_in(client, email)
    return client


def offered(kit: Kit, client: t.Any, social_login: t.Any) -> str:
    """Ada connects what is grace's, and is asked; gives the nonce."""
    answer = social_login(client, "google", "grace", intent="connect", next="/me")
    assert answer.status_code == 303
    path, _, nonce = answer.location.partition("?identity=")
    assert path == "/merge"
    kit.events.clear()
    return str(nonce)


def owners(kit: Kit) -> dict[str, list[str]]:
    """Which providers each user is connected with."""
    with kit.app.app_context():
        found: dict[str, list[str]] = {ADA: [], GRACE: []}
        for row in kit.rows():
            found[row.user.email].append(row.provider_id)
        return found


BEFORE = {ADA: ["facebook"], GRACE: ["google", "facebook", "gone"]}
AFTER = {ADA: ["facebook", "google", "facebook", "gone"], GRACE: []}


def test_the_page_names_what_would_move_and_the_button_moves_it(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    shown = client.get(f"/merge?identity={nonce}")
    assert shown.status_code == 200
    page = Page(shown.get_data(as_text=True))
    assert all(text in page.text for text in (ADA, GRACE, "Google", "Facebook", "gone"))
    assert owners(kit) == BEFORE
    assert kit.names() == []
    button = page.button("Merge")
    assert button.fields["identity"] == nonce
    answer = client.post(button.action, data=button.fields)
    assert (answer.status_code, answer.location) == (303, "/me")
    assert owners(kit) == AFTER
    assert kit.who(client) == ADA
    assert kit.names() == ["connection_removed"] * 3 + ["connection_created"] * 3
    users = [values["user"].email for _, values in kit.events]
    assert users == [GRACE] * 3 + [ADA] * 3
    told = [(mail.to, mail.subject) for mail in kit.mails]
    assert told == [([GRACE], "An account was disconnected"), ([ADA], "An account was connected")] * 3
    with kit.app.app_context():
        assert {(row.provider_id, row.rank) for row in kit.rows()} == {
            ("facebook", 1), ("facebook", 2), ("google", 1), ("gone", 1)
        }  # fmt: skip
        assert kit.social.facebook.get_connection(1).provider_user_id == social_provider.subject("facebook", "ada")
    fresh = kit.app.test_client()
    social_login(fresh, "google", "grace")
    assert kit.who(fresh) == ADA


def test_a_second_click_ends_like_the_first(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    second = same_browser(kit, client)
    for browser in (client, second):
        answer = browser.post("/merge", data={"identity": nonce}, headers=SAME_ORIGIN)
        assert (answer.status_code, answer.location) == (303, "/me")
    assert owners(kit) == AFTER
    assert kit.names() == ["connection_removed"] * 3 + ["connection_created"] * 3


def test_json(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, SOCIAL_MERGE_HOOK=lambda keep, other, dry_run: ["3 photos"])
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    told = client.get(f"/merge?identity={nonce}", headers=JSON).get_json()["response"]
    assert told["account"] == {"email": GRACE}
    assert [move["provider_id"] for move in told["moves"]] == BEFORE[GRACE]
    assert (told["sentences"], told["refused"], told["identity"]) == (["3 photos"], None, nonce)
    with kit.app.app_context():
        assert not any(row.provider_user_id in str(told) for row in kit.rows() if row.provider_id != "gone")
    done = client.post("/merge", json={"identity": nonce}, headers=JSON).get_json()["response"]
    assert done == {"code": "merged", "provider": "google", "next": "/me"}
    assert owners(kit) == AFTER


def test_without_the_setting_nothing_is_offered(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, SOCIAL_MERGE="never")
    client = signed_in(kit)
    assert social_login(client, "google", "grace", intent="connect").status_code == 302
    assert kit.names()[-2:] == ["connection_failed", "attempt_refused"]
    assert kit.events[-1][1]["code"] == "connected_elsewhere"
    assert client.get("/merge", headers=JSON).get_json()["response"]["code"] == "nothing_waits"


def change(kit: Kit, **values: t.Any) -> None:
    """Writes fields of grace."""
    with kit.app.app_context():
        grace = kit.security.datastore.find_user(email=GRACE)
        for name, value in values.items():
            setattr(grace, name, value)
        kit.db.session.commit()


TWO_FACTOR = {"SECURITY_TWO_FACTOR": True, "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"], **TOTP}
GATES: list[tuple[str, dict[str, t.Any], dict[str, t.Any]]] = [
    ("disabled", {}, {"active": False}),
    ("not confirmed", {"SECURITY_CONFIRMABLE": True}, {"confirmed_at": None}),
    ("with a second factor", TWO_FACTOR, {"tf_primary_method": "authenticator", "tf_totp_secret": "x"}),
]


@pytest.mark.parametrize(("config", "state"), [row[1:] for row in GATES], ids=[row[0] for row in GATES])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_an_owner_who_could_not_log_in_like_that_is_not_merged(
    social_provider: t.Any, social_login: t.Any, config: dict[str, t.Any], state: dict[str, t.Any], when: str
) -> None:
    kit = make(social_provider, **config)
    client = signed_in(kit)
    if when == "before":
        change(kit, **state)
        social_login(client, "google", "grace", intent="connect")
        assert kit.events[-1][1]["code"] == "connected_elsewhere"
        code = "nothing_waits"
    else:
        nonce = offered(kit, client, social_login)
        change(kit, **state)
        assert client.get(f"/merge?identity={nonce}", headers=JSON).status_code == 400
        code = "connected_elsewhere"
    answer = client.post("/merge", json={"identity": nonce if when == "meanwhile" else "x"}, headers=JSON)
    assert answer.get_json()["response"]["code"] == code
    assert owners(kit) == BEFORE


@pytest.mark.parametrize("intent", ["reconnect", "verify", "login"])
def test_only_a_connect_is_asked(social_provider: t.Any, social_login: t.Any, intent: str) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    with kit.app.app_context():
        kit.db.session.add(kit.Connection(user_id=1, provider_id="oidc", provider_user_id="mine"))
        kit.db.session.add(
            kit.Connection(user_id=2, provider_id="oidc", provider_user_id=social_provider.subject("oidc", "grace"))
        )
        kit.db.session.commit()
    social_login(client, "oidc", "grace", intent=intent)
    assert client.get("/merge", headers=JSON).get_json()["response"]["code"] == "nothing_waits"


SENDERS: list[tuple[str, dict[str, str], str]] = [
    ("nobody knows who", {}, "csrf_required"),
    ("another site", {"Origin": "https://evil.example"}, "origin_mismatch"),
    ("another site with fetch metadata", {"Sec-Fetch-Site": "cross-site"}, "origin_mismatch"),
    ("a sister site", {"Sec-Fetch-Site": "same-site"}, "origin_mismatch"),
]


@pytest.mark.parametrize(("headers", "code"), [row[1:] for row in SENDERS], ids=[row[0] for row in SENDERS])
def test_who_may_send_it(social_provider: t.Any, social_login: t.Any, headers: dict[str, str], code: str) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    answer = client.post("/merge", data={"identity": nonce}, headers={**headers, "Accept": "application/json"})
    assert answer.get_json()["response"]["code"] == code
    assert owners(kit) == BEFORE
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 200


NONCES: list[t.Any] = [None, "", "x", "x" * 100_000, ["NONCE"], {"NONCE": 1}, True, 0]


@pytest.mark.parametrize("nonce", NONCES, ids=lambda nonce: str(nonce)[:9])
def test_without_the_nonce_nothing_moves_and_the_waiting_ends(
    social_provider: t.Any, social_login: t.Any, nonce: t.Any
) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    right = offered(kit, client, social_login)
    sent = {"identity": [right] if nonce == ["NONCE"] else nonce}
    assert client.post("/merge", json=sent, headers=JSON).get_json()["response"]["code"] == "link_mismatch"
    assert client.post("/merge", json={"identity": right}, headers=JSON).status_code == 400
    assert owners(kit) == BEFORE


def test_nobody_else_inherits_it(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    kit.add_user("alan@example.org")
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    with client.session_transaction() as session:
        sealed = session["social_pending"]
    kit.log_out(client)
    assert client.get(f"/merge?identity={nonce}", headers=JSON).get_json()["response"]["code"] == "nothing_waits"
    kit.log_in(client, "alan@example.org")
    with client.session_transaction() as session:
        session["social_pending"] = sealed
    answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
    assert answer.get_json()["response"]["code"] == "link_mismatch"
    assert owners(kit) == BEFORE


def test_an_auth_token_is_no_session(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = kit.app.test_client()
    token = kit.log_in(client)
    nonce = offered(kit, client, social_login)
    with client.session_transaction() as session:
        kept = session["social_pending"]
        session.clear()
        session["social_pending"] = kept
    headers = {**JSON, "Authentication-Token": token}
    assert client.post("/merge", json={"identity": nonce}, headers=headers).status_code == 400
    assert owners(kit) == BEFORE


def rewrite(kit: Kit, client: t.Any, **values: t.Any) -> None:
    """Replaces the waiting identity by one with other values, sealed as ours are."""
    vault = kit.app.extensions["social"].vault
    with client.session_transaction() as session:
        found = pending.unseal(vault, session["social_pending"], now=time.time())
        assert found is not None
        session["social_pending"] = pending.seal(vault, dc.replace(found, **values))


@pytest.mark.parametrize("age", [301, -10])
def test_it_waits_five_minutes(social_provider: t.Any, social_login: t.Any, age: int) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    rewrite(kit, client, created_at=int(time.time()) - age)
    answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
    assert answer.get_json()["response"]["code"] == "nothing_waits"
    assert owners(kit) == BEFORE


def test_what_waits_for_a_link_is_not_what_waits_for_a_merge(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    for path in ("/link", "/signup/google"):
        assert client.post(path, json={"identity": nonce}, headers=JSON).status_code == 400
    rewrite(kit, client, purpose="link")
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 400
    assert owners(kit) == BEFORE


def test_sent_twice_it_is_done_once(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    with client.session_transaction() as session:
        sealed = session["social_pending"]
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 200
    kit.events.clear()
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 400
    with client.session_transaction() as session:
        session["social_pending"] = sealed  # an older cookie
    answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
    assert answer.get_json()["response"]["code"] == "merged"
    assert kit.names() == []
    assert owners(kit) == AFTER


@pytest.mark.parametrize("fate", ["removed", "alans"])
def test_an_identity_that_has_another_owner_by_now(social_provider: t.Any, social_login: t.Any, fate: str) -> None:
    kit = make(social_provider)
    alan = kit.add_user("alan@example.org")
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    with kit.app.app_context():
        row = next(row for row in kit.rows() if row.provider_id == "google")
        if fate == "removed":
            kit.db.session.delete(row)
        else:
            row.user_id = alan
        kit.db.session.commit()
    answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
    assert answer.get_json()["response"]["code"] == "nothing_waits"
    with kit.app.app_context():
        assert [row.provider_id for row in kit.rows() if row.user_id == 1] == ["facebook"]


def test_a_stale_session_is_asked_first_and_goes_on(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    with client.session_transaction() as session:
        session["fs_paa"] = 1.0
        session.pop("fs_gexp", None)
    answer = client.post("/merge", data={"identity": nonce}, headers=SAME_ORIGIN)
    assert answer.location == f"/verify?next=/merge?identity%3D{nonce}"
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 401
    assert owners(kit) == BEFORE
    with client.session_transaction() as session:
        session["fs_paa"] = time.time()
    assert client.get(f"/merge?identity={nonce}").status_code == 200
    assert client.post("/merge", data={"identity": nonce}, headers=SAME_ORIGIN).status_code == 303
    assert owners(kit) == AFTER


# What the application moves ------------------------------------------------------------------------------------


def test_the_hook_moves_the_applications_own_data(social_provider: t.Any, social_login: t.Any) -> None:
    calls: list[tuple[str, str, bool]] = []

    def hook(keep: t.Any, other: t.Any, dry_run: bool) -> list[str]:
        calls.append((keep.email, other.email, dry_run))
        if not dry_run:
            other.active = False
        return ["<b>3</b> photos"]

    kit = make(social_provider, SOCIAL_MERGE_HOOK=hook)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    page = client.get(f"/merge?identity={nonce}").get_data(as_text=True)
    assert "&lt;b&gt;3&lt;/b&gt; photos" in page
    assert calls == [(ADA, GRACE, True)]
    client.post("/merge", data={"identity": nonce}, headers=SAME_ORIGIN)
    assert calls == [(ADA, GRACE, True), (ADA, GRACE, False)]
    with kit.app.app_context():
        assert [user.active for user in kit.users()] == [True, False]


@pytest.mark.parametrize("wrong", [RuntimeError("an application's mistake"), "a text", None, 3])
def test_a_hook_that_fails_moves_nothing(social_provider: t.Any, social_login: t.Any, wrong: t.Any) -> None:
    def hook(keep: t.Any, other: t.Any, dry_run: bool) -> t.Any:
        other.active = False
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    kit = make(social_provider, SOCIAL_MERGE_HOOK=hook)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    with pytest.raises((RuntimeError, ConfigurationError)):
        client.post("/merge", data={"identity": nonce}, headers=SAME_ORIGIN)
    assert owners(kit) == BEFORE
    assert kit.names() == []
    assert kit.mails == []
    with kit.app.app_context():
        assert all(user.active for user in kit.users())


# One account of each provider -----------------------------------------------------------------------------------


def test_both_with_the_same_provider_where_one_is_allowed(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, SOCIAL_SEVERAL_PER_PROVIDER=False)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    page = Page(client.get(f"/merge?identity={nonce}").get_data(as_text=True))
    assert "same provider" in page.text
    assert "Merge" not in page.texts()
    answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
    assert answer.get_json()["response"]["code"] == "merge_conflict"
    assert owners(kit) == BEFORE


@pytest.mark.parametrize("several", [True, False])
def test_a_second_account_of_one_provider(social_provider: t.Any, social_login: t.Any, several: bool) -> None:
    kit = make(social_provider, SOCIAL_SEVERAL_PER_PROVIDER=several)
    client = signed_in(kit)
    social_login(client, "facebook", "alan", intent="connect")
    assert kit.names()[-1] == ("connection_created" if several else "attempt_refused")
    assert owners(kit)[ADA] == ["facebook"] * (2 if several else 1)
    social_login(client, "google", "alan", intent="connect")
    assert kit.names()[-1] == "connection_created"
    social_login(client, "google", "alan", intent="connect")
    assert kit.names()[-2:] == ["connection_updated", "connection_failed"]


def test_the_primary_connection(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    for person in ("alan", "grace"):
        social_login(client, "oidc", person, intent="connect")
    with kit.app.app_context():
        first, second = kit.social.oidc.get_connections(1)
        kit.social.oidc.make_primary(second)
        assert [c.provider_user_id for c in kit.social.oidc.get_connections(1)] == [
            social_provider.subject("oidc", "grace"),
            social_provider.subject("oidc", "alan"),
        ]
        assert kit.social.oidc.get_connection(1).rank == 1
        with pytest.raises(ValueError, match="google"):
            kit.social.google.make_primary(first)


# Elsewhere ------------------------------------------------------------------------------------------------------


def test_with_an_attempt_cache(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, SOCIAL_ATTEMPT_CACHE=SimpleCache())
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    with client.session_transaction() as session:
        name = session["social_pending"]
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 200
    with client.session_transaction() as session:
        session["social_pending"] = name
    assert client.post("/merge", json={"identity": nonce}, headers=JSON).status_code == 400
    assert owners(kit) == AFTER


def test_what_waits_holds_no_token(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit)
    offered(kit, client, social_login)
    with client.session_transaction() as session:
        found = pending.unseal(kit.app.extensions["social"].vault, session["social_pending"], now=time.time())
    assert found is not None
    assert (found.grant.token.access_token, found.grant.token.id_token) == ("", None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SOCIAL_MERGE", "auto"),
        ("SOCIAL_MERGE", True),
        ("SOCIAL_MERGE_HOOK", "app.merge"),
        ("SOCIAL_SEVERAL_PER_PROVIDER", "no"),
        ("SOCIAL_SEND_CONNECTION_EMAIL", 1),
    ],
)
def test_wrong_settings_are_named(key: str, value: t.Any) -> None:
    with pytest.raises(ConfigurationError, match=key):
        Settings.read({key: value})
