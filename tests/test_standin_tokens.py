"""What becomes of the stand-in's tokens: refresh, expiry, revocation, scopes."""

from __future__ import annotations

import typing as t

import requests

from flask_social.testing import StandIn

from .standinkit import get, token_request, tokens


def refresh(standin: StandIn, provider: str, token: str, **params: t.Any) -> requests.Response:
    return token_request(standin, provider, grant_type="refresh_token", refresh_token=token, **params)


def test_refresh_rotates(social_provider: StandIn) -> None:
    first = tokens(social_provider, "x")
    second = refresh(social_provider, "x", first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    again = refresh(social_provider, "x", first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refresh(social_provider, "x", second["refresh_token"]).status_code == 200


def test_strict_reuse_detection_ends_the_grant(social_provider: StandIn) -> None:
    social_provider.strict_refresh = True
    first = tokens(social_provider, "oauth2")
    second = refresh(social_provider, "oauth2", first["refresh_token"]).json()
    refresh(social_provider, "oauth2", first["refresh_token"])
    assert refresh(social_provider, "oauth2", second["refresh_token"]).json()["error"] == "invalid_grant"
    assert get(social_provider, "/oauth2/api/me", second["access_token"]).status_code == 401


def test_rotation_can_be_switched(social_provider: StandIn) -> None:
    social_provider.rotate_refresh_tokens = False
    first = tokens(social_provider, "oauth2")
    for _ in range(2):
        assert "refresh_token" not in refresh(social_provider, "oauth2", first["refresh_token"]).json()


def test_refresh_is_for_its_client_and_scope(social_provider: StandIn) -> None:
    social_provider.register("oauth2", "thief", "word")
    token = tokens(social_provider, "oauth2")["refresh_token"]
    stolen = refresh(social_provider, "oauth2", token, client_id="thief", client_secret="word")
    assert stolen.json()["error"] == "invalid_grant"
    assert refresh(social_provider, "oauth2", token, scope="profile admin").json()["error"] == "invalid_scope"
    assert refresh(social_provider, "oauth2", token, scope="profile").status_code == 200


def test_an_access_token_expires(social_provider: StandIn) -> None:
    token = tokens(social_provider, "oauth2")["access_token"]
    assert get(social_provider, "/oauth2/api/me", token).status_code == 200
    social_provider.advance(3601)
    assert get(social_provider, "/oauth2/api/me", token).status_code == 401


def revoke(standin: StandIn, **form: str) -> requests.Response:
    return requests.post(f"{standin.url}/oauth2/revoke", form, auth=("oauth2-app", "oauth2-app-secret"), timeout=10)


def test_revocation(social_provider: StandIn) -> None:
    answer = tokens(social_provider, "oauth2")
    other = tokens(social_provider, "oauth2")
    assert revoke(social_provider, token=answer["access_token"]).status_code == 200
    assert social_provider.revoked == {answer["access_token"]}
    renewed = refresh(social_provider, "oauth2", answer["refresh_token"]).json()
    assert revoke(social_provider, token=renewed["refresh_token"]).status_code == 200
    assert renewed["access_token"] in social_provider.revoked
    assert {item.value for item in social_provider.live_tokens} == {other["access_token"], other["refresh_token"]}
    assert revoke(social_provider, token="unknown").status_code == 200


def test_revocation_needs_the_client(social_provider: StandIn) -> None:
    social_provider.register("oauth2", "thief", "word")
    token = tokens(social_provider, "oauth2")["access_token"]
    url = f"{social_provider.url}/oauth2/revoke"
    assert requests.post(url, {"token": token}, timeout=10).status_code == 401
    requests.post(url, {"token": token}, auth=("thief", "word"), timeout=10)
    assert social_provider.revoked == frozenset()


def test_the_person_removes_the_application(social_provider: StandIn) -> None:
    ada, grace = (tokens(social_provider, "oauth2", who)["refresh_token"] for who in ("ada", "grace"))
    social_provider.revoke("oauth2", "ada")
    assert refresh(social_provider, "oauth2", ada).status_code == 400
    assert refresh(social_provider, "oauth2", grace).status_code == 200


def test_withheld_scopes(social_provider: StandIn) -> None:
    social_provider.withheld_scopes = {"email"}
    answer = tokens(social_provider, "oauth2")
    assert answer["scope"] == "profile"
    assert get(social_provider, "/oauth2/api/me", answer["access_token"]).json()["contact"] == {}
