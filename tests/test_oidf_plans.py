"""The relying-party test plans of the OpenID Foundation, "Basic" and "Config": each module as whole visits over HTTP.

The rows bear the names of the conformance suite's modules. "after" stands before the name where a row is no module of
these two plans: one of the suite's other plans, or a variant that the suite does not have.
"""

from __future__ import annotations

import time
import typing as t

import pytest

from flask_social.testing import REMOVE, StandIn

from .oidfkit import (
    ANNOUNCEMENT,
    PROVIDERS,
    UNANNOUNCED,
    Arrange,
    another_jwks_uri,
    arrange_rfc9207,
    assert_bad,
    assert_good,
    claims,
    discovery,
    id_token,
    keys,
    make,
    nothing,
    signed_userinfo,
    userinfo,
)

#: The modules of oidcc-client-basic-certification-test-plan, and of its form-post twin.
BASIC = """
oidcc-client-test oidcc-client-test-invalid-iss oidcc-client-test-missing-sub oidcc-client-test-invalid-aud
oidcc-client-test-missing-iat oidcc-client-test-kid-absent-single-jwks oidcc-client-test-kid-absent-multiple-jwks
oidcc-client-test-idtoken-sig-rs256 oidcc-client-test-idtoken-sig-none oidcc-client-test-invalid-sig-rs256
oidcc-client-test-userinfo-invalid-sub oidcc-client-test-nonce-invalid oidcc-client-test-scope-userinfo-claims
oidcc-client-test-client-secret-basic
""".split()

#: The modules of oidcc-client-config-certification-test-plan.
CONFIG = """
oidcc-client-test-discovery-openid-config oidcc-client-test-discovery-jwks-uri-keys
oidcc-client-test-discovery-issuer-mismatch oidcc-client-test-idtoken-sig-none
oidcc-client-test-signing-key-rotation-just-before-signing oidcc-client-test-signing-key-rotation
""".split()

GOOD: list[tuple[str, Arrange]] = [
    ("oidcc-client-test", nothing),
    ("oidcc-client-test-idtoken-sig-rs256", keys()),
    ("oidcc-client-test-kid-absent-single-jwks", keys(kid="none")),
    # The suite lets a client refuse here as well; this one tries all keys that could be meant.
    ("oidcc-client-test-kid-absent-multiple-jwks", keys("another", "another", kid="none")),
    ("oidcc-client-test-scope-userinfo-claims", userinfo()),
    ("oidcc-client-test-client-secret-basic", discovery(token_endpoint_auth_methods_supported=["client_secret_basic"])),
    ("oidcc-client-test-discovery-openid-config", discovery(claims_supported=REMOVE, some_extension={"a": [1]})),
    ("oidcc-client-test-discovery-jwks-uri-keys", another_jwks_uri),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo()),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(claims={"iss": REMOVE, "aud": REMOVE})),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(id_token="missing")),
    ("after oidcc-client-test-ignores-unparseable-key-in-jwks", keys("malformed", "unknown")),
    ("after oidcc-client-test-ignores-unparseable-key-in-jwks", keys("unknown", "malformed", kid="none")),
    ("after oidcc-client-test-kid-absent-multiple-jwks", keys("another", kid="same")),
    ("after oidcc-client-test-invalid-aud", claims(aud=["ME", "another"], azp="ME")),
    ("after oidcc-client-test-invalid-aud", claims(azp=REMOVE)),
    ("after oidcc-client-test-missing-athash", claims(at_hash=REMOVE)),
]

