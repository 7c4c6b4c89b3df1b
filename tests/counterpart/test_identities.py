"""Who the person is: ID tokens under every algorithm, UserInfo, and keys that change."""

from __future__ import annotations

import typing as t

import pytest

from .counterpart import Counterpart, Visits, read_jwt

#: What the counterpart signs with, and what the settings have to say of it.
ALGORITHMS: list[tuple[str, dict[str, str]]] = [
    *((algorithm, {}) for algorithm in ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")),
    ("PS256", {"id_token_algs": "ES256 PS256"}),
    ("HS256", {"id_token_algs": "HS256"}),
]


def check_row(visits: Visits, counterpart: Counterpart) -> None:
    """What the counterpart said stands in the row."""
    with visits.kit.app.app_context():
        row = visits.row()
        assert (row.issuer, row.provider_user_id, row.status) == (counterpart.issuer, "ada", "active")
        assert (row.full_name, row.display_name) == ("ada of the counterpart", "ada")
        assert (row.email, row.email_verified) == ("ada@example.com", True)
        assert (row.granted_scope, bool(row.access_token)) == ("openid email profile", True)
        assert row.expires_at > row.last_login_at


@pytest.mark.parametrize(("algorithm", "settings"), ALGORITHMS)
def test_id_tokens(new_visits: t.Any, counterpart: Counterpart, algorithm: str, settings: dict[str, str]) -> None:
    visits = new_visits({"id_token_signed_response_alg": algorithm}, **settings)
    visits.connect_and_log_in()
    check_row(visits, counterpart)
    header, claims = read_jwt(visits.token().id_token or "")
    (asked, _) = counterpart.seen("authorization")
    assert header["alg"] == algorithm
    assert claims["aud"] == asked["params"]["client_id"]


@pytest.mark.parametrize(("algorithm", "settings"), ALGORITHMS)
def test_signed_userinfo(new_visits: t.Any, counterpart: Counterpart, algorithm: str, settings: dict[str, str]) -> None:
    client = {"userinfo_signed_response_alg": algorithm, "id_token_signed_response_alg": algorithm}
    visits = new_visits(client, **settings)
    visits.connect_and_log_in()
    check_row(visits, counterpart)
    asked = counterpart.seen("userinfo")
    assert [(entry["status"], entry["type"]) for entry in asked] == [(200, "application/jwt")] * 2


@pytest.mark.parametrize("signed", ["id_token_signed_response_alg", "userinfo_signed_response_alg"])
@pytest.mark.parametrize(("algorithm", "settings"), [("HS256", {}), ("ES256", {"id_token_algs": "RS256"})])
def test_algorithms_that_are_not_allowed(
    new_visits: t.Any, counterpart: Counterpart, signed: str, algorithm: str, settings: dict[str, str]
) -> None:
    """Signatures that hold, made in a way that the settings do not allow; HMAC has to be allowed by name."""
    visits = new_visits({signed: algorithm}, **settings)
    visits.walk("login")
    asked = [
        (entry["route"], entry["status"]) for entry in counterpart.seen() if entry["route"] in ("token", "userinfo")
    ]
    expected = [("token", 200), ("userinfo", 200)]
    assert asked == (expected if signed.startswith("userinfo") else expected[:1])
    assert (visits.code(), visits.kit.who(visits.client)) == ("id_token_invalid", None)


@pytest.mark.parametrize(
    ("settings", "asked"), [({}, True), ({"userinfo": "never"}, False), ({"scope": "openid"}, False)]
)
def test_the_claims_come_from_userinfo(
    new_visits: t.Any, counterpart: Counterpart, settings: dict[str, str], asked: bool
) -> None:
    """The counterpart's ID tokens hold the subject only (OpenID Connect Core 1.0 section 5.4)."""
    visits = new_visits(**settings)
    visits.connect()
    assert len(counterpart.seen("userinfo")) == asked
    with visits.kit.app.app_context():
        assert (visits.row().email == "ada@example.com") is asked


def test_keys_that_change(new_visits: t.Any, counterpart: Counterpart) -> None:
    """The keys are fetched once for many logins, and once more when one is not among them."""
    visits = new_visits()
    visits.connect_and_log_in()
    assert len(counterpart.seen("jwks")) == 1
    counterpart.rotate_keys()
    visits.change_browser()
    visits.walk("login")
    assert visits.kit.names()[-1] == "login_completed"
    assert [entry["route"] for entry in counterpart.seen()].count("jwks") == 1


def test_two_people_are_two(new_visits: t.Any) -> None:
    visits = new_visits()
    visits.connect()
    visits.change_browser()
    visits.walk("login", "grace")
    assert (visits.code(), visits.kit.who(visits.client)) == ("not_connected", None)
