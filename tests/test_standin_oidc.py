"""The stand-in as an OpenID provider; ID tokens are checked with joserfc alone."""

from __future__ import annotations

import base64
import hashlib
import time
import typing as t

import pytest
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from flask_social.testing import Person, StandIn

from .standinkit import agree, get, token_request, tokens


def discovery(standin: StandIn, provider: str) -> dict[str, t.Any]:
    response = get(standin, f"/{provider}/.well-known/openid-configuration")
    return t.cast("dict[str, t.Any]", response.json())


def claims(standin: StandIn, provider: str, id_token: str) -> dict[str, t.Any]:
    keys = KeySet.import_key_set(requests.get(discovery(standin, provider)["jwks_uri"], timeout=10).json())
    return jwt.decode(id_token, keys, algorithms=["RS256"]).claims


@pytest.mark.parametrize("provider", ["google", "oidc"])
def test_discovery(social_provider: StandIn, provider: str) -> None:
    metadata = discovery(social_provider, provider)
    assert metadata["issuer"] == f"{social_provider.url}/{provider}" == social_provider.settings(provider)["issuer"]
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint"):
        assert metadata[name].startswith(metadata["issuer"])
    assert metadata["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize("provider", ["google", "oidc"])
def test_id_token(social_provider: StandIn, provider: str) -> None:
    back = agree(social_provider, provider, nonce="n-1")
    assert back.params["iss"] == f"{social_provider.url}/{provider}"
    answer = token_request(social_provider, provider, code=back.params["code"]).json()
    found = claims(social_provider, provider, answer["id_token"])
    half = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
    assert found["iss"] == f"{social_provider.url}/{provider}"
    assert found["aud"] == f"{provider}-app"
    assert found["nonce"] == "n-1"
    assert found["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert abs(found["auth_time"] - time.time()) < 60
    assert found["exp"] - found["iat"] == 3600
    assert found["sub"] == social_provider.subject(provider, "ada")
    assert (found["email"], found["email_verified"], found["name"]) == ("ada@example.com", True, "Ada Lovelace")


def test_userinfo_and_thin_id_tokens(social_provider: StandIn) -> None:
    social_provider.thin_id_tokens = True
    answer = tokens(social_provider, "oidc")
    found = claims(social_provider, "oidc", answer["id_token"])
    assert "email" not in found
    assert "name" not in found
    info = get(social_provider, "/oidc/userinfo", answer["access_token"]).json()
    assert info["sub"] == found["sub"]
    assert info["picture"].endswith("/pictures/ada.svg")
    assert info["preferred_username"] == "ada_lovelace"


def test_claims_follow_the_scope(social_provider: StandIn) -> None:
    answer = tokens(social_provider, "oidc", scope="openid")
    info = get(social_provider, "/oidc/userinfo", answer["access_token"]).json()
    assert set(info) == {"sub"}


def test_somebody_without_an_address(social_provider: StandIn) -> None:
    answer = tokens(social_provider, "google", "alan")
    assert "email" not in claims(social_provider, "google", answer["id_token"])


def test_hosted_domain_and_unverified_address(social_provider: StandIn) -> None:
    person = Person("eve", "Eve", "eve", "eve@corp.example", email_verified=False, hosted_domain="corp.example")
    social_provider.add_person(person)
    found = claims(social_provider, "google", tokens(social_provider, "google", "eve")["id_token"])
    assert (found["hd"], found["email_verified"], found["family_name"]) == ("corp.example", False, "")


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"scope": "email"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "x"}, "invalid_request"),
    ],
)
def test_bad_requests_go_back_with_iss(social_provider: StandIn, params: dict[str, str], error: str) -> None:
    back = agree(social_provider, "oidc", **params)
    assert back.params["error"] == error
    assert back.params["iss"] == f"{social_provider.url}/oidc"


