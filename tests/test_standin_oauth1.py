"""The stand-in as an OAuth 1.0a provider, seen by requests-oauthlib."""

from __future__ import annotations

import typing as t

import pytest
import requests
from oauthlib.oauth1 import SIGNATURE_TYPE_BODY, SIGNATURE_TYPE_QUERY
from requests_oauthlib import OAuth1, OAuth1Session
from requests_oauthlib.oauth1_session import TokenRequestDenied

from flask_social.testing import StandIn

CALLBACK = "http://app.example/callback?next=%2Fa%20b"


def begin(standin: StandIn, **options: t.Any) -> tuple[OAuth1Session, str]:
    settings = standin.settings("twitter")
    values = {"callback_uri": CALLBACK, **options}
    session = OAuth1Session(settings["consumer_key"], settings["consumer_secret"], **values)
    assert session.fetch_request_token(settings["request_token_url"])["oauth_callback_confirmed"] == "true"
    return session, session.authorization_url(settings["authorize_url"])


def connect(standin: StandIn, person: str = "ada") -> tuple[OAuth1Session, dict[str, str]]:
    session, url = begin(standin)
    session.parse_authorization_response(standin.visit(url, person).url)
    return session, session.fetch_access_token(standin.settings("twitter")["access_token_url"])


def code_of(response: requests.Response) -> tuple[int, int]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_three_legs(social_provider: StandIn) -> None:
    session, url = begin(social_provider)
    back = social_provider.visit(url)
    assert back.url.startswith(CALLBACK + "&")
    session.parse_authorization_response(back.url)
    token = session.fetch_access_token(social_provider.settings("twitter")["access_token_url"])
    assert set(token) == {"oauth_token", "oauth_token_secret", "user_id", "screen_name"}
    assert token["user_id"] == social_provider.subject("twitter", "ada") == social_provider.subject("x", "ada")
    assert token["screen_name"] == "ada_lovelace"


@pytest.mark.parametrize("where", [SIGNATURE_TYPE_QUERY, SIGNATURE_TYPE_BODY])
def test_parameters_may_stand_in_the_query_or_the_body(social_provider: StandIn, where: str) -> None:
    session, _ = begin(social_provider, signature_type=where)
    assert session.token["oauth_token"]


def test_declined(social_provider: StandIn) -> None:
    session, url = begin(social_provider)
    assert social_provider.visit(url, None).params["denied"] == session.token["oauth_token"]
    social_provider.deny_next()
    session, url = begin(social_provider)
    assert social_provider.visit(url, "ada").params["denied"] == session.token["oauth_token"]


def test_a_page_needs_a_live_request_token(social_provider: StandIn) -> None:
    session, url = begin(social_provider)
    back = social_provider.visit(url)
    for bad in (url, url.replace("oauth_token=", "oauth_token=x"), url.partition("?")[0]):
        assert requests.get(bad, timeout=10).status_code == 403
    session.parse_authorization_response(back.url)
    _, late = begin(social_provider)
    social_provider.advance(301)
    assert requests.get(late, timeout=10).status_code == 403
    with pytest.raises(TokenRequestDenied):
        session.fetch_access_token(social_provider.settings("twitter")["access_token_url"])


def test_a_request_token_works_once(social_provider: StandIn) -> None:
    settings = social_provider.settings("twitter")
    session, url = begin(social_provider)
    request_token = session.token
    verifier = social_provider.visit(url).params["oauth_verifier"]

    def exchange(verifier: str) -> requests.Response:
        auth = OAuth1(
            settings["consumer_key"],
            settings["consumer_secret"],
            request_token["oauth_token"],
            request_token["oauth_token_secret"],
            verifier=verifier,
        )
        return requests.post(settings["access_token_url"], auth=auth, timeout=10)

    assert code_of(exchange("wrong")) == (401, 32)
    assert exchange(verifier).status_code == 200
    assert code_of(exchange(verifier)) == (401, 32)


@pytest.mark.parametrize("who", [("twitter-app", "wrong"), ("nobody", "twitter-app-secret")])
def test_wrong_credentials(social_provider: StandIn, who: tuple[str, str]) -> None:
    url = social_provider.settings("twitter")["request_token_url"]
    response = requests.post(url, auth=OAuth1(*who, callback_uri=CALLBACK), timeout=10)
    assert code_of(response) == (401, 32)


