"""What a template may ask: the object that is called ``social`` there."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from flask import url_for

from .. import security, translation
from ..datastores.columns import utcnow
from ..errors import AttemptsUnavailable
from ..health import Health, health
from ..providers.base import Provider
from ..state import SocialState
from . import answers, guard, targets
from .connections import can_disconnect, other_ways_in
from .token import new_nonce


class Pages:
    """The functions behind the macros of ``social/_macros.html``."""

    def __init__(self, state: SocialState) -> None:
        self._state = state

    @property
    def providers(self) -> cabc.Mapping[str, Provider]:
        """The providers of the settings, by id."""
        return self._state.providers

    def provider(self, provider_id: str) -> Provider | None:
        """A provider, or ``None`` when it is unknown or switched off."""
        return self._state.find_provider(provider_id)

    def provider_of(self, connection: t.Any) -> Provider | None:
        """The provider of a connection, or ``None`` when there is no connection or its provider is switched off."""
        return self._state.find_provider(connection.provider_id) if connection else None

    def connections(self) -> cabc.Sequence[t.Any]:
        """The current user's connections by rank; empty when nobody is logged in."""
        user = security.user()
        return self._state.datastore.find_connections(user_id=user.id) if user is not None else ()

    def connection(self, provider_id: str) -> t.Any | None:
        """The current user's first connection to a provider, or ``None``."""
        return next((c for c in self.connections() if c.provider_id == provider_id), None)

    def can_disconnect(self, connection: t.Any) -> bool:
        """Whether the current user could still log in without this connection."""
        user = security.user()
        if user is None:
            return False
        # A user with a password needs no look at the other connections.
        return bool(other_ways_in(self._state, user)) or can_disconnect(
            self._state, user, self.connections(), [connection]
        )

    def health(self, connection: t.Any) -> Health:
        """How a connection is doing: one word, see :func:`flask_social.health.health`."""
        return health(connection, self.provider_of(connection), utcnow())

    def can_verify(self) -> list[Provider]:
        """The providers through which the current user can prove to be present."""
        own = {connection.provider_id for connection in self.connections()}
        return [provider for id, provider in self.providers.items() if id in own and provider.can_verify]

    def token_nonce(self, provider: Provider | str) -> str | None:
        """A nonce for a button that logs in without a redirect, good for one login in this browser.

        ``None`` where there can be no such login: the provider's ``token_login`` is off, somebody is logged in, or
        ``SOCIAL_ATTEMPT_CACHE`` does not answer.
        """
        found = self.provider(provider) if isinstance(provider, str) else provider
        if found is None or not found.token_login or security.user() is not None:
            return None
        try:
            return new_nonce(self._state, found, self.next_url())
        except AttemptsUnavailable as error:
            answers.logger.warning("no nonce for %s: %s", found.id, error.code)
            return None

    def csrf_token(self) -> str:
        """The CSRF token for a hidden field of a form."""
        return guard.token()

    def url(self, endpoint: str, **values: t.Any) -> str:
        """The address of an endpoint of our blueprint."""
        return url_for(f"{self._state.settings.blueprint_name}.{endpoint}", **values)

    def next_url(self) -> str | None:
        """The ``next`` of this request, if it is safe."""
        return targets.requested_next()

    def text(self, message: str, **values: object) -> str:
        """A text of a page in the language of the request, with its ``%(name)s`` places filled."""
        return translation.words(message, values)

    def language(self) -> str:
        """The language tag of these texts, for ``<html lang>``."""
        return translation.language()
