"""Flask-Social: Flask-Security's user, a connection with sealed tokens, the provider of the job."""

from __future__ import annotations

from flask import Flask

from flask_social import Social, SQLAlchemyConnectionDatastore
from flask_social.models.sqlalchemy import SQLAlchemyConnectionMixin

from . import Job
from .security_models import add_user, make_secured

BEGIN = "/login/{provider}"
METHOD = "POST"


def make_app(job: Job) -> Flask:
    app, db, security = make_secured(job)
    app.config[f"SOCIAL_{job.provider.upper()}"] = job.settings
    app.config["SOCIAL_APP_URL"] = "https://localhost"

    class Connection(db.Model, SQLAlchemyConnectionMixin):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True)
        user = db.relationship("User")

    store = SQLAlchemyConnectionDatastore(db, Connection)
    Social(app, store)
    with app.app_context():
        user_id = add_user(db, security, job)
        store.create_connection(user_id=user_id, provider_id=job.provider, provider_user_id=job.subject)
        store.commit()
    return app
