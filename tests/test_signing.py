"""Private keys of the settings: what is read, what is refused, and that no error shows one."""

from __future__ import annotations

import json
import typing as t

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from joserfc import jws

from flask_social.signing import read_private_key, sign

from .protocolkit import jwk, key


def pem(native: t.Any, password: bytes | None = None, form: t.Any = PrivateFormat.PKCS8) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return str(native.private_bytes(Encoding.PEM, form, encryption).decode())


def native(kind: str) -> t.Any:
    return key(kind).private_key  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("RSA", "RS256"), ("P-256", "ES256"), ("P-384", "ES384"), ("Ed25519", "EdDSA")]
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # of the test's own verifier
def test_every_way_to_write_a_key(kind: str, algorithm: str) -> None:
    members = key(kind).as_dict(private=True)
    ways: list[t.Any] = [members, json.dumps(members), pem(native(kind)), "\n" + pem(native(kind))]
    if kind != "Ed25519":
        ways.append(pem(native(kind), form=PrivateFormat.TraditionalOpenSSL))
    ways.append({**members, "use": "enc", "key_ops": ["verify"], "x5t": "whatever"})
    for way in ways:
        found = read_private_key(way)
        assert found.algorithm == algorithm
        assert jws.deserialize_compact(sign({"a": 1}, found), key(kind), algorithms=[algorithm]).payload == b'{"a": 1}'


def test_who_names_the_key_and_the_algorithm() -> None:
    members = {**key().as_dict(private=True), "kid": "of the key", "alg": "PS384"}
    assert (read_private_key(members).kid, read_private_key(members).algorithm) == ("of the key", "PS384")
    told = read_private_key(members, kid="told", algorithm="RS512")
    assert (told.kid, told.algorithm) == ("told", "RS512")


SMALL = rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            "",
            "nonsense",
            "{",
            "[]",
            "null",
            "-----BEGIN PRIVATE KEY-----",
            5,
            b"",
            [],
            {},
            {"kty": "RSA"},
            "[" * 9999,
        ),
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "RSA", "n": 5, "e": "AQAB", "d": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "d": "A" * 43},
        {**jwk(), "d": None},
        jwk(),
        pem(SMALL),
        pem(native("RSA"), b"passphrase"),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(ed448.Ed448PrivateKey.generate()),
        pem(x25519.X25519PrivateKey.generate()),
        pem(native("RSA"))[:-200],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_private_key(value: t.Any) -> None:
    with pytest.raises(ValueError, match="'private_key' must be PEM text") as caught:
        read_private_key(value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("RSA", "ES256"), ("P-256", "ES384"), ("Ed25519", "RS256"), ("RSA", "HS256")]
)
def test_an_algorithm_of_another_kind(kind: str, algorithm: str) -> None:
    with pytest.raises(ValueError, match="signs with"):
        read_private_key(key(kind).as_dict(private=True), algorithm=algorithm)
    with pytest.raises(ValueError, match="signs with"):
        read_private_key({**key(kind).as_dict(private=True), "alg": algorithm})


def test_no_key_is_printed() -> None:
    members = key().as_dict(private=True)
    assert str(members["d"]) not in repr(read_private_key(members))
