"""A process that signs somebody up and is killed before its n-th write: ``uri providers callback cookie n``.

The address of the callback and the session cookie come from the parent, which walked the visit so far.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import typing as t

from .appkit import CONFIG, make_kit

CLEAN = {"SOCIAL_SIGNUP": "auto"}


class Writes:
    """Counts the writes, and ends the process before the one that it is told."""

    def __init__(self, fatal: int) -> None:
        self.fatal, self.seen = fatal, 0

    def note(self) -> None:
        self.seen += 1
        if self.seen == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def make_app(uri: str, providers: dict[str, t.Any], writes: Writes | None = None) -> t.Any:
    """An application on this database, and what a test looks at: ``(app, users(), connections())``."""
    return (_mongo if uri.startswith("mongodb") else _sql)(uri, providers, writes)


def _sql(uri: str, providers: dict[str, t.Any], writes: Writes | None) -> t.Any:
    from sqlalchemy import event

    kit = make_kit(providers, SQLALCHEMY_DATABASE_URI=uri, **CLEAN)
    if writes is not None:
        with kit.app.app_context():
            engine = kit.db.engine

        def statement(connection: t.Any, cursor: t.Any, text: str, *more: t.Any) -> None:
            if text.split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE"):
                writes.note()

        event.listen(engine, "before_cursor_execute", statement)
        for name in ("savepoint", "release_savepoint", "commit"):
            event.listen(engine, name, lambda *given: writes.note())

    def users() -> list[str]:
        with kit.app.app_context():
            return [user.email for user in kit.users()]

    def connections() -> list[tuple[str, str]]:
        with kit.app.app_context():
            return [(row.email, row.status) for row in kit.rows()]

    return kit.app, users, connections


def _mongo(uri: str, providers: dict[str, t.Any], writes: Writes | None) -> t.Any:
    from flask import Flask
    from flask_security import MongoEngineUserDatastore, RoleMixin, Security, UserMixin
    from mongoengine import (
        BooleanField,
        DateTimeField,
        Document,
        ListField,
        ObjectIdField,
        ReferenceField,
        StringField,
        connect,
    )
    from pymongo import monitoring

    from flask_social import MongoEngineConnectionDatastore, Social
    from flask_social.models import MongoEngineConnectionMixin

    class Listener(monitoring.CommandListener):
        def started(self, event: monitoring.CommandStartedEvent) -> None:
            if writes is not None and event.command_name in ("insert", "update", "delete", "findAndModify"):
                writes.note()

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
            pass

        def failed(self, event: monitoring.CommandFailedEvent) -> None:
            pass

    alias = uri.rpartition("/")[2] + ("-victim" if writes is not None else "")
    connect(host=uri, alias=alias, uuidRepresentation="standard", event_listeners=[Listener()])

    class Role(Document, RoleMixin):
        name = StringField(unique=True)
        meta = {"db_alias": alias, "collection": "role"}  # noqa: RUF012

    class User(Document, UserMixin):
        email = StringField(unique=True, required=True)
        password = StringField()
        active = BooleanField(default=True)
        fs_uniquifier = StringField(unique=True)
        confirmed_at = DateTimeField()
        roles = ListField(ReferenceField(Role))
        meta = {"db_alias": alias, "collection": "user"}  # noqa: RUF012

    class Connection(MongoEngineConnectionMixin, Document):
        user_id = ObjectIdField(required=True)
        meta = {"db_alias": alias, "collection": "connection"}  # noqa: RUF012

        @property
        def user(self) -> t.Any:
            return User.objects(pk=self.user_id).first()

    for model in (Role, User, Connection):
        model.ensure_indexes()
    app = Flask("tests.signup_victim")
    app.config.update(CONFIG, **CLEAN, **{f"SOCIAL_{name.upper()}": given for name, given in providers.items()})
    Security(app, MongoEngineUserDatastore(None, User, Role))
    Social(app, MongoEngineConnectionDatastore(None, Connection))
    app.add_url_rule("/", "index", lambda: "index")
    if writes is not None:
        writes.seen = 0
    return (
        app,
        lambda: [user.email for user in User.objects.order_by("pk")],
        lambda: [(row.email, row.status) for row in Connection.objects.order_by("pk")],
    )


def main(uri: str, providers: str, callback: str, cookie: str, fatal: str) -> None:
    writes = Writes(int(fatal))
    app = make_app(uri, json.loads(providers), writes)[0]
    client = app.test_client()
    client.set_cookie("session", cookie)
    print(client.get(callback).location)


if __name__ == "__main__":
    main(*sys.argv[1:])
