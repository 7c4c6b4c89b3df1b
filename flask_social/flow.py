"""The login loop: begin, complete, decide. Pure but for :func:`run`, which is the only loop that does I/O."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import typing as t

from .errors import AttemptRefused, ProviderError
from .providers.base import Context, Grant, Provider
from .values import Attempt, ConnectionKey, EmailTrust, Flow, Intent, LinkByEmail, Merge, Request, Response, Signup

T = t.TypeVar("T")


def run(flow: Flow[T], send: cabc.Callable[[Request], Response]) -> T:
    """Drives a flow to its end: sends each request it yields, and hands it the response.

    :raises ProviderError: what ``send`` raises is thrown into the flow first, which may know better.
    """
    try:
        request = next(flow)
        while True:
            try:
                response = send(request)
            except ProviderError as error:
                request = flow.throw(error)
            else:
                request = flow.send(response)
    except StopIteration as stop:
        return t.cast("T", stop.value)


def begin(
    provider: Provider,
    *,
    intent: Intent,
    context: Context,
    user_id: str | None = None,
    expected_key: ConnectionKey | None = None,
    next_url: str | None = None,
    scopes: tuple[str, ...] | None = None,
) -> Flow[tuple[Attempt, str]]:
    """Starts a visit to a provider.

    :param scopes: asked for instead of the provider's own.
    :returns: the attempt to remember, and the address to send the browser to.
    :raises ProviderError: when the provider has to be asked first (OAuth 1.0a, discovery) and fails.
    """
    start = yield from provider.start(context, intent=intent, scopes=scopes)
    attempt = Attempt(
        state=start.state,
        provider_id=provider.id,
        intent=intent,
        user_id=user_id,
        expected_key=expected_key.fingerprint if expected_key else None,
        request_token=start.request_token,
        request_token_secret=start.request_token_secret,
        next_url=next_url,
        created_at=int(context.now.timestamp()),
        scopes=scopes,
    )
    return attempt, start.url


def complete(
    provider: Provider, attempt: Attempt, params: cabc.Mapping[str, cabc.Sequence[str]], *, context: Context
) -> Flow[Grant]:
    """Reads the provider's answer to an attempt that was taken, and fetches token and profile.

    :param params: the callback's parameters, every value of each.
    :raises AttemptRefused: when a parameter is given twice, or the answer belongs elsewhere.
    :raises ProviderError: when the provider refused, failed, or answered nonsense.
    """
    if attempt.provider_id != provider.id:
        raise AttemptRefused("The attempt belongs to another provider.", code="state_foreign")
    if any(len(values) != 1 for values in params.values()):
        raise AttemptRefused("The answer gives a parameter twice.", code="callback_invalid")
    return (yield from provider.finish(context, attempt, {name: values[0] for name, values in params.items()}))


# What can come of a visit -------------------------------------------------------------------------------------


@dc.dataclass(frozen=True, slots=True)
class Outcome:
    """The decision on a visit; one of the classes below."""


@dc.dataclass(frozen=True, slots=True)
class AlreadyIn(Outcome):
    """The person is logged in with this identity: a double click, a second tab."""


@dc.dataclass(frozen=True, slots=True)
class LogIn(Outcome):
    """Log the owner of the identity in, if Flask-Security's gates let them."""

    owner: str


@dc.dataclass(frozen=True, slots=True)
class LinkAndLogIn(Outcome):
    """Link the identity to the owner of its proven address, and log them in."""

    owner: str


@dc.dataclass(frozen=True, slots=True)
class ProveFirst(Outcome):
    """The address has an owner, who has to prove the local account before the identity is linked."""

    owner: str


@dc.dataclass(frozen=True, slots=True)
class SignUp(Outcome):
    """Make a new user."""


@dc.dataclass(frozen=True, slots=True)
class AskSignUp(Outcome):
    """Show a sign-up form."""