def test_callbacks_of_a_registered_client_are_compared(social_provider: StandIn) -> None:
    social_provider.register("twitter", "shop", "word", [CALLBACK])
    url = social_provider.settings("twitter")["request_token_url"]
    for callback, status in ((CALLBACK, 200), ("http://evil.example/", 401)):
        response = requests.post(url, auth=OAuth1("shop", "word", callback_uri=callback), timeout=10)
        assert response.status_code == status


def test_a_signed_request_works_once(social_provider: StandIn) -> None:
    url = social_provider.settings("twitter")["request_token_url"]
    auth = OAuth1("twitter-app", "twitter-app-secret", callback_uri=CALLBACK)
    request = requests.Request("POST", url, auth=auth).prepare()
    with requests.Session() as session:
        assert session.send(request).status_code == 200
        assert session.send(request).status_code == 401


def test_verify_credentials(social_provider: StandIn) -> None:
    session, _ = connect(social_provider)
    url = social_provider.settings("twitter")["userinfo_url"]
    user = session.get(url).json()
    assert user["id_str"] == social_provider.subject("twitter", "ada")
    assert user["id"] == int(user["id_str"])
    assert "email" not in user
    response = session.get(url, params={"include_email": "true", "skip_status": "true"})
    assert response.json()["email"] == "ada@example.com"
    assert int(response.headers["x-rate-limit-remaining"]) < int(response.headers["x-rate-limit-limit"])
    assert int(response.headers["x-rate-limit-reset"]) > 1_700_000_000


def test_no_address_is_a_null(social_provider: StandIn) -> None:
    session, _ = connect(social_provider, "alan")
    url = social_provider.settings("twitter")["userinfo_url"]
    assert session.get(url, params={"include_email": "true"}).json()["email"] is None


def test_other_calls(social_provider: StandIn) -> None:
    session, _ = connect(social_provider)
    base = social_provider.settings("twitter")["api_base_url"]
    assert session.get(base + "2/users/me").json()["data"]["username"] == "ada_lovelace"
    shown = session.get(base + "1.1/users/show.json", params={"screen_name": "grace_hopper"}).json()
    assert shown["name"] == "Grace Hopper"
    assert session.get(base + "1.1/users/show.json", params={"user_id": shown["id_str"]}).json() == shown
    assert code_of(session.get(base + "1.1/users/show.json", params={"user_id": "1"})) == (404, 50)
    assert session.get(base + "1.1/statuses/home_timeline.json").json()[0]["user"]["screen_name"] == "ada_lovelace"


def test_invalidate_token(social_provider: StandIn) -> None:
    session, token = connect(social_provider)
    assert session.post(social_provider.settings("twitter")["revoke_url"]).json() == {
        "access_token": token["oauth_token"]
    }
    assert social_provider.revoked == {token["oauth_token"]}
    assert code_of(session.get(social_provider.settings("twitter")["userinfo_url"])) == (401, 89)


def test_api_errors(social_provider: StandIn) -> None:
    url = social_provider.settings("twitter")["userinfo_url"]
    _, token = connect(social_provider)
    assert code_of(requests.get(url, timeout=10)) == (400, 215)
    wrong = OAuth1("twitter-app", "twitter-app-secret", token["oauth_token"], "wrong")
    assert code_of(requests.get(url, auth=wrong, timeout=10)) == (401, 32)
    unknown = OAuth1("twitter-app", "twitter-app-secret", "unknown", "wrong")
    assert code_of(requests.get(url, auth=unknown, timeout=10)) == (401, 89)
    social_provider.register("twitter", "other", "word")
    stolen = OAuth1("other", "word", token["oauth_token"], token["oauth_token_secret"])
    assert code_of(requests.get(url, auth=stolen, timeout=10)) == (401, 89)
    other_method = OAuth1("twitter-app", "twitter-app-secret", signature_method="PLAINTEXT")
    assert requests.get(url, auth=other_method, timeout=10).status_code == 401
