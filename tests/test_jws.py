"""Key sets and signatures of ID tokens, with real keys."""

from __future__ import annotations

import typing as t

import pytest
from joserfc.jwk import OctKey

from flask_social import jws
from flask_social.errors import AnswerInvalid, IdTokenInvalid, ProviderUnavailable
from flask_social.values import Response

from .protocolkit import answer, forged, id_token, jwk, key

PAYLOAD = {"sub": "ada"}
SECRET = "the client secret, 32 characters"
ALL = (*jws.PUBLIC_ALGORITHMS, *jws.SECRET_ALGORITHMS)


def keys(*entries: t.Any) -> tuple[jws.PublicKey, ...]:
    return jws.read_keys(answer({"keys": list(entries)}))


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        *((name, "RSA") for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        *(("ES256", "P-256"), ("ES384", "P-384"), ("Ed25519", "Ed25519")),
    ],
)
def test_algorithms(algorithm: str, kind: str) -> None:
    token = id_token(PAYLOAD, algorithm, key(kind), kid="1")
    signed = jws.verify(token, keys(jwk(kind, kid="1")), algorithms=[algorithm])
    assert signed is not None
    assert (signed.algorithm, signed.claims) == (algorithm, PAYLOAD)
    assert jws.verify(token, keys(jwk(kind, "two", kid="1")), algorithms=[algorithm]) is None
    assert (
        jws.verify(token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), keys(jwk(kind)), algorithms=ALL) is None
    )
    other = next(name for name in ALL if name != algorithm)
    with pytest.raises(IdTokenInvalid):
        jws.verify(token, keys(jwk(kind)), algorithms=[other])


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_the_old_name_of_ed25519() -> None:
    token = id_token(PAYLOAD, "EdDSA", key("Ed25519"))
    assert jws.verify(token, keys(jwk("Ed25519")), algorithms=["EdDSA"]) is not None


def test_the_old_name_of_ed25519_warns_nobody(recwarn: pytest.WarningsRecorder) -> None:
    assert jws.verify(forged({"alg": "EdDSA"}, PAYLOAD, b"x" * 64), keys(jwk("Ed25519")), algorithms=["EdDSA"]) is None
    assert not recwarn.list


@pytest.mark.parametrize(
    ("token_kid", "entries", "found"),
    [
        (None, [jwk()], True),
        ("1", [jwk()], True),  # the set names no key: try it
        (None, [jwk("RSA", "two", kid="2"), jwk("P-256", kid="3"), jwk(kid="1")], True),
        ("1", [jwk("RSA", "two", kid="1"), jwk(kid="1")], True),  # two keys of one name
        ("1", [jwk(kid="2")], False),
        ("1", [], False),
        (5, [jwk(kid="1")], False),
        ("1", [jwk(kid=5)], True),
        ("1", [jwk(kid="1", alg="RS256")], True),
        ("1", [jwk(kid="1", alg="RS512")], False),
        ("1", [jwk(kid="1", alg=5, use="sig", key_ops=["verify"])], True),
        ("1", [jwk(kid="1", use="enc")], False),
        ("1", [jwk(kid="1", key_ops=["encrypt"])], False),
        ("1", [jwk(kid="1", key_ops="verify")], False),
        ("1", [key().as_dict(private=True)], False),  # a published private key signs for everybody
    ],
)
def test_which_key_is_tried(token_kid: t.Any, entries: list[t.Any], found: bool) -> None:
    header = {"alg": "RS256"} | ({"kid": token_kid} if token_kid is not None else {})
    token = id_token(PAYLOAD, **({"kid": token_kid} if isinstance(token_kid, str) else {}))
    if token_kid == 5:
        token = forged(header, PAYLOAD)
    assert (jws.verify(token, keys(*entries), algorithms=["RS256"]) is not None) is found