BAD: list[tuple[str, Arrange, str]] = [
    ("oidcc-client-test-invalid-iss", claims(iss="https://issuer.invalid"), "id_token_invalid"),
    ("oidcc-client-test-missing-sub", claims(sub=REMOVE), "id_token_invalid"),
    ("oidcc-client-test-invalid-aud", claims(aud="another"), "id_token_invalid"),
    ("oidcc-client-test-missing-iat", claims(iat=REMOVE), "id_token_invalid"),
    # The suite lets a client accept this one as well; for one that refuses, the module counts as skipped.
    ("oidcc-client-test-idtoken-sig-none", id_token("unsigned"), "id_token_invalid"),
    ("oidcc-client-test-invalid-sig-rs256", id_token("tampered"), "id_token_invalid"),
    ("oidcc-client-test-userinfo-invalid-sub", userinfo(merge={"sub": "somebody-else"}), "id_token_invalid"),
    ("oidcc-client-test-nonce-invalid", claims(nonce="another"), "id_token_invalid"),
    ("oidcc-client-test-discovery-issuer-mismatch", discovery(issuer="https://op.example"), "provider_answer_invalid"),
    ("after oidcc-client-test-invalid-iss", claims(iss=REMOVE), "id_token_invalid"),
    ("after oidcc-client-test-missing-sub", claims(sub=""), "id_token_invalid"),
    ("after oidcc-client-test-missing-sub", claims(sub=["1"]), "id_token_invalid"),
    ("after oidcc-client-test-missing-aud", claims(aud=REMOVE), "id_token_invalid"),
    ("after oidcc-client-test-invalid-aud", claims(aud=[]), "id_token_invalid"),
    ("after oidcc-client-test-invalid-aud", claims(aud=["ME", "another"], azp="another"), "id_token_invalid"),
    ("after oidcc-client-test-invalid-aud", claims(aud=["ME", "another"], azp=REMOVE), "id_token_invalid"),
    ("after oidcc-client-test-missing-iat", claims(iat="now"), "id_token_invalid"),
    ("after oidcc-client-test-missing-iat", claims(iat=time.time() + 3600), "id_token_invalid"),
    ("after oidcc-client-test-missing-iat", claims(exp=REMOVE), "id_token_invalid"),
    ("after oidcc-client-test-missing-iat", claims(exp=time.time() - 3600), "id_token_invalid"),
    ("after oidcc-client-test-nonce-invalid", claims(nonce=REMOVE), "id_token_invalid"),
    ("after oidcc-client-test-invalid-athash", claims(at_hash="A" * 22), "id_token_invalid"),
    ("after oidcc-client-test-idtoken-sig-none", id_token("missing"), "id_token_invalid"),
    ("after oidcc-client-test-invalid-sig-hs256", id_token("hs256"), "id_token_invalid"),
    ("after oidcc-client-test-kid-absent-multiple-jwks", keys("another", kid="none", bad=True), "id_token_invalid"),
    ("after oidcc-client-test-ignores-unparseable-key-in-jwks", keys("malformed", bad=True), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-invalid-sub", userinfo(merge={"sub": REMOVE}), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(claims={"sub": "somebody-else"}), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(claims={"iss": "another"}), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(claims={"aud": "another"}), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(id_token="unsigned"), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(id_token="hs256"), "id_token_invalid"),
    ("after oidcc-client-test-userinfo-signed", signed_userinfo(id_token="tampered"), "id_token_invalid"),
    ("after oidcc-client-test-scope-userinfo-claims", userinfo(error="unauthorized"), "provider_refused"),
    ("after oidcc-client-test-discovery-issuer-mismatch", discovery(issuer=REMOVE), "provider_answer_invalid"),
    ("after oidcc-client-test-discovery-openid-config", discovery(token_endpoint="ftp://x"), "provider_answer_invalid"),
]

#: (module, where the keys change, the new key's id).
ROTATIONS: list[tuple[str, str, t.Any]] = [
    ("oidcc-client-test-signing-key-rotation", "between visits", "new"),
    ("oidcc-client-test-signing-key-rotation-just-before-signing", "within a visit", "new"),
    ("after oidcc-client-test-signing-key-rotation", "between visits", "same"),
    ("after oidcc-client-test-signing-key-rotation-just-before-signing", "within a visit", "none"),
]

#: What is announced, what comes back as ``iss``, and what comes of it. ``"ME"`` is the issuer's own name.
RFC9207: list[tuple[str, dict[str, t.Any], dict[str, t.Any], str | None]] = [
    ("announced and right", {}, {}, None),
    ("announced and absent", {}, {"iss": REMOVE}, "issuer_mismatch"),
    ("announced and wrong", {}, {"iss": "https://issuer.invalid"}, "issuer_mismatch"),
    ("announced and empty", {}, {"iss": ""}, "issuer_mismatch"),
    ("announced and almost right", {}, {"iss": "ME/"}, "issuer_mismatch"),
    ("announced and twice", {}, {"iss": ["ME", "ME"]}, "callback_invalid"),
    ("announced, right and wrong", {}, {"iss": ["ME", "https://issuer.invalid"]}, "callback_invalid"),
    ("unannounced and absent", UNANNOUNCED, {"iss": REMOVE}, None),
    ("unannounced and right", UNANNOUNCED, {}, None),
    ("unannounced and wrong", UNANNOUNCED, {"iss": "https://issuer.invalid"}, "issuer_mismatch"),
    ("unannounced and empty", UNANNOUNCED, {"iss": ""}, "issuer_mismatch"),
    ("unannounced and twice", UNANNOUNCED, {"iss": ["ME", "ME"]}, "callback_invalid"),
    ("announced as untrue, and absent", {ANNOUNCEMENT: False}, {"iss": REMOVE}, None),
    ("announced as a text, and absent", {ANNOUNCEMENT: "true"}, {"iss": REMOVE}, None),
    # An error is somebody's word as well: it is not believed from another issuer (RFC 9207 section 2.4).
    ("an error, right", {}, {"code": REMOVE, "error": "access_denied"}, "access_denied"),
    ("an error, announced and absent", {}, {"error": "access_denied", "iss": REMOVE}, "issuer_mismatch"),
    ("an error, wrong", {}, {"error": "access_denied", "iss": "https://issuer.invalid"}, "issuer_mismatch"),
]


def test_every_module_has_a_row() -> None:
    named = {name for name, *_ in (*GOOD, *BAD, *ROTATIONS)}
    assert {name for name in named if not name.startswith("after ")} == {*BASIC, *CONFIG}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("module", "arrange"), GOOD)
