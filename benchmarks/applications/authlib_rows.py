"""Authlib as an application would use it: the account is found, its token kept, the user logged in by Flask-Login."""

from __future__ import annotations

import typing as t

from flask import Flask, redirect, url_for

from . import Job, base_app, rows
from .authlib_session import register

BEGIN = "/begin"
METHOD = "GET"


def make_app(job: Job) -> Flask:
    app = base_app(job)
    client = register(app, job)
    rows.install(app, job)

    @app.get("/begin")
    def begin() -> t.Any:
        return client.authorize_redirect(url_for("callback", _external=True))

    @app.get("/callback")
    def callback() -> t.Any:
        token = client.authorize_access_token()
        claims = token.pop("userinfo")
        rows.log_in(job.provider, claims["sub"], token)
        return redirect("/")

    return app
