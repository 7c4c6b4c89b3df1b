"""From a ``SOCIAL_<ID>`` dictionary to a provider."""

from __future__ import annotations

import collections.abc as cabc
import difflib
import json
import threading
import typing as t

from .errors import ConfigurationError
from .oauth2 import RESERVED
from .providers import load
from .providers.base import Provider
from .settings import Resolver as Lookup
from .settings import check_provider_id, provider_settings
from .values import Client

Adapt = cabc.Callable[[str, str], type[Provider]]

#: Keys that say which class serves, and keys of 1.x that say nothing any more.
_META = frozenset({"id", "provider", "module", "class", "install"})

#: Names of 1.x and of OAuth 1.0a for today's keys.
_ALIASES = {
    "client_id": "consumer_key",
    "client_secret": "consumer_secret",
    "base_url": "api_base_url",
    "access_token_method": "token_method",
    "api": "api_options",
    "scope": "scopes",
}

#: Authorization parameters that are ours alone.
_RESERVED = RESERVED | {"oauth_token"}

#: Resolved providers that are kept, by content.
_KEPT = 256


def read_providers(config: cabc.Mapping[str, t.Any], *, adapt: Adapt) -> dict[str, Provider]:
    """The providers of a configuration by id.

    :param adapt: makes a class of a 1.x provider module: ``(dotted name, setting) -> class``.
    :raises ConfigurationError: naming the setting and the key that is wrong.
    """
    found = provider_settings(config)
    return {id: make_provider(id, values, key=key, adapt=adapt) for id, (key, values) in found.items()}


def make_provider(provider_id: str, values: cabc.Mapping[str, t.Any], *, key: str, adapt: Adapt) -> Provider:
    """One provider from its dictionary.

    :raises ConfigurationError: naming ``key`` and what is wrong.
    """
    cls = _class(provider_id, values, key, adapt)
    options = _options(cls, values, key)
    client_id = options.pop("consumer_key", None)
    if not isinstance(client_id, str) or not client_id:
        raise ConfigurationError(f"{key}['consumer_key']", "must be the client id that the provider gave you.")
    secret = options.pop("consumer_secret", None)
    if secret is not None and not isinstance(secret, str):
        raise ConfigurationError(f"{key}['consumer_secret']", "must be a string.")
    try:
        return cls(id=provider_id, client=Client(client_id, secret or None), **options)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(key, _as_given(str(error), values)) from error


class Resolver:
    """Finds a provider by id: among those of the settings, else by ``SOCIAL_PROVIDER_RESOLVER``.

    What the resolver answers is kept by content, so that a provider is made once for the same dictionary.
    """

    def __init__(self, providers: cabc.Mapping[str, Provider], lookup: Lookup | None, *, adapt: Adapt) -> None:
        self._providers = providers
        self._lookup = lookup
        self._adapt = adapt
        self._made: dict[tuple[str, str], Provider] = {}
        self._lock = threading.Lock()

    def __call__(self, provider_id: str) -> Provider | None:
        provider = self._providers.get(provider_id)
        if provider is not None or self._lookup is None:
            return provider
        key = "SOCIAL_PROVIDER_RESOLVER"
        try:
            check_provider_id(key, provider_id)
        except ConfigurationError:
            return None  # it came from a visitor, and names nothing
        values = self._lookup(provider_id)
        if values is None:
            return None
        content = (provider_id, json.dumps(values, sort_keys=True, default=repr))
        with self._lock:
            if content not in self._made:
                if len(self._made) >= _KEPT:
                    self._made.clear()
                self._made[content] = make_provider(provider_id, values, key=key, adapt=self._adapt)
            return self._made[content]


def _class(provider_id: str, values: cabc.Mapping[str, t.Any], key: str, adapt: Adapt) -> type[Provider]:
    cls = values.get("class")
    if isinstance(cls, type) and issubclass(cls, Provider):
        return cls
    name = cls or values.get("module") or values.get("provider") or provider_id
    if not isinstance(name, str):
        raise ConfigurationError(key, "'class', 'module' and 'provider' must be names.")
    if values.get("module") is not None and cls is None:
        return adapt(name, key)
    try:
        return load(name)
    except ConfigurationError as error:
        raise ConfigurationError(key, str(error)) from error


def _options(cls: type[Provider], values: cabc.Mapping[str, t.Any], key: str) -> dict[str, t.Any]:
    options: dict[str, t.Any] = {}
    for given, value in values.items():
        name = _ALIASES.get(given, given)
        if given in _META or value is None:
            continue
        if name == "request_token_params":
            _split_request_params(options, value, key)
        elif name in cls.OPTIONS or name in ("consumer_key", "consumer_secret"):
            if name in options:
                raise ConfigurationError(f"{key}[{given!r}]", "is given twice under two names.")
            options[name] = value
        else:
            close = difflib.get_close_matches(str(given), [*cls.OPTIONS, *_ALIASES, *_META], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ConfigurationError(f"{key}[{given!r}]", f"is no key of this provider{hint}")
    _check_params(options.get("authorize_params"), key)
    return options


def _as_given(text: str, values: cabc.Mapping[str, t.Any]) -> str:
    """An error's text with the names that the application wrote."""
    for given, name in _ALIASES.items():
        if given in values:
            text = text.replace(repr(name), repr(given))
    return text


def _split_request_params(options: dict[str, t.Any], value: object, key: str) -> None:
    """1.x kept the scope and further authorization parameters in one dictionary."""
    if not isinstance(value, cabc.Mapping):
        raise ConfigurationError(f"{key}['request_token_params']", "must be a dictionary.")
    params = dict(value)
    found = {"scopes": params.pop("scope")} if "scope" in params else {}
    found |= {"authorize_params": params} if params else {}
    for name in found:
        if name in options:
            raise ConfigurationError(f"{key}['request_token_params']", f"{name!r} is given twice.")
    options |= found


def _check_params(params: object, key: str) -> None:
    if params is None:
        return
    if not isinstance(params, cabc.Mapping):
        raise ConfigurationError(f"{key}['authorize_params']", "must be a dictionary.")
    taken = sorted(_RESERVED & set(params))
    if taken:
        raise ConfigurationError(f"{key}['authorize_params']", f"{taken[0]!r} is set by Flask-Social itself.")
