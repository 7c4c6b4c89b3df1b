"""Social login with MongoEngine, in one file.

Run it:  pip install "Flask-Social[demo,mongoengine]"  and  python examples/mongoengine_app.py

It needs a MongoDB, at ``mongodb://127.0.0.1:27017/social`` or where ``MONGODB_URI`` says. It runs against the stand-in
provider, so that no account anywhere is needed. A real application takes the two lines with ``stand_in`` out, and puts
its own ids and secrets into ``SOCIAL_GOOGLE`` and ``SOCIAL_TWITTER``.
"""

from __future__ import annotations

import os
import secrets

import mongoengine as me
from flask import Flask, render_template_string
from flask_security import MongoEngineUserDatastore, RoleMixin, Security, UserMixin, auth_required

from flask_social import MongoEngineConnectionDatastore, Social
from flask_social.models import MongoEngineConnectionMixin
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


class Role(me.Document, RoleMixin):
    name = me.StringField(max_length=80, unique=True)


class User(me.Document, UserMixin):
    email = me.StringField(max_length=255, unique=True)
    password = me.StringField(max_length=255)
    active = me.BooleanField(default=True)
    fs_uniquifier = me.StringField(max_length=64, unique=True)
    roles = me.ListField(me.ReferenceField(Role), default=[])


# The mixin gives all fields of a connection but the owner.
class Connection(MongoEngineConnectionMixin, me.Document):
    user_id = me.ObjectIdField(required=True)
    meta = {"indexes": ["user_id", "expires_at"]}  # noqa: RUF012 - MongoEngine's way to declare them

    @property
    def user(self) -> User | None:
        return User.objects(pk=self.user_id).first()


def create_app(stand_in: StandIn, database: str = "mongodb://127.0.0.1:27017/social") -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.token_hex(),  # a real application keeps one
        SECURITY_PASSWORD_SALT=secrets.token_hex(),
        SECURITY_REGISTERABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},  # asks no name server
        TRUSTED_HOSTS=["127.0.0.1", "localhost"],
        SOCIAL_GOOGLE=stand_in.settings("google"),  # {"consumer_key": "…", "consumer_secret": "…"}
        SOCIAL_TWITTER=stand_in.settings("twitter"),
    )
    db = me.connect(host=database, uuidRepresentation="standard")
    Security(app, MongoEngineUserDatastore(db, User, Role))
    social = Social(app, MongoEngineConnectionDatastore(db, Connection))

    @app.get("/")
    @auth_required("session")
    def home() -> str:
        google = social.google.get_api()  # None until Google is connected
        profile = google.userinfo().get().execute() if google else "Connect Google to see your profile here."
        return render_template_string(PAGE, profile=profile)

    return app


if __name__ == "__main__":
    with StandIn() as stand_in:
        create_app(stand_in, os.environ.get("MONGODB_URI", "mongodb://127.0.0.1:27017/social")).run(port=5000)
