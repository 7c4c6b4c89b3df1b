"""The routes. Each view is a function of the application's record, bound when the blueprint is made."""

from __future__ import annotations

import collections.abc as cabc
import functools
import re
import typing as t

from flask import Blueprint, Flask, Response, request
from flask.typing import ResponseReturnValue

from ..errors import ConfigurationError
from ..state import SocialState, extension
from . import accounts, begin, callback, connections, merging, token
from .handler import connect_handler

__all__ = ["connect_handler", "create_blueprint", "register"]

View = cabc.Callable[..., ResponseReturnValue]

#: Rule, endpoint, methods, view.
ROUTES: tuple[tuple[str, str, tuple[str, ...], View], ...] = (
    ("/login/<provider_id>", "login", ("POST",), begin.login),
    ("/login/<provider_id>", "login_callback", ("GET",), callback.callback),
    ("/connect/<provider_id>", "connect", ("POST",), begin.connect),
    ("/connect/<provider_id>", "connect_callback", ("GET",), callback.callback),
    ("/connect/<provider_id>", "remove_all_connections", ("DELETE",), connections.remove_all_connections),
    ("/connect/<provider_id>/<path:provider_user_id>", "remove_connection", ("DELETE",), connections.remove_connection),
    ("/connect/<provider_id>/<path:provider_user_id>", "disconnect_page", ("GET",), connections.disconnect_page),
    ("/reconnect/<provider_id>", "reconnect", ("POST",), begin.reconnect),
    ("/verify/<provider_id>", "verify", ("POST",), begin.verify),
    ("/callback/<provider_id>", "callback", ("GET", "POST"), callback.callback),
    ("/disconnect/<provider_id>", "disconnect", ("POST",), connections.disconnect),
    ("/connections", "connections", ("GET",), connections.connections),
    ("/signup/<provider_id>", "signup", ("GET", "POST"), accounts.signup),
    ("/link", "link", ("GET", "POST"), accounts.link),
    ("/merge", "merge", ("GET", "POST"), merging.merge),
    ("/token/<provider_id>", "token", ("POST",), token.token),
)


def create_blueprint(state: SocialState) -> Blueprint:
    """The blueprint of one application, its views bound to ``state``."""
    settings = state.settings
    blueprint = Blueprint(
        settings.blueprint_name,
        "flask_social",
        url_prefix=settings.url_prefix,
        template_folder="templates",
        static_folder="static/social",
        static_url_path="/social-static",
    )
    for rule, endpoint, methods, view in ROUTES:
        bound = functools.wraps(view)(functools.partial(view, state))
        blueprint.add_url_rule(rule, endpoint, t.cast("View", bound), methods=list(methods))
    blueprint.after_request(_headers)
    return blueprint


def register(app: Flask, blueprint: Blueprint) -> None:
    """Puts the blueprint on an application, with the origin check of :mod:`.guard` in place of Flask-WTF's.

    :raises ConfigurationError: when a route or the blueprint's name is taken already.
    """
    if blueprint.name in app.blueprints:
        raise ConfigurationError("SOCIAL_BLUEPRINT_NAME", f"the blueprint {blueprint.name!r} is registered already.")
    _refuse_taken(app, blueprint.url_prefix or "")
    app.register_blueprint(blueprint)

    def exempt() -> None:
        # CSRFProtect may be made after us, so this is looked at when a request comes; ours runs first then.
        csrf = extension("csrf")
        if csrf is not None and request.blueprint == blueprint.name:
            csrf.exempt(blueprint)

    app.before_request_funcs.setdefault(None, []).insert(0, exempt)


def _refuse_taken(app: Flask, prefix: str) -> None:
    taken = {
        (_shape(rule.rule), method): rule.endpoint for rule in app.url_map.iter_rules() for method in rule.methods or ()
    }
    for path, _, methods, _ in ROUTES:
        for method in methods:
            owner = taken.get((_shape(prefix + path), method))
            if owner is not None:
                raise ConfigurationError(
                    "SOCIAL_URL_PREFIX", f"{method} {prefix}{path} belongs to {owner!r} already; set a prefix."
                )


def _shape(rule: str) -> str:
    return re.sub(r"<[^>]*>", "<>", rule)


def _headers(response: Response) -> Response:
    if request.endpoint is not None and request.endpoint.endswith(".static"):
        return response
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
