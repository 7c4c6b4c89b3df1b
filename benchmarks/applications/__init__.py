"""One small application for each way to log in. Each module has the same three names:

``BEGIN``
    Path to which the browser posts to begin a login.
``METHOD``
    The method of that request.
``make_app(job)``
    The application, its tables made, with the one user who is going to log in.
"""

from __future__ import annotations

import dataclasses as dc
import typing as t

from flask import Flask


@dc.dataclass(frozen=True)
class Job:
    """What an application is to be made for.

    :param url: where the provider's stand-in is.
    :param settings: the provider, as ``SOCIAL_<ID>`` describes it.
    :param subject: the user id of the person at the provider.
    :param database: SQLAlchemy's URL of an empty database.
    """

    url: str
    provider: str
    settings: dict[str, t.Any]
    subject: str
    email: str
    database: str


def base_app(job: Job) -> Flask:
    """A Flask application with the configuration that all of them share."""
    app = Flask("benchmark")
    app.config.update(
        SECRET_KEY="a secret for benchmarks only, 32 bytes",
        SQLALCHEMY_DATABASE_URI=job.database,
        SERVER_NAME=None,
    )
    return app
