"""Every route that changes something, and an application in which one sees whether anything happened."""

from __future__ import annotations

import typing as t

import pytest
from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore
from flask_wtf import CSRFProtect

from flask_social import Social, SQLAlchemyConnectionDatastore

from .appkit import CONFIG, PASSWORD, Kit, add_pages, listen, make_kit

#: Every route that changes something: method and path. ``SUBJECT`` is the id of Ada's account.
ROUTES: dict[str, tuple[str, str]] = {
    "login": ("POST", "/login/google"),
    "connect": ("POST", "/connect/google"),
    "reconnect": ("POST", "/reconnect/google"),
    "verify": ("POST", "/verify/oidc"),
    "disconnect": ("POST", "/disconnect/google"),
    "remove_all_connections": ("DELETE", "/connect/google"),
    "remove_connection": ("DELETE", "/connect/google/SUBJECT"),
}


class World:
    """An application with a user who has two connections, and a look at whether anything happened."""

    def __init__(self, standin: t.Any, protect: str = "never", **config: t.Any) -> None:
        providers = {name: standin.settings(name) for name in ("google", "oidc")}
        self.standin = standin
        self.kit = made = make_kit(providers, **config)
        if protect == "before":
            self.kit = _made_after_csrf(made, providers)
        elif protect == "after":
            CSRFProtect(made.app)
        self.kit.app.add_url_rule("/own", view_func=lambda: "done", methods=["POST"])
        self.kit.add_user()
        self.connect()

    def connect(self) -> None:
        """Gives the user the connections that are missing."""
        kit = self.kit
        with kit.app.app_context():
            have = {row.provider_id for row in kit.rows()}
            for id in {"google", "oidc"} - have:
                subject = self.standin.subject(id, "ada")
                kit.db.session.add(kit.Connection(user_id=1, provider_id=id, provider_user_id=subject))
            kit.db.session.commit()

    def client(self, route: str) -> t.Any:
        """A browser: anonymous for a login, else the user's."""
        client = self.kit.app.test_client()
        client.get("/token")
        if route != "login":
            field = self.kit.app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
            form = {"email": "ada@example.org", "password": PASSWORD, field: client.get("/token").text}
            assert client.post("/login", data=form).status_code == 302
            assert self.kit.who(client) == "ada@example.org"
        return client

    def send(self, client: t.Any, route: str, headers: t.Any = (), **more: t.Any) -> t.Any:
        """One request to a route, as a JSON caller unless the headers say otherwise."""
        method, path = ROUTES[route]
        sent = [*(headers.items() if isinstance(headers, dict) else headers)]
        if not any(name == "Accept" for name, _ in sent):
            sent.append(("Accept", "application/json"))
        path = path.replace("SUBJECT", self.standin.subject("google", "ada"))
        return client.open(path, method=method, headers=sent, **more)

    def trace(self, client: t.Any) -> tuple[t.Any, ...]:
        """What would be different if something had happened."""
        with client.session_transaction() as session:
            attempts = session.get("social_attempts")
        with self.kit.app.app_context():
            rows = sorted((row.provider_id, row.provider_user_id) for row in self.kit.rows())
        return attempts, rows, self.kit.names(), self.standin.count()


def _made_after_csrf(made: Kit, providers: dict[str, t.Any]) -> Kit:
    """The same application once more, with ``CSRFProtect`` before everything else."""
    app = Flask("tests.protected")
    app.config.update(CONFIG, **{f"SOCIAL_{name.upper()}": setting for name, setting in providers.items()})
    CSRFProtect(app)
    made.db.init_app(app)
    users = made.security.datastore
    security = Security(app, SQLAlchemyUserDatastore(made.db, made.User, users.role_model))
    social = Social(app, SQLAlchemyConnectionDatastore(made.db, made.Connection))
    kit = Kit(app, made.db, made.User, made.Connection, security, social, made.mail)
    listen(app, kit.events)
    add_pages(app)
    with app.app_context():
        made.db.create_all()
    return kit


#: Without ``CSRFProtect``, with one made before ``Social``, and with one made after it.
with_and_without_csrf = pytest.mark.parametrize("protect", ["never", "before", "after"])
