"""The settings of one application, read once and frozen. A wrong one names its key and the cure."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import difflib
import re
import typing as t

from . import readers
from .attempts import AttemptCache
from .errors import ConfigurationError
from .messages import CODES, DEFAULTS, VIEW_CODES, Message
from .providers.base import Provider
from .values import LinkByEmail, Merge, Profile, Signup

#: ``(profile, provider) -> fields of a user``, and ``(profile, provider) -> may this person sign up?``
Mapper = cabc.Callable[[Profile, Provider], "cabc.Mapping[str, t.Any]"]
Admit = cabc.Callable[[Profile, Provider], bool]
#: ``(user) -> names of further ways to log in``, and ``(keep, other, dry_run) -> sentences on what is moved``.
WaysIn = cabc.Callable[[t.Any], "cabc.Iterable[str]"]
MergeHook = cabc.Callable[[t.Any, t.Any, bool], "cabc.Iterable[str]"]
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
    i18n_dirname: tuple[str, ...] = ("builtin",)
    post_oauth_connect_session_key: str = "post_oauth_connect_url"
    post_oauth_login_session_key: str = "post_oauth_login_url"
    legacy_callbacks: bool = False
    signup: Signup = "never"
    signup_mapper: Mapper | None = None
    signup_fields: tuple[str, ...] = ("username",)
    signup_admit: Admit | None = None
    signup_domains: tuple[str, ...] = ()
    link_by_email: LinkByEmail = "prove"
    several_per_provider: bool = True
    merge: Merge = "never"
    merge_hook: MergeHook | None = None
    ways_in: WaysIn | None = None
    send_connection_email: bool = True
    freshness: dt.timedelta | None = None
    token_keys: tuple[str | bytes, ...] | None = dc.field(default=None, repr=False)
    attempt_lifetime: float = 600
    max_attempts: int = 5
    attempt_cache: AttemptCache | None = None
    http_timeout: tuple[float, float] = (3.05, 5)
    http_deadline: float = 12
    http_max_bytes: int = 1024 * 1024
    refresh_leeway: float = 60
    revoke_on_disconnect: bool = True
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
            if name.startswith("msg_") and name[4:] in CODES:
                messages[name[4:]] = readers.message(key, value, messages[name[4:]])
            elif name.endswith("_view") and name[:-5] in VIEW_CODES:
                views[name[:-5]] = readers.text(key, value)
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


_READERS: dict[str, cabc.Callable[[str, t.Any], t.Any]] = {
    "blueprint_name": readers.name,
    "url_prefix": readers.prefix,
    "app_url": readers.base_url,
    "connect_allow_view": readers.text,
    "connect_deny_view": readers.text,
    "flash_messages": readers.flag,
    "i18n_dirname": readers.directories,
    "post_oauth_connect_session_key": readers.text,
    "post_oauth_login_session_key": readers.text,
    "legacy_callbacks": readers.flag,
    "signup": readers.choice("never", "ask", "auto"),
    "signup_mapper": readers.function("(profile, provider) -> dict of user fields"),
    "signup_fields": readers.names,
    "signup_admit": readers.function("(profile, provider) -> bool"),
    "signup_domains": readers.domains,
    "link_by_email": readers.choice("never", "prove", "verified"),
    "several_per_provider": readers.flag,
    "merge": readers.choice("never", "ask"),
    "merge_hook": readers.function("(keep, other, dry_run) -> iterable of sentences"),
    "ways_in": readers.function("(user) -> iterable of names"),
    "send_connection_email": readers.flag,
    "freshness": readers.freshness,
    "token_keys": readers.keys,
    "attempt_lifetime": readers.seconds,
    "max_attempts": readers.count,
    "attempt_cache": readers.attempt_cache,
    "http_timeout": readers.timeouts,
    "http_deadline": readers.seconds,
    "http_max_bytes": readers.count,
    "refresh_leeway": readers.seconds,
    "revoke_on_disconnect": readers.flag,
    "provider_resolver": readers.function("(provider_id) -> dict or None"),
}

_ALIASES = {"connect_allow_redirect": "connect_allow_view", "connect_deny_redirect": "connect_deny_view"}


def _unknown(key: str) -> ConfigurationError:
    known = [_PREFIX + name.upper() for name in (*_READERS, *_ALIASES)]
    known += [f"{_PREFIX}MSG_{code.upper()}" for code in CODES] + [
        f"{_PREFIX}{code.upper()}_VIEW" for code in VIEW_CODES
    ]
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "a provider is a dictionary."
    return ConfigurationError(key, f"is no setting of Flask-Social; {hint}")
