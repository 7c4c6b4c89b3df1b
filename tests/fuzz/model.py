"""What should be true after each step of :mod:`.test_state_machine`, worked out without the package.

The rules are those of the documentation ("How it works": outcomes, reading a callback, ways to log in). A browser's
session is a value, as a cookie is: who is logged in, which visits wait, and whether the login is fresh.
"""

from __future__ import annotations

import dataclasses as dc
import typing as t

#: How many visits a browser may have under way (``SOCIAL_MAX_ATTEMPTS``).
LIMIT = 3

#: Providers that can prove that a person is present.
VERIFIERS = ("twitter", "oauth2")

#: An account: provider and person.
Account = tuple[str, str]


@dc.dataclass(frozen=True)
class Waiting:
    """An identity that waits for a sign-up form (``signup``), or for its ``owner`` to prove the account (``link``)."""

    number: int
    purpose: str
    account: Account
    owner: str | None = None


@dc.dataclass(frozen=True)
class Jar:
    """What the cookie of a browser says."""

    user: str | None = None
    visits: tuple[int, ...] = ()
    fresh: bool = False
    waiting: Waiting | None = None


@dc.dataclass
class Visit:
    """One begun visit to a provider; ``carries`` is the number of the waiting identity that its ``next`` names."""

    number: int
    browser: int
    provider: str
    intent: str
    user: str | None
    expected: Account | None
    url: str
    carries: int | None = None
    authorized: bool = False


@dc.dataclass
class Answer:
    """One answer of a provider to a visit; ``person`` is ``None`` when the person declined."""

    visit: Visit
    person: str | None
    url: str
    spent: bool = False


class Model:
    """Users, their accounts and passwords, and two browsers.

    :param once: each visit can be finished once, whatever cookie is put back (``SOCIAL_ATTEMPT_CACHE``).
    """

    def __init__(self, users: t.Iterable[str], *, once: bool = False) -> None:
        self.finished: set[int] | None = set() if once else None
        self.passwords = dict.fromkeys(users, True)
        self.owners: dict[Account, str] = {}
        self.jars = [Jar(), Jar()]

    def accounts(self, user: str | None, provider: str | None = None) -> list[Account]:
        """A user's accounts, oldest first."""
        return [a for a, owner in self.owners.items() if owner == user and provider in (None, a[0])]

    def put(self, browser: int, **changes: t.Any) -> None:
        """Changes what a browser's cookie says."""
        self.jars[browser] = dc.replace(self.jars[browser], **changes)

    def logged_in(self, browser: int, user: str, carries: int | None = None) -> None:
        """Somebody has just proven to be a user; ``carries`` as in :class:`Visit`."""
        self.put(browser, user=user, fresh=True)

    def logged_out(self, browser: int) -> None:
        """Somebody has gone."""
        self.put(browser, user=None, fresh=False)

    # Beginning

    def may_begin(self, browser: int, provider: str, intent: str, person: str | None) -> tuple[int, Account | None]:
        """The status of a begin request, and the account that a ``reconnect`` is for.

        :param person: whose account a ``reconnect`` names; ``None`` names none.
        """
        jar = self.jars[browser]
        if intent == "login":
            return (200 if jar.user is None else 400), None
        if jar.user is None:
            return 401, None
        if intent == "verify":
            if provider not in VERIFIERS:
                return 400, None
            return (200 if self.accounts(jar.user, provider) else 404), None
        if not jar.fresh:
            return 401, None
        if intent == "connect":
            return 200, None
        mine = [a for a in self.accounts(jar.user, provider) if person in (None, a[1])]
        return (200, mine[0]) if mine else (404, None)

    def begun(self, browser: int, visit: Visit) -> None:
        """A visit waits in a browser; the oldest makes room."""
        self.put(browser, visits=(*self.jars[browser].visits, visit.number)[-LIMIT:])

    # Coming back

    def arrives(self, browser: int, answer: Answer, place: str, broken: str | None = None) -> str:
        """What comes of an answer that arrives at the callback of the provider ``place``.

        :param broken: the code with which the provider's part is refused, whatever it says; ``None``: it is whole.
        :returns: the code of the refusal, or what was done.
        """
        visit = answer.visit
        if (visit.provider == "twitter") != (place == "twitter"):
            return "state_missing"
        if visit.number not in self.jars[browser].visits:
            return "state_unknown"
        self.put(browser, visits=tuple(n for n in self.jars[browser].visits if n != visit.number))
        if self.finished is not None:
            if visit.number in self.finished:
                return "state_unknown"
            self.finished.add(visit.number)
        if place != visit.provider:
            return "state_foreign"
        if broken is not None:
            return broken
        if answer.person is None:
            return "access_denied"
        if answer.spent:
            return "provider_refused"
        answer.spent = True
        return self.decides(browser, visit, (visit.provider, answer.person))

    def decides(self, browser: int, visit: Visit, account: Account) -> str:
        """The table of outcomes."""
        user, owner = self.jars[browser].user, self.owners.get(account)
        if visit.intent == "login":
            if user is not None:
                return "already in" if owner == user else "already_logged_in"
            if owner is None:
                return "not_connected"
            self.logged_in(browser, owner, visit.carries)
            return "logged in"
        if user is None or user != visit.user:
            return "session_changed"
        if visit.intent == "verify":
            if owner != user:
                return "verify_mismatch"
            self.put(browser, fresh=True)
            return "verified"
        if visit.intent == "reconnect" and account != visit.expected:
            return "reconnect_mismatch"
        if owner is None:
            self.owners[account] = user
            return "connected"
        return "refreshed" if owner == user else "connected_elsewhere"

    # Going away

    def loses(self, browser: int, provider: str, person: str | None) -> tuple[int, list[Account]]:
        """The status of a disconnect, and the accounts that it takes; ``person`` is ``None`` for all of them."""
        jar = self.jars[browser]
        if jar.user is None or not jar.fresh:
            return 401, []
        losing = [a for a in self.accounts(jar.user, provider) if person in (None, a[1])]
        if not losing:
            return 404, []
        return (200, losing) if self.way_in_without(jar.user, losing) else (409, [])

    def way_in_without(self, user: str, losing: t.Sequence[Account]) -> bool:
        """Whether a user without these accounts could still log in."""
        return self.passwords[user] or len(self.accounts(user)) > len(losing)


#: What ``arrives`` gives when the visit came to something, with the signals that are sent of it.
DONE: dict[str, set[str]] = {
    "already in": set(),
    "logged in": {"login_completed"},
    "verified": set(),
    "connected": {"connection_created"},
    "refreshed": set(),
    "signed up": {"connection_created", "user_signed_up", "login_completed"},
    "sign up first": set(),
    "prove first": set(),
}
