"""Social login with Flask-SQLAlchemy, in one file.

Run it:  pip install "Flask-Social[demo]"  and  python examples/sqlalchemy_app.py

It runs against the stand-in provider, so that no account anywhere is needed. A real application takes the two lines
with ``stand_in`` out, and puts its own ids and secrets into ``SOCIAL_GOOGLE`` and ``SOCIAL_TWITTER``.
"""

from __future__ import annotations

import secrets

from flask import Flask, render_template_string
from flask_security import RoleMixin, Security, SQLAlchemyUserDatastore, UserMixin, auth_required
from flask_sqlalchemy import SQLAlchemy

from flask_social import Social, SQLAlchemyConnectionDatastore
from flask_social.models import SQLAlchemyConnectionMixin
from flask_social.testing import StandIn

PAGE = """
{% extends "security/base.html" %}
{% from "social/_macros.html" import connections_table, connect_buttons %}
{% block styles %}<link rel="stylesheet" href="{{ social.url('static', filename='social.css') }}">{% endblock %}
{% block content %}
  <h1>Hello {{ current_user.email }}</h1>
  {{ connections_table() }}
  {{ connect_buttons() }}
  <pre>{{ profile }}</pre>
{% endblock %}
"""

db = SQLAlchemy()

roles_users = db.Table(
    "roles_users",
    db.Column("user_id", db.ForeignKey("user.id"), primary_key=True),
    db.Column("role_id", db.ForeignKey("role.id"), primary_key=True),
)


class Role(db.Model, RoleMixin):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True)


class User(db.Model, UserMixin):
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(255), unique=True)
    password = db.Column(db.String(255))
    active = db.Column(db.Boolean)
    fs_uniquifier = db.Column(db.String(64), unique=True)
    roles = db.relationship("Role", secondary=roles_users)


# The mixin gives all columns of a connection but these three.
class Connection(db.Model, SQLAlchemyConnectionMixin):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True)
    user = db.relationship("User")


def create_app(stand_in: StandIn, database: str = "sqlite:///:memory:") -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.token_hex(),  # a real application keeps one
        SECURITY_PASSWORD_SALT=secrets.token_hex(),
        SECURITY_REGISTERABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},  # asks no name server
        SQLALCHEMY_DATABASE_URI=database,
        TRUSTED_HOSTS=["127.0.0.1", "localhost"],
        SOCIAL_GOOGLE=stand_in.settings("google"),  # {"consumer_key": "…", "consumer_secret": "…"}
        SOCIAL_TWITTER=stand_in.settings("twitter"),
    )
    db.init_app(app)
    Security(app, SQLAlchemyUserDatastore(db, User, Role))
    social = Social(app, SQLAlchemyConnectionDatastore(db, Connection))

    @app.get("/")
    @auth_required("session")
    def home() -> str:
        google = social.google.get_api()  # None until Google is connected
        profile = google.userinfo().get().execute() if google else "Connect Google to see your profile here."
        return render_template_string(PAGE, profile=profile)

    with app.app_context():
        db.create_all()
    return app


if __name__ == "__main__":
    with StandIn() as stand_in:
        create_app(stand_in).run(port=5000)
