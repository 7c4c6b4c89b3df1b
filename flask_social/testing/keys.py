"""The keys that sign ID tokens."""

from __future__ import annotations

import base64
import functools
import hmac
import json
import secrets
import typing as t

from joserfc import jwt
from joserfc.jwk import RSAKey


@functools.cache
def _first_key() -> RSAKey:
    return RSAKey.generate_key(2048)


class KeyRing:
    """One RSA key at a time (RFC 7517); a new ring begins with the same key as every other in this process."""

    def __init__(self) -> None:
        self._key: RSAKey | None = None
        self._kid: str | None = "standin-1"

    @property
    def key(self) -> RSAKey:
        """The key that signs now; made when first asked for."""
        if self._key is None:
            self._key = _first_key()
        return self._key

    def rotate(self, kid: t.Literal["new", "same", "none"]) -> None:
        """Replace the key; see :meth:`flask_social.testing.StandIn.rotate_keys`."""
        self._key = RSAKey.generate_key(2048)
        if kid != "same":
            self._kid = f"standin-{secrets.token_hex(4)}" if kid == "new" else None

    def public(self) -> dict[str, t.Any]:
        """The JWK set (RFC 7517 section 5)."""
        key = {**self.key.as_dict(private=False), "use": "sig", "alg": "RS256"}
        key.pop("kid", None)
        return {"keys": [{**key, "kid": self._kid} if self._kid else key]}

    def sign(self, claims: dict[str, t.Any], kind: str | None = None, client_secret: str | None = None) -> str:
        """The claims as a JWT signed with RS256.

        :param kind: ``unsigned`` (alg ``none``), ``hs256`` (keyed with the client secret) or ``tampered``
            (the payload changed after signing) make a token that nobody may accept.
        """
        if kind == "unsigned":
            return _unsigned("none", claims) + "."
        if kind == "hs256":
            text = _unsigned("HS256", claims)
            mac = hmac.digest((client_secret or "").encode(), text.encode(), "sha256")
            return f"{text}.{_base64url(mac)}"
        header = {"alg": "RS256", "typ": "JWT"} | ({"kid": self._kid} if self._kid else {})
        token = jwt.encode(header, claims, self.key)
        if kind == "tampered":
            other = jwt.encode(header, {**claims, "sub": "somebody-else"}, self.key)
            return ".".join((*other.split(".")[:2], token.split(".")[2]))
        return token


def _unsigned(algorithm: str, claims: dict[str, t.Any]) -> str:
    """Header and payload of a JWS in compact form (RFC 7515 section 7.1). No library makes a bad token willingly."""
    parts = ({"alg": algorithm, "typ": "JWT"}, claims)
    return ".".join(_base64url(json.dumps(part).encode()) for part in parts)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
