"""``Social``: the extension object, and what it hands out for one provider."""

from __future__ import annotations

import collections.abc as cabc
import functools
import typing as t

from flask import Flask

from . import cli, hooks, legacy, revoking, security, users
from .clients import ApiContext, build_api, build_session
from .clients.base import install_filters
from .datastores.base import ConnectionDatastore
from .datastores.columns import COLUMNS
from .documents import Documents
from .errors import ConfigurationError
from .keeper import TokenKeeper
from .providers.base import Provider
from .registration import Resolver, read_providers
from .settings import Settings
from .state import EXTENSION, SocialState, current_sender, current_state, has_context
from .transport import Transport
from .values import ConnectionKey
from .vault import Vault
from .views import consent, create_blueprint, register, targets, waiting
from .views.merging import renumber
from .views.outcomes import finish_login
from .views.pages import Pages
from .views.unproven import drop_unproven, forget_sign_up, note_login_by_mail, note_sign_up


class Social:
    """Social login for Flask applications. Holds no application: one object may serve several.

    :param app: the application, or ``None`` to call :meth:`init_app` later.
    :param datastore: where connections are kept.

    ``social.twitter`` is the :class:`ProviderAccess` of the provider with that id in the current application;
    ``social["my-company"]`` serves ids that are no Python names.
    """

    def __init__(self, app: Flask | None = None, datastore: ConnectionDatastore | None = None) -> None:
        self._datastore = datastore
        if app is not None:
            self.init_app(app, datastore)

    def init_app(self, app: Flask, datastore: ConnectionDatastore | None = None) -> SocialState:
        """Reads the settings, registers the routes, and returns the record of this application.

        Call it after ``Security``. No network is touched.

        :raises ConfigurationError: for a setting that is missing, wrong or misspelt, a route that is taken, or
            a second call for the same application.
        """
        store = datastore or self._datastore
        if EXTENSION in app.extensions:
            raise ConfigurationError("Social", "this application is initialised already.")
        if store is None:
            raise ConfigurationError("Social", "give a connection datastore, such as MemoryConnectionDatastore().")
        install_filters()
        state = make_state(app, store)
        register(app, create_blueprint(state))
        app.extensions[EXTENSION] = state
        app.cli.add_command(cli.social)
        app.jinja_env.globals["social"] = TemplateView(state)
        for setting, template in TEMPLATES.items():
            if app.config.get(setting, template) == template:
                app.config[setting] = template.replace("security/", "social/", 1)
        security.on_second_factor(app, finish_login)
        hooks.on_proof_of_address(app, functools.partial(drop_unproven, state))
        hooks.on_change_of_user(app, functools.partial(waiting.drop_unless_proven, state))
        hooks.on_change_of_user(app, forget_sign_up)
        hooks.on_registration(app, functools.partial(note_sign_up, state))
        hooks.on_login_by_mail(app, note_login_by_mail)
        with app.app_context():
            store.install(security.user_model(), functools.partial(revoking.queue, state))
        _warn_of_forged_hosts(app, state.settings)
        _warn_of_lost_accounts(app, state)
        _warn_of_missing_columns(app, store)
        return state

    def require_scope(self, provider_id: str, *scopes: str) -> consent.Decorator:
        """A decorator for views: see :meth:`ProviderAccess.require_scope`. It needs no application context."""
        return consent.require_scope(provider_id, scopes)

    def __getattr__(self, name: str) -> ProviderAccess:
        if name.startswith("_"):
            raise AttributeError(name)
        if not has_context():
            # A decorator is used where there is no application yet.
            return t.cast("ProviderAccess", consent.Unbound(name))
        try:
            return self[name]
        except (KeyError, ConfigurationError) as error:
            raise AttributeError(f"social.{name}: {error}") from error

    def __getitem__(self, provider_id: str) -> ProviderAccess:
        state = current_state()
        provider = state.resolve(provider_id)
        if provider is None:
            raise KeyError(f"no provider {provider_id!r} is configured")
        return ProviderAccess(state, provider)


