"""The stand-in as an OAuth 2 provider, seen by a client that is not ours."""

from __future__ import annotations

import typing as t

import pytest
import requests

from flask_social.testing import StandIn

from .standinkit import REDIRECT_URI, VERIFIER, agree, authorization_url, get, token_request, tokens

OAUTH2 = ("x", "facebook", "google", "foursquare", "oidc", "oauth2")


@pytest.mark.parametrize("provider", OAUTH2)
def test_code_flow(social_provider: StandIn, provider: str) -> None:
    back = agree(social_provider, provider)
    assert back.url.startswith(REDIRECT_URI)
    assert back.params["state"] == "s t&ä"
    response = token_request(social_provider, provider, code=back.params["code"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert isinstance(response.json()["access_token"], str)


@pytest.mark.parametrize("provider", OAUTH2)
def test_a_person_can_decline(social_provider: StandIn, provider: str) -> None:
    params = agree(social_provider, provider, None).params
    assert params["error"] == "access_denied"
    assert params["state"] == "s t&ä"
    assert "code" not in params


def test_no_state_is_answered_with_none(social_provider: StandIn) -> None:
    assert "state" not in agree(social_provider, "oauth2", state=None).params


@pytest.mark.parametrize(
    ("provider", "expires_in", "refresh"),
    [
        ("x", 7200, True),
        ("facebook", 5400, False),
        ("google", 3600, False),
        ("foursquare", None, False),
        ("oidc", 3600, True),
        ("oauth2", 3600, True),
    ],
)
def test_lifetimes(social_provider: StandIn, provider: str, expires_in: int | None, refresh: bool) -> None:
    answer = tokens(social_provider, provider)
    assert answer.get("expires_in") == expires_in
    assert ("refresh_token" in answer) is refresh


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"client_id": "nobody"}, 401),
        ({"redirect_uri": None}, 400),
        ({"redirect_uri": "/callback"}, 400),
        ({"redirect_uri": REDIRECT_URI + "#here"}, 400),
    ],
)
def test_nobody_is_sent_to_an_unproven_address(
    social_provider: StandIn, changes: dict[str, t.Any], status: int
) -> None:
    response = requests.get(authorization_url(social_provider, "oauth2", **changes), timeout=10)
    assert response.status_code == status
    assert "Stand-in for an OAuth 2 provider" in response.text
    with pytest.raises(ValueError, match="shows no form"):
        social_provider.visit(authorization_url(social_provider, "oauth2", **changes))


def test_redirect_uris_of_a_registered_client_are_compared(social_provider: StandIn) -> None:
    client = social_provider.register("oauth2", "shop", "word", [REDIRECT_URI])
    assert agree(social_provider, "oauth2", client_id=client.client_id).params["code"]
    bad = authorization_url(social_provider, "oauth2", client_id="shop", redirect_uri=REDIRECT_URI + "/")
    assert requests.get(bad, timeout=10).status_code == 400
    assert "word" not in repr(client)


def test_the_query_of_a_redirect_uri_stays(social_provider: StandIn) -> None:
    uri = REDIRECT_URI + "?tenant=a%2Fb&empty="
    back = agree(social_provider, "oauth2", redirect_uri=uri)
    assert back.url.startswith(uri + "&code=")


@pytest.mark.parametrize(
    ("provider", "changes", "error"),
    [
        ("oauth2", {"response_type": "token"}, "unsupported_response_type"),
        ("x", {"code_challenge": None}, "invalid_request"),
        ("oauth2", {"code_challenge_method": "plain"}, "invalid_request"),
        ("oauth2", {"code_challenge_method": None}, "invalid_request"),
        ("oauth2", {"code_challenge": "short"}, "invalid_request"),
    ],
)
def test_other_mistakes_go_back(social_provider: StandIn, provider: str, changes: dict[str, t.Any], error: str) -> None:
    assert agree(social_provider, provider, **changes).params["error"] == error


def test_parameters_come_once(social_provider: StandIn) -> None:
    twice = authorization_url(social_provider, "oauth2") + "&state=other"
    assert requests.get(twice, timeout=10).status_code == 400
    body = "grant_type=authorization_code&grant_type=refresh_token"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = requests.post(f"{social_provider.url}/oauth2/token", data=body, headers=headers, timeout=10)
    assert response.json()["error"] == "invalid_request"


def test_the_login_page(social_provider: StandIn) -> None:
    url = authorization_url(social_provider, "google")
    response = requests.get(url, timeout=10)
    assert "Stand-in for Google" in response.text
    for name in ("Ada Lovelace", "Grace Hopper", "Alan Turing", 'data-testid="person-ada"', 'data-testid="deny"'):
        assert name in response.text
    assert "<script" not in response.text
    assert "script" not in response.headers["Content-Security-Policy"]
    with pytest.raises(ValueError, match="nobody called 'eve'"):
        social_provider.visit(url, "eve")


def test_a_page_works_once_and_for_people_it_showed(social_provider: StandIn) -> None:
    page = requests.get(authorization_url(social_provider, "oauth2"), timeout=10).text
    handle = page.partition('name="request" value="')[2].partition('"')[0]
    choose = f"{social_provider.url}/oauth2/choose"
    first = requests.post(choose, data={"request": handle, "person": "eve"}, timeout=10, allow_redirects=False)
    assert first.status_code == 400
    again = requests.post(choose, data={"request": handle, "person": "ada"}, timeout=10, allow_redirects=False)
    assert again.status_code == 400


def test_auto_answers_without_a_page(social_provider: StandIn) -> None:
    social_provider.auto = "grace"
    response = requests.get(authorization_url(social_provider, "oauth2"), timeout=10, allow_redirects=False)
    assert response.status_code == 302
    token = tokens(social_provider, "oauth2")["access_token"]
    assert get(social_provider, "/oauth2/api/me", token).json()["user"]["login"] == "grace_hopper"
    social_provider.deny_next()
    assert agree(social_provider, "oauth2").params["error"] == "access_denied"


