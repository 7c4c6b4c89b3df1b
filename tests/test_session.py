"""What stands in the session: planted attempts, a fixed session id, and a day of abandoned visits."""

from __future__ import annotations

import base64
import collections.abc as cabc
import copy
import os
import secrets
import time
import typing as t

import pytest
from flask import Flask, Request, Response, session
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from flask_social.attempts import stash
from flask_social.values import INTENTS, Attempt, ConnectionKey
from flask_social.vault import Vault

from .appkit import SAME_ORIGIN, Kit, make_kit

PROVIDERS = ("twitter", "x", "facebook", "google", "foursquare", "oidc", "oauth2")
SECRET = "the secret of another application"


def make(social_provider: t.Any, **config: t.Any) -> Kit:
    kit = make_kit({name: social_provider.settings(name) for name in PROVIDERS}, **config)
    for email in ("ada@example.org", "eve@example.org"):
        kit.add_user(email)
    return kit


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return make(social_provider)


def connect(kit: Kit, social_provider: t.Any, provider: str) -> None:
    """Connects the first user to Ada's account."""
    with kit.app.app_context():
        subject = social_provider.subject(provider, "ada")
        kit.db.session.add(kit.Connection(user_id=1, provider_id=provider, provider_user_id=subject))
        kit.db.session.commit()


def attempts_of(client: t.Any) -> t.Any:
    with client.session_transaction() as stored:
        return stored.get("social_attempts")


def plant(client: t.Any, planted: t.Any) -> None:
    with client.session_transaction() as stored:
        stored["social_attempts"] = planted


def code(kit: Kit) -> str | None:
    return t.cast("str | None", kit.events[-1][1].get("code"))


# Planted attempts


def foreign(state: str) -> str:
    """An attempt that an application with another secret sealed just now."""
    now = time.time()
    attempt = Attempt(state, "google", "login", created_at=int(now))
    return stash(Vault([SECRET]), None, attempt, now=now, lifetime=600, limit=5)


PLANTED: list[t.Any] = [
    *("", "garbage", "A" * 2500, "\0", "é", "=", "....", None, True, 17, 1.5, [], ["A" * 40], [[1]], (), {}),
    *({"google": "state"}, b"", b"\xff" * 40, foreign("state")),
]


@pytest.mark.parametrize("provider", ["google", "twitter"])
def test_planted_values_are_no_attempts(kit: Kit, social_begin: t.Any, provider: str) -> None:
    handle, found = "oauth_token" if provider == "twitter" else "state", {}
    client = kit.app.test_client()
    kit.log_in(client)
    for planted in PLANTED:
        plant(client, planted)
        answer = client.get(f"/callback/{provider}?{handle}=state&code=c&oauth_verifier=v")
        refused = answer.status_code, code(kit)
        plant(client, planted)
        client.get(social_begin(client, provider, "ada", intent="connect"))
        found[repr(planted)] = refused, kit.names()[-1]
        client.post(f"/disconnect/{provider}", headers=SAME_ORIGIN)
    assert found == {repr(planted): ((302, "state_unknown"), "connection_created") for planted in PLANTED}


@pytest.mark.parametrize("change", ["another secret", "another purpose", "cut", "one letter", "none"])
def test_sealed_attempts_of_elsewhere(kit: Kit, social_provider: t.Any, social_begin: t.Any, change: str) -> None:
    """The attempts of a real visit reach our session from another application, or in another shape."""
    connect(kit, social_provider, "google")
    source = make(social_provider, SECRET_KEY=SECRET) if change == "another secret" else kit
    there, here = source.app.test_client(), kit.app.test_client()
    url = social_begin(there, "google", "ada")
    sealed = attempts_of(there)
    changed = {
        "another purpose": kit.app.extensions["social"].vault.seal("social_login", b"[]"),
        "cut": sealed[:-2],
        "one letter": ("B" if sealed[0] == "A" else "A") + sealed[1:],
    }
    plant(here, changed.get(change, sealed))
    answer = here.get(url)
    # Unchanged, the attempts are a copy of our own: then the table above would have shown nothing.
    assert (answer.location, code(kit)) == (("/", None) if change == "none" else ("/login", "state_unknown"))
    assert kit.who(here) == ("ada@example.org" if change == "none" else None)


