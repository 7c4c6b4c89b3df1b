"""Provider modules written for Flask-Social 1.x.

Such a module has a ``config`` dictionary and the functions ``get_api``, ``get_provider_user_id``,
``get_connection_values`` and ``get_token_pair_from_response``, which call the provider by themselves.
"""

from __future__ import annotations

import collections.abc as cabc
import importlib
import types
import typing as t

from .errors import AnswerInvalid, ConfigurationError
from .providers.base import Context, OAuth1Provider, OAuth2Provider, Provider
from .values import Flow, OAuthResponse, Profile, Token, subject

#: What a module must have.
CONTRACT = ("config", "get_api", "get_provider_user_id", "get_connection_values", "get_token_pair_from_response")

#: Keys of a module's ``config`` that describe the protocol.
_ENDPOINTS = ("authorize_url", "access_token_url", "request_token_url")


class LegacyProvider(Provider):
    """What a 1.x module adds to the OAuth family that its ``config`` asks for."""

    code: t.ClassVar[types.ModuleType]

    def fetch_profile(self, context: Context, token: Token) -> Flow[cabc.Mapping[str, t.Any]]:
        """Hands the token answer on: the module asks the provider itself, in :meth:`profile`."""
        yield from ()
        return self.response(token)

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """The profile, from the module's connection values.

        :raises AnswerInvalid: when the module fails, or gives no user id.
        """
        values = self.connection_values(data) or {}
        return Profile(
            subject=subject(values.get("provider_user_id")),
            display_name=values.get("display_name"),
            full_name=values.get("full_name"),
            email=values.get("email") or None,
            profile_url=values.get("profile_url"),
            image_url=values.get("image_url"),
            raw=values,
        )

    def response(self, token: Token) -> dict[str, t.Any]:
        """The token answer as 1.x modules know it."""
        return dict(OAuthResponse.of(token, Profile("unknown")))

    def connection_values(self, response: cabc.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
        """The columns of a connection, by the module; ``None`` when it says so.

        :raises AnswerInvalid: when the module fails.
        """
        try:
            values = self.code.get_connection_values(
                dict(response),
                consumer_key=self.credentials.client_id,
                consumer_secret=self.credentials.client_secret,
            )
        except Exception as error:  # the module's client library may raise anything
            raise AnswerInvalid(f"The provider module {self.code.__name__} could not read the answer.") from error
        return None if values is None else {**values, "provider_id": self.id}

    def get_api(self, connection: t.Any) -> t.Any:
        """The module's API client for a connection."""
        return self.code.get_api(
            connection, consumer_key=self.credentials.client_id, consumer_secret=self.credentials.client_secret
        )


def adapt(name: str, key: str) -> type[Provider]:
    """The provider class for a ``module`` setting: a module of 1.x, or one with a provider class of today.

    :raises ConfigurationError: naming ``key`` when the module cannot be imported or keeps no contract.
    """
    try:
        module = importlib.import_module(name)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigurationError(key, f"the module {name!r} cannot be imported: {error}") from error
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Provider) and found.__module__ == module.__name__:
            return found
    missing = [part for part in CONTRACT if not hasattr(module, part)]
    if missing:
        raise ConfigurationError(key, f"the module {name!r} has no {missing[0]!r}.")
    return _make(module)


def _make(module: types.ModuleType) -> type[Provider]:
    config = module.config
    family: type[Provider] = OAuth1Provider if config.get("request_token_url") else OAuth2Provider
    params = dict(config.get("request_token_params") or {})
    data: dict[str, t.Any] = {name: config[name] for name in _ENDPOINTS if config.get(name)}
    data |= {
        "code": module,
        "module": module.__name__,
        "name": config.get("name") or module.__name__.rpartition(".")[2].title(),
        "api_base_url": config.get("base_url"),
        "scopes": tuple(str(params.pop("scope", "") or "").replace(",", " ").split()),
        "authorize_params": params,
        "__module__": __name__,
    }
    return type("LegacyModuleProvider", (LegacyProvider, family), data)
