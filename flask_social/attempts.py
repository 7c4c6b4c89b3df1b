"""Pending attempts: what a browser carries between leaving for a provider and coming back.

All attempts of a browser are one sealed text. It holds a hash of each state, never the state itself, so a
stolen cookie alone answers no callback. It is bounded in number and size: the oldest attempt goes first.

A cookie can be kept and shown again. With a cache on the server (``SOCIAL_ATTEMPT_CACHE``) each attempt is also
noted there when it begins and struck out when it is taken: whoever strikes it out may go on, nobody else.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import hashlib
import hmac
import json
import math
import typing as t
import zlib

from .errors import AnswerInvalid, AttemptRefused, AttemptsUnavailable
from .values import INTENTS, Attempt
from .vault import Vault

#: Longest sealed text, in characters; with its name in the session it stays below 1,100 bytes of cookie.
MAX_SEALED = 1000

_PURPOSE = "attempts"
_MAX_OPENED = 8192

#: The functions of cachelib that tell whether the caller was the one who removed an entry, by where they are
#: written. Those of the other caches also say so when there was nothing to remove.
_TELLING = frozenset(
    {
        "cachelib.simple.SimpleCache",
        "cachelib.redis.RedisCache",  # cachelib below 0.17
        "cachelib.redis_base.BaseRedisCache",
        "cachelib.memcached.MemcachedCache",
    }
)

_Row = list[t.Any]

T = t.TypeVar("T")


class AttemptCache(t.Protocol):
    """What is used of a ``cachelib`` cache."""

    def set(self, key: str, value: t.Any, timeout: int) -> t.Any:
        """Keeps a value for ``timeout`` seconds; something false when that failed."""

    def get(self, key: str) -> t.Any:
        """What is kept, or ``None``."""

    def delete(self, key: str) -> bool:
        """Removes an entry. True for the one caller that removed it."""


def tells_who_deleted(cache: object) -> bool:
    """Whether ``cache.delete`` is known to be true for one caller only, so that an attempt can be used once."""
    owner = next((cls for cls in type(cache).__mro__ if "delete" in vars(cls)), object)
    if f"{owner.__module__}.{owner.__qualname__}" not in _TELLING:
        return False
    client = type(getattr(cache, "_client", None)).__module__.partition(".")[0]
    # Of the clients of Memcached, pylibmc is known to tell; python-memcached answers yes always.
    return owner.__name__ != "MemcachedCache" or client in ("pylibmc", "_pylibmc")


def stash(
    vault: Vault,
    sealed: str | None,
    attempt: Attempt,
    *,
    now: float,
    lifetime: float,
    limit: int,
    cache: AttemptCache | None = None,
) -> str:
    """The sealed text with one more attempt.

    :param sealed: the text so far, or ``None``. What does not open is dropped.
    :param now: seconds since the epoch.
    :param lifetime: seconds for which an attempt waits.
    :param limit: how many attempts one browser may hold.
    :param cache: where the attempt is noted as well.
    :raises AnswerInvalid: when this attempt alone is too large; only a provider's request token or granted scopes
        can do that.
    :raises AttemptsUnavailable: when the cache does not take it.
    """
    rows = [*_alive(_open(vault, sealed), now, lifetime), _row(attempt)][-limit:]
    while text := _seal(vault, rows):
        if len(text) <= MAX_SEALED and len(_pack(rows)) <= _MAX_OPENED:
            if cache is not None:
                _note(cache, attempt.state, lifetime)
            return text
        del rows[0]
    raise AnswerInvalid("The provider's request token is too long, or the scopes are too many.")


def take(
    vault: Vault,
    sealed: str | None,
    handle: str | None,
    *,
    provider_id: str,
    now: float,
    lifetime: float,
    cache: AttemptCache | None = None,
) -> tuple[str | None, Attempt | AttemptRefused]:
    """Removes the attempt that a callback names, and returns it with the sealed text that is left.

    :param handle: the ``state`` of the callback, or the OAuth 1.0a request token.
    :param cache: where the attempt was noted as well.
    :returns: the text to keep (``None`` when no attempt is left), and the attempt or the refusal. An attempt
        is removed before it is looked at: a second use finds nothing.
    :raises AttemptsUnavailable: when the cache cannot be asked.
    """
    if not handle:
        return sealed, AttemptRefused("The answer names no attempt.", code="state_missing")
    rows = _open(vault, sealed)
    wanted = _hash(handle)
    matches = [row for row in rows if hmac.compare_digest(str(row[0]), wanted)]
    left = [row for row in _alive(rows, now, lifetime) if row not in matches]
    text = sealed if len(left) == len(rows) else _seal(vault, left)
    if not matches:
        return text, AttemptRefused("No attempt of this browser fits the answer.")
    if cache is not None and not _strike_out(cache, handle):
        return text, AttemptRefused("The attempt was used already.")
    attempt = _attempt(matches[0], handle)
    if not _alive(matches, now, lifetime):
        return text, AttemptRefused("The attempt has expired.", code="state_expired")
    if attempt.provider_id != provider_id:
        return text, AttemptRefused("The attempt belongs to another provider.", code="state_foreign")
    return text, attempt


def call_cache(call: cabc.Callable[[], T]) -> T:
    """Calls a cache; the libraries behind one have no error in common.

    :raises AttemptsUnavailable: for any error of theirs.
    """
    try:
        return call()
    except Exception as error:
        raise AttemptsUnavailable() from error


def _note(cache: AttemptCache, handle: str, lifetime: float) -> None:
    if not call_cache(lambda: cache.set(_cache_key(handle), 1, timeout=math.ceil(lifetime))):
        raise AttemptsUnavailable()


def _strike_out(cache: AttemptCache, handle: str) -> bool:
    return call_cache(lambda: cache.delete(_cache_key(handle)))


def _cache_key(handle: str) -> str:
    return f"flask-social:attempt:{_hash(handle)}"


def _row(attempt: Attempt) -> _Row:
    row: _Row = [
        _hash(attempt.state),
        attempt.created_at,
        attempt.provider_id,
        INTENTS.index(attempt.intent),
        attempt.user_id,
        attempt.next_url,
        attempt.expected_key,
        attempt.request_token,
        attempt.request_token_secret,
        attempt.display,
        " ".join(attempt.scopes) if attempt.scopes is not None else None,
    ]
    while row[-1] is None:
        del row[-1]
    return row


def _attempt(row: _Row, handle: str) -> Attempt:
    # A row of an older version is shorter.
    row = row + [None] * (11 - len(row))
    _, created_at, provider_id, intent, user_id, next_url, expected, token, secret, display, scopes = row
    return Attempt(
        state=handle,
        provider_id=provider_id,
        intent=INTENTS[intent],
        user_id=user_id,
        expected_key=expected,
        request_token=token,
        request_token_secret=secret,
        next_url=next_url,
        created_at=created_at,
        display=display,
        scopes=tuple(scopes.split()) if scopes is not None else None,
    )


def _alive(rows: cabc.Iterable[_Row], now: float, lifetime: float) -> list[_Row]:
    return [row for row in rows if now - lifetime < row[1] <= now + lifetime]


def _open(vault: Vault, sealed: str | None) -> list[_Row]:
    raw = vault.open(_PURPOSE, sealed) if isinstance(sealed, str) else None
    if raw is None:
        return []
    return t.cast("list[_Row]", json.loads(zlib.decompressobj().decompress(raw, _MAX_OPENED)))


def _pack(rows: list[_Row]) -> bytes:
    return json.dumps(rows, separators=(",", ":")).encode()


def _seal(vault: Vault, rows: list[_Row]) -> str | None:
    if not rows:
        return None
    return vault.seal(_PURPOSE, zlib.compress(_pack(rows), 9))


def _hash(handle: str) -> str:
    digest = hashlib.sha256(handle.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")
