"""Sealing: tokens at rest, pending attempts in the cookie, and values derived from a state.

Tokens use ``MultiFernet`` (AES-128-CBC with HMAC-SHA256, a key ring). What travels in a cookie uses
AES-256-GCM, whose smaller overhead keeps the cookie small. All keys are derived with HKDF-SHA256 (RFC 5869)
under a label of their own, so that a value of one purpose never opens as another.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import functools
import hmac
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import ConfigurationError, TokenUnreadable
from .values import ConnectionKey

#: What a sealed token column begins with; anything else in it is a plain token of Flask-Social 1.x.
SEALED_PREFIX = "fs2$"

_NONCE = 12


class Vault:
    """The keys of one application.

    :param secrets: ``SECRET_KEY`` and then ``SECRET_KEY_FALLBACKS``.
    :param token_keys: ``SOCIAL_TOKEN_KEYS``, newest first; ``None`` derives them from ``secrets``.
    :raises ConfigurationError: when there is no secret, or a token key is not a Fernet key.
    """

    def __init__(
        self, secrets: cabc.Sequence[str | bytes], token_keys: cabc.Sequence[str | bytes] | None = None
    ) -> None:
        self._secrets = [s.encode() if isinstance(s, str) else bytes(s) for s in secrets if s]
        if not self._secrets:
            raise ConfigurationError("SECRET_KEY", "must be set: pending logins and stored tokens are sealed with it.")
        if token_keys is None:
            keys = [base64.urlsafe_b64encode(_derive(s, "tokens")) for s in self._secrets]
        else:
            keys = [k.encode() if isinstance(k, str) else bytes(k) for k in token_keys]
        if not keys:
            raise ConfigurationError("SOCIAL_TOKEN_KEYS", "must hold at least one Fernet key, or be None.")
        try:
            ring = [Fernet(key) for key in keys]
        except ValueError as error:
            raise ConfigurationError(
                "SOCIAL_TOKEN_KEYS", "each key must be 32 bytes in url-safe base64, as Fernet.generate_key() makes."
            ) from error
        self._newest, self._tokens = ring[0], MultiFernet(ring)

    def seal_token(self, plain: str, *, column: str, key: ConnectionKey) -> str:
        """Encrypts a token for one column of one row."""
        payload = json.dumps(["token", column, key.fingerprint, plain], separators=(",", ":"))
        return SEALED_PREFIX + self._tokens.encrypt(payload.encode()).decode("ascii")

    def open_token(self, stored: str, *, column: str, key: ConnectionKey) -> str:
        """The token that was sealed for this column and row; a plain token of 1.x is returned as it is.

        :raises TokenUnreadable: when no key opens it, or it was sealed for another row or column, or is no token.
        """
        if not is_sealed(stored):
            return stored
        try:
            payload = self._tokens.decrypt(stored[len(SEALED_PREFIX) :].encode())
        except (InvalidToken, UnicodeEncodeError) as error:
            raise TokenUnreadable(
                f"The stored {column} of a {key.provider_id} connection opens with none of the present keys."
                " Put the old key back behind the new one, or ask the user to connect again."
            ) from error
        try:
            purpose, sealed_column, digest, plain = json.loads(payload)
        except (ValueError, TypeError):  # the same key sealed something else; its words stay out of the error
            raise TokenUnreadable(f"The stored {column} of a {key.provider_id} connection holds no token.") from None
        if (purpose, sealed_column, digest) != ("token", column, key.fingerprint):
            raise TokenUnreadable(f"The stored {column} of a {key.provider_id} connection belongs to another row.")
        return str(plain)

    def is_current(self, stored: str) -> bool:
        """Whether a token column is sealed, and with the newest key; what it holds is not looked at."""
        if not is_sealed(stored):
            return False
        try:
            self._newest.decrypt(stored[len(SEALED_PREFIX) :].encode())
        except (InvalidToken, UnicodeEncodeError):
            return False
        return True

    def seal(self, purpose: str, data: bytes) -> str:
        """Encrypts bytes for ``purpose`` into url-safe text (AES-256-GCM, ``purpose`` authenticated)."""
        nonce = os.urandom(_NONCE)
        return _text(nonce + self._ciphers[0].encrypt(nonce, data, purpose.encode()))

    def open(self, purpose: str, sealed: str) -> bytes | None:
        """What :meth:`seal` was given for the same purpose; ``None`` for anything else."""
        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except (ValueError, TypeError):
            return None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
            except (InvalidTag, ValueError):
                continue
        return None

    def derive(self, label: str, value: str) -> str:
        """A 43-character url-safe text that only this application can derive from ``value``."""
        return _text(hmac.digest(self._derivation_keys[0], f"{label}:{value}".encode(), "sha256"))

    def derivations(self, label: str) -> list[str]:
        """What every secret of the application derives from a label, newest first."""
        return [_text(hmac.digest(key, f"{label}:".encode(), "sha256")) for key in self._derivation_keys]

    @functools.cached_property
    def _ciphers(self) -> list[AESGCM]:
        return [AESGCM(_derive(secret, "session")) for secret in self._secrets]

    @functools.cached_property
    def _derivation_keys(self) -> list[bytes]:
        return [_derive(secret, "derive") for secret in self._secrets]


def is_sealed(stored: str) -> bool:
    """Whether a token column holds a sealed token rather than a plain one of 1.x."""
    return stored.startswith(SEALED_PREFIX)


def _derive(secret: bytes, label: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"flask-social " + label.encode()).derive(secret)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
