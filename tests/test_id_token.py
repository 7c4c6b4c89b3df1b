"""OpenID Connect: the claims of an ID token, and UserInfo."""

from __future__ import annotations

import typing as t

import pytest

from flask_social import jws, oidc
from flask_social.errors import IdTokenInvalid

from .protocolkit import BAD_SUBJECTS, ISSUER, NOW, SECONDS, answer, claims, id_token, jwk


def check(changes: dict[str, t.Any], *, token_alg: str = "RS256", **options: t.Any) -> oidc.Identity:
    signed = jws.verify(
        id_token(claims(**{"nonce": "n", **changes}), token_alg),
        jws.read_keys(answer({"keys": [jwk()]})),
        algorithms=[token_alg],
    )
    assert signed is not None
    given = {"issuer": ISSUER, "client_id": "app", "nonce": "n", "access_token": "at", "now": NOW, **options}
    return oidc.read_id_token(signed, **given)


def test_good_claims() -> None:
    identity = check({"auth_time": SECONDS - 5})
    assert (identity.issuer, identity.subject, identity.auth_time) == (ISSUER, "ada-1", SECONDS - 5)
    assert "ada@" not in repr(identity)


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"iss": "sso.example"}, {"issuer_aliases": ("sso.example",)}),
        ({"aud": ["app"]}, {}),
        ({"aud": ["other", "app"], "azp": "app"}, {}),
        ({"azp": "app"}, {}),
        ({"exp": SECONDS - 59}, {}),
        ({"exp": SECONDS + 0.5}, {}),
        ({"iat": SECONDS + 60}, {}),
        ({"iat": SECONDS - 10**8}, {}),
        ({"nbf": SECONDS + 60}, {}),
        ({"nonce": None}, {"nonce": None}),
        ({"nonce": "other"}, {"nonce": None}),
        ({"at_hash": oidc.half_hash("at", "RS256")}, {}),
        ({"at_hash": "wrong"}, {"access_token": None}),
        ({"sub": 5}, {}),
        ({"auth_time": SECONDS}, {"authenticated_after": SECONDS}),
        ({"auth_time": SECONDS - 60}, {"authenticated_after": SECONDS}),
    ],
)
def test_claims_that_hold(changes: dict[str, t.Any], options: dict[str, t.Any]) -> None:
    assert check(changes, **options).issuer == ISSUER


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        *(({"iss": value}, "iss") for value in (None, "", ISSUER + "/", "https://evil.example", [ISSUER], 5)),
        *(({"aud": value}, "aud") for value in (None, "", [], "other", ["other"], {"app": 1}, True, ["app", 5])),
        *(({"azp": value}, "azp") for value in ("other", "", 5, ["app"])),
        ({"aud": ["app", "other"]}, "azp"),
        ({"aud": ["app", "other"], "azp": "other"}, "azp"),
        *(
            ({"exp": value}, "exp")
            for value in (None, 0, SECONDS - 60, "9999999999", True, [], 10**13, -5, float("inf"))
        ),
        *(({"iat": value}, "iat") for value in (None, SECONDS + 61, "1", False, float("nan"))),
        *(({"nbf": value}, "nbf") for value in (SECONDS + 61, "1", [])),
        *(({"nonce": value}, "nonce") for value in (None, "", "m", "N", 5, ["n"], "\ud800", "n\0")),
        *(({"at_hash": value}, "at_hash") for value in ("", "x", 5, oidc.half_hash("other", "RS256"))),
        *(({"auth_time": value}, "auth_time") for value in ("1", True, [], 10**13)),
        *(({"sub": value}, "sub") for value in BAD_SUBJECTS),
    ],
)
def test_claims_that_do_not_hold(changes: dict[str, t.Any], named: str) -> None:
    with pytest.raises(IdTokenInvalid, match=rf"\({named}\)"):
        check(changes)


@pytest.mark.parametrize("auth_time", [None, SECONDS - 61, 0, SECONDS + 61, 10**11])
def test_authentication_that_is_too_old(auth_time: int | None) -> None:
    with pytest.raises(IdTokenInvalid, match="auth_time"):
        check({"auth_time": auth_time}, authenticated_after=SECONDS)


@pytest.mark.parametrize(
    ("algorithm", "size"), [("RS256", 16), ("ES384", 24), ("PS512", 32), ("EdDSA", 32), ("Ed25519", 32), ("HS256", 16)]
)
def test_half_hashes(algorithm: str, size: int) -> None:
    assert len(oidc.half_hash("token", algorithm)) == -(-size * 4 // 3)


def test_half_hash_of_the_specification() -> None:
    """OpenID Connect Core 1.0 appendix A.3."""
    assert oidc.half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


# UserInfo


def test_signed_claims_win() -> None:
    identity = check({"email": None, "email_verified": None, "name": "Ada"})
    merged = oidc.merge_userinfo(
        identity, {"sub": "ada-1", "name": "Eve", "email": "a@example.com", "email_verified": True, "iss": "x"}
    )
    assert (merged["name"], merged["email"], merged["email_verified"], merged["iss"]) == (
        "Ada",
        "a@example.com",
        True,
        ISSUER,
    )


@pytest.mark.parametrize(
    ("signed", "given", "verified"),
    [
        (("a@x.example", None), ("a@x.example", True), True),
        (("a@x.example", None), ("b@x.example", True), None),
        (("a@x.example", None), (None, True), None),
        (("a@x.example", False), ("a@x.example", True), False),
        ((None, True), ("b@x.example", False), False),
        ((None, True), ("b@x.example", None), None),
    ],
)
def test_verified_speaks_of_one_address(signed: t.Any, given: t.Any, verified: bool | None) -> None:
    identity = check({"email": signed[0], "email_verified": signed[1]})
    userinfo = {"sub": "ada-1", "email": given[0], "email_verified": given[1]}
    merged = oidc.merge_userinfo(identity, {name: value for name, value in userinfo.items() if value is not None})
    assert merged.get("email_verified") is verified


@pytest.mark.parametrize("sub", ["eve", "ADA-1", "ada-1 ", *BAD_SUBJECTS])
def test_userinfo_of_somebody_else(sub: t.Any) -> None:
    with pytest.raises(IdTokenInvalid, match="sub"):
        oidc.merge_userinfo(check({}), {"sub": sub})
    with pytest.raises(IdTokenInvalid, match="sub"):
        oidc.merge_userinfo(check({}), {"name": "Ada"})
