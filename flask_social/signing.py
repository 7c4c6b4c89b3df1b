"""Signing with a key of the application's own: the assertions of client authentication.

RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 and RFC 8037 (algorithms), RFC 7519 (JWT).
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import hmac
import json
import typing as t

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from .jws import RSA_BITS, SECRET_ALGORITHMS, decode

#: What each kind of key can sign with; the first is what it signs with unless told otherwise.
ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
}

_PEM_KINDS = ((RSAPrivateKey, "RSA"), (EllipticCurvePrivateKey, "EC"), (Ed25519PrivateKey, "OKP"))

#: Members of a JWK that make the key; the others say what it is for, and joserfc would hold us to them.
_KEY_MEMBERS = frozenset("kty crv x y n e d p q dp dq qi".split())


@dc.dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of the application's own, with the one algorithm that it signs with. Either ``key`` or ``secret``."""

    algorithm: str
    kid: str | None = None
    key: Key | None = dc.field(default=None, repr=False)
    secret: bytes = dc.field(default=b"", repr=False)


def read_private_key(value: object, *, kid: str | None = None, algorithm: str | None = None) -> SigningKey:
    """Reads a private key: PEM text without a passphrase, or a JWK as a dictionary or as JSON text.

    :param kid: the id of the key at the provider; a JWK may hold it itself.
    :param algorithm: what to sign with; left out: what the JWK says, else what suits the key.
    :raises ValueError: saying what is wrong, and never showing the key.
    """
    try:
        members, key = _read_pem(value) if _is_pem(value) else _read_jwk(value)
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, LookupError, RecursionError):
        # The cause is not kept: it could quote the key.
        raise ValueError(
            "'private_key' must be PEM text without a passphrase, or a JWK: RSA from 2048 bits, EC or Ed25519"
        ) from None
    fitting = ALGORITHMS["RSA" if key.key_type == "RSA" else key.curve_name]
    wanted = algorithm or members.get("alg") or fitting[0]
    if wanted not in fitting:
        raise ValueError(f"'private_key' is of a kind that signs with {' or '.join(fitting)} only")
    known = members.get("kid")
    return SigningKey(wanted, kid or (known if isinstance(known, str) else None), key)


def sign(claims: cabc.Mapping[str, t.Any], key: SigningKey) -> str:
    """Signs claims as a JWT in JWS compact serialization (RFC 7519 section 7.1)."""
    header = {"alg": key.algorithm, "typ": "JWT", **({"kid": key.kid} if key.kid else {})}
    signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
    if key.algorithm in SECRET_ALGORITHMS:
        signature = hmac.digest(key.secret, signed.encode("ascii"), SECRET_ALGORITHMS[key.algorithm])
    else:
        signature = JWSRegistry.algorithms[key.algorithm].sign(signed.encode("ascii"), key.key)
    return f"{signed}.{_encode(signature)}"


def _is_pem(value: object) -> t.TypeGuard[str]:
    return isinstance(value, str) and value.lstrip().startswith("-----BEGIN")


def _read_pem(value: str) -> tuple[cabc.Mapping[str, t.Any], t.Any]:
    native = load_pem_private_key(value.encode(), password=None)
    kind = next((kind for cls, kind in _PEM_KINDS if isinstance(native, cls)), None)
    if isinstance(native, RSAPrivateKey) and native.key_size not in RSA_BITS:
        raise ValueError("an RSA key of another size")
    return {}, _checked(JWKRegistry.import_key(value.encode(), kind))


def _read_jwk(value: object) -> tuple[cabc.Mapping[str, t.Any], t.Any]:
    members = json.loads(value) if isinstance(value, str) else value
    if not isinstance(members, cabc.Mapping) or not isinstance(members.get("d"), str):
        raise ValueError("no private key")
    if members.get("kty") == "RSA" and int.from_bytes(decode(members["n"])).bit_length() not in RSA_BITS:
        raise ValueError("an RSA key of another size")
    data = {name: item for name, item in members.items() if name in _KEY_MEMBERS}
    return members, _checked(JWKRegistry.import_key(t.cast("dict[str, str | list[str]]", data)))


def _checked(key: t.Any) -> t.Any:
    if key.key_type not in ("RSA", "EC", "OKP") or (key.key_type != "RSA" and key.curve_name not in ALGORITHMS):
        raise ValueError("another kind of key")
    return key


def _encode(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