@dc.dataclass(frozen=True, slots=True)
class Connect(Outcome):
    """Connect the identity to the user who began."""


@dc.dataclass(frozen=True, slots=True)
class Refresh(Outcome):
    """The identity is the user's already: renew its tokens and profile."""


@dc.dataclass(frozen=True, slots=True)
class OfferMerge(Outcome):
    """The identity is another local account's, which the user has thereby proven as well: ask whether to merge."""

    owner: str


@dc.dataclass(frozen=True, slots=True)
class Verified(Outcome):
    """The user has proven to be present."""


@dc.dataclass(frozen=True, slots=True)
class Refuse(Outcome):
    """Nothing happens; ``code`` says why."""

    code: str


@dc.dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision rests on. User ids are text; ``None`` is nobody.

    :param current_user: who is logged in now.
    :param attempt_user: who was logged in when the visit began.
    :param owner: whose the key is.
    :param expected_key: fingerprint of the account that a ``reconnect`` is for.
    :param email_owner: whose the profile's address is here; ``email_owner_confirmed``: whether they proved it here.
    :param has_another: whether whoever would get the identity has another one of this provider; need not be known
        where the policy allows several.
    """

    intent: Intent
    key: ConnectionKey
    current_user: str | None = None
    attempt_user: str | None = None
    owner: str | None = None
    expected_key: str | None = None
    email_owner: str | None = None
    email_owner_confirmed: bool = False
    email_verified: bool | None = None
    email_trust: EmailTrust = "never"
    has_another: bool = False


@dc.dataclass(frozen=True, slots=True)
class Policy:
    """What the application allows.

    ``SOCIAL_SIGNUP``, ``SOCIAL_LINK_BY_EMAIL``, ``SOCIAL_MERGE`` and ``SOCIAL_SEVERAL_PER_PROVIDER``.
    """

    signup: Signup = "never"
    link_by_email: LinkByEmail = "never"
    merge: Merge = "never"
    several: bool = True


def decide(facts: Facts, policy: Policy) -> Outcome:
    """What a finished visit leads to. Login never links, connect never logs in; the first rule that fits holds."""
    if facts.intent == "login":
        return _decide_login(facts, policy)
    if facts.current_user is None or facts.current_user != facts.attempt_user:
        return Refuse("session_changed")
    if facts.intent == "verify":
        return Verified() if facts.owner == facts.current_user else Refuse("verify_mismatch")
    if facts.intent == "reconnect" and facts.key.fingerprint != facts.expected_key:
        return Refuse("reconnect_mismatch")
    if facts.owner is None:
        return Connect() if policy.several or not facts.has_another else Refuse("one_per_provider")
    if facts.owner == facts.current_user:
        return Refresh()
    asks = facts.intent == "connect" and policy.merge == "ask"
    return OfferMerge(facts.owner) if asks else Refuse("connected_elsewhere")


def _decide_login(facts: Facts, policy: Policy) -> Outcome:
    if facts.current_user is not None:
        return AlreadyIn() if facts.owner == facts.current_user else Refuse("already_logged_in")
    if facts.owner is not None:
        return LogIn(facts.owner)
    if facts.email_owner is not None:
        proven = facts.email_verified is True and facts.email_trust in ("authoritative", "verified")
        proven = proven and (policy.several or not facts.has_another)  # told to nobody but the owner
        if policy.link_by_email == "verified" and proven and facts.email_owner_confirmed:
            return LinkAndLogIn(facts.email_owner)
        return ProveFirst(facts.email_owner) if policy.link_by_email != "never" else Refuse("email_in_use")
    return {"auto": SignUp(), "ask": AskSignUp(), "never": Refuse("not_connected")}[policy.signup]


def may_disconnect(ways: cabc.Collection[str]) -> Refuse | None:
    """Whether a user may lose a connection.

    :param ways: the ways to log in that would be left.
    :returns: ``None`` when there is one, else the refusal.
    """
    return None if ways else Refuse("last_login_method")
