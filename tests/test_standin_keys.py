"""The stand-in's key sets, signed UserInfo answers, answers by form, and the list of its secrets."""

from __future__ import annotations

import typing as t

import pytest
import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from flask_social.testing import REMOVE, StandIn

from .standinkit import agree, authorization_url, get, tokens


def key_set(standin: StandIn) -> list[dict[str, t.Any]]:
    return t.cast("list[dict[str, t.Any]]", get(standin, "/oidc/jwks").json()["keys"])


def decode(standin: StandIn, token: str, algorithm: str = "RS256") -> dict[str, t.Any]:
    """The claims, verified with the last key of the set, which is the one that signs."""
    return jwt.decode(token, KeySet.import_key_set({"keys": key_set(standin)[-1:]}), algorithms=[algorithm]).claims


@pytest.mark.parametrize("kind", ["another", "malformed", "unknown"])
@pytest.mark.parametrize("kid", ["new", "none"])
def test_more_keys(social_provider: StandIn, kind: t.Any, kid: t.Any) -> None:
    social_provider.rotate_keys(kid)
    social_provider.add_key(kind)
    extra, own = key_set(social_provider)
    assert ("kid" in extra, "kid" in own) == (kid == "new",) * 2
    assert extra.get("n") != own["n"]
    assert "d" not in extra
    if kind == "another":
        assert extra["kty"] == "RSA"
    else:
        with pytest.raises((JoseError, ValueError, KeyError)):
            KeySet.import_key_set({"keys": [extra]})
    assert decode(social_provider, tokens(social_provider, "oidc")["id_token"])["sub"]


def test_es256(social_provider: StandIn) -> None:
    social_provider.rotate_keys(algorithm="ES256")
    social_provider.add_key("another")
    assert [key["kty"] for key in key_set(social_provider)] == ["EC", "EC"]
    assert decode(social_provider, tokens(social_provider, "oidc")["id_token"], "ES256")["sub"]
    metadata = get(social_provider, "/oidc/.well-known/openid-configuration").json()
    assert metadata["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]


def test_signed_userinfo(social_provider: StandIn) -> None:
    social_provider.sign_userinfo = True
    token = tokens(social_provider, "oidc")["access_token"]
    answer = get(social_provider, "/oidc/userinfo", token)
    assert answer.headers["Content-Type"] == "application/jwt"
    found = decode(social_provider, answer.text)
    assert (found["iss"], found["aud"]) == (f"{social_provider.url}/oidc", "oidc-app")
    assert (found["sub"], found["name"]) == (social_provider.subject("oidc", "ada"), "Ada Lovelace")
    social_provider.faults.add("userinfo_token", claims={"aud": REMOVE, "sub": "somebody-else"})
    changed = decode(social_provider, get(social_provider, "/oidc/userinfo", token).text)
    assert (changed["sub"], "aud" in changed) == ("somebody-else", False)
    social_provider.faults.add("userinfo_token", id_token="tampered")
    with pytest.raises(JoseError):
        decode(social_provider, get(social_provider, "/oidc/userinfo", token).text)
    social_provider.faults.add("userinfo_token", id_token="missing")
    assert get(social_provider, "/oidc/userinfo", token).json()["name"] == "Ada Lovelace"


def test_errors_come_by_form_where_that_was_asked_for(social_provider: StandIn) -> None:
    back = agree(social_provider, "oidc", response_mode="form_post", prompt="none")
    assert (back.method, back.data["error"], back.data["state"]) == ("POST", "login_required", "s t&ä")


def test_a_parameter_twice(social_provider: StandIn) -> None:
    social_provider.auto = "ada"
    with social_provider.faults.add("callback", params={"code": ["one", "two"]}):
        url = authorization_url(social_provider, "oauth2")
        location = requests.get(url, timeout=10, allow_redirects=False).headers["Location"]
        assert "code=one&code=two" in location
        page = requests.get(f"{url}&response_mode=form_post", timeout=10).text
        assert 'name="code" value="one"' in page
        assert 'name="code" value="two"' in page


def test_the_list_of_secrets(social_provider: StandIn) -> None:
    assert "google-app-secret" in social_provider.secrets
    assert social_provider.register("x", "mine", "a-secret-of-mine").client_secret in social_provider.secrets
    answer = tokens(social_provider, "oidc", nonce="n-1")
    wanted = {answer["access_token"], answer["refresh_token"], answer["id_token"], "n-1", "s t&ä"}
    wanted |= {seen.params["code_verifier"] for seen in social_provider.requests if seen.endpoint == "token"}
    assert wanted <= social_provider.secrets
    social_provider.reset()
    assert not wanted & social_provider.secrets
