"""Bare Authlib: no database, the person's name goes into the session."""

from __future__ import annotations

import typing as t

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for

from . import Job, base_app

BEGIN = "/begin"
METHOD = "GET"


def register(app: Flask, job: Job) -> t.Any:
    """Authlib's client for the provider, with PKCE."""
    oauth = OAuth(app)
    return oauth.register(
        job.provider,
        client_id=job.settings["consumer_key"],
        client_secret=job.settings["consumer_secret"],
        server_metadata_url=f"{job.settings['issuer']}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
    )


def make_app(job: Job) -> Flask:
    app = base_app(job)
    client = register(app, job)

    @app.get("/begin")
    def begin() -> t.Any:
        return client.authorize_redirect(url_for("callback", _external=True))

    @app.get("/callback")
    def callback() -> t.Any:
        token = client.authorize_access_token()
        session["email"] = token["userinfo"]["email"]
        return redirect("/")

    @app.get("/whoami")
    def whoami() -> str:
        return str(session.get("email", ""))

    return app
