"""An application with nothing but connections, and a provider whose refresh costs nothing. Started by ``scale.py``.

``SCALE_URI`` names the database, ``SCALE_KEYS`` the token keys.
"""

from __future__ import annotations

import datetime as dt
import os
import typing as t

from flask import Flask

from flask_social import Social
from flask_social.providers.base import Context, OAuth2Provider
from flask_social.values import Flow, Profile, Token

SECRET = "a secret for benchmarks only, long enough"


class Costless(OAuth2Provider):
    """Gives a new pair of tokens without being asked anywhere."""

    name = "Costless"
    authorize_url = "https://provider.example/authorize"
    access_token_url = "https://provider.example/token"
    userinfo_url = "https://provider.example/me"

    def profile(self, data: t.Any) -> Profile:
        """Nobody logs in."""
        raise NotImplementedError

    def refresh(self, context: Context, token: Token) -> Flow[Token]:
        """A pair that lasts for a day."""
        yield from ()
        return Token(
            f"{token.access_token}+", refresh_token=token.refresh_token, expires_at=context.now + dt.timedelta(1)
        )


def sql_store(uri: str) -> tuple[t.Any, t.Any]:
    """The store on a server that SQLAlchemy reaches, and the model."""
    import sqlalchemy as sa
    from sqlalchemy import orm

    from flask_social import SQLAlchemySessionConnectionDatastore
    from flask_social.models import SQLAlchemyConnectionMixin

    class Base(orm.DeclarativeBase):
        pass

    class Connection(SQLAlchemyConnectionMixin, Base):
        __tablename__ = "connection"
        id = sa.Column(sa.Integer, primary_key=True)
        user_id = sa.Column(sa.Integer, nullable=False, index=True)

    session = orm.scoped_session(orm.sessionmaker(sa.create_engine(uri)))
    return SQLAlchemySessionConnectionDatastore(session, Connection), Connection


def mongo_store(uri: str) -> tuple[t.Any, t.Any]:
    """The store on MongoDB, and the document class."""
    from mongoengine import Document, IntField, connect

    from flask_social import MongoEngineConnectionDatastore
    from flask_social.models import MongoEngineConnectionMixin

    connect(host=uri, uuidRepresentation="standard")

    class Connection(MongoEngineConnectionMixin, Document):
        user_id = IntField(required=True)
        meta = {"indexes": ["user_id"]}  # noqa: RUF012

    return MongoEngineConnectionDatastore(None, Connection), Connection


def make_store(uri: str) -> tuple[t.Any, t.Any]:
    """The store of an address, and its model."""
    return mongo_store(uri) if uri.startswith("mongodb") else sql_store(uri)


def create_app() -> Flask:
    """The application of the environment."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=SECRET,
        SOCIAL_APP_URL="https://www.example.org",
        SOCIAL_TOKEN_KEYS=os.environ["SCALE_KEYS"].split(),
        SOCIAL_COSTLESS={"class": Costless, "consumer_key": "id", "consumer_secret": "secret"},
    )
    Social(app, make_store(os.environ["SCALE_URI"])[0])
    return app