def test_form_post(social_provider: StandIn) -> None:
    back = agree(social_provider, "oauth2", response_mode="form_post")
    assert (back.method, back.url) == ("POST", REDIRECT_URI)
    assert back.params["state"] == "s t&ä"
    social_provider.auto = "ada"
    back = agree(social_provider, "oauth2", response_mode="form_post")
    assert back.data["code"]
    page = requests.get(authorization_url(social_provider, "oauth2", response_mode="form_post"), timeout=10)
    assert "<noscript><button" in page.text
    assert "script-src 'unsafe-inline'" in page.headers["Content-Security-Policy"]


# Token endpoint


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "oauth2-code-unknown"},
        {"redirect_uri": REDIRECT_URI + "/other"},
        {"code_verifier": VERIFIER[::-1]},
        {"code_verifier": None},
    ],
)
def test_a_code_needs_what_belongs_to_it(social_provider: StandIn, changes: dict[str, t.Any]) -> None:
    code = agree(social_provider, "oauth2").params["code"]
    response = token_request(social_provider, "oauth2", **{"code": code, **changes})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_a_verifier_needs_a_challenge(social_provider: StandIn) -> None:
    code = agree(social_provider, "oauth2", code_challenge=None, code_challenge_method=None).params["code"]
    assert token_request(social_provider, "oauth2", code=code).json()["error"] == "invalid_grant"


def test_no_pkce_where_it_may_be_left_out(social_provider: StandIn) -> None:
    code = agree(social_provider, "oauth2", code_challenge=None, code_challenge_method=None).params["code"]
    assert token_request(social_provider, "oauth2", code=code, code_verifier=None).status_code == 200


def test_plain_pkce_at_x(social_provider: StandIn) -> None:
    code = agree(social_provider, "x", code_challenge=VERIFIER, code_challenge_method="plain").params["code"]
    assert token_request(social_provider, "x", code=code).status_code == 200


def test_a_code_lives_thirty_seconds(social_provider: StandIn) -> None:
    early, late = (agree(social_provider, "oauth2").params["code"] for _ in range(2))
    social_provider.advance(28)
    assert token_request(social_provider, "oauth2", code=early).status_code == 200
    social_provider.advance(4)
    response = token_request(social_provider, "oauth2", code=late)
    assert "expired" in response.json()["error_description"]


def test_a_second_use_of_a_code_ends_the_grant(social_provider: StandIn) -> None:
    code = agree(social_provider, "oauth2").params["code"]
    first = token_request(social_provider, "oauth2", code=code).json()
    assert token_request(social_provider, "oauth2", code=code).json()["error"] == "invalid_grant"
    assert get(social_provider, "/oauth2/api/me", first["access_token"]).status_code == 401
    assert first["refresh_token"] in social_provider.revoked


def test_a_code_of_another_client(social_provider: StandIn) -> None:
    social_provider.register("oauth2", "thief", "word")
    code = agree(social_provider, "oauth2").params["code"]
    response = token_request(social_provider, "oauth2", code=code, client_id="thief", client_secret="word")
    assert response.json()["error"] == "invalid_grant"


SECRET = "a b+c/d%20:é"


def test_basic_credentials_are_form_encoded(social_provider: StandIn) -> None:
    social_provider.register("oauth2", "odd:app", SECRET)
    url = f"{social_provider.url}/oauth2/token"
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    code = agree(social_provider, "oauth2", client_id="odd:app").params["code"]
    plain = requests.post(url, {**form, "code": code}, auth=(b"odd:app", SECRET.encode()), timeout=10)
    assert plain.status_code == 401
    encoded = ("odd%3Aapp", "a+b%2Bc%2Fd%2520%3A%C3%A9")
    assert requests.post(url, {**form, "code": code}, auth=encoded, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("provider", "headers", "form", "status"),
    [
        ("oauth2", {"Authorization": "Basic ///"}, {}, 401),
        ("oauth2", {"Authorization": "Basic b2F1dGgyLWFwcDpvYXV0aDItYXBwLXNlY3JldA=="}, {"client_secret": "x"}, 400),
        ("oauth2", {}, {"client_id": "oauth2-app", "client_secret": "wrong"}, 401),
        ("oauth2", {}, {"client_id": "oauth2-app"}, 401),
        ("oauth2", {}, {}, 401),
        ("x", {}, {"client_id": "x-app", "client_secret": "x-app-secret"}, 401),
    ],
)
def test_client_authentication(
    social_provider: StandIn, provider: str, headers: dict[str, str], form: dict[str, str], status: int
) -> None:
    url = social_provider.settings(provider)["access_token_url"]
    response = requests.post(url, {"grant_type": "authorization_code", **form}, headers=headers, timeout=10)
    assert response.status_code == status
    assert response.json()["error"] == ("invalid_client" if status == 401 else "invalid_request")


def test_a_public_client_needs_pkce_and_no_secret(social_provider: StandIn) -> None:
    client = social_provider.register("oauth2")
    mine = {"client_id": client.client_id}
    bare = agree(social_provider, "oauth2", code_challenge=None, code_challenge_method=None, **mine)
    assert bare.params["error"] == "invalid_request"
    code = agree(social_provider, "oauth2", **mine).params["code"]
    answer = token_request(social_provider, "oauth2", code=code, client_secret=None, **mine)
    assert answer.status_code == 200


def test_unknown_grant_type(social_provider: StandIn) -> None:
    response = token_request(social_provider, "oauth2", grant_type="password")
    assert response.json()["error"] == "unsupported_grant_type"