#: Flask-Security's pages that have no place for buttons, and the settings that name them.
TEMPLATES = {
    "SECURITY_LOGIN_USER_TEMPLATE": "security/login_user.html",
    "SECURITY_VERIFY_TEMPLATE": "security/verify.html",
    "SECURITY_US_SIGNIN_TEMPLATE": "security/us_signin.html",
    "SECURITY_US_VERIFY_TEMPLATE": "security/us_verify.html",
}


class ProviderAccess:
    """One provider in one application: its connections and its API clients.

    Every method serves the current user, or the ``user`` it is given (an object or a primary key); with
    ``user`` or ``connection`` an application context is enough.
    """

    def __init__(self, state: SocialState, provider: Provider) -> None:
        self._state = state
        self.provider = provider

    @property
    def id(self) -> str:
        """The provider's id."""
        return self.provider.id

    @property
    def name(self) -> str:
        """The provider's name, as people read it."""
        return self.provider.name

    @property
    def consumer_key(self) -> str:
        """The client id (the name of Flask-Social 1.x)."""
        return self.provider.consumer_key

    def get_connection(self, user: t.Any = None, *, provider_user_id: str | None = None) -> t.Any | None:
        """The user's first connection by rank, or ``None`` when there is none or nobody is logged in."""
        by = {} if provider_user_id is None else {"provider_user_id": provider_user_id}
        owner = self._owner(user)
        if owner is None:
            return None
        return self._state.datastore.find_connection(user_id=owner, provider_id=self.id, **by)

    def get_connections(self, user: t.Any = None) -> cabc.Sequence[t.Any]:
        """The user's connections by rank; empty when there is none or nobody is logged in."""
        owner = self._owner(user)
        if owner is None:
            return ()
        return self._state.datastore.find_connections(user_id=owner, provider_id=self.id)

    def make_primary(self, connection: t.Any) -> None:
        """Puts one connection before the user's others of this provider: :meth:`get_connection` gives it from now on.

        It gets the rank 1, the others 2, 3 … in their order.

        :raises ValueError: when the connection is not one of this provider, or is stored no more.
        :raises StoreError: ``store_busy``, while another request changes the same user's connections (MongoDB).
        """
        store, owner = self._state.datastore, connection.user_id
        with store.lock_user(owner):
            mine = list(store.find_connections(user_id=owner, provider_id=self.id))
            first = [it for it in mine if it.provider_user_id == connection.provider_user_id]
            if connection.provider_id != self.id or not first:
                raise ValueError(f"this is no connection of its user to {self.id!r}")
            renumber(store, [*first, *(it for it in mine if it not in first)])
            store.commit()

    def require_scope(self, *scopes: str) -> consent.Decorator:
        """A decorator for views that need scopes of this provider granted: ``@social.google.require_scope("…")``.

        The current user is sent to consent to those that are missing, and comes back to the same page. Callers who
        want JSON get 403 with the code ``scope_missing``, the ``scopes``, and the ``url`` to POST to. It may be used
        without an application context too, as in a module that is imported before there is an application.

        :raises ValueError: for no scope, or one with a blank in it.
        """
        return consent.require_scope(self.id, scopes)

    def get_api(self, *args: t.Any, user: t.Any = None, connection: t.Any = None, **options: t.Any) -> t.Any | None:
        """The provider's API client with the user's token, or ``None`` without a connection.

        ``args`` and ``options`` go to the client: ``get_api("drive", "v3")``, ``get_api(version="1.1")``.

        :raises MissingLibrary: when the client library is not installed.
        :raises ReconnectRequired: when the connection holds no token that can be used.
        :raises ValueError: when the connection is one of another provider.
        """
        connection = self._chosen(user, connection)
        if connection is None:
            return None
        if isinstance(self.provider, legacy.LegacyProvider):
            return self.provider.get_api(connection)
        return build_api(self._context(connection), *args, **options)

    def get_session(self, user: t.Any = None, *, connection: t.Any = None) -> t.Any | None:
        """A :class:`requests.Session` with base URL, token and time limit; ``None`` without a connection.

        :raises ReconnectRequired, ValueError: as :meth:`get_api`.
        """
        connection = self._chosen(user, connection)
        return build_session(self._context(connection)) if connection is not None else None

    def _chosen(self, user: t.Any, connection: t.Any) -> t.Any | None:
        if connection is not None and connection.provider_id != self.id:
            raise ValueError(f"this is no connection to {self.id!r}: its token is not for that provider")
        return connection if connection is not None else self.get_connection(user)

    def _context(self, connection: t.Any) -> ApiContext:
        keeper = TokenKeeper(
            current_sender(), self._state, self.provider, connection, url=targets.reconnect_url(self._state, self.id)
        )
        return ApiContext(
            provider=self.provider,
            token=keeper.token(),
            keeper=keeper,
            key=ConnectionKey(connection.provider_id, connection.provider_user_id),
            timeout=self._state.settings.http_timeout,
        )

    def _owner(self, user: t.Any) -> t.Any | None:
        user = user if user is not None else security.user()
        return getattr(user, "id", user)

    def __repr__(self) -> str:
        return f"<ProviderAccess {self.id}>"


