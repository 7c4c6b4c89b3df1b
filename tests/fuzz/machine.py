"""The visits of two browsers to providers, each step done to the application and to the model."""

from __future__ import annotations

import collections
import html
import re
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from ..appkit import JSON, PASSWORD, SAME_ORIGIN, Kit
from . import strategies as some
from .model import DONE, Answer, Jar, Model, Visit

USERS = ["ada@example.org", "grace@example.org"]
PEOPLE = ["ada", "grace"]
PROVIDERS = ["google", "twitter", "oauth2"]
#: The signals that an outcome is told by.
TOLD = set().union(*DONE.values())
REFRESH = re.compile(r'content="0;\s*url=([^"]+)"')

browsers = st.integers(0, 1)
users = st.sampled_from(USERS)
people = st.sampled_from(PEOPLE)
providers = st.sampled_from(PROVIDERS)
intents = st.sampled_from(["login", "connect", "reconnect", "verify"])
recent = some.mostly(0, range(6))  # 0 is the newest
astray = some.mostly(0, [1])  # 1 is the other browser
persons = some.mostly("ada", ["grace", "grace", None])
meanwhiles = st.none() | st.tuples(users, some.mostly(True, [False]))
pages = st.sampled_from(["callback", "callback", "login", "connect"])


class Visits(RuleBasedStateMachine):
    """Begins, answers and callbacks, in order and out of order."""

    def __init__(self, kit: Kit, standin: t.Any) -> None:
        super().__init__()
        self.kit, self.standin = kit, standin
        for email in USERS:
            kit.add_user(email)
        self.model = self.make_model(kit.app.config.get("SOCIAL_ATTEMPT_CACHE") is not None)
        self.clients = [kit.app.test_client(), kit.app.test_client()]
        self.visits: list[Visit] = []
        self.answers: list[Answer] = []
        self.cookies: list[tuple[int, str | None, Jar]] = []
        self.seen: collections.Counter[str] = collections.Counter()

    def make_model(self, once: bool) -> Model:
        return Model(USERS, once=once)

    # Begin, answer, come back

    @rule(browser=browsers, provider=providers, intent=intents, person=st.none() | people)
    def begin(self, browser: int, provider: str, intent: str, person: str | None) -> None:
        self.begun(browser, provider, intent, person)

    def begun(
        self, browser: int, provider: str, intent: str, person: str | None, goes_to: tuple[int, str] | None = None
    ) -> bool:
        """Begins a visit, if that may be; ``goes_to`` is the identity that its ``next`` names, and that page."""
        form = {"provider_user_id": self.subject(provider, person)} if person and intent == "reconnect" else {}
        carries, page = goes_to or (None, None)
        form |= {"next": page} if page else {}
        named = person if intent == "reconnect" else None
        status, expected = self.model.may_begin(browser, provider, intent, named)
        answer = self.send(browser, "POST", f"/{intent}/{provider}", data=form, headers=JSON)
        assert answer.status_code == status, answer.text
        if status != 200:
            self.note(f"begin {intent}: {status}")
            return False
        url = answer.get_json()["response"]["authorization_url"]
        assert url.startswith(self.standin.url)
        user = self.model.jars[browser].user
        visit = Visit(len(self.visits), browser, provider, intent, user, expected, url, carries)
        self.visits.append(visit)
        self.model.begun(browser, visit)
        return True

    @precondition(lambda self: self.visits)
    @rule(which=recent, person=st.none() | people | people)
    def answer(self, which: int, person: str | None) -> None:
        """Somebody opens the provider's page, in whatever browser: it is the same page."""
        visit = self.newest(self.visits, which)
        self.standin.auto = person
        try:
            url = self.standin.visit(visit.url, person).url
        except ValueError:
            assert visit.authorized, "the provider refused a request of ours"
            return
        finally:
            self.standin.auto = None
        visit.authorized = visit.provider == "twitter" and person is not None
        self.answers.append(Answer(visit, person, url))

    @precondition(lambda self: self.answers)
    @rule(which=recent, other=astray, page=pages)
    def deliver(self, which: int, other: int, page: str) -> None:
        answer = self.newest(self.waiting(), which)
        self.arrive(answer.visit.browser ^ other, answer, answer.visit.provider, page)

    @rule(browser=browsers, provider=providers, intent=intents, person=persons)
    def visit_in_the_air(self, browser: int, provider: str, intent: str, person: str | None) -> None:
        """Somebody has chosen at the provider, and the way back is still to go."""
        if self.begun(browser, provider, intent, None):
            self.answer(0, person)

    @rule(browser=browsers, provider=providers, intent=intents, person=persons, meanwhile=meanwhiles)
    def whole_visit(
        self, browser: int, provider: str, intent: str, person: str | None, meanwhile: tuple[str, bool] | None = None
    ) -> None:
        """The ordinary case, which single steps reach too seldom. Somebody may come and go meanwhile."""
        if intent == "login" and meanwhile is None:
            self.log_out(browser)
        if self.begun(browser, provider, intent, None):
            self.answer(0, person)
            if meanwhile is not None:
                self.log_out(browser)
                self.log_in(browser, *meanwhile)
            self.arrive(browser, self.answers[-1], provider, "callback")

    @precondition(lambda self: self.answers)
    @rule(which=recent, other=astray, place=providers)
    def cross_providers(self, which: int, other: int, place: str) -> None:
        answer = self.newest(self.waiting(), which)
        self.arrive(answer.visit.browser ^ other, answer, place, "callback")

    @precondition(lambda self: any(answer.person for answer in self.answers))
    @rule(which=recent, other=astray, how=st.sampled_from(["state", "code", "twice", "error", "iss", "more"]))
    def mutate(self, which: int, other: int, how: str) -> None:
        answer = self.newest([answer for answer in self.waiting() if answer.person], which)
        browser, one = answer.visit.browser ^ other, answer.visit.provider == "twitter"
        state, code = ("oauth_token", "oauth_verifier") if one else ("state", "code")
        params = dict(parse_qsl(urlsplit(answer.url).query))
        if how == "state":
            stray = Answer(Visit(-1, browser, answer.visit.provider, "login", None, None, ""), answer.person, "")
            self.arrive(browser, stray, answer.visit.provider, "callback", params={**params, state: "made-up"})
        elif how == "iss" and answer.visit.provider == "google":
            changed = {**params, "iss": "https://evil.example"}
            self.arrive(browser, answer, "google", "callback", params=changed, broken="issuer_mismatch")
        elif how in ("more", "iss"):
            self.arrive(browser, answer, answer.visit.provider, "callback", params={**params, "session_state": "1"})
        else:
            changed, broken = {
                "code": ({**params, code: "made-up"}, "provider_refused"),
                "twice": ({**params, code: [params[code], params[code]]}, "callback_invalid"),
                "error": ({**params, "oauth_problem" if one else "error": "access_denied"}, None),
            }[how]
            broken = broken or ("provider_refused" if one else "access_denied")
            self.arrive(browser, answer, answer.visit.provider, "callback", params=changed, broken=broken)

    @rule(browser=browsers, provider=providers, intent=intents, kept=st.booleans())
    def inject_a_code(self, browser: int, provider: str, intent: str, kept: bool) -> None:
        """The state of one visit with the code of another one (RFC 9700 section 4.5)."""
        for person in PEOPLE:
            if not self.begun(browser, provider, intent, None):
                return
            self.answer(0, person)
        ours, theirs = self.answers[-2:]
        name = "oauth_verifier" if provider == "twitter" else "code"
        params, others = (dict(parse_qsl(urlsplit(answer.url).query)) for answer in (ours, theirs))
        changed = {**params, name: others[name]}
        self.arrive(browser, ours, provider, "callback", params=changed, broken="provider_refused")
        # The provider takes a code for used, whoever brings it; a verifier belongs to its request token.
        theirs.spent = name == "code"
        if not kept:
            self.arrive(browser, theirs, provider, "callback")

    # Passwords

    @rule(browser=browsers, user=users, right=st.sampled_from([True, True, True, False]))
    def log_in(self, browser: int, user: str, right: bool) -> None:
        self.gives_password(browser, user, right)

    def gives_password(self, browser: int, user: str, right: bool, goes_to: tuple[int, str] | None = None) -> None:
        """Sends the login form; ``goes_to`` as in :meth:`begun`."""
        carries, page = goes_to or (None, None)
        form = {"email": user, "password": PASSWORD if right else "a wrong password"}
        path = f"/login?{urlencode({'next': page})}" if page else "/login"
        answer = self.send(browser, "POST", path, json=form | self.csrf(browser), headers=JSON)
        good = right and self.model.passwords[user] and self.model.jars[browser].user is None
        assert (answer.status_code == 200) == good, answer.text
        if good:
            self.model.logged_in(browser, user, carries)

    @rule(browser=browsers)
    def log_out(self, browser: int) -> None:
        self.send(browser, "POST", "/logout")
        if self.model.jars[browser].user is not None:
            self.model.logged_out(browser)

    # Helpers

    def send(self, browser: int, method: str, path: str, **more: t.Any) -> t.Any:
        answer = self.clients[browser].open(path, method=method, **{"headers": SAME_ORIGIN, **more})
        assert answer.status_code < 500, answer.text
        return answer

    def arrive(
        self,
        browser: int,
        answer: Answer,
        place: str,
        page: str,
        *,
        params: dict[str, t.Any] | None = None,
        broken: str | None = None,
    ) -> None:
        """Opens a callback in a browser, follows its bounce page, and compares what came of it."""
        query = urlsplit(answer.url).query if params is None else urlencode(params, doseq=True)
        self.kit.events.clear()
        headers = {"Sec-Fetch-Site": "cross-site"}
        got = self.send(browser, "GET", f"/{page}/{place}?{query}", headers=headers)
        for target in REFRESH.findall(got.text) if got.status_code == 200 else ():
            got = self.send(browser, "GET", html.unescape(target), headers=SAME_ORIGIN)
        assert got.status_code in (302, 303), got.text
        expected = self.model.arrives(browser, answer, place, broken)
        refusals = [values["code"] for name, values in self.kit.events if name == "attempt_refused"]
        assert refusals == ([] if expected in DONE else [expected])
        self.sent_signals_of(expected)
        self.note(f"{answer.visit.intent}: {expected}")

    def sent_signals_of(self, outcome: str) -> None:
        expected = DONE.get(outcome, set())
        assert {name for name in self.kit.names() if name in TOLD} == expected, outcome

    def csrf(self, browser: int) -> dict[str, str]:
        return {"csrf_token": self.send(browser, "GET", "/token").text}

    def subject(self, provider: str, person: str) -> str:
        return str(self.standin.subject(provider, person))

    def waiting(self) -> list[Answer]:
        """All answers, those that their browser waits for at the end."""
        return sorted(self.answers, key=lambda it: it.visit.number in self.model.jars[it.visit.browser].visits)

    def newest(self, things: list[t.Any], which: int) -> t.Any:
        return things[-1 - which % len(things)]

    def note(self, what: str) -> None:
        self.seen[what] += 1
