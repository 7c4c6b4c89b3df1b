"""Every fault of the stand-in, seen from outside."""

from __future__ import annotations

import time
import typing as t

import pytest
import requests
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from requests_oauthlib import OAuth1
from requests_oauthlib.oauth1_session import TokenRequestDenied

from flask_social.testing import REMOVE, Fault, StandIn
from flask_social.testing.faults import Faults

from .standinkit import agree, get, token_request, tokens
from .test_standin_oauth1 import connect


def ask(standin: StandIn, provider: str = "oauth2") -> requests.Response:
    return token_request(standin, provider, code="unknown")


#: What the real token endpoint says to ``ask()``.
REAL = 400


def payload(standin: StandIn) -> dict[str, t.Any]:
    keys = KeySet.import_key_set(get(standin, "/oidc/jwks").json())
    return jwt.decode(tokens(standin, "oidc", nonce="n-1")["id_token"], keys).claims


def test_once(social_provider: StandIn) -> None:
    fault = social_provider.faults.server_error()
    assert [ask(social_provider).status_code for _ in range(2)] == [500, REAL]
    assert fault.struck == 1


def test_times(social_provider: StandIn) -> None:
    social_provider.faults.add("token", times=2, status=503, body="down", headers={"Retry-After": "7"})
    answers = [ask(social_provider) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, REAL]
    assert (answers[0].text, answers[0].headers["Retry-After"]) == ("down", "7")


def test_all_through_a_block(social_provider: StandIn) -> None:
    with social_provider.faults.server_error() as fault:
        assert [ask(social_provider).status_code for _ in range(3)] == [500] * 3
    assert ask(social_provider).status_code == REAL
    assert fault.struck == 3


def test_for_ever_until_cleared(social_provider: StandIn) -> None:
    social_provider.faults.add("token", times=None, status=500)
    assert ask(social_provider).status_code == 500
    social_provider.faults.clear()
    assert ask(social_provider).status_code == REAL


def test_only_at_one_provider(social_provider: StandIn) -> None:
    social_provider.faults.server_error("token", "x")
    assert ask(social_provider).status_code == REAL
    assert ask(social_provider, "x").status_code == 500


def test_profile_covers_userinfo_and_not_the_other_way(social_provider: StandIn) -> None:
    social_provider.faults.rate_limited("profile", "oidc")
    assert get(social_provider, "/oidc/userinfo").status_code == 429
    social_provider.faults.rate_limited("userinfo")
    assert get(social_provider, "/oauth2/api/me").status_code == 401


def test_misspelt_faults() -> None:
    with pytest.raises(ValueError, match="choose from request_token"):
        Faults().add("tokn")
    with pytest.raises(TypeError):
        Faults().add("token", stauts=500)
    with Fault("token") as alone:  # belongs to no stand-in; leaving the block has nothing to remove
        assert alone.times is None
    assert repr(REMOVE) == "REMOVE"


# What the browser carries back


def test_denied(social_provider: StandIn) -> None:
    social_provider.faults.denied("google")
    assert agree(social_provider, "oauth2").params["code"]
    assert agree(social_provider, "google").params["error"] == "access_denied"


def test_expired_code(social_provider: StandIn) -> None:
    social_provider.faults.expired_code()
    code = agree(social_provider, "oauth2").params["code"]
    assert "expired" in token_request(social_provider, "oauth2", code=code).json()["error_description"]


def test_expired_verifier(social_provider: StandIn) -> None:
    social_provider.faults.expired_code("twitter")
    with pytest.raises(TokenRequestDenied):
        connect(social_provider)


def test_wrong_iss(social_provider: StandIn) -> None:
    social_provider.faults.wrong_iss()
    assert agree(social_provider, "oidc").params["iss"] == "https://issuer.invalid"


def test_parameters_of_the_callback(social_provider: StandIn) -> None:
    social_provider.faults.add("callback", params={"state": "other", "code": REMOVE})
    assert agree(social_provider, "oauth2").params == {"state": "other"}


# The ID token


def test_wrong_claims(social_provider: StandIn) -> None:
    social_provider.faults.wrong_nonce()
    assert payload(social_provider)["nonce"] == "another-nonce"
    social_provider.faults.wrong_issuer()
    assert payload(social_provider)["iss"] == "https://issuer.invalid"
    social_provider.faults.wrong_audience()
    assert payload(social_provider)["aud"] == "another-client"
    social_provider.faults.add("id_token", claims={"sub": REMOVE, "exp": 1})
    claims = payload(social_provider)
    assert claims["exp"] == 1
    assert "sub" not in claims
    assert payload(social_provider)["nonce"] == "n-1"


def test_missing_id_token(social_provider: StandIn) -> None:
    social_provider.faults.bad_id_token("missing")
    assert "id_token" not in tokens(social_provider, "oidc")


