"""Views that need more access at a provider than a login asks for: ``require_scope``."""

from __future__ import annotations

import collections.abc as cabc
import functools
import typing as t

from flask import make_response, render_template
from flask.typing import ResponseReturnValue

from .. import security
from ..errors import ConfigurationError
from ..providers.base import Provider
from ..state import SocialState, current_sender, current_state
from . import answers, targets

View = cabc.Callable[..., ResponseReturnValue]
Decorator = cabc.Callable[[View], View]


class Unbound:
    """``social.google`` where there is no application context yet: good for ``require_scope`` only."""

    def __init__(self, provider_id: str) -> None:
        self._provider_id = provider_id

    def require_scope(self, *scopes: str) -> Decorator:
        """As :meth:`flask_social.core.ProviderAccess.require_scope`."""
        return require_scope(self._provider_id, scopes)

    def __getattr__(self, name: str) -> t.NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            current_state()
        except ConfigurationError as error:
            raise AttributeError(f"social.{self._provider_id}.{name}: {error}") from error
        raise AttributeError(f"social.{self._provider_id} was made without an application context; ask for it again.")

    def __repr__(self) -> str:
        return f"<social.{self._provider_id}, without an application context>"


def require_scope(provider_id: str, scopes: cabc.Sequence[str]) -> Decorator:
    """A decorator that lets a view run only when the current user has granted these scopes.

    :raises ValueError: for no scope, or one with a blank in it.
    """
    if not scopes or any(scope.split() != [scope] for scope in scopes):
        raise ValueError("name the scopes one by one: require_scope('a', 'b')")

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def with_scopes(*args: t.Any, **values: t.Any) -> ResponseReturnValue:
            refused = _refusal(current_state(), provider_id, tuple(scopes))
            return current_sender().ensure_sync(view)(*args, **values) if refused is None else refused

        return with_scopes

    return decorate


def _refusal(state: SocialState, provider_id: str, scopes: tuple[str, ...]) -> ResponseReturnValue | None:
    """The answer instead of the view's; ``None`` when all was granted."""
    provider = answers.provider_or_404(state, provider_id)
    _check_settings(state, provider, scopes)
    user = security.user()
    if user is None:
        return security.unauthenticated()
    connection = state.datastore.find_connection(user_id=user.id, provider_id=provider.id)
    missing = scopes if connection is None else provider.missing_scopes(scopes, _granted(provider, connection))
    if not missing:
        return None
    begin = "connect" if connection is None else "reconnect"
    if security.wants_json():
        url = answers.own_url(state, begin, provider_id=provider.id, scope=" ".join(missing))
        told = {"errors": [answers.text(state, "scope_missing", provider.name)], "code": "scope_missing"}
        return security.json({**told, "scopes": list(missing), "url": url}, 403)
    # A page with a button, and no redirect: whoever declines at the provider would be sent there again and again.
    page = render_template(
        "social/consent.html",
        provider=provider,
        connection=connection,
        scopes=missing,
        action=answers.own_url(state, begin, provider_id=provider.id),
        next=targets.this_page(),
    )
    return make_response(page, 403, {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


def _check_settings(state: SocialState, provider: Provider, scopes: tuple[str, ...]) -> None:
    """Refuses what could never be granted, before the first person is asked in vain.

    :raises ConfigurationError: naming what the settings or the model lack.
    """
    if unknown := [scope for scope in scopes if scope not in provider.allowed_scopes]:
        key = f"SOCIAL_{provider.id.upper()}['extra_scopes']"
        raise ConfigurationError(key, f"must hold {unknown[0]!r}, because a view requires it.")
    if "granted_scope" not in state.datastore.columns:
        raise ConfigurationError("granted_scope", "the connection model needs this column for require_scope.")


def _granted(provider: Provider, connection: t.Any) -> tuple[str, ...]:
    """What the connection's token may be used for. A grant that has ended is good for nothing."""
    if getattr(connection, "status", None) in ("needs_reconnect", "revoked"):
        return ()
    granted = connection.granted_scope
    return tuple(granted.split()) if granted is not None else provider.scopes
