"""The profile APIs of the stand-in: fields, error bodies and headers of the real ones."""

from __future__ import annotations

import hashlib
import hmac
import typing as t

import pytest
import requests

from flask_social.testing import Person, StandIn

from .standinkit import agree, get, token_request, tokens

# X


def test_x_profile(social_provider: StandIn) -> None:
    token = tokens(social_provider, "x")["access_token"]
    response = get(social_provider, "/x/2/users/me", token)
    assert response.json() == {
        "data": {"id": social_provider.subject("x", "ada"), "name": "Ada Lovelace", "username": "ada_lovelace"}
    }
    for name in ("limit", "remaining", "reset"):
        assert response.headers[f"x-rate-limit-{name}"].isdigit()
    fields = {"user.fields": "profile_image_url,confirmed_email,verified,public_metrics"}
    data = get(social_provider, "/x/2/users/me", token, **fields).json()["data"]
    assert data["confirmed_email"] == "ada@example.com"
    assert data["profile_image_url"].endswith("/ada.svg")


@pytest.mark.parametrize(("person", "scope"), [("alan", "users.email "), ("ada", "")])
def test_x_without_an_address(social_provider: StandIn, person: str, scope: str) -> None:
    token = tokens(social_provider, "x", person, scope=scope + "tweet.read users.read")["access_token"]
    data = get(social_provider, "/x/2/users/me", token, **{"user.fields": "confirmed_email"}).json()["data"]
    assert "confirmed_email" not in data


