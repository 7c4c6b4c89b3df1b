"""The settings of one application, read once and frozen. A wrong one names its key and the cure."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import difflib
import re
import typing as t
from urllib.parse import urlsplit

from .attempts import AttemptCache, tells_who_deleted
from .errors import ConfigurationError
from .messages import CODES, DEFAULTS, VIEW_CODES, Message, fill

Resolver = cabc.Callable[[str], "cabc.Mapping[str, t.Any] | None"]

#: What a provider id may be made of.
_PROVIDER_ID = re.compile(r"[a-z0-9_-]{1,64}")
_PREFIX = "SOCIAL_"


@dc.dataclass(frozen=True, slots=True)
class Settings:
    """Every setting that is not a provider; times are seconds unless said otherwise. See ``docs/configuration``."""

    blueprint_name: str = "social"
    url_prefix: str | None = None
    app_url: str | None = None
    connect_allow_view: str = "/"
    connect_deny_view: str = "/"
    views: cabc.Mapping[str, str] = dc.field(default_factory=dict)
    messages: cabc.Mapping[str, Message] = dc.field(default_factory=lambda: dict(DEFAULTS))
    flash_messages: bool = True
    post_oauth_connect_session_key: str = "post_oauth_connect_url"
    post_oauth_login_session_key: str = "post_oauth_login_url"
    legacy_callbacks: bool = False
    freshness: dt.timedelta | None = None
    token_keys: tuple[str | bytes, ...] | None = dc.field(default=None, repr=False)
    attempt_lifetime: float = 600
    max_attempts: int = 5
    attempt_cache: AttemptCache | None = None
    http_timeout: tuple[float, float] = (3.05, 5)
    http_deadline: float = 12
    http_max_bytes: int = 1024 * 1024
    provider_resolver: Resolver | None = None

    @classmethod
    def read(cls, config: cabc.Mapping[str, t.Any]) -> Settings:
        """The settings of an application's configuration.

        :raises ConfigurationError: for the first value that is missing, wrong or misspelt.
        """
        values: dict[str, t.Any] = {}
        messages, views = dict(DEFAULTS), {}
        for key, value in config.items():
            name = key.removeprefix(_PREFIX).lower()
            if not key.startswith(_PREFIX) or is_provider(key, value):
                continue
            if name in _LATER:
                _check_later(key, name, value)
            elif name.startswith("msg_") and name[4:] in CODES:
                messages[name[4:]] = _message(key, value, messages[name[4:]])
            elif name.endswith("_view") and name[:-5] in VIEW_CODES:
                views[name[:-5]] = _text(key, value)
            elif (field := _ALIASES.get(name, name)) in _READERS:
                if field in values:
                    raise ConfigurationError(key, "is given twice under two names.")
                values[field] = _READERS[field](key, value)
            elif value is not None:
                raise _unknown(key)
        return cls(messages=messages, views=views, **values)

    def message(self, code: str) -> Message:
        """The text and flash category of a code; those of ``provider_error`` for a code without a text."""
        return self.messages.get(code) or self.messages["provider_error"]


def is_provider(key: str, value: object) -> bool:
    """Whether a setting describes a provider: ``SOCIAL_<ID>`` with a dictionary."""
    return key.startswith(_PREFIX) and isinstance(value, cabc.Mapping)


def provider_settings(config: cabc.Mapping[str, t.Any]) -> dict[str, tuple[str, cabc.Mapping[str, t.Any]]]:
    """The provider settings of a configuration by provider id, each with its key.

    :raises ConfigurationError: when an id holds other characters than ``a-z 0-9 _ -``, or two settings make one id.
    """
    found: dict[str, tuple[str, cabc.Mapping[str, t.Any]]] = {}
    for key, value in config.items():
        if not is_provider(key, value):
            continue
        provider_id = str(value.get("id") or key.removeprefix(_PREFIX).lower())
        check_provider_id(key, provider_id)
        if provider_id in found:
            raise ConfigurationError(key, f"another setting has the provider id {provider_id!r} already.")
        found[provider_id] = (key, value)
    return found


def check_provider_id(key: str, provider_id: str) -> None:
    """Refuses an id that could not stand in a URL.

    :raises ConfigurationError: naming ``key``.
    """
    if not _PROVIDER_ID.fullmatch(provider_id):
        raise ConfigurationError(key, f"the provider id {provider_id!r} must match [a-z0-9_-]{{1,64}}.")


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(key, "must be a non-empty string.")
    return value


def _name(key: str, value: object) -> str:
    if not isinstance(value, str) or not value or "." in value:
        raise ConfigurationError(key, "must be a name without a dot.")
    return value


def _prefix(key: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ConfigurationError(key, "must be a path such as /social.")
    return value


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(key, "must be True or False.")
    return value


def _seconds(key: str, value: object) -> float:
    if isinstance(value, dt.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10**9:
        raise ConfigurationError(key, "must be a number of seconds above 0, or a timedelta.")
    return value


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(key, "must be a whole number above 0.")
    return value


def _timeouts(key: str, value: object) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ConfigurationError(key, "must be a pair of seconds: (connect, read).")
    return _seconds(key, value[0]), _seconds(key, value[1])


def _freshness(key: str, value: object) -> dt.timedelta | None:
    if value is not None and not isinstance(value, dt.timedelta):
        raise ConfigurationError(key, "must be a timedelta (negative: never asked), or None for SECURITY_FRESHNESS.")
    return value


def _keys(key: str, value: object) -> tuple[str | bytes, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, cabc.Iterable):
        raise ConfigurationError(key, "must be a list of Fernet keys, newest first.")
    keys = tuple(value)
    if not keys or not all(isinstance(item, (str, bytes)) for item in keys):
        raise ConfigurationError(key, "must be a list of Fernet keys, newest first.")
    return keys


def _base_url(key: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(_text(key, value))
        whole = parts.hostname and parts.port != 0 and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        whole = False
    if not whole or parts.scheme not in ("http", "https"):
        raise ConfigurationError(key, "must be the public base address, such as https://www.example.org.")
    return str(value).rstrip("/")


def _resolver(key: str, value: object) -> Resolver | None:
    if value is not None and not callable(value):
        raise ConfigurationError(key, "must be a callable: (provider_id) -> dict or None.")
    return t.cast("Resolver | None", value)


def _attempt_cache(key: str, value: object) -> AttemptCache | None:
    if value is not None and not tells_who_deleted(value):
        raise ConfigurationError(
            key,
            "must be a RedisCache, ValkeyCache, SimpleCache, or MemcachedCache over pylibmc, of cachelib: the others"
            " cannot tell who removed an entry.",
        )
    return t.cast("AttemptCache | None", value)


def _message(key: str, value: object, default: Message) -> Message:
    given = (value, default[1]) if isinstance(value, str) else value
    if not isinstance(given, (tuple, list)) or len(given) != 2 or not all(isinstance(item, str) for item in given):
        raise ConfigurationError(key, "must be a text, or a (text, category) pair.")
    try:
        fill(given[0], {"provider": ""})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(key, "may hold %(provider)s only; write %% for a percent sign.") from error
    return given[0], given[1]


_READERS: dict[str, cabc.Callable[[str, t.Any], t.Any]] = {
    "blueprint_name": _name,
    "url_prefix": _prefix,
    "app_url": _base_url,
    "connect_allow_view": _text,
    "connect_deny_view": _text,
    "flash_messages": _flag,
    "post_oauth_connect_session_key": _text,
    "post_oauth_login_session_key": _text,
    "legacy_callbacks": _flag,
    "freshness": _freshness,
    "token_keys": _keys,
    "attempt_lifetime": _seconds,
    "max_attempts": _count,
    "attempt_cache": _attempt_cache,
    "http_timeout": _timeouts,
    "http_deadline": _seconds,
    "http_max_bytes": _count,
    "provider_resolver": _resolver,
}

_ALIASES = {"connect_allow_redirect": "connect_allow_view", "connect_deny_redirect": "connect_deny_view"}

#: Settings of parts that are still to come, with the values that are true today.
_LATER: dict[str, tuple[t.Any, ...]] = {
    "signup": ("never", None),
    "link_by_email": ("never", None),
    "refresh_leeway": (None,),
    "revoke_on_disconnect": (False, None),
}


def _check_later(key: str, name: str, value: object) -> None:
    if value not in _LATER[name]:
        raise ConfigurationError(key, f"{value!r} is not available in this version; leave it out.")


def check_policies(key: str, values: cabc.Mapping[str, t.Any]) -> None:
    """Refuses the account policies of a provider setting that this version does not have.

    :raises ConfigurationError: naming the key.
    """
    for name in ("signup", "link_by_email"):
        _check_later(f"{key}[{name!r}]", name, values.get(name))


def _unknown(key: str) -> ConfigurationError:
    known = [_PREFIX + name.upper() for name in (*_READERS, *_ALIASES, *_LATER)]
    known += [f"{_PREFIX}MSG_{code.upper()}" for code in CODES] + [
        f"{_PREFIX}{code.upper()}_VIEW" for code in VIEW_CODES
    ]
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "a provider is a dictionary."
    return ConfigurationError(key, f"is no setting of Flask-Social; {hint}")