class TemplateView(Pages):
    """``social`` in templates: the functions of the macros, and each provider by its id."""

    def __getattr__(self, name: str) -> ProviderAccess:
        provider = self._state.resolve(name) if not name.startswith("_") else None
        if provider is None:
            raise AttributeError(name)
        return ProviderAccess(self._state, provider)


def make_state(app: Flask, datastore: ConnectionDatastore) -> SocialState:
    """The record of an application, from its configuration.

    :raises ConfigurationError: for the first thing that is wrong.
    """
    settings = Settings.read(app.config)
    providers = read_providers(app.config, adapt=legacy.adapt)
    for provider_id in providers:
        if hasattr(Social, provider_id) or hasattr(Pages, provider_id):
            raise ConfigurationError(f"SOCIAL_{provider_id.upper()}", "this id is taken by a name of ours.")
    users.check_fields(settings.signup_fields)
    transport = Transport(
        timeout=settings.http_timeout, deadline=settings.http_deadline, max_bytes=settings.http_max_bytes
    )
    secrets = [app.config.get("SECRET_KEY"), *(app.config.get("SECRET_KEY_FALLBACKS") or ())]
    return SocialState(
        settings=settings,
        providers=providers,
        resolve=Resolver(providers, settings.provider_resolver, adapt=legacy.adapt),
        datastore=datastore,
        vault=Vault([secret for secret in secrets if secret], settings.token_keys),
        documents=Documents(),
        exchange=transport.exchange,
    )


def _warn_of_forged_hosts(app: Flask, settings: Settings) -> None:
    if not app.debug and not app.testing and settings.app_url is None and not app.config.get("TRUSTED_HOSTS"):
        app.logger.warning(
            "Flask-Social builds callback addresses from the Host header: set SOCIAL_APP_URL or TRUSTED_HOSTS."
        )


def _warn_of_lost_accounts(app: Flask, state: SocialState) -> None:
    policies = {state.settings.signup, *(provider.signup for provider in state.providers.values())}
    confirms = app.config.get("SECURITY_CONFIRMABLE") and not app.config.get("SECURITY_RECOVERABLE")
    if confirms and policies & {"ask", "auto"}:
        app.logger.warning(
            "Whoever signs up through a provider and confirms the address in another browser has to set a password"
            " then, and cannot: set SECURITY_RECOVERABLE."
        )


def _warn_of_missing_columns(app: Flask, store: ConnectionDatastore) -> None:
    missing = [column for column in COLUMNS if column not in store.columns]
    costs = []
    if missing:
        costs.append(f"it has no {', '.join(missing)}")
    if "refresh_token" in missing:
        costs.append("tokens are kept as plain text, and one too long for its column is dropped")
    if not store.has_unique_key:
        costs.append("without a unique key on provider_id and provider_user_id two logins at once may make two rows")
    if costs:
        app.logger.warning(
            'The connection model is not complete: %s. "Datastores" in the documentation of Flask-Social has a ready'
            " model and the migration.",
            "; ".join(costs),
        )
