"""Whether a second factor stands before an account is asked of Flask-Security, and of the application's user."""

from __future__ import annotations

import typing as t

import pytest
import sqlalchemy as sa

from .appkit import JSON, Kit
from .joinkit import ADA, BOB, TWO_FACTOR, connected, join_kit


def for_some(user: t.Any, methods: t.Any, is_fresh: bool) -> tuple[bool, t.Any]:
    """An application that wants a second factor of some of its users."""
    return bool(user.strict) and not is_fresh, methods


HAS_ONE = {"tf_primary_method": "authenticator", "tf_totp_secret": "x"}

# The owner's columns, the application's own rule, whether everybody needs one -> whether a second factor stands there.
OWNERS: list[tuple[str, dict[str, t.Any], t.Any, bool, bool]] = [
    ("with one", HAS_ONE, None, False, True),
    ("without one", {}, None, False, False),
    ("without one, where everybody needs one", {}, None, True, True),
    ("without one, of whom the application wants one", {"strict": True}, for_some, False, True),
    ("with one, of whom the application wants none", HAS_ONE, for_some, True, False),
]
owners = pytest.mark.parametrize(
    ("owner", "rule", "required", "stands"), [row[1:] for row in OWNERS], ids=[row[0] for row in OWNERS]
)


def make(social_provider: t.Any, rule: t.Any, **options: t.Any) -> Kit:
    own = {"strict": sa.Column(sa.Boolean), **({"check_tf_required": rule} if rule else {})}
    return join_kit(social_provider, columns=own, **{**TWO_FACTOR, **options})


@owners
def test_before_a_link_by_a_proven_address(
    social_provider: t.Any, social_login: t.Any, owner: dict[str, t.Any], rule: t.Any, required: bool, stands: bool
) -> None:
    kit = make(social_provider, rule, SOCIAL_LINK_BY_EMAIL="verified", SECURITY_TWO_FACTOR_REQUIRED=required)
    kit.add_user(ADA, confirmed_at=kit.security.datetime_factory(), **owner)
    assert social_login(kit.app.test_client(), "google", "ada").location == ("/link" if stands else "/")
    assert connected(kit) == ([] if stands else [(1, "google")])


@owners
@pytest.mark.parametrize("asked", [False, True], ids=["before the question", "before the answer"])
def test_before_a_merge(
    social_provider: t.Any,
    social_login: t.Any,
    owner: dict[str, t.Any],
    rule: t.Any,
    required: bool,
    stands: bool,
    asked: bool,
) -> None:
    kit = make(social_provider, rule, SOCIAL_MERGE="ask")
    kit.add_user(ADA)
    other = kit.add_user(BOB)
    with kit.app.app_context():
        subject = social_provider.subject("google", "ada")
        kit.db.session.add(kit.Connection(user_id=other, provider_id="google", provider_user_id=subject))
        kit.db.session.commit()
    client = kit.app.test_client()
    kit.log_in(client, ADA)

    def become() -> None:
        kit.app.config["SECURITY_TWO_FACTOR_REQUIRED"] = required
        with kit.app.app_context():
            user = kit.security.datastore.find_user(id=other)
            for name, value in owner.items():
                setattr(user, name, value)
            kit.db.session.commit()

    if not asked:
        become()
    target = social_login(client, "google", "ada", intent="connect").location
    if asked:
        become()
    if stands and not asked:
        assert target == "/"
        assert kit.events[-1][1]["code"] == "connected_elsewhere"
    else:
        nonce = target.removeprefix("/merge?identity=")
        answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
        assert answer.get_json()["response"]["code"] == ("connected_elsewhere" if stands else "merged")
    assert connected(kit) == [(2 if stands else 1, "google")]
