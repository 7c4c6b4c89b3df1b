"""The application around Flask-Security, with and without Flask-Social."""

from __future__ import annotations

import typing as t

from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore, current_user
from flask_security.models import fsqla_v2 as fsqla
from flask_security.models.fsqla import FsModels
from flask_sqlalchemy import SQLAlchemy

from . import Job, base_app


def make_secured(job: Job, **config: t.Any) -> tuple[Flask, SQLAlchemy, Security]:
    """An application with Flask-Security, its models not yet made into tables; the page ``/whoami``."""
    app = base_app(job)
    app.config.update(
        SECURITY_PASSWORD_SALT="a salt for benchmarks only",
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        **config,
    )
    db = SQLAlchemy(app)
    FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):  # type: ignore[name-defined,misc]
        pass

    class User(db.Model, fsqla.FsUserMixin):  # type: ignore[name-defined,misc]
        password = db.Column(db.String(255), nullable=True)

    security = Security(app, SQLAlchemyUserDatastore(db, User, Role))

    @app.get("/whoami")
    def whoami() -> str:
        return str(current_user.email) if current_user.is_authenticated else ""

    return app, db, security


def add_user(db: SQLAlchemy, security: Security, job: Job) -> t.Any:
    """Makes the tables and the user, and returns the user's primary key; within an application context."""
    db.create_all()
    user = security.datastore.create_user(email=job.email)
    db.session.commit()
    return user.id
