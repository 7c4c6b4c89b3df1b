"""Tokens that people get without a redirect: from Google's button, or from the SDK of a native app."""

from __future__ import annotations

import typing as t

from .faults import REMOVE, merged
from .ledger import Grant
from .oauth2 import OAuth2Service
from .oidc import OIDCService
from .service import Service
from .world import World, default_client


class Minting(World):
    """What the stand-in's owner gives to people by hand."""

    _services: dict[str, Service]

    def mint_id_token(
        self,
        provider: str,
        person: str = "ada",
        *,
        nonce: str | None = None,
        client_id: str | None = None,
        kind: t.Literal["unsigned", "hs256", "tampered"] | None = None,
        **claims: t.Any,
    ) -> str:
        """An ID token as the provider's button or SDK hands it to a page or an app.

        :param client_id: whom it is for; left out: the application of :meth:`settings`.
        :param kind: a token that nobody may accept, as for the fault ``bad_id_token``.
        :param claims: replace those of the token; ``REMOVE`` takes one away.
        :raises KeyError: for an unknown provider or person.
        :raises TypeError: for a provider without ID tokens.
        """
        service = self._services[provider]
        if not isinstance(service, OIDCService):
            raise TypeError(f"{provider} makes no ID tokens")
        with self.lock:
            grant = self._agreed(service, person, client_id)
            if nonce is not None:
                grant.params["nonce"] = nonce
            found = service.id_claims(grant, "") | {"at_hash": REMOVE, **claims}
            client = self.client(provider, grant.client_id)
            return self.keys.sign(merged(found, {}), kind, client.client_secret if client is not None else None)

    def mint_access_token(self, provider: str, person: str = "ada", *, client_id: str | None = None) -> str:
        """An access token as a native SDK hands it to an app.

        :param client_id: whom it is for; left out: the application of :meth:`settings`.
        :raises KeyError: for an unknown provider or person.
        :raises TypeError: for a provider without OAuth 2.
        """
        service = self._services[provider]
        if not isinstance(service, OAuth2Service):
            raise TypeError(f"{provider} does not speak OAuth 2")
        with self.lock:
            grant = self._agreed(service, person, client_id)
            return str(service.tokens(grant)["access_token"])

    def _agreed(self, service: OAuth2Service, person: str, client_id: str | None) -> Grant:
        return Grant(
            service.id,
            client_id or default_client(service.id).client_id,
            self.people[person].id,
            scope=service.scopes if isinstance(service, OIDCService) else ("email", "public_profile"),
            auth_time=self.now(),
        )
