"""The pages of the demonstration that are neither Flask-Security's nor Flask-Social's."""

from __future__ import annotations

import json
import typing as t

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue
from flask_mailman import Mail
from flask_security import auth_required

from ..core import Social
from .audit import Audit
from .calls import CALLS, source


def create_blueprint(social: Social, audit: Audit, mail: Mail) -> Blueprint:
    """The routes."""
    pages = Blueprint("demo", __name__)

    @pages.get("/")
    def home() -> ResponseReturnValue:
        return render_template("demo/home.html", entries=audit.entries(5))

    @pages.get("/mails")
    def mails() -> ResponseReturnValue:
        """What a person would find in the mailbox."""
        return render_template("demo/mails.html", mails=list(reversed(getattr(mail.state, "outbox", ()))))

    @pages.get("/profile")
    @auth_required("session")
    def profile() -> ResponseReturnValue:
        return render_template("demo/profile.html")

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

    @pages.get("/posts")
    @auth_required("session")
    @social.facebook.require_scope("user_posts")
    def posts() -> ResponseReturnValue:
        """A page that needs more access than a login: whoever has not allowed it is asked first."""
        connection: t.Any = social.facebook.get_connection()
        return render_template("demo/posts.html", scopes=connection.granted_scope.split())

    @pages.get("/activity")
    def activity() -> ResponseReturnValue:
        return render_template("demo/activity.html", entries=audit.entries())

    @pages.get("/activity/rows")
    def activity_rows() -> ResponseReturnValue:
        """The rows alone, which the page's script fetches every second."""
        return render_template("demo/_rows.html", entries=audit.entries())

    return pages
