"""Two browsers, two users, three providers, and every route in any order, against a small model."""

from __future__ import annotations

import collections.abc as cabc
import typing as t
from urllib.parse import quote

import pytest
from cachelib import SimpleCache
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from ..appkit import JSON, PASSWORD, Kit, make_kit
from . import strategies as some
from .machine import PROVIDERS, USERS, Visits, browsers, intents, people, providers, recent, users
from .model import LIMIT, VERIFIERS, Jar


class Machine(Visits):
    """The visits, what else happens to a session, and what must be true after each step."""

    @initialize(
        first=some.mostly(USERS[0], [None, USERS[1]]),
        second=some.mostly(USERS[1], [None, USERS[0]]),
        connected=st.lists(st.tuples(browsers, providers, people), min_size=1, max_size=6),
    )
    def in_the_middle_of_things(
        self, first: str | None, second: str | None, connected: list[tuple[int, str, str]]
    ) -> None:
        """Most runs begin with users who are logged in and have accounts."""
        for browser, user in enumerate((first, second)):
            if user is not None:
                self.log_in(browser, user, True)
        for browser, provider, person in connected:
            self.whole_visit(browser, provider, "connect", person)

    # Passwords, cookies and time

    @rule(browser=browsers)
    def time_passes(self, browser: int) -> None:
        """A login grows stale."""
        if self.model.jars[browser].user is not None:
            with self.clients[browser].session_transaction() as session:
                session["fs_paa"] = 1
                session.pop("fs_gexp", None)
            self.model.put(browser, fresh=False)

    @rule(browser=browsers, right=st.booleans())
    def give_the_password_again(self, browser: int, right: bool) -> None:
        user = self.model.jars[browser].user
        form = {"password": PASSWORD if right else "a wrong password"}
        answer = self.send(browser, "POST", "/verify", json=form | self.csrf(browser), headers=JSON)
        good = right and user is not None and self.model.passwords[user]
        assert (answer.status_code == 200) == good, answer.text
        if good:
            self.model.put(browser, fresh=True)

    @rule(user=users, has=st.booleans())
    def the_application_changes_a_password(self, user: str, has: bool) -> None:
        """Somebody who has an account to log in with may live without a password."""
        if has or self.model.accounts(user):
            with self.kit.app.app_context():
                self.kit.security.datastore.find_user(email=user).password = PASSWORD if has else None
                self.kit.db.session.commit()
            self.model.passwords[user] = has

    @rule(browser=browsers)
    def throw_the_cookie_away(self, browser: int) -> None:
        self.clients[browser].delete_cookie("session")
        self.model.jars[browser] = Jar()

    @rule(browser=browsers)
    def keep_a_copy_of_the_cookie(self, browser: int) -> None:
        cookie = self.clients[browser].get_cookie("session")
        self.cookies.append((browser, cookie.value if cookie else None, self.model.jars[browser]))

    @precondition(lambda self: self.cookies)
    @rule(which=recent)
    def put_an_old_cookie_back(self, which: int) -> None:
        browser, value, jar = self.newest(self.cookies, which)
        self.throw_the_cookie_away(browser)
        if value is not None:
            self.clients[browser].set_cookie("session", value)
        self.model.jars[browser] = jar

    # Connections

    @rule(
        browser=browsers, provider=providers, how=st.sampled_from(["form", "json", "delete"]), person=st.none() | people
    )
    def disconnect(self, browser: int, provider: str, how: str, person: str | None) -> None:
        status, losing = self.model.loses(browser, provider, person)
        named = {"provider_user_id": self.subject(provider, person)} if person else {}
        if how == "delete":
            path = f"/connect/{provider}" + (f"/{quote(named['provider_user_id'])}" if named else "")
            answer = self.send(browser, "DELETE", path, headers=JSON)
        else:
            body = {"json": named} if how == "json" else {"data": named}
            answer = self.send(browser, "POST", f"/disconnect/{provider}", headers=JSON, **body)
        assert answer.status_code == status, answer.text
        for account in losing:
            del self.model.owners[account]
        self.note(f"disconnect: {status}")

    @rule(
        browser=browsers, provider=providers, body=st.sampled_from(["", "[]", '{"provider_user_id": ""}', "nonsense"])
    )
    def disconnect_nothing(self, browser: int, provider: str, body: str) -> None:
        """What names no account takes none away."""
        headers = {**JSON, "Content-Type": "application/json"}
        if body:
            assert self.send(browser, "POST", f"/disconnect/{provider}", data=body, headers=headers).status_code >= 400

    @rule(browser=browsers, provider=providers, intent=intents, path=st.sampled_from(["intent", "disconnect"]))
    def another_site_asks(self, browser: int, provider: str, intent: str, path: str) -> None:
        headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        path = f"/{intent if path == 'intent' else path}/{provider}"
        assert self.send(browser, "POST", path, headers=headers).status_code == 400

    @rule(browser=browsers, provider=providers, person=people)
    def look(self, browser: int, provider: str, person: str) -> None:
        user = self.model.jars[browser].user
        listed = self.send(browser, "GET", "/connections", headers=JSON)
        page = self.send(browser, "GET", f"/connect/{provider}/{quote(self.subject(provider, person))}")
        if user is None:
            assert (listed.status_code, page.status_code) == (401, 302)
            return
        found = listed.get_json()["response"]["connections"]
        mine = self.model.accounts(user)
        assert [(c["provider_id"], c["provider_user_id"]) for c in found] == [(a[0], self.subject(*a)) for a in mine]
        assert [c["can_disconnect"] for c in found] == [self.model.way_in_without(user, [a]) for a in mine]
        assert page.status_code == (200 if (provider, person) in mine else 404)
        assert self.send(browser, "GET", "/connections").status_code == 200

    # What must be true after each step

    @invariant()
    def everybody_is_who_the_model_says(self) -> None:
        assert [self.kit.who(client) for client in self.clients] == [jar.user for jar in self.model.jars]

    @invariant()
    def each_account_is_one_row_of_its_owner(self) -> None:
        with self.kit.app.app_context():
            rows = [(row.provider_id, row.provider_user_id, row.user.email) for row in self.kit.rows()]
            passwords = {user.email: user.password is not None for user in self.kit.db.session.query(self.kit.User)}
        assert rows == [(a[0], self.subject(*a), owner) for a, owner in self.model.owners.items()]
        assert passwords == self.model.passwords
        for user in passwords:
            assert passwords[user] or any(owner == user for _, _, owner in rows), "the last way in is lost"

    def teardown(self) -> None:
        for what in self.seen:
            event(what)
        self.clear()

    def clear(self) -> None:
        """Leaves the application as it was; its caches stay, as the provider's keys do."""
        with self.kit.app.app_context():
            for model in (self.kit.Connection, self.kit.User):
                self.kit.db.session.query(model).delete()
            self.kit.db.session.commit()
        self.kit.events.clear()
        self.standin.forget_requests()


