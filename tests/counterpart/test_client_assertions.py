"""Client authentication by a signed assertion: ``client_secret_jwt`` and ``private_key_jwt`` (RFC 7523)."""

from __future__ import annotations

import typing as t

import pytest

from ..protocolkit import jwk, key
from .counterpart import OFFLINE, SECRET, Counterpart, Seen, read_jwt

#: The kind of key that an algorithm takes.
KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "P-256", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}


def private_jwk(kind: str, name: str = "counterpart", **members: str) -> dict[str, t.Any]:
    return {**key(kind, name).as_dict(private=True), **members}


def registered(kind: str, **members: t.Any) -> dict[str, t.Any]:
    """A client that the counterpart knows by its public key only."""
    keys = {"keys": [jwk(kind, "counterpart", kid="mine")]}
    return {"client_secret": None, "token_endpoint_auth_method": "private_key_jwt", "jwks": keys, **members}


def assertions(counterpart: Counterpart, count: int) -> list[dict[str, t.Any]]:
    """The headers of that many assertions, which were all accepted, no two alike, and no secret beside them."""
    asked = [entry for entry in counterpart.seen() if entry["route"] in ("token", "revocation")]
    assert [entry["status"] for entry in asked] == [200] * count, asked
    headers, claims = zip(*[read(entry) for entry in asked], strict=True)
    assert {claim["aud"] for claim in claims} == {counterpart.issuer}
    assert len({claim["jti"] for claim in claims}) == count
    return list(headers)


def read(entry: Seen) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    assert entry["authorization"] == ""
    assert "client_secret" not in entry["params"]
    header, claims = read_jwt(entry["params"]["client_assertion"])
    assert claims["iss"] == claims["sub"] == entry["params"]["client_id"]
    assert 0 < claims["exp"] - claims["iat"] <= 600
    return header, claims


@pytest.mark.parametrize("secret", [SECRET, 'odd: 100% a/b+c&d=e?f#g~h "quoted" \\'], ids=["plain", "odd"])
def test_client_secret_jwt(new_visits: t.Any, counterpart: Counterpart, secret: str) -> None:
    client = {"client_secret": secret, "token_endpoint_auth_method": "client_secret_jwt"}
    visits = new_visits(client, token_auth_method="client_secret_jwt")
    visits.connect_and_log_in()
    assert {header["alg"] for header in assertions(counterpart, 2)} == {"HS256"}


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize("algorithm", KINDS)
def test_private_key_jwt(new_visits: t.Any, counterpart: Counterpart, algorithm: str, form: str) -> None:
    """The counterpart takes this one algorithm."""
    kind = KINDS[algorithm]
    given: dict[str, t.Any] = {"private_key": private_jwk(kind, kid="mine")}
    if form == "pem":
        pem = key(kind, "counterpart").as_pem(private=True).decode()  # type: ignore[attr-defined]
        given = {"private_key": pem, "private_key_id": "mine"}
    client = registered(kind, token_endpoint_auth_signing_alg=algorithm)
    visits = new_visits(client, token_auth_method="private_key_jwt", token_auth_alg=algorithm, **given)
    visits.connect_and_log_in()
    found = assertions(counterpart, 2)
    assert {(header["alg"], header["kid"]) for header in found} == {(algorithm, "mine")}


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS256"), ("P-256", "ES256"), ("Ed25519", "EdDSA")])
def test_a_key_is_all_that_the_settings_need(
    new_visits: t.Any, counterpart: Counterpart, kind: str, algorithm: str
) -> None:
    """The method comes from discovery, the algorithm from the key; and the counterpart has one key to try."""
    visits = new_visits(registered(kind), private_key=private_jwk(kind))
    visits.connect_and_log_in()
    found = assertions(counterpart, 2)
    assert {(header["alg"], header.get("kid")) for header in found} == {(algorithm, None)}


def test_every_request_of_the_client_is_signed(new_visits: t.Any, counterpart: Counterpart) -> None:
    visits = new_visits(registered("P-256"), private_key=private_jwk("P-256"), **OFFLINE)
    visits.connect()
    visits.revoke(visits.refresh(visits.token()))
    assert len(assertions(counterpart, 3)) == 3


@pytest.mark.parametrize(
    ("client", "settings"),
    [
        pytest.param(registered("P-256"), {"private_key": private_jwk("P-256", "another")}, id="another key"),
        pytest.param(
            registered("P-256"),
            {"private_key": private_jwk("P-256"), "token_auth_audience": "https://another.example"},
            id="for another server",
        ),
        pytest.param(
            {"token_endpoint_auth_method": "client_secret_jwt"},
            {"token_auth_method": "client_secret_jwt", "consumer_secret": "another secret, of 32 characters"},
            id="another secret",
        ),
    ],
)
def test_the_counterpart_reads_assertions(
    new_visits: t.Any, counterpart: Counterpart, client: dict[str, t.Any], settings: dict[str, t.Any]
) -> None:
    """So the tests above show something."""
    visits = new_visits(client, **settings)
    visits.walk("login")
    (entry,) = counterpart.seen("token")
    assert (entry["status"], entry["error"], visits.code()) == (401, "invalid_client", "provider_refused")
