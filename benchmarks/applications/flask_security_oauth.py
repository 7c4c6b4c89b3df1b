"""Flask-Security's own OAuth: Authlib underneath; the user is found by the e-mail address, no token is kept."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask_security import FsOAuthProvider

from . import Job
from .security_models import add_user, make_secured

BEGIN = "/login/oauthstart/oidc"
METHOD = "POST"


class Provider(FsOAuthProvider):
    """The stand-in, registered the way Flask-Security's documentation registers a provider of one's own."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.provider)
        self._job = job

    def authlib_config(self) -> dict[str, t.Any]:
        return {
            "client_id": self._job.settings["consumer_key"],
            "client_secret": self._job.settings["consumer_secret"],
            "server_metadata_url": f"{self._job.settings['issuer']}/.well-known/openid-configuration",
            "client_kwargs": {"scope": "openid email profile", "code_challenge_method": "S256"},
        }

    def fetch_identity_cb(self, oauth: t.Any, token: t.Any) -> tuple[str, t.Any]:
        return "email", token["userinfo"]["email"]


def make_app(job: Job) -> Flask:
    app, db, security = make_secured(job, SECURITY_OAUTH_ENABLE=True, SECURITY_OAUTH_BUILTIN_PROVIDERS=[])
    assert security.oauthglue is not None
    security.oauthglue.register_provider_ext(Provider(job))
    with app.app_context():
        add_user(db, security, job)
    return app
