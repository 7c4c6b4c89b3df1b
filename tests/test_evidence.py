"""A second factor that was given at the provider: what the ID token says of it, and when it counts."""

from __future__ import annotations

import typing as t

import pytest

from flask_social import ConfigurationError

from .appkit import Kit, make_kit
from .pagekit import KEYS

TOTP = {"SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"}, "SECURITY_TOTP_ISSUER": "tests"}
ACCEPTED = ["mfa", "otp", "urn:example:gold"]


def make(
    social_provider: t.Any,
    accepted: t.Any = ACCEPTED,
    *,
    has_one: bool = True,
    userinfo: str = "auto",
    **config: t.Any,
) -> Kit:
    """An application with ada, who is connected and has a second factor of ours, unless ``has_one`` is false."""
    more = {} if accepted is None else {"second_factor": accepted}
    kit = make_kit(
        {"oidc": {**social_provider.settings("oidc"), "userinfo": userinfo, **more}},
        **{"SECURITY_TWO_FACTOR": True, "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"], **TOTP, **config},
    )
    user_id = kit.add_user()
    with kit.app.app_context():
        if has_one:
            user = kit.security.datastore.find_user(id=user_id)
            user.tf_totp_secret = kit.app.extensions["security"]._totp_factory.generate_totp_secret()
            user.tf_primary_method = "authenticator"
        subject = social_provider.subject("oidc", "ada")
        kit.db.session.add(kit.Connection(user_id=user_id, provider_id="oidc", provider_user_id=subject))
        kit.db.session.commit()
    return kit


def log_in(kit: Kit, social_provider: t.Any, social_login: t.Any, claims: dict[str, t.Any]) -> str:
    """Where a login with these claims ends: ``in``, or the page that comes in between."""
    client = kit.app.test_client()
    with social_provider.faults.add("id_token", claims=claims):
        answer = social_login(client, "oidc", "ada", next="/inbox")
    who = kit.who(client)
    if answer.location == "/inbox":
        assert who == "ada@example.org"
        assert kit.names()[-1] == "login_completed"
        return "in"
    assert who is None
    assert "login_completed" not in kit.names()
    return str(answer.location).partition("?")[0]


CLAIMS: list[tuple[dict[str, t.Any], bool]] = [
    ({"amr": ["mfa"]}, True),
    ({"amr": ["pwd", "otp"]}, True),
    ({"acr": "urn:example:gold"}, True),
    ({"amr": ["pwd"], "acr": "urn:example:gold"}, True),
    ({"amr": ["mfa", 1], "acr": "urn:example:gold"}, True),
    ({}, False),
    ({"amr": []}, False),
    ({"amr": ["pwd"]}, False),
    ({"amr": ["MFA"]}, False),
    ({"amr": [" mfa"]}, False),
    ({"amr": "mfa"}, False),
    ({"amr": {"mfa": True}}, False),
    ({"amr": ["mfa", 1]}, False),
    ({"amr": [["mfa"]]}, False),
    ({"amr": None, "acr": None}, False),
    ({"amr": True, "acr": True}, False),
    ({"acr": ["urn:example:gold"]}, False),
    ({"acr": {"value": "urn:example:gold"}}, False),
    ({"acr": "urn:example:silver"}, False),
    ({"acr": ""}, False),
    ({"second_factor": ["mfa"], "mfa": True}, False),
]


@pytest.mark.parametrize(("claims", "counts"), CLAIMS)
def test_what_counts(social_provider: t.Any, social_login: t.Any, claims: dict[str, t.Any], counts: bool) -> None:
    kit = make(social_provider)
    assert log_in(kit, social_provider, social_login, claims) == ("in" if counts else "/tf-validate")


@pytest.mark.parametrize("accepted", [None, [], ["hwk"]])
def test_only_what_the_setting_names_counts(social_provider: t.Any, social_login: t.Any, accepted: t.Any) -> None:
    kit = make(social_provider, accepted)
    assert log_in(kit, social_provider, social_login, {"amr": ["mfa", "otp"]}) == "/tf-validate"


def test_userinfo_is_not_signed_and_counts_for_nothing(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, userinfo="always")
    with social_provider.faults.add("userinfo", merge={"amr": ["mfa"], "acr": "urn:example:gold"}) as fault:
        assert log_in(kit, social_provider, social_login, {}) == "/tf-validate"
    assert fault.struck == 1


def test_the_evidence_is_that_of_this_login(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    assert log_in(kit, social_provider, social_login, {"amr": ["mfa"]}) == "in"
    assert log_in(make(social_provider), social_provider, social_login, {"amr": ["pwd"]}) == "/tf-validate"


def test_a_token_that_does_not_hold_proves_nothing(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    claims = {"amr": ["mfa"], "nonce": "another"}
    assert log_in(kit, social_provider, social_login, claims) == "/login"


def test_what_must_be_set_up_is_set_up_all_the_same(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, has_one=False, SECURITY_TWO_FACTOR_REQUIRED=True)
    assert log_in(kit, social_provider, social_login, {"amr": ["mfa"]}) == "/tf-setup"


def test_nobody_needs_evidence_where_nothing_is_asked(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, has_one=False)
    assert log_in(kit, social_provider, social_login, {}) == "in"


def test_a_login_that_waited_before_is_over(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = kit.app.test_client()
    social_login(client, "oidc", "ada")
    social_provider.faults.add("id_token", claims={"amr": ["mfa"]})
    social_login(client, "oidc", "ada")
    assert kit.who(client) == "ada@example.org"
    assert kit.names() == ["connection_updated", "login_completed"]
    with client.session_transaction() as session:
        assert "social_login" not in session


@pytest.mark.parametrize(
    ("provider", "value"),
    [("google", 1), ("google", [1]), ("google", [""]), ("google", {"mfa": 1}), ("google", True), ("facebook", ["mfa"])],
)
def test_a_wrong_setting_is_named(provider: str, value: t.Any) -> None:
    with pytest.raises(ConfigurationError, match="second_factor"):
        make_kit({provider: {**KEYS, "second_factor": value}})
