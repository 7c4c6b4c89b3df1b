"""The record of one application, and the only place that reads ``current_app``."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import dataclasses as dc
import logging
import typing as t

from blinker import Signal
from flask import Flask, current_app, has_app_context

from .datastores.base import ConnectionDatastore
from .documents import Documents
from .errors import ConfigurationError
from .providers.base import Provider
from .settings import Settings
from .values import Request, Response
from .vault import Vault

#: The name under which the record stands in ``app.extensions``.
EXTENSION = "social"
_RECEIVERS = "social_receivers"

logger = logging.getLogger("flask_social")


@dc.dataclass(frozen=True, slots=True)
class SocialState:
    """What one application knows of Flask-Social. Made once, in ``init_app``, and never changed.

    :param providers: the providers of the settings by id.
    :param resolve: finds a provider by id, among ``providers`` or by ``SOCIAL_PROVIDER_RESOLVER``;
        ``None`` when there is none.
    :param documents: discovery documents and key sets, kept between visits.
    :param exchange: gives a function that sends the requests of one visit (see :mod:`flask_social.transport`).
    """

    settings: Settings
    providers: cabc.Mapping[str, Provider]
    resolve: cabc.Callable[[str], Provider | None]
    datastore: ConnectionDatastore
    vault: Vault
    documents: Documents
    exchange: cabc.Callable[[], cabc.Callable[[Request], Response]]

    def find_provider(self, provider_id: str) -> Provider | None:
        """As ``resolve``, for work on rows that goes on where a resolver fails: ``None``, and the cause in the log."""
        try:
            return self.resolve(provider_id)
        except Exception:
            logger.exception("the provider %r could not be found out", provider_id)
            return None


def listen(app: Flask, signal: Signal, receiver: cabc.Callable[..., None]) -> None:
    """Connects a receiver to what this application sends, for as long as the application lives.

    It is kept by the application: blinker would keep it for ever, and with it all that the application had.
    """
    app.extensions.setdefault(_RECEIVERS, []).append(receiver)
    signal.connect(receiver, sender=app)


def extension(name: str) -> t.Any | None:
    """Another extension of the current application, or ``None`` when it is not there."""
    return current_app.extensions.get(name)


def current_config() -> cabc.Mapping[str, t.Any]:
    """The configuration of the current application."""
    return current_app.config


def current_session_interface() -> object:
    """What opens and saves the sessions of the current application."""
    return current_app.session_interface


def current_sender() -> Flask:
    """The application itself, as signals name it."""
    return t.cast("Flask", current_app._get_current_object())  # type: ignore[attr-defined]  # werkzeug's own way


@contextlib.contextmanager
def in_context_of(app: Flask) -> cabc.Iterator[None]:
    """Within a context of this application: the present one, or one of its own."""
    if has_app_context() and current_sender() is app:
        yield
    else:
        with app.app_context():
            yield


def has_context() -> bool:
    """Whether there is a current application."""
    return has_app_context()


def current_state() -> SocialState:
    """The record of the current application.

    :raises ConfigurationError: without an application context, or when ``Social`` was not initialised on it.
    """
    if not has_app_context():
        raise ConfigurationError(
            "app context", "Flask-Social needs an application context here: use `with app.app_context():`."
        )
    state = current_app.extensions.get(EXTENSION)
    if state is None:
        raise ConfigurationError("app.extensions", "call Social(app, datastore) or social.init_app(app, datastore).")
    return t.cast("SocialState", state)
