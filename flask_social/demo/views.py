"""The pages of the demonstration that are neither Flask-Security's nor Flask-Social's."""

from __future__ import annotations

import json
import typing as t

from flask import Blueprint, Flask, abort, render_template, session
from flask.typing import ResponseReturnValue
from flask_security import auth_required, current_user

from ..core import Social
from ..providers.base import Provider
from ..signals import connection_created, login_failed
from .audit import Audit
from .calls import CALLS, source

#: Session key: the provider through which somebody came who is not known yet.
_CAME_WITH = "demo_came_with"


def create_blueprint(social: Social, audit: Audit) -> Blueprint:
    """The routes."""
    pages = Blueprint("demo", __name__)

    @pages.get("/")
    def home() -> ResponseReturnValue:
        return render_template("demo/home.html", entries=audit.entries(5))

    @pages.get("/join")
    def join() -> ResponseReturnValue:
        """Where somebody lands whose account at a provider is not connected to a user here."""
        return render_template("demo/join.html", came_with=session.get(_CAME_WITH))

    @pages.get("/profile")
    @auth_required("session")
    def profile() -> ResponseReturnValue:
        return render_template("demo/profile.html", came_with=session.get(_CAME_WITH))

    @pages.get("/apis")
    @auth_required("session")
    def apis() -> ResponseReturnValue:
        return render_template("demo/apis.html", shown=None)

    @pages.get("/apis/<provider_id>")
    @auth_required("session")
    def api(provider_id: str) -> ResponseReturnValue:
        """Calls a provider's API with the user's own token, and shows the answer."""
        if provider_id not in CALLS:
            abort(404)
        if social[provider_id].get_connection() is None:
            return render_template("demo/apis.html", shown=provider_id, source=source(provider_id))
        answer, error = None, None
        try:
            answer = json.dumps(CALLS[provider_id](social), indent=2, ensure_ascii=False, default=str)
        except Exception as raised:  # each client library raises a family of its own; the page shows any of them
            error = f"{type(raised).__name__}: {raised}"
        return render_template(
            "demo/apis.html", shown=provider_id, source=source(provider_id), answer=answer, error=error
        )

    @pages.get("/activity")
    def activity() -> ResponseReturnValue:
        return render_template("demo/activity.html", entries=audit.entries())

    @pages.get("/activity/rows")
    def activity_rows() -> ResponseReturnValue:
        """The rows alone, which the page's script fetches every second."""
        return render_template("demo/_rows.html", entries=audit.entries())

    return pages


def remember_who_came(app: Flask) -> None:
    """Remembers for which provider a person is to be offered the connect button, until it is connected.

    Only the provider's name is kept: whoever registers next proves the account again by connecting it.
    """

    def came(sender: Flask, provider: Provider, **_: t.Any) -> None:
        session[_CAME_WITH] = provider.id

    def connected(sender: Flask, user: t.Any, connection: t.Any) -> None:
        if current_user == user and session.get(_CAME_WITH) == connection.provider_id:
            session.pop(_CAME_WITH)

    login_failed.connect(came, sender=app, weak=False)
    connection_created.connect(connected, sender=app, weak=False)
