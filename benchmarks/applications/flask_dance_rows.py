"""Flask-Dance: plain OAuth 2 with a profile call; account and token as in :mod:`.rows`."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_authorized

from . import Job, base_app, rows

BEGIN = "/login/oauth2"
METHOD = "GET"


def make_app(job: Job) -> Flask:
    app = base_app(job)
    settings = job.settings
    blueprint = OAuth2ConsumerBlueprint(
        "oauth2",
        __name__,
        client_id=settings["consumer_key"],
        client_secret=settings["consumer_secret"],
        base_url=settings["api_base_url"],
        authorization_url=settings["authorize_url"],
        token_url=settings["access_token_url"],
        scope=settings["scope"],
        login_url="/oauth2",
        use_pkce=True,
    )
    app.register_blueprint(blueprint, url_prefix="/login")
    rows.install(app, job)

    def authorized(sender: OAuth2ConsumerBlueprint, token: dict[str, t.Any]) -> bool:
        sender.session.token = token
        profile = sender.session.get(settings["userinfo_url"]).json()
        rows.log_in(job.provider, str(profile["user"]["id"]), token)
        return False  # it is kept already

    oauth_authorized.connect(authorized, sender=blueprint, weak=False)
    return app
