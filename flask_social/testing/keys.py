"""The keys that sign ID tokens and UserInfo answers."""

from __future__ import annotations

import base64
import functools
import hmac
import json
import secrets
import typing as t

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

Algorithm: t.TypeAlias = t.Literal["RS256", "ES256"]
KeyId: t.TypeAlias = t.Literal["new", "same", "none"]
Extra: t.TypeAlias = t.Literal["another", "malformed", "unknown"]


@functools.cache
def _first_key() -> RSAKey:
    return RSAKey.generate_key(2048)


class KeyRing:
    """One signing key at a time (RFC 7517); a new ring begins with the same key as every other in this process.

    :ivar algorithm: what the key signs with.
    """

    def __init__(self) -> None:
        self._key: RSAKey | ECKey | None = None
        self._kid: str | None = "standin-1"
        self._extras: list[dict[str, t.Any]] = []
        self.algorithm: Algorithm = "RS256"

    @property
    def key(self) -> RSAKey | ECKey:
        """The key that signs now; made when first asked for."""
        if self._key is None:
            self._key = _first_key()
        return self._key

    def rotate(self, kid: KeyId, algorithm: Algorithm = "RS256") -> None:
        """Replace the key; see :meth:`flask_social.testing.StandIn.rotate_keys`."""
        self._key, self.algorithm = _make(algorithm), algorithm
        if kid != "same":
            self._kid = _new_kid() if kid == "new" else None

    def add(self, kind: Extra) -> None:
        """Publish one more key; see :meth:`flask_social.testing.StandIn.add_key`."""
        shapes: dict[Extra, dict[str, t.Any]] = {
            "another": self._published(_make(self.algorithm)),
            "malformed": {"kty": "RSA", "n": "no base64url!", "e": 65537, "use": "sig", "alg": "RS256"},
            "unknown": {"kty": "QUANTUM", "pub": "AAAA", "use": "sig", "alg": "QS-1"},
        }
        self._extras.append(shapes[kind] | ({"kid": _new_kid()} if self._kid else {}))

    def public(self) -> dict[str, t.Any]:
        """The JWK set (RFC 7517 section 5); the signing key is the last."""
        key = self._published(self.key)
        return {"keys": [*self._extras, {**key, "kid": self._kid} if self._kid else key]}

    def _published(self, key: RSAKey | ECKey) -> dict[str, t.Any]:
        members = {**key.as_dict(private=False), "use": "sig", "alg": self.algorithm}
        members.pop("kid", None)
        return members

    def sign(self, claims: dict[str, t.Any], kind: str | None = None, client_secret: str | None = None) -> str:
        """The claims as a signed JWT.

        :param kind: ``unsigned`` (alg ``none``), ``hs256`` (keyed with the client secret) or ``tampered``
            (the payload changed after signing) make a token that nobody may accept.
        """
        if kind == "unsigned":
            return _unsigned("none", claims) + "."
        if kind == "hs256":
            text = _unsigned("HS256", claims)
            mac = hmac.digest((client_secret or "").encode(), text.encode(), "sha256")
            return f"{text}.{_base64url(mac)}"
        header = {"alg": self.algorithm, "typ": "JWT"} | ({"kid": self._kid} if self._kid else {})
        token = jwt.encode(header, claims, self.key)
        if kind == "tampered":
            other = jwt.encode(header, {**claims, "sub": "somebody-else"}, self.key)
            return ".".join((*other.split(".")[:2], token.split(".")[2]))
        return token


def _make(algorithm: Algorithm) -> RSAKey | ECKey:
    return RSAKey.generate_key(2048) if algorithm == "RS256" else ECKey.generate_key("P-256")


def _new_kid() -> str:
    return f"standin-{secrets.token_hex(4)}"


def _unsigned(algorithm: str, claims: dict[str, t.Any]) -> str:
    """Header and payload of a JWS in compact form (RFC 7515 section 7.1). No library makes a bad token willingly."""
    parts = ({"alg": algorithm, "typ": "JWT"}, claims)
    return ".".join(_base64url(json.dumps(part).encode()) for part in parts)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
