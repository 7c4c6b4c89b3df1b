"""Signatures of ID tokens and UserInfo answers.

Key sets (RFC 7517), JWS compact serialization (RFC 7515), algorithms (RFC 7518, RFC 8037).
"""

from __future__ import annotations

import base64
import binascii
import collections.abc as cabc
import dataclasses as dc
import hmac
import json
import typing as t

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from .answers import read_object
from .errors import AnswerInvalid, IdTokenInvalid
from .values import Response

#: Algorithms that are verified with a public key. ``EdDSA`` is the old name of ``Ed25519`` (RFC 9864).
PUBLIC_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)

#: Algorithms that are verified with the client secret, and with which hash.
SECRET_ALGORITHMS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

#: Sizes of an RSA modulus that are accepted, in bits.
RSA_BITS = range(2048, 16384 + 1)

#: Longest ID token that is read, in characters; most keys of a set.
MAX_TOKEN, MAX_KEYS = 128 * 1024, 100

#: The public members of each key type (RFC 7518 section 6, RFC 8037 section 2).
_MEMBERS = {"RSA": "n e", "EC": "crv x y", "OKP": "crv x"}
_MADE_HERE = object()


@dc.dataclass(frozen=True, slots=True)
class PublicKey:
    """One usable key of a provider's set; ``kid`` and ``algorithm`` are ``None`` when the set does not say."""

    kid: str | None
    algorithm: str | None
    key: Key = dc.field(repr=False)


@dc.dataclass(frozen=True, slots=True)
class Signed:
    """Claims whose signature holds. Only :func:`verify` makes one."""

    algorithm: str
    claims: dict[str, t.Any] = dc.field(repr=False)
    _made: object = dc.field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("a Signed comes out of verify() only")


def read_keys(response: Response) -> tuple[PublicKey, ...]:
    """Reads a key set (RFC 7517 section 5). Keys that cannot verify a signature are left out.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for any other status but 2xx.
    :raises AnswerInvalid: when it is no key set.
    """
    entries = read_object(response).get("keys")
    if not isinstance(entries, list):
        raise AnswerInvalid("The provider's key set holds no keys.")
    keys = [_read_key(entry) for entry in entries[:MAX_KEYS] if isinstance(entry, dict)]
    return tuple(key for key in keys if key is not None)


def _read_key(entry: dict[str, t.Any]) -> PublicKey | None:
    kind, kid, algorithm = entry.get("kty"), entry.get("kid"), entry.get("alg")
    operations = entry.get("key_ops", ["verify"])
    # A key with a private part ("d") is one that everybody can sign with.
    if kind not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    members = {name: entry.get(name) for name in _MEMBERS[kind].split()}
    if not all(isinstance(value, str) for value in members.values()):
        return None
    data = t.cast("dict[str, str | list[str]]", {"kty": kind, **members})
    try:
        if kind == "RSA" and int.from_bytes(decode(entry["n"])).bit_length() not in RSA_BITS:
            return None
        if kind == "OKP" and entry["crv"] != "Ed25519":
            return None
        key = JWKRegistry.import_key(data)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return PublicKey(kid if isinstance(kid, str) else None, algorithm if isinstance(algorithm, str) else None, key)


def verify(
    token: str, keys: cabc.Iterable[PublicKey], *, algorithms: cabc.Collection[str], secret: str | None = None
) -> Signed | None:
    """Verifies a token in JWS compact serialization (RFC 7515 section 5.2).

    :param algorithms: the allow-list. ``none`` is never accepted. The HMAC algorithms take ``secret`` and never a
        key of the set; all others take a key of the set and never ``secret``.
    :returns: ``None`` when no key verifies it: fetch the key set again, and then refuse.
    :raises IdTokenInvalid: when it is no such token, its algorithm is not in the list, or it asks for extensions.
    """
    header_part, _, rest = token.partition(".")
    payload_part, _, signature_part = rest.partition(".")
    if len(token) > MAX_TOKEN or not token.isascii():
        raise IdTokenInvalid("The signed token is too long, or no text.")
    header, signature = _decode_object(header_part), _decode_part(signature_part)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms or "crit" in header or "b64" in header:
        raise IdTokenInvalid("The signed token is signed in a way that is not allowed here.")
    signed = f"{header_part}.{payload_part}".encode("ascii")
    if algorithm in SECRET_ALGORITHMS:
        held = bool(secret) and hmac.compare_digest(
            hmac.digest((secret or "").encode(), signed, SECRET_ALGORITHMS[algorithm]), signature
        )
    elif algorithm in PUBLIC_ALGORITHMS:
        held = any(_holds(key, algorithm, signed, signature) for key in _candidates(keys, kid, algorithm))
    else:
        raise IdTokenInvalid("The signed token's algorithm is unknown.")
    return Signed(algorithm, _decode_object(payload_part), _MADE_HERE) if held else None


def _candidates(keys: cabc.Iterable[PublicKey], kid: object, algorithm: str) -> cabc.Iterator[PublicKey]:
    for key in keys:
        # A token or a key without a "kid" says nothing about which belongs to which: try them all.
        named = kid is None or key.kid is None or key.kid == kid
        if named and key.algorithm in (None, algorithm):
            yield key


def _holds(candidate: PublicKey, algorithm: str, signed: bytes, signature: bytes) -> bool:
    model = JWSRegistry.algorithms[algorithm]
    try:
        model.check_key(candidate.key)
        return model.verify(signed, signature, candidate.key)
    except (JoseError, ValueError, TypeError):
        return False


def _decode_object(part: str) -> dict[str, t.Any]:
    try:
        data = json.loads(_decode_part(part))
    except (ValueError, RecursionError) as error:
        raise IdTokenInvalid("The signed token holds something that is not JSON.") from error
    if not isinstance(data, dict):
        raise IdTokenInvalid("The signed token holds something that is not a JSON object.")
    return data


def _decode_part(part: str) -> bytes:
    try:
        return decode(part)
    except ValueError as error:
        raise IdTokenInvalid("The signed token is not in JWS compact serialization.") from error


def decode(part: str) -> bytes:
    """Decodes base64url without padding (RFC 7515 section 2), strictly."""
    if not set(part) <= _ALPHABET or len(part) % 4 == 1:
        raise binascii.Error("not base64url")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