@pytest.mark.parametrize(
    ("intent", "expected"),
    [("connect", "session_changed"), ("reconnect", "session_changed"), ("verify", "session_changed")],
)
@pytest.mark.parametrize("with_user", [True, False])
def test_an_attempt_of_another_user_does_nothing(
    kit: Kit, social_provider: t.Any, social_begin: t.Any, intent: str, expected: str, with_user: bool
) -> None:
    """Eve has her own attempt and its answer put into Ada's browser."""
    eve, ada = kit.app.test_client(), kit.app.test_client()
    kit.log_in(eve, "eve@example.org")
    if with_user:
        kit.log_in(ada)
    else:
        ada.get("/token")
    with kit.app.app_context():
        subject = social_provider.subject("oidc", "grace")
        kit.db.session.add(kit.Connection(user_id=2, provider_id="oidc", provider_user_id=subject))
        kit.db.session.commit()
    url = social_begin(eve, "oidc", "grace", intent=intent)
    plant(ada, attempts_of(eve))
    ada.get(url)
    assert code(kit) == expected
    assert kit.who(ada) == ("ada@example.org" if with_user else None)
    with kit.app.app_context():
        assert [row.user_id for row in kit.rows()] == [2]


# A fixed session id


class StoredSession(CallbackDict[str, t.Any], SessionMixin):
    """A session with an id."""

    def __init__(self, values: dict[str, t.Any], sid: str) -> None:
        super().__init__(values, lambda changed: setattr(changed, "modified", True))
        self.sid = sid
        self.modified = False


class ServerSide(SessionInterface):
    """Sessions in memory, with nothing but an id in the cookie; ``regenerate`` as Flask-Session has it."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, t.Any]] = {}

    def open_session(self, app: Flask, request: Request) -> StoredSession:
        sid = request.cookies.get(self.get_cookie_name(app), "")
        if sid not in self.stored:
            sid = secrets.token_urlsafe(16)
        return StoredSession(copy.deepcopy(self.stored.get(sid, {})), sid)

    def save_session(self, app: Flask, session: t.Any, response: Response) -> None:
        if session.modified:
            self.stored[session.sid] = dict(session)
            response.set_cookie(self.get_cookie_name(app), session.sid)


class Regenerating(ServerSide):
    def regenerate(self, session: t.Any) -> None:
        self.stored.pop(session.sid, None)
        session.sid = secrets.token_urlsafe(16)
        session.modified = True


def fixed(kit: Kit) -> tuple[t.Any, t.Any, str]:
    """The attacker's browser, the victim's with the attacker's session id in it, and the id."""
    attacker, victim = kit.app.test_client(), kit.app.test_client()
    attacker.get("/token")
    sid = attacker.get_cookie("session").value
    victim.set_cookie("session", sid)
    return attacker, victim, sid


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("interface", [Regenerating, ServerSide])
def test_a_fixed_session_id(
    kit: Kit, social_provider: t.Any, social_login: t.Any, provider: str, interface: type[ServerSide]
) -> None:
    """An interface that cannot give a new id shows that the attack works without one."""
    kit.app.session_interface = store = interface()
    connect(kit, social_provider, provider)
    attacker, victim, sid = fixed(kit)
    with victim.session_transaction() as stored:
        stored["cart"] = ["book"]
    victim.post("/login/x", headers=SAME_ORIGIN)
    social_login(victim, provider, "ada")
    renewed = interface is Regenerating
    assert kit.who(victim) == "ada@example.org"
    assert kit.who(attacker) == (None if renewed else "ada@example.org")
    assert (victim.get_cookie("session").value != sid, sid not in store.stored) == (renewed, renewed)
    with victim.session_transaction() as stored:
        assert stored["cart"] == ["book"]


