"""decide() over every combination of facts and policies, and the small rules beside it."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from flask_social import flow
from flask_social.errors import ProviderTimeout
from flask_social.values import ConnectionKey, Flow, Request, Response

KEY = ConnectionKey("google", "1")
OTHER = ConnectionKey("google", "2")

LOGIN = [
    flow.Facts("login", KEY, current_user=current, owner=owner, email_owner=email, email_owner_confirmed=confirmed,
               email_verified=verified, email_trust=trust, has_another=another)
    for current, owner, email, confirmed, verified, trust, another in itertools.product(
        (None, "me", "other"), (None, "me"), (None, "mail"), (False, True), (None, False, True),
        ("authoritative", "verified", "claimed", "never"), (False, True),
    )
]  # fmt: skip
USER = [
    flow.Facts(intent, KEY, current_user=current, attempt_user=began, owner=owner, expected_key=expected,
               has_another=another)
    for intent, current, began, owner, expected, another in itertools.product(
        ("connect", "reconnect", "verify"), (None, "me", "other"), (None, "me"), (None, "me", "other"),
        (None, KEY.fingerprint, OTHER.fingerprint), (False, True),
    )
]  # fmt: skip
POLICIES = [
    flow.Policy(signup, link, merge, several)
    for signup, link, merge, several in itertools.product(
        ("never", "ask", "auto"), ("never", "prove", "verified"), ("never", "ask"), (True, False)
    )
]


def expected_login(facts: flow.Facts, policy: flow.Policy) -> flow.Outcome:
    """The table of the design, read row by row."""
    proven = facts.email_verified is True and facts.email_trust in ("authoritative", "verified")
    rows: list[tuple[bool, flow.Outcome]] = [
        (facts.current_user is not None and facts.current_user == facts.owner, flow.AlreadyIn()),
        (facts.current_user is not None, flow.Refuse("already_logged_in")),
        (facts.owner is not None, flow.LogIn(facts.owner or "")),
        (
            facts.email_owner is not None
            and facts.email_owner_confirmed
            and policy.link_by_email == "verified"
            and (policy.several or not facts.has_another)
            and proven,
            flow.LinkAndLogIn(facts.email_owner or ""),
        ),
        (
            facts.email_owner is not None and policy.link_by_email in ("prove", "verified"),
            flow.ProveFirst(facts.email_owner or ""),
        ),
        (facts.email_owner is not None, flow.Refuse("email_in_use")),
        (policy.signup == "auto", flow.SignUp()),
        (policy.signup == "ask", flow.AskSignUp()),
    ]
    return next((outcome for fits, outcome in rows if fits), flow.Refuse("not_connected"))


def expected_user(facts: flow.Facts, policy: flow.Policy) -> flow.Outcome:
    """The same for a visit that a user began."""
    mine = facts.owner is not None and facts.owner == facts.current_user
    rows: list[tuple[bool, flow.Outcome]] = [
        (facts.current_user is None or facts.attempt_user != facts.current_user, flow.Refuse("session_changed")),
        (facts.intent == "verify" and mine, flow.Verified()),
        (facts.intent == "verify", flow.Refuse("verify_mismatch")),
        (
            facts.intent == "reconnect" and facts.expected_key != facts.key.fingerprint,
            flow.Refuse("reconnect_mismatch"),
        ),
        (facts.owner is None and facts.has_another and not policy.several, flow.Refuse("one_per_provider")),
        (facts.owner is None, flow.Connect()),
        (mine, flow.Refresh()),
        (facts.intent == "connect" and policy.merge == "ask", flow.OfferMerge(facts.owner or "")),
    ]
    return next((outcome for fits, outcome in rows if fits), flow.Refuse("connected_elsewhere"))


def test_decide_login_over_everything() -> None:
    for facts, policy in itertools.product(LOGIN, POLICIES):
        assert flow.decide(facts, policy) == expected_login(facts, policy), (facts, policy)


def test_decide_for_a_user_over_everything() -> None:
    for facts, policy in itertools.product(USER, POLICIES):
        assert flow.decide(facts, policy) == expected_user(facts, policy), (facts, policy)


def test_invariants() -> None:
    """Whatever the policy: login never links to anybody but the proven, connect never logs in."""
    for facts, policy in itertools.product(LOGIN, POLICIES):
        outcome = flow.decide(facts, policy)
        assert not isinstance(outcome, (flow.Connect, flow.Refresh, flow.Verified, flow.OfferMerge))
        if isinstance(outcome, flow.LogIn):
            assert outcome.owner == facts.owner
            assert facts.current_user is None
    for facts, policy in itertools.product(USER, POLICIES):
        assert not isinstance(flow.decide(facts, policy), (flow.LogIn, flow.LinkAndLogIn, flow.SignUp))


@pytest.mark.parametrize(
    ("ways", "refused"), [([], True), (["password"], False), (["passkey", "connection:x"], False), (set(), True)]
)
def test_may_disconnect(ways: t.Any, refused: bool) -> None:
    assert flow.may_disconnect(ways) == (flow.Refuse("last_login_method") if refused else None)


def two_requests() -> Flow[str]:
    first = yield Request("GET", "https://a.example/1")
    try:
        yield Request("GET", "https://a.example/2")
    except ProviderTimeout:
        return f"{first.status}, then late"
    return "both"


def test_run_sends_and_throws() -> None:
    def send(request: Request) -> Response:
        if request.url.endswith("2"):
            raise ProviderTimeout("late")
        return Response(200)

    assert flow.run(two_requests(), send) == "200, then late"
    assert flow.run(two_requests(), lambda request: Response(200)) == "both"
