"""The state machine where people sign up, and connect by their address: two users more, who come by themselves."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import time
import typing as t

import pytest
from cachelib import SimpleCache
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from flask_social import pending

from ..appkit import JSON, Kit, make_kit
from . import strategies as some
from .joinmodel import SIGNUP, JoinModel, Paper, address
from .machine import PROVIDERS, USERS, astray, browsers, people, providers, recent
from .model import LIMIT, VERIFIERS, Answer
from .test_state_machine import Machine

proofs = some.mostly("password", PROVIDERS)


class Joins(Machine):
    """The machine with sign-up, and linking by a proof of the local account."""

    model: JoinModel

    def __init__(self, kit: Kit, standin: t.Any) -> None:
        super().__init__(kit, standin)
        self.papers: list[Paper] = []

    def make_model(self, once: bool) -> JoinModel:
        return JoinModel(USERS, once=once)

    @initialize(
        connected=st.lists(st.tuples(browsers, providers, people), max_size=1),
        new=st.lists(people, max_size=2, unique=True),
    )
    def in_the_middle_of_things(self, connected: list[tuple[int, str, str]], new: list[str]) -> None:
        """Most accounts are still to come, and nobody is logged in."""
        for browser, provider, person in connected:
            self.log_in(browser, USERS[browser], True)
            self.whole_visit(browser, provider, "connect", person)
            self.log_out(browser)
        for person in new:
            self.the_whole_way(0, "google", person, "password", True)
            self.a_new_user_gets_a_password(person)
            self.log_out(0)

    # Coming

    def arrive(self, browser: int, answer: Answer, place: str, page: str, **more: t.Any) -> None:
        waits = self.model.waits
        super().arrive(browser, answer, place, page, **more)
        if self.model.waits > waits:
            self.read(browser)

    def read(self, browser: int) -> None:
        """The page on which the new identity waits."""
        found = self.model.jars[browser].waiting
        assert found is not None
        page = "/link" if found.purpose == "link" else f"/signup/{found.account[0]}"
        shown = self.send(browser, "GET", page, headers=JSON).get_json()["response"]
        assert shown["provider_id"] == found.account[0]
        told = shown["account"]["email"] if found.purpose == "link" else shown["fields"]["email"]
        assert told == address(found.account[1])
        self.papers.append(Paper(browser, found.account[0], found.number, shown["identity"]))

    @rule(browser=browsers, provider=providers, person=people)
    def somebody_comes(self, browser: int, provider: str, person: str) -> None:
        self.whole_visit(browser, provider, "login", person)

    @rule(browser=browsers, provider=providers, person=people, by=proofs, to_the_end=st.booleans())
    def the_whole_way(self, browser: int, provider: str, person: str, by: str, to_the_end: bool) -> None:
        """The ordinary case, which single steps reach too seldom; or all of it but the last step."""
        papers = len(self.papers)
        self.somebody_comes(browser, provider, person)
        if len(self.papers) == papers:
            return
        link = self.model.waiting(browser, "link") is not None
        if link:
            self.prove_the_account(0, 0, by, "owner")
        if to_the_end:
            self.press_the_button(0, 0) if link else self.send_the_form(0, 0)

    # Signing up

    @precondition(lambda self: self.papers)
    @rule(which=recent, other=astray)
    def send_the_form(self, which: int, other: int) -> None:
        paper: Paper = self.newest(self.papers, which)
        browser = paper.browser ^ other
        waiting = self.model.waiting(browser, "signup")
        form = {"identity": paper.nonce, "email": address(waiting.account[1]) if waiting else address("ada")}
        self.kit.events.clear()
        answer = self.send(browser, "POST", f"/signup/{paper.provider}", json=form, headers=JSON)
        expected = self.model.sends_form(browser, paper.provider, paper.number)
        self.compare("form", answer, expected, {"signed up": 200, "made already": 200, "address taken": 400})

    # Connecting

    @precondition(lambda self: self.papers)
    @rule(
        which=recent,
        other=astray,
        by=proofs,
        user=st.sampled_from(["owner", *USERS]),
    )
    def prove_the_account(self, which: int, other: int, by: str, user: str) -> None:
        """Somebody logs in where the page sent them: with a password, or with an account at a provider."""
        paper: Paper = self.newest(self.papers, which)
        browser, goes_to = paper.browser ^ other, (paper.number, f"/link?identity={paper.nonce}")
        waiting = self.model.waiting(browser, "link")
        name = (waiting.owner if waiting else None) or USERS[0] if user == "owner" else user
        if by == "password":
            self.gives_password(browser, name, True, goes_to)
        elif self.begun(browser, by, "login", None, goes_to):
            self.answer(0, name.partition("@")[0])
            self.arrive(browser, self.answers[-1], by, "callback")

    @precondition(lambda self: self.papers)
    @rule(which=recent, other=astray)
    def press_the_button(self, which: int, other: int) -> None:
        paper: Paper = self.newest(self.papers, which)
        browser = paper.browser ^ other
        self.kit.events.clear()
        answer = self.send(browser, "POST", "/link", json={"identity": paper.nonce}, headers=JSON)
        expected = self.model.presses_button(browser, paper.number)
        statuses = {"connected": 200, "refreshed": 200, "log in first": 200, "prove again": 401}
        self.compare("button", answer, expected, statuses)

    def compare(self, what: str, answer: t.Any, expected: str, statuses: dict[str, int]) -> None:
        """The status of an answer, its code if it is a refusal, and what the signals say."""
        assert answer.status_code == statuses.get(expected, 400), (expected, answer.text)
        if expected not in statuses:
            assert answer.get_json()["response"]["code"] == expected
        self.sent_signals_of(expected)
        self.note(f"{what}: {expected}")

    # Time, and the application

    @rule(browser=browsers)
    def what_waits_grows_too_old(self, browser: int) -> None:
        found = self.model.jars[browser].waiting
        if found is None or (self.model.finished is not None and found.number in self.model.gone):
            return
        cache, vault = self.kit.app.config["SOCIAL_ATTEMPT_CACHE"], self.kit.app.extensions["social"].vault
        with self.clients[browser].session_transaction() as session:
            name = session["social_pending"]
            key = f"flask-social:pending:{name}"
            waiting = pending.unseal(vault, cache.get(key) if cache else name, now=time.time())
            assert waiting is not None
            old = pending.seal(vault, dc.replace(waiting, created_at=1), limit=None)
            if cache:
                cache.set(key, old)
            else:
                session["social_pending"] = old
        self.model.drop(browser)

    @rule(person=people)
    def a_new_user_gets_a_password(self, person: str) -> None:
        if address(person) in self.model.passwords:
            self.the_application_changes_a_password(address(person), True)

    @rule(browser=browsers, person=people, right=some.mostly(True, [False]))
    def a_new_user_logs_in(self, browser: int, person: str, right: bool) -> None:
        if address(person) in self.model.passwords:
            self.log_in(browser, address(person), right)


@pytest.fixture(params=["", "once"])
def kit(social_provider: t.Any, request: pytest.FixtureRequest) -> Kit:
    more = {name: {"verify": True} for name in VERIFIERS}
    return make_kit(
        {
            name: social_provider.settings(name, signup=SIGNUP[name], link_by_email="prove", **more.get(name, {}))
            for name in PROVIDERS
        },
        SOCIAL_MAX_ATTEMPTS=LIMIT,
        SOCIAL_ATTEMPT_CACHE=SimpleCache(threshold=100_000) if request.param else None,
    )


@pytest.mark.slow
def test_any_order_of_steps(kit: Kit, social_provider: t.Any) -> None:
    run_state_machine_as_test(lambda: Joins(kit, social_provider), settings=some.examples(0.15))


@pytest.fixture
def machine(kit: Kit, social_provider: t.Any) -> cabc.Iterator[Joins]:
    """A machine whose rules a test calls by hand."""
    made = Joins(kit, social_provider)
    yield made
    made.everybody_is_who_the_model_says()
    made.each_account_is_one_row_of_its_owner()
    made.clear()


def test_the_ordinary_cases(machine: Joins) -> None:
    machine.somebody_comes(0, "google", "ada")
    machine.somebody_comes(1, "oauth2", "grace")
    machine.somebody_comes(1, "twitter", "grace")
    machine.send_the_form(0, 0)
    machine.send_the_form(0, 0)
    for by in ("google", "password"):  # the second one has both
        machine.somebody_comes(0, "oauth2" if by == "google" else "twitter", "ada")
        machine.press_the_button(0, 0)
        machine.prove_the_account(0, 0, by, "owner")
        machine.press_the_button(0, 0)
        machine.a_new_user_gets_a_password("ada")
    assert machine.model.owners == {
        ("google", "ada"): address("ada"),
        ("twitter", "grace"): address("grace"),
        ("oauth2", "ada"): address("ada"),
        ("twitter", "ada"): address("ada"),
    }
    assert machine.seen == {
        "login: signed up": 1,
        "login: not_connected": 1,
        "login: sign up first": 1,
        "login: prove first": 2,
        "login: logged in": 1,
        "form: signed up": 1,
        "form: nothing_waits": 1,
        "button: log in first": 2,
        "button: connected": 2,
    }


def test_the_attacks(machine: Joins) -> None:
    """Somebody else at the same browser, another browser, an older page, an older cookie, and too late."""
    machine.somebody_comes(0, "google", "ada")
    machine.a_new_user_gets_a_password("ada")
    machine.somebody_comes(0, "oauth2", "ada")
    machine.prove_the_account(0, 0, "password", USERS[1])
    machine.press_the_button(0, 0)
    machine.log_out(0)
    machine.somebody_comes(0, "oauth2", "ada")
    machine.a_new_user_logs_in(0, "ada", True)
    machine.press_the_button(0, 0)
    assert machine.seen["button: nothing_waits"] == 2
    machine.log_out(0)
    machine.somebody_comes(0, "oauth2", "ada")
    machine.somebody_comes(0, "oauth2", "ada")
    machine.prove_the_account(0, 0, "password", "owner")
    machine.press_the_button(1, 0)
    assert machine.seen["button: link_mismatch"] == 1
    machine.somebody_comes(0, "oauth2", "ada")
    machine.prove_the_account(0, 1, "password", "owner")
    machine.press_the_button(0, 1)
    machine.what_waits_grows_too_old(0)
    machine.press_the_button(0, 0)
    assert machine.seen["button: nothing_waits"] == 4
    assert set(machine.model.owners) == {("google", "ada")}
    # A cookie from before the account was made makes no second one, and is no login.
    machine.somebody_comes(0, "twitter", "grace")
    machine.keep_a_copy_of_the_cookie(0)
    machine.send_the_form(0, 0)
    machine.put_an_old_cookie_back(0)
    machine.send_the_form(0, 0)
    once = machine.model.finished is not None
    assert machine.seen["form: nothing_waits" if once else "form: made already"] == 1
    assert machine.kit.who(machine.clients[0]) is None


def test_the_machine_can_fail(machine: Joins) -> None:
    machine.somebody_comes(0, "twitter", "ada")
    machine.model.drop(0)
    with pytest.raises(AssertionError):
        machine.send_the_form(0, 0)
    machine.model.sign_up(0, ("twitter", "ada"))