@pytest.mark.parametrize("end", ["a stranger", "declined"])
def test_a_visit_that_comes_to_nothing_keeps_the_id(
    kit: Kit, social_provider: t.Any, social_login: t.Any, end: str
) -> None:
    kit.app.session_interface = Regenerating()
    attacker, victim, sid = fixed(kit)
    social_login(victim, "google", "grace" if end == "a stranger" else None)
    assert victim.get_cookie("session").value == sid
    assert kit.who(attacker) is None


def test_with_server_side_sessions_an_attempt_works_once(kit: Kit, social_provider: t.Any, social_begin: t.Any) -> None:
    kit.app.session_interface = Regenerating()
    client, thief = kit.app.test_client(), kit.app.test_client()
    url = social_begin(client, "google", "grace")
    thief.set_cookie("session", client.get_cookie("session").value)
    for browser, expected in ((client, "not_connected"), (thief, "state_unknown"), (client, "state_unknown")):
        browser.get(url)
        assert code(kit) == expected


# A day of abandoned visits

DAY = range(0, 24 * 3600, 300)


def noise(size: int) -> str:
    """Text that cannot be compressed."""
    return base64.urlsafe_b64encode(os.urandom(size)).decode()[:size]


@pytest.mark.parametrize("lifetime", [600, 86400])
@pytest.mark.parametrize("limit", [5, 20])
@pytest.mark.parametrize(
    "make_next", [lambda: f"/{noise(199)}", lambda: f"/{'n' * 199}"], ids=["noise", "compressible"]
)
def test_a_day_of_abandoned_attempts_by_the_clock(
    kit: Kit, lifetime: float, limit: int, make_next: cabc.Callable[[], str]
) -> None:
    """One attempt every five minutes, each as large as it may be, in the cookie that Flask makes of it."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(kit.app)
    assert serializer is not None
    vault, sealed, sizes = Vault([SECRET]), None, []
    content = {"_user_id": noise(36), "_fresh": True, "csrf_token": noise(40), "fs_paa": 1_800_000_000.5}
    bare = len(serializer.dumps(content))
    for number, now in enumerate(DAY):
        provider = PROVIDERS[number % len(PROVIDERS)]
        request_token = {"request_token": noise(48), "request_token_secret": noise(48)} if provider == "twitter" else {}
        attempt = Attempt(
            noise(43), provider, INTENTS[number % 4], user_id=noise(36), next_url=make_next(),
            expected_key=ConnectionKey(provider, noise(20)).fingerprint, created_at=now, **request_token,
        )  # fmt: skip
        sealed = stash(vault, sealed, attempt, now=now, lifetime=lifetime, limit=limit)
        sizes.append(len(serializer.dumps({**content, "social_attempts": sealed})) - bare)
    assert len(sizes) == 288
    assert 100 < max(sizes) <= 1100


@pytest.mark.parametrize("intent", ["login", "connect"])
def test_a_day_of_abandoned_attempts_in_a_browser(kit: Kit, intent: str) -> None:
    """The same number of begins, quickly and over HTTP, measured by the ``Set-Cookie`` header."""

    @kit.app.get("/touch")
    def touch() -> str:
        session.modified = True
        return ""

    client = kit.app.test_client()
    client.get("/token")
    if intent == "connect":
        kit.log_in(client)
    bare = len(client.get("/touch").headers["Set-Cookie"])
    sizes = []
    for number in range(len(DAY)):
        provider = PROVIDERS[number % len(PROVIDERS)]
        answer = client.post(f"/{intent}/{provider}", headers=SAME_ORIGIN, data={"next": f"/{noise(199)}"})
        assert answer.status_code == 303
        sizes.append(len(answer.headers["Set-Cookie"]) - bare)
    assert 100 < max(sizes) <= 1100
    assert len(client.get("/touch").headers["Set-Cookie"]) - bare <= 1100