@pytest.fixture(params=["", "once"])
def kit(social_provider: t.Any, request: pytest.FixtureRequest) -> Kit:
    more = {name: {"verify": True} for name in VERIFIERS}
    cache = SimpleCache(threshold=100_000) if request.param else None
    return make_kit(
        {name: social_provider.settings(name, **more.get(name, {})) for name in PROVIDERS},
        SOCIAL_MAX_ATTEMPTS=LIMIT,
        SOCIAL_ATTEMPT_CACHE=cache,
    )


@pytest.mark.slow
def test_any_order_of_steps(kit: Kit, social_provider: t.Any) -> None:
    run_state_machine_as_test(lambda: Machine(kit, social_provider), settings=some.examples(0.1))


@pytest.fixture
def machine(kit: Kit, social_provider: t.Any) -> cabc.Iterator[Machine]:
    """A machine whose rules a test calls by hand."""
    made = Machine(kit, social_provider)
    made.log_in(0, USERS[0], True)
    made.log_in(1, USERS[1], True)
    yield made
    made.everybody_is_who_the_model_says()
    made.each_account_is_one_row_of_its_owner()
    made.clear()


def test_the_ordinary_cases(machine: Machine) -> None:
    for provider in PROVIDERS:
        machine.whole_visit(0, provider, "connect", "ada")
        machine.whole_visit(1, provider, "connect", "ada")
    machine.whole_visit(0, "oauth2", "verify", "ada")
    machine.whole_visit(0, "google", "reconnect", "ada")
    machine.whole_visit(0, "google", "reconnect", "grace")
    machine.keep_a_copy_of_the_cookie(0)
    machine.whole_visit(0, "twitter", "login", "ada")
    machine.whole_visit(1, "google", "login", "grace")
    machine.the_application_changes_a_password(USERS[0], False)
    for provider in PROVIDERS:
        machine.disconnect(0, provider, "form", None)
    machine.put_an_old_cookie_back(0)
    assert machine.seen == {
        "connect: connected": 3,
        "connect: connected_elsewhere": 3,
        "verify: verified": 1,
        "reconnect: refreshed": 1,
        "reconnect: reconnect_mismatch": 1,
        "login: logged in": 1,
        "login: not_connected": 1,
        "disconnect: 200": 2,
        "disconnect: 409": 1,
    }


def test_the_attacks(machine: Machine) -> None:
    machine.whole_visit(0, "oauth2", "connect", "ada", (USERS[1], True))
    assert machine.seen["connect: session_changed"] == 1
    machine.visit_in_the_air(0, "google", "connect", "ada")
    machine.cross_providers(0, 0, "oauth2")
    assert machine.seen["connect: state_foreign"] == 1
    machine.visit_in_the_air(0, "google", "connect", "ada")
    machine.deliver(0, 1, "callback")
    assert machine.seen["connect: state_unknown"] == 1
    for provider in PROVIDERS:
        machine.inject_a_code(1, provider, "connect", True)
    assert machine.seen["connect: provider_refused"] == 3
    for how in ("state", "code", "twice", "error", "iss"):
        machine.visit_in_the_air(1, "google", "connect", "ada")
        machine.mutate(0, 0, how)
    assert machine.model.owners == {}
    # One visit, two answers of the provider, and the cookie from before the first of them arrived.
    machine.visit_in_the_air(1, "oauth2", "connect", "ada")
    machine.keep_a_copy_of_the_cookie(1)
    machine.deliver(0, 0, "callback")
    machine.answer(0, "grace")
    machine.put_an_old_cookie_back(0)
    machine.deliver(0, 0, "callback")
    once = machine.model.finished is not None
    assert len(machine.model.owners) == (1 if once else 2)


def test_the_machine_can_fail(machine: Machine) -> None:
    machine.model.owners["google", "grace"] = USERS[0]
    with pytest.raises(AssertionError):
        machine.each_account_is_one_row_of_its_owner()
    machine.model.owners.clear()
    machine.model.put(0, user=None)
    with pytest.raises(AssertionError):
        machine.everybody_is_who_the_model_says()
    machine.model.put(0, user=USERS[0])