def test_auth_time_stays_until_a_new_login_is_asked_for(social_provider: StandIn) -> None:
    social_provider.auto = "ada"

    def auth_time(**params: str) -> int:
        answer = tokens(social_provider, "oidc", **params)
        return t.cast("int", claims(social_provider, "oidc", answer["id_token"])["auth_time"])

    first = auth_time()
    social_provider.advance(100)
    assert auth_time(prompt="none") == first
    assert auth_time(max_age="1000") == first
    second = auth_time(max_age="50")
    assert second >= first + 100
    social_provider.advance(100)
    assert auth_time(prompt="login") >= second + 100


def test_auth_time_is_now_where_somebody_chose(social_provider: StandIn) -> None:
    found = []
    for _ in range(2):
        answer = tokens(social_provider, "oidc")
        found.append(claims(social_provider, "oidc", answer["id_token"])["auth_time"])
        social_provider.advance(100)
    assert found[1] >= found[0] + 100


def test_a_refreshed_id_token_keeps_the_subject_and_has_no_nonce(social_provider: StandIn) -> None:
    first = tokens(social_provider, "oidc", nonce="n-1")
    second = token_request(
        social_provider, "oidc", grant_type="refresh_token", refresh_token=first["refresh_token"]
    ).json()
    before, after = (claims(social_provider, "oidc", answer["id_token"]) for answer in (first, second))
    assert after["sub"] == before["sub"]
    assert "nonce" not in after


@pytest.mark.parametrize("kid", ["new", "same", "none"])
def test_rotated_keys(social_provider: StandIn, kid: t.Literal["new", "same", "none"]) -> None:
    old_key = get(social_provider, "/oidc/jwks").json()["keys"][0]
    old = tokens(social_provider, "oidc")["id_token"]
    social_provider.rotate_keys(kid)
    new_key = get(social_provider, "/oidc/jwks").json()["keys"][0]
    assert new_key["n"] != old_key["n"]
    assert "d" not in new_key
    assert {"new": new_key.get("kid") != old_key["kid"], "same": new_key.get("kid") == old_key["kid"]}.get(
        kid, "kid" not in new_key
    )
    with pytest.raises((JoseError, ValueError)):
        claims(social_provider, "oidc", old)
    assert claims(social_provider, "oidc", tokens(social_provider, "oidc")["id_token"])["sub"]


def test_reset_brings_the_first_key_back(social_provider: StandIn) -> None:
    first = get(social_provider, "/oidc/jwks").json()
    social_provider.rotate_keys()
    social_provider.reset()
    assert get(social_provider, "/oidc/jwks").json() == first


def test_somebody_who_left(social_provider: StandIn) -> None:
    answer = tokens(social_provider, "oidc")
    del social_provider.people["ada"]
    assert get(social_provider, "/oidc/userinfo", answer["access_token"]).status_code == 401


# Google's own ways


def test_google_gives_a_refresh_token_once(social_provider: StandIn) -> None:
    def refresh_token(**params: str) -> str | None:
        return tokens(social_provider, "google", **params).get("refresh_token")

    assert refresh_token(access_type="offline")
    assert not refresh_token(access_type="offline")
    kept = refresh_token(access_type="offline", prompt="consent")
    renewed = token_request(social_provider, "google", grant_type="refresh_token", refresh_token=kept)
    assert "refresh_token" not in renewed.json()
    assert renewed.json()["id_token"]


def test_google_adds_parameters_to_the_callback(social_provider: StandIn) -> None:
    params = agree(social_provider, "google").params
    assert params["scope"] == "openid email profile"
    assert params["authuser"] == "0"


def test_google_revokes_the_grant_without_client_authentication(social_provider: StandIn) -> None:
    answer = tokens(social_provider, "google", access_type="offline")
    url = social_provider.settings("google")["revoke_url"]
    assert requests.post(url, {"token": answer["access_token"]}, timeout=10).status_code == 200
    assert {answer["access_token"], answer["refresh_token"]} == social_provider.revoked
    again = requests.post(url, {"token": answer["access_token"]}, timeout=10)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")
    assert tokens(social_provider, "google", access_type="offline")["refresh_token"]