@pytest.mark.parametrize(
    "entry",
    [
        *(None, "key", 5, [], {}, {"kty": "RSA"}, {"kty": ["RSA"]}, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "AKP"}),
        {"kty": "RSA", "n": "!!", "e": "AQAB"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},  # 17 bits
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "n": "", "e": "AQAB"},
        {"kty": "RSA", "n": "_" * 3000, "e": "AQAB"},  # 18,000 bits
        {"kty": "RSA", "n": jwk()["n"], "e": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-1", "x": "AAAA", "y": "AAAA"},
        {"kty": "OKP", "crv": "X25519", "x": jwk("Ed25519")["x"]},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    ],
)
def test_a_bad_key_among_good_ones_is_left_out(entry: t.Any) -> None:
    found = keys(entry, jwk(kid="1"))
    assert [each.kid for each in found] == ["1"]
    assert jws.verify(id_token(PAYLOAD, kid="1"), found, algorithms=["RS256"]) is not None


@pytest.mark.parametrize("data", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_no_key_set(data: t.Any) -> None:
    with pytest.raises(AnswerInvalid):
        jws.read_keys(answer(data))
    with pytest.raises(ProviderUnavailable):
        jws.read_keys(Response(503))


def test_secret_and_public_keys_are_never_mixed() -> None:
    """A public key, as text or in a set, verifies no HMAC."""
    public = keys(jwk(kid="1"), {"kty": "oct", "k": "c2VjcmV0", "kid": "1"})
    pem = key().as_pem(private=False)
    for secret in (b"secret", jwk()["n"].encode()):
        token = id_token(PAYLOAD, "HS256", OctKey.import_key(secret.ljust(32, b"=")), kid="1")
        assert jws.verify(token, public, algorithms=["RS256", "HS256"], secret=None) is None
        assert jws.verify(token, public, algorithms=["RS256", "HS256"], secret="") is None
        assert jws.verify(token, public, algorithms=["RS256", "HS256"], secret=SECRET) is None
    assert b"PUBLIC KEY" in pem


@pytest.mark.parametrize("algorithm", list(jws.SECRET_ALGORITHMS))
def test_hmac_takes_the_client_secret(algorithm: str) -> None:
    token = id_token(PAYLOAD, algorithm, OctKey.import_key(SECRET))
    assert jws.verify(token, (), algorithms=[algorithm], secret=SECRET) is not None
    assert jws.verify(token, (), algorithms=[algorithm], secret=SECRET + "x") is None
    with pytest.raises(IdTokenInvalid):
        jws.verify(token, (), algorithms=["RS256"], secret=SECRET)


@pytest.mark.parametrize(
    "token",
    [
        *("", "a", "a.b", "a.b.c", "a.b.c.d", "..", "!.!.!", "é.é.é", "A.A.A"),
        forged({"alg": "none"}, PAYLOAD),
        forged({"alg": "None"}, PAYLOAD),
        forged({"alg": ""}, PAYLOAD),
        forged({"alg": ["RS256"]}, PAYLOAD),
        forged({"alg": None}, PAYLOAD),
        forged({}, PAYLOAD),
        forged(["RS256"], PAYLOAD),
        forged("alg", PAYLOAD),
        forged({"alg": "RS256", "crit": ["exp"]}, PAYLOAD),
        forged({"alg": "RS256", "crit": 5}, PAYLOAD),
        forged({"alg": "RS256", "b64": False}, PAYLOAD),
        forged({"alg": "XX256"}, PAYLOAD),
        forged({"alg": "RS256"}, {"x": "y" * 200_000}),
        id_token(PAYLOAD).replace(".", "+.", 1),
        id_token(PAYLOAD).replace(".", "==.", 1),
        id_token(PAYLOAD) + ".x",
    ],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(IdTokenInvalid):
        assert jws.verify(token, keys(jwk()), algorithms=["RS256", "none", "XX256"], secret=SECRET) is not None


def test_claims_must_be_an_object() -> None:
    import joserfc.jws

    token = joserfc.jws.serialize_compact({"alg": "RS256"}, b'["sub"]', key())
    with pytest.raises(IdTokenInvalid):
        jws.verify(token, keys(jwk()), algorithms=["RS256"])


def test_signed_claims_come_from_verification_only() -> None:
    with pytest.raises(TypeError, match="verify"):
        jws.Signed("RS256", {}, object())
