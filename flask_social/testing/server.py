"""The stand-in provider as one object: start it, turn its switches, stop it."""

from __future__ import annotations

import pathlib
import tempfile
import threading
import typing as t

from .apis.facebook import Facebook
from .apis.foursquare import Foursquare
from .apis.generic import OIDC, OAuth2
from .apis.google import Google
from .apis.twitter import Twitter
from .apis.x import X
from .browser import WayBack, visit
from .dispatch import Dispatcher
from .httpd import HttpServer
from .minting import Minting
from .service import Service
from .tls import make_certificate, server_context
from .world import default_client

_SERVICES: tuple[type[Service], ...] = (Twitter, X, Facebook, Google, Foursquare, OIDC, OAuth2)


class StandIn(Minting):
    """A real HTTP server on loopback that plays Twitter, X, Facebook, Google, foursquare and two generic providers.

    ::

        with StandIn() as standin:
            app.config["SOCIAL_GOOGLE"] = standin.settings("google")

    :param port: 0 takes a free one.
    :param https: serve TLS with a certificate made on the spot, which :attr:`ca_file` holds.
    :ivar ca_file: path of the certificate to trust; ``None`` without TLS.
    """

    #: The ids of the providers it plays.
    providers: t.Final = tuple(service.id for service in _SERVICES)

    def __init__(self, host: str = "127.0.0.1", port: int = 0, https: bool = False) -> None:
        super().__init__()
        self._host, self._port, self._https = host, port, https
        self._services: dict[str, Service] = {service.id: service(self) for service in _SERVICES}
        self._server: HttpServer | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.ca_file: str | None = None

    def start(self) -> t.Self:
        """Listen and serve from a background thread.

        :raises OSError: when the port is taken.
        :raises RuntimeError: when it runs already.
        """
        if self._server is not None:
            raise RuntimeError("the stand-in runs already")
        context = None
        if self._https:
            self._folder = tempfile.TemporaryDirectory(prefix="standin-")
            ca_file = make_certificate(pathlib.Path(self._folder.name))
            context, self.ca_file = server_context(ca_file), str(ca_file)
        stopping = threading.Event()
        dispatcher = Dispatcher(self, self._services, stopping)
        self._server = HttpServer((self._host, self._port), dispatcher, context, stopping)
        self.url = f"{'https' if self._https else 'http'}://{self._host}:{self._server.server_port}"
        return self

    def stop(self) -> None:
        """Close every connection and stop; nothing happens when it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = self.ca_file = None

    def __enter__(self) -> t.Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def settings(self, provider_id: str, **changes: t.Any) -> dict[str, t.Any]:
        """The value of ``SOCIAL_<ID>`` that leads an application to this server; ``changes`` are added to it.

        :raises KeyError: for a provider that the stand-in does not play.
        """
        return {**self._services[provider_id].settings(), **changes}

    def config(self) -> dict[str, dict[str, t.Any]]:
        """The ``SOCIAL_<ID>`` settings of all its providers, for ``app.config.update()``."""
        return {f"SOCIAL_{provider.upper()}": self.settings(provider) for provider in self.providers}

    @property
    def secrets(self) -> frozenset[str]:
        """What nobody but the application and the provider may see, since the last ``reset()``.

        All codes, tokens and ID tokens that were given out, with their secrets; every state, nonce and verifier that
        arrived; and the client secrets. Good for a test that none of them is in a log or on a page.
        """
        with self.lock:
            clients = [*map(default_client, self.providers), *self.clients.values()]
            return self.ledger.secrets() | {client.client_secret for client in clients if client.client_secret}

    def visit(self, authorization_url: str, person: str | None = "ada") -> WayBack:
        """Play a person who opens the authorization URL, chooses (``None`` declines) and is sent back.

        Only the provider's side is walked: what it returns is still to be sent to the application.

        :raises ValueError: when the page shows an error instead.
        """
        return visit(authorization_url, person, ca_file=self.ca_file)
