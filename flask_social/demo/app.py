"""The application: what a developer writes to have social login."""

from __future__ import annotations

import secrets
import typing as t

from flask import Flask, Response
from flask_mailman import Mail
from flask_security import Security, SQLAlchemyUserDatastore, hash_password

from ..core import Social
from ..datastores.sqlalchemy import SQLAlchemyConnectionDatastore
from . import views
from .audit import Audit
from .models import Connection, Role, User, db

if t.TYPE_CHECKING:
    from ..testing import StandIn

#: Who is there from the start.
DEMO_EMAIL = "ada@example.org"


def create_app(stand_in: StandIn, database: str, *, password: str) -> Flask:
    """The demonstration's application, with its tables made and one user seeded.

    :param stand_in: the running stand-in provider. A real application has its own ids and secrets instead.
    :param database: an SQLAlchemy URL.
    :param password: of the user :data:`DEMO_EMAIL`.
    """
    app = Flask("flask_social.demo")
    app.config.update(
        SECRET_KEY=secrets.token_urlsafe(32),
        SESSION_COOKIE_NAME="flask_social_demo",
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=["127.0.0.1", "localhost"],
        SQLALCHEMY_DATABASE_URI=database,
        SECURITY_PASSWORD_SALT=secrets.token_urlsafe(16),
        SECURITY_REGISTERABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_POST_LOGIN_VIEW="/profile",
        SECURITY_POST_REGISTER_VIEW="/profile",
        SOCIAL_TWITTER=stand_in.settings("twitter"),
        SOCIAL_FACEBOOK=stand_in.settings("facebook", extra_scopes=["user_posts"]),
        SOCIAL_GOOGLE=stand_in.settings("google"),
        SOCIAL_FOURSQUARE=stand_in.settings("foursquare"),
        # Answers by a POST from the provider's page, as some do; the others by a redirect.
        SOCIAL_OIDC=stand_in.settings("oidc", name="Example Corp", response_mode="form_post"),
        SOCIAL_CONNECT_ALLOW_VIEW="/profile",
        SOCIAL_CONNECT_DENY_VIEW="/profile",
        # Somebody who is not known yet gets a form; an address that the provider has not proven, a mail first.
        SOCIAL_SIGNUP="ask",
        MAIL_BACKEND="locmem",
        MAIL_DEFAULT_SENDER="demo@example.org",
    )
    db.init_app(app)
    users = SQLAlchemyUserDatastore(db, User, Role)
    Security(app, users)
    social = Social(app, SQLAlchemyConnectionDatastore(db, Connection))
    app.register_blueprint(views.create_blueprint(social, Audit(app), Mail(app)))

    policy = (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
        f"img-src 'self' {stand_in.url}; form-action 'self' {stand_in.url}"
    )

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    with app.app_context():
        db.create_all()
        users.create_user(email=DEMO_EMAIL, password=hash_password(password))
        users.commit()
    app.config["DEMO_PASSWORD"] = password
    return app
