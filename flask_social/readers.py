"""How the value of each setting is read. A reader takes the setting's key and value, and refuses by naming the key."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import re
import typing as t
from urllib.parse import urlsplit

from .attempts import AttemptCache, tells_who_deleted
from .errors import ConfigurationError
from .messages import Message, fill


def text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(key, "must be a non-empty string.")
    return value


def name(key: str, value: object) -> str:
    if not isinstance(value, str) or not value or "." in value:
        raise ConfigurationError(key, "must be a name without a dot.")
    return value


def prefix(key: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ConfigurationError(key, "must be a path such as /social.")
    return value


def flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(key, "must be True or False.")
    return value


def seconds(key: str, value: object) -> float:
    if isinstance(value, dt.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10**9:
        raise ConfigurationError(key, "must be a number of seconds above 0, or a timedelta.")
    return value


def count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(key, "must be a whole number above 0.")
    return value


def timeouts(key: str, value: object) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ConfigurationError(key, "must be a pair of seconds: (connect, read).")
    return seconds(key, value[0]), seconds(key, value[1])


def freshness(key: str, value: object) -> dt.timedelta | None:
    if value is not None and not isinstance(value, dt.timedelta):
        raise ConfigurationError(key, "must be a timedelta (negative: never asked), or None for SECURITY_FRESHNESS.")
    return value


def keys(key: str, value: object) -> tuple[str | bytes, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, cabc.Iterable):
        raise ConfigurationError(key, "must be a list of Fernet keys, newest first.")
    keys = tuple(value)
    if not keys or not all(isinstance(item, (str, bytes)) for item in keys):
        raise ConfigurationError(key, "must be a list of Fernet keys, newest first.")
    return keys


def base_url(key: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(text(key, value))
        whole = parts.hostname and parts.port != 0 and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        whole = False
    if not whole or parts.scheme not in ("http", "https"):
        raise ConfigurationError(key, "must be the public base address, such as https://www.example.org.")
    return str(value).rstrip("/")


def function(signature: str) -> cabc.Callable[[str, object], t.Any]:
    def read(key: str, value: object) -> t.Any:
        if value is not None and not callable(value):
            raise ConfigurationError(key, f"must be a callable: {signature}.")
        return value

    return read


def choice(*choices: str) -> cabc.Callable[[str, object], str]:
    def read(key: str, value: object) -> str:
        if value not in choices:
            raise ConfigurationError(key, f"must be one of {', '.join(map(repr, choices))}.")
        return str(value)

    return read


def names(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, cabc.Iterable):
        raise ConfigurationError(key, "must be a list of names.")
    found = tuple(value)
    if not all(isinstance(name, str) and name for name in found):
        raise ConfigurationError(key, "must be a list of names.")
    return found


def directories(key: str, value: object) -> tuple[str, ...]:
    return names(key, (value,) if isinstance(value, str) else value)


def domains(key: str, value: object) -> tuple[str, ...]:
    found = tuple(name.lower() for name in names(key, value))
    if any("@" in name or "*" in name or "." not in name.strip(".") for name in found):
        raise ConfigurationError(key, "must be a list of domains, such as example.org; each covers itself only.")
    return found


def attempt_cache(key: str, value: object) -> AttemptCache | None:
    if value is not None and not tells_who_deleted(value):
        raise ConfigurationError(
            key,
            "must be a RedisCache, ValkeyCache, SimpleCache, or MemcachedCache over pylibmc, of cachelib: the others"
            " cannot tell who removed an entry.",
        )
    return t.cast("AttemptCache | None", value)


def message(key: str, value: object, default: Message) -> Message:
    given = (value, default[1]) if isinstance(value, str) else value
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not all(isinstance(item, str) for item in given):
        raise ConfigurationError(key, "must be a text, or a (text, category) pair.")
    try:
        fill(given[0], {"provider": ""})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(key, "may hold %(provider)s only; write %% for a percent sign.") from error
    return given[0], given[1]