def test_x_errors(social_provider: StandIn) -> None:
    problem = get(social_provider, "/x/2/users/me", "dead")
    assert problem.status_code == 401
    assert problem.json() == {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
    poor = tokens(social_provider, "x", scope="users.read")["access_token"]
    assert get(social_provider, "/x/2/users/me", poor).json()["title"] == "Forbidden"
    token = tokens(social_provider, "x")["access_token"]
    wrong = get(social_provider, "/x/2/users/me", token, **{"user.fields": "shoe_size"})
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["parameters"] == {"user.fields": ["shoe_size"]}


def test_x_revokes(social_provider: StandIn) -> None:
    token = tokens(social_provider, "x")["access_token"]
    url = social_provider.settings("x")["revoke_url"]
    assert requests.post(url, {"token": token}, auth=("x-app", "x-app-secret"), timeout=10).json() == {"revoked": True}
    assert get(social_provider, "/x/2/users/me", token).status_code == 401


# Facebook


def error_of(response: requests.Response) -> tuple[int, int]:
    error = response.json()["error"]
    assert {"message", "type", "code", "fbtrace_id"} <= set(error)
    return response.status_code, error["code"]


@pytest.mark.parametrize("prefix", ["", "/v25.0", "/v19.0"])
def test_facebook_profile(social_provider: StandIn, prefix: str) -> None:
    token = tokens(social_provider, "facebook")["access_token"]
    path = f"/facebook{prefix}/me"
    assert set(get(social_provider, path, token).json()) == {"id", "name"}
    fields = "id,name,first_name,last_name,email,picture.type(large)"
    user = get(social_provider, path, None, access_token=token, fields=fields).json()
    assert user["id"] == social_provider.subject("facebook", "ada")
    assert user["picture"]["data"]["is_silhouette"] is False
    assert user["email"] == "ada@example.com"
    assert get(social_provider, f"/facebook{prefix}/{user['id']}", token).json()["name"] == "Ada Lovelace"
    picture = get(social_provider, f"/facebook{prefix}/{user['id']}/picture")
    assert picture.headers["Location"].endswith("/pictures/ada.svg")


def test_facebook_ids_belong_to_the_application(social_provider: StandIn) -> None:
    social_provider.register("facebook", "other", "word")
    code = agree(social_provider, "facebook", client_id="other").params["code"]
    token = token_request(social_provider, "facebook", code=code, client_id="other", client_secret="word").json()
    other = get(social_provider, "/facebook/me", token["access_token"]).json()["id"]
    assert other == social_provider.subject("facebook", "ada", "other") != social_provider.subject("facebook", "ada")


def test_facebook_without_an_address(social_provider: StandIn) -> None:
    token = tokens(social_provider, "facebook", "alan")["access_token"]
    assert set(get(social_provider, "/facebook/me", token, fields="id,email").json()) == {"id"}


def test_facebook_errors(social_provider: StandIn) -> None:
    token = tokens(social_provider, "facebook")["access_token"]
    assert error_of(get(social_provider, "/facebook/me", "dead")) == (400, 190)
    assert error_of(get(social_provider, "/facebook/me", token, fields="shoe")) == (400, 100)
    assert error_of(get(social_provider, "/facebook/12345", token)) == (400, 100)
    assert error_of(get(social_provider, "/facebook/12345/picture")) == (400, 100)
    code = agree(social_provider, "facebook").params["code"]
    assert error_of(token_request(social_provider, "facebook", code=code, client_secret="no")) == (400, 101)
    social_provider.advance(31)
    late = token_request(social_provider, "facebook", code=code)
    assert error_of(late) == (400, 100)
    assert late.json()["error"]["error_subcode"] == 36007
    social_provider.advance(6000)
    assert error_of(get(social_provider, "/facebook/me", token)) == (400, 190)


def proof(token: str) -> str:
    return hmac.new(b"facebook-app-secret", token.encode(), hashlib.sha256).hexdigest()


def test_appsecret_proof(social_provider: StandIn) -> None:
    token = tokens(social_provider, "facebook")["access_token"]
    assert error_of(get(social_provider, "/facebook/me", token, appsecret_proof="nö")) == (400, 100)
    assert get(social_provider, "/facebook/me", token, appsecret_proof=proof(token)).status_code == 200
    social_provider.require_appsecret_proof = True
    assert error_of(get(social_provider, "/facebook/me", token)) == (400, 100)
    assert get(social_provider, "/facebook/me", token, appsecret_proof=proof(token)).status_code == 200


def test_facebook_exchanges_a_live_token(social_provider: StandIn) -> None:
    token = tokens(social_provider, "facebook")["access_token"]
    params = {
        "grant_type": "fb_exchange_token",
        "client_id": "facebook-app",
        "client_secret": "facebook-app-secret",
        "fb_exchange_token": token,
    }
    long = get(social_provider, "/facebook/v25.0/oauth/access_token", None, **params).json()
    assert long["expires_in"] == 5_184_000
    social_provider.advance(6000)
    assert get(social_provider, "/facebook/me", long["access_token"]).status_code == 200
    assert error_of(get(social_provider, "/facebook/oauth/access_token", None, **params)) == (400, 190)


def test_facebook_debug_token(social_provider: StandIn) -> None:
    token = tokens(social_provider, "facebook")["access_token"]
    app = token_request(social_provider, "facebook", grant_type="client_credentials").json()["access_token"]
    assert app == "facebook-app|facebook-app-secret"
    path = "/facebook/v25.0/debug_token"
    data = get(social_provider, path, None, input_token=token, access_token=app).json()["data"]
    assert data["is_valid"] is True
    assert data["user_id"] == social_provider.subject("facebook", "ada")
    assert data["scopes"] == ["email", "public_profile"]
    assert data["expires_at"] - data["issued_at"] == 5400
    unknown = get(social_provider, path, None, input_token="dead", access_token=app).json()["data"]
    assert unknown["is_valid"] is False
    assert error_of(get(social_provider, path, None, input_token=token, access_token="facebook-app|no")) == (400, 190)


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_facebook_permissions(social_provider: StandIn, method: str) -> None:
    token = tokens(social_provider, "facebook")["access_token"]
    user = social_provider.subject("facebook", "ada")
    listed = get(social_provider, "/facebook/me/permissions", token).json()["data"]
    assert listed[0] == {"permission": "email", "status": "granted"}
    url = f"{social_provider.url}/facebook/v25.0/{user}/permissions"
    form = {"access_token": token}
    if method == "POST":
        assert error_of(requests.post(url, form, timeout=10)) == (400, 100)
        form["method"] = "delete"
    assert requests.request(method, url, data=form, timeout=10).json() == {"success": True}
    assert error_of(get(social_provider, "/facebook/me", token)) == (400, 190)
    assert token in social_provider.revoked


def test_facebook_says_what_was_granted(social_provider: StandIn) -> None:
    social_provider.withheld_scopes = {"email"}
    params = agree(social_provider, "facebook", return_scopes="true").params
    assert (params["granted_scopes"], params["denied_scopes"]) == ("public_profile", "email")


# Google


def test_google_profile(social_provider: StandIn) -> None:
    token = tokens(social_provider, "google")["access_token"]
    v2 = get(social_provider, "/google/oauth2/v2/userinfo", token).json()
    assert (v2["id"], v2["verified_email"]) == (social_provider.subject("google", "ada"), True)
    assert get(social_provider, "/google/v1/userinfo", None, access_token=token).json()["sub"] == v2["id"]
    about = get(social_provider, "/google/drive/v3/about", token, fields="user")
    assert about.json()["user"]["emailAddress"] == "ada@example.com"
    assert get(social_provider, "/google/drive/v3/about", token).json()["error"]["status"] == "INVALID_ARGUMENT"
    dead = get(social_provider, "/google/oauth2/v2/userinfo", "dead")
    assert (dead.status_code, dead.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


# Foursquare


def test_foursquare_profile(social_provider: StandIn) -> None:
    params = {
        "grant_type": "authorization_code",
        "client_id": "foursquare-app",
        "client_secret": "foursquare-app-secret",
        "redirect_uri": "http://app.example/callback",
        "code": agree(social_provider, "foursquare", scope=None).params["code"],
    }
    answer = get(social_provider, "/foursquare/oauth2/access_token", None, **params).json()
    assert set(answer) == {"access_token"}
    token = answer["access_token"]
    response = get(social_provider, "/foursquare/v2/users/self", None, oauth_token=token, v="20200130")
    user = response.json()["response"]["user"]
    assert response.json()["meta"]["code"] == 200
    assert (user["id"], user["firstName"]) == (social_provider.subject("foursquare", "ada"), "Ada")
    assert user["contact"] == {"email": "ada@example.com"}
    photo = user["photo"]
    assert requests.get(photo["prefix"] + "100x100" + photo["suffix"], timeout=10).status_code == 200
    assert response.headers["X-RateLimit-Limit"] == "500"
    assert int(response.headers["X-RateLimit-Remaining"]) < 500


def test_foursquare_with_little_data(social_provider: StandIn) -> None:
    social_provider.add_person(Person("solo", "Solo", "solo"))
    token = tokens(social_provider, "foursquare", "solo", scope=None)["access_token"]
    user = get(social_provider, "/foursquare/v2/users/self", token, v="20200130").json()["response"]["user"]
    assert "lastName" not in user
    assert user["contact"] == {}


@pytest.mark.parametrize(
    ("params", "status", "kind"),
    [
        ({}, 410, "param_error"),
        ({"v": "soon"}, 410, "param_error"),
        ({"v": "20200130", "oauth_token": "dead"}, 401, "invalid_auth"),
    ],
)
def test_foursquare_errors(social_provider: StandIn, params: dict[str, str], status: int, kind: str) -> None:
    response = get(social_provider, "/foursquare/v2/users/self", None, **params)
    assert (response.status_code, response.json()["meta"]["errorType"]) == (status, kind)
    assert "X-RateLimit-Remaining" in response.headers


# Generic


def test_generic_profile_has_a_number_for_an_id(social_provider: StandIn) -> None:
    token = tokens(social_provider, "oauth2")["access_token"]
    profile = get(social_provider, "/oauth2/api/me", token).json()
    assert profile["user"]["id"] == int(social_provider.subject("oauth2", "ada"))
    assert profile["contact"] == {"email": "ada@example.com", "verified": True}
    social_provider.add_person(Person("odd", "Odd", "odd", subjects={"oauth2": "id-of-odd", "x": "7"}))
    token = tokens(social_provider, "oauth2", "odd")["access_token"]
    assert get(social_provider, "/oauth2/api/me", token).json()["user"]["id"] == "id-of-odd"
    assert social_provider.subject("twitter", "odd") == "7"


@pytest.mark.parametrize(
    ("kind", "provider", "status", "where"),
    [
        ("rate_limited", "twitter", 429, ("errors", 0, "code")),
        ("rate_limited", "x", 429, ("title",)),
        ("rate_limited", "facebook", 403, ("error", "code")),
        ("rate_limited", "google", 429, ("error", "status")),
        ("rate_limited", "foursquare", 403, ("meta", "errorType")),
        ("rate_limited", "oauth2", 429, ("error",)),
        ("server_error", "twitter", 500, ("errors", 0, "code")),
        ("server_error", "x", 500, ("title",)),
        ("server_error", "facebook", 500, ("error", "code")),
        ("server_error", "google", 500, ("error", "status")),
        ("server_error", "foursquare", 500, ("meta", "errorType")),
    ],
)
def test_errors_have_the_providers_own_shape(
    social_provider: StandIn, kind: str, provider: str, status: int, where: tuple[t.Any, ...]
) -> None:
    social_provider.faults.add("profile", provider, error=kind)
    settings = social_provider.settings(provider)
    response = requests.get(settings.get("userinfo_url", f"{social_provider.url}/google/v1/userinfo"), timeout=10)
    assert response.status_code == status
    body = response.json()
    for step in where:
        body = body[step]
    assert body
    if provider in ("x", "twitter") and kind == "rate_limited":
        assert response.headers["x-rate-limit-remaining"] == "0"