def test_a_good_provider(
    social_provider: StandIn, social_login: t.Any, module: str, arrange: Arrange, provider: str
) -> None:
    arrange(social_provider)
    kit = make(social_provider, provider)
    assert_good(social_provider, kit, provider, social_login)
    arrived = [seen for seen in social_provider.requests if seen.endpoint != "choice"]
    assert arrived[0].endpoint == "discovery"
    for seen in arrived:
        # The scope and the ways of client and token are checked by the modules that name them, in every row.
        if seen.endpoint == "authorize":
            assert {"openid", "email", "profile"} <= set(seen.params["scope"].split())
        elif seen.endpoint == "token":
            assert (seen.auth, "client_secret" in seen.params) == ("Basic", False)
        elif seen.endpoint == "userinfo":
            assert (seen.auth, "access_token" in seen.params) == ("Bearer", False)
    assert (social_provider.count("userinfo") > 0) is ("userinfo" in module)
    asked = {seen.provider for seen in arrived if seen.endpoint == "jwks"}
    assert asked == ({*PROVIDERS} - {provider} if arrange is another_jwks_uri else {provider})


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("module", "arrange", "code"), BAD)
def test_a_bad_provider(
    social_provider: StandIn, social_login: t.Any, module: str, arrange: Arrange, code: str, provider: str
) -> None:
    arrange(social_provider)
    assert_bad(social_provider, make(social_provider, provider), provider, social_login, code)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("module", "moment", "kid"), ROTATIONS)
def test_rotation(
    social_provider: StandIn, social_login: t.Any, module: str, moment: str, kid: t.Any, provider: str
) -> None:
    kit = make(social_provider, provider)
    assert_good(social_provider, kit, provider, social_login)
    client, known = kit.app.test_client(), social_provider.count("jwks")
    if moment == "between visits":
        social_provider.rotate_keys(kid)
        social_login(client, provider, "ada")
    else:
        url = social_login.begin(client, provider).location
        back = social_provider.visit(url, "ada").url
        social_provider.rotate_keys(kid)
        client.get(back)
    assert kit.who(client) == "ada@example.org"
    assert social_provider.count("jwks") == known + 1


@pytest.mark.parametrize("bad", [False, True])
def test_es256(social_provider: StandIn, social_login: t.Any, bad: bool) -> None:
    """After oidcc-client-test-invalid-sig-es256. Google signs with RS256 only, so there is one provider here."""
    social_provider.rotate_keys(algorithm="ES256")
    kit = make(social_provider, "oidc")
    if bad:
        id_token("tampered")(social_provider)
        assert_bad(social_provider, kit, "oidc", social_login, "id_token_invalid")
    else:
        assert_good(social_provider, kit, "oidc", social_login)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("row", "announced", "params", "code"), RFC9207)
def test_rfc9207(
    social_provider: StandIn, social_login: t.Any, row: str,
    announced: dict[str, t.Any], params: dict[str, t.Any], code: str | None, provider: str,
) -> None:  # fmt: skip
    arrange_rfc9207(social_provider, provider, announced, params)
    kit = make(social_provider, provider)
    if code is None:
        assert_good(social_provider, kit, provider, social_login)
    else:
        assert_bad(social_provider, kit, provider, social_login, code)
        assert social_provider.count("token") == 0
