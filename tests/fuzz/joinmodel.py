"""What should be true where people sign up and connect by their address, beside :mod:`.model`.

The rules are those of the documentation ("Accounts").
"""

from __future__ import annotations

import dataclasses as dc

from .model import Account, Model, Visit, Waiting

#: Who may sign up (``SOCIAL_SIGNUP``); what these providers say of an address is believed.
SIGNUP = {"google": "auto", "twitter": "ask", "oauth2": "never"}


def address(person: str) -> str:
    """The address that every provider knows of somebody."""
    return f"{person}@example.com"


class JoinModel(Model):
    """Users who come by a sign-up, and identities that wait."""

    waits = 0  # how many identities ever waited

    def __init__(self, users: list[str], *, once: bool) -> None:
        super().__init__(users, once=once)
        self.gone: set[int] = set()

    # What waits

    def waiting(self, browser: int, purpose: str) -> Waiting | None:
        """What waits in a browser. With a cache, an older cookie brings nothing back."""
        found = self.jars[browser].waiting
        ended = found is not None and self.finished is not None and found.number in self.gone
        return found if found is not None and found.purpose == purpose and not ended else None

    def keep(self, browser: int, purpose: str, account: Account, owner: str | None = None) -> str:
        """Lets an identity wait, instead of the one that did."""
        self.drop(browser)
        self.waits += 1
        self.put(browser, waiting=Waiting(self.waits, purpose, account, owner))
        return "sign up first" if purpose == "signup" else "prove first"

    def drop(self, browser: int) -> None:
        """Ends the waiting."""
        found = self.jars[browser].waiting
        self.gone |= {found.number} if found is not None else set()
        self.put(browser, waiting=None)

    def logged_in(self, browser: int, user: str, carries: int | None = None) -> None:
        """Only the login that proves the account leaves its identity waiting."""
        found = self.waiting(browser, "link")
        if found is None or (found.owner, found.number) != (user, carries):
            self.drop(browser)
        super().logged_in(browser, user, carries)

    def logged_out(self, browser: int) -> None:
        """Nobody inherits what waits."""
        self.drop(browser)
        super().logged_out(browser)

    # What comes of it

    def decides(self, browser: int, visit: Visit, account: Account) -> str:
        """Those whom nobody knows: by their address, then by what the provider may."""
        if visit.intent != "login" or self.jars[browser].user is not None or account in self.owners:
            return super().decides(browser, visit, account)
        provider, person = account
        if address(person) in self.passwords:
            return self.keep(browser, "link", account, address(person))
        if SIGNUP[provider] == "never":
            return "not_connected"
        return self.sign_up(browser, account) if SIGNUP[provider] == "auto" else self.keep(browser, "signup", account)

    def sign_up(self, browser: int, account: Account) -> str:
        """Makes a user without a password, who is logged in."""
        user = address(account[1])
        self.passwords[user] = False
        self.owners[account] = user
        self.drop(browser)
        self.logged_in(browser, user)
        return "signed up"

    def sends_form(self, browser: int, provider: str, number: int) -> str:
        """The form of an identity, sent as it was shown."""
        found = self.waiting(browser, "signup")
        if found is None or self.jars[browser].user is not None or found.account[0] != provider:
            return "nothing_waits"
        if found.number != number:
            return "link_mismatch"
        if found.account in self.owners:
            self.drop(browser)
            return "made already"
        if address(found.account[1]) in self.passwords:
            return "address taken"
        return self.sign_up(browser, found.account)

    def presses_button(self, browser: int, number: int) -> str:
        """The button that connects an identity, on the page of this number."""
        found, user = self.waiting(browser, "link"), self.jars[browser].user
        if found is None:
            return "nothing_waits"
        if user is None:
            return "log in first"
        if user != found.owner or number != found.number:
            self.drop(browser)
            return "link_mismatch"
        if not self.jars[browser].fresh:
            return "prove again"
        self.drop(browser)
        visit = Visit(-1, browser, found.account[0], "connect", user, None, "")
        return super().decides(browser, visit, found.account)


@dc.dataclass(frozen=True)
class Paper:
    """What a page of ours showed about an identity that waits: whose form or button it is."""

    browser: int
    provider: str
    number: int
    nonce: str