def test_unsigned_id_token(social_provider: StandIn) -> None:
    social_provider.faults.bad_id_token()
    token = tokens(social_provider, "oidc")["id_token"]
    assert token.endswith(".")
    assert jws.extract_compact(token.encode()).headers() == {"alg": "none", "typ": "JWT"}


def test_id_token_keyed_with_the_secret(social_provider: StandIn) -> None:
    social_provider.faults.bad_id_token("hs256")
    token = tokens(social_provider, "oidc")["id_token"]
    assert jwt.decode(token, OctKey.import_key("oidc-app-secret"), algorithms=["HS256"]).claims["iss"]


def test_tampered_id_token(social_provider: StandIn) -> None:
    social_provider.faults.bad_id_token("tampered")
    with pytest.raises(JoseError):
        payload(social_provider)


# Answers


def test_slow(social_provider: StandIn) -> None:
    social_provider.faults.slow(0.3)
    began = time.monotonic()
    assert ask(social_provider).status_code == REAL
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("headers", [False, True])
def test_drip(social_provider: StandIn, headers: bool) -> None:
    social_provider.faults.drip(0.002, headers=headers)
    began = time.monotonic()
    response = ask(social_provider)
    assert response.json()["error"] == "invalid_grant"
    assert time.monotonic() - began >= 0.002 * (100 if headers else len(response.content) // 2)


@pytest.mark.parametrize("compressed", [False, True])
def test_huge(social_provider: StandIn, compressed: bool) -> None:
    social_provider.faults.huge(1 << 20, compressed=compressed)
    response = ask(social_provider)
    assert len(response.json()["padding"]) == 1 << 20
    assert (int(response.headers["Content-Length"]) < 1 << 16) is compressed


def test_html(social_provider: StandIn) -> None:
    social_provider.faults.html()
    response = ask(social_provider)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


def test_garbage(social_provider: StandIn) -> None:
    social_provider.faults.garbage()
    response = ask(social_provider)
    assert response.headers["Content-Type"] == "application/json"
    with pytest.raises(UnicodeDecodeError):
        response.content.decode()


def test_redirect(social_provider: StandIn) -> None:
    social_provider.faults.redirect("http://evil.invalid/", "profile")
    response = get(social_provider, "/oauth2/api/me")
    assert (response.status_code, response.headers["Location"]) == (302, "http://evil.invalid/")


def test_ok_with_error(social_provider: StandIn) -> None:
    social_provider.faults.ok_with_error()
    response = ask(social_provider)
    assert (response.status_code, response.json()["error"]) == (200, "bad_verification_code")


def test_given_answers(social_provider: StandIn) -> None:
    social_provider.faults.token({"access_token": 7}, status=201)
    response = ask(social_provider)
    assert (response.status_code, response.json()) == (201, {"access_token": 7})
    social_provider.faults.profile([1, 2])
    assert get(social_provider, "/oauth2/api/me").json() == [1, 2]
    social_provider.faults.add("profile", json={"sub": "me"})
    assert get(social_provider, "/oauth2/api/me").status_code == 200


def test_lost_answer(social_provider: StandIn) -> None:
    first = tokens(social_provider, "x")["refresh_token"]
    social_provider.faults.lost_answer("token")
    form = {"grant_type": "refresh_token", "refresh_token": first}
    with pytest.raises(requests.ConnectionError):
        token_request(social_provider, "x", **form)
    assert token_request(social_provider, "x", **form).json()["error"] == "invalid_grant"


def test_done_but_answered_badly(social_provider: StandIn) -> None:
    first = tokens(social_provider, "x")["refresh_token"]
    social_provider.faults.add("token", lost=True, status=502)
    form = {"grant_type": "refresh_token", "refresh_token": first}
    assert [token_request(social_provider, "x", **form).status_code for _ in range(2)] == [502, 400]


def test_changed_answers(social_provider: StandIn) -> None:
    social_provider.faults.add("token", merge={"expires_in": "soon", "scope": REMOVE})
    answer = tokens(social_provider, "oauth2")
    assert answer["expires_in"] == "soon"
    assert "scope" not in answer
    social_provider.faults.add("discovery", merge={"issuer": "https://issuer.invalid"})
    metadata = get(social_provider, "/oidc/.well-known/openid-configuration").json()
    assert metadata["issuer"] == "https://issuer.invalid"


def test_callback_not_confirmed(social_provider: StandIn) -> None:
    social_provider.faults.callback_not_confirmed()
    auth = OAuth1("twitter-app", "twitter-app-secret", callback_uri="http://app.example/")
    response = requests.post(social_provider.settings("twitter")["request_token_url"], auth=auth, timeout=10)
    assert response.status_code == 200
    assert "oauth_token_secret=" in response.text
    assert "oauth_callback_confirmed" not in response.text
