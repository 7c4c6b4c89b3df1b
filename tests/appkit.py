"""One application of the kind that uses Flask-Social, made anew for a test: SQLite, Flask-Security, the stand-in."""

from __future__ import annotations

import dataclasses as dc
import typing as t

import sqlalchemy as sa
from flask import Flask
from flask_mailman import Mail
from flask_security import Security, SQLAlchemyUserDatastore, UserMixin, hash_password
from flask_security.models import fsqla_v2, fsqla_v3
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import configure_mappers

from flask_social import Social, SQLAlchemyConnectionDatastore, signals, state
from flask_social.models.sqlalchemy import SQLAlchemyConnectionMixin

PASSWORD = "correct horse battery staple"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
JSON = {"Accept": "application/json", **SAME_ORIGIN}

CONFIG: dict[str, t.Any] = {
    "SECRET_KEY": "a secret for tests only, thirty-two bytes",
    "SECURITY_PASSWORD_SALT": "a salt for tests only",
    "SECURITY_PASSWORD_HASH": "plaintext",
    "SECURITY_REGISTERABLE": False,
    "SECURITY_SEND_REGISTER_EMAIL": False,
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    "SQLALCHEMY_DATABASE_URI": "sqlite://",
    "TESTING": True,
}

Event = tuple[str, dict[str, t.Any]]


@dc.dataclass
class Kit:
    """An application with what a test wants to look at."""

    app: Flask
    db: t.Any
    User: t.Any
    Connection: t.Any
    security: Security
    social: Social
    mail: Mail
    events: list[Event] = dc.field(default_factory=list)

    def add_user(self, email: str = "ada@example.org", **values: t.Any) -> int:
        """Makes a user and returns the primary key; ``password=None`` makes one without a password."""
        with self.app.app_context():
            password = values.pop("password", PASSWORD)
            user = self.security.datastore.create_user(
                email=email, password=hash_password(password) if password else None, **values
            )
            self.db.session.commit()
            return int(user.id)

    def log_in(self, client: t.Any, email: str = "ada@example.org") -> str:
        """Logs a user in with the password; returns an auth token."""
        token = client.get("/login", headers=JSON).get_json()["response"]["csrf_token"]
        form = {"email": email, "password": PASSWORD, "csrf_token": token}
        answer = client.post("/login?include_auth_token", json=form, headers=JSON)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return str(answer.get_json()["response"]["user"]["authentication_token"])

    def log_out(self, client: t.Any) -> None:
        """Logs out."""
        client.post("/logout")
        assert self.who(client) is None

    def give_code(self, client: t.Any, code: str, query: str = "") -> t.Any:
        """Sends a second factor in, as Flask-Security's page does."""
        token = client.get("/token").get_data(as_text=True)
        return client.post(f"/tf-validate{query}", data={"code": code, "csrf_token": token})

    def rows(self) -> list[t.Any]:
        """Every connection, in order of making."""
        self.db.session.expire_all()
        return list(self.db.session.execute(self.db.select(self.Connection).order_by(self.Connection.id)).scalars())

    def users(self) -> list[t.Any]:
        """Every user, in order of making."""
        self.db.session.expire_all()
        return list(self.db.session.execute(self.db.select(self.User).order_by(self.User.id)).unique().scalars())

    @property
    def mails(self) -> list[t.Any]:
        """Every mail that was sent."""
        return list(getattr(self.mail.state, "outbox", ()))

    def who(self, client: t.Any) -> str | None:
        """The address of the user that a client is logged in as."""
        return t.cast("str | None", client.get("/whoami", headers={"Accept": "application/json"}).get_json()["email"])

    def names(self) -> list[str]:
        """The signals that were sent, in order."""
        return [name for name, _ in self.events]


def make_kit(
    providers: dict[str, t.Any] | None = None,
    *,
    passkeys: bool = False,
    columns: dict[str, t.Any] | None = None,
    forms: dict[str, t.Any] | None = None,
    mixin: type = SQLAlchemyConnectionMixin,
    **config: t.Any,
) -> Kit:
    """An application with these provider settings and configuration; tables are made.

    :param passkeys: with Flask-Security's model of passkeys.
    :param columns: of the user model, besides those of Flask-Security or instead of them.
    :param forms: classes for ``Security``, such as ``register_form``.
    :param mixin: of the connection model.
    """
    app = Flask("tests.appkit")
    app.config.update(CONFIG)
    app.config.update(config)
    app.config.update({f"SOCIAL_{name.upper()}": setting for name, setting in (providers or {}).items()})
    mail = Mail(app)
    db = SQLAlchemy(app)
    fsqla = fsqla_v3 if passkeys else fsqla_v2
    fsqla.FsModels.set_db_info(db)
    # SQLAlchemy finds it by its name.
    webauthn = type("WebAuthn", (db.Model, fsqla_v3.FsWebAuthnMixin), {}) if passkeys else None

    class Role(db.Model, fsqla.FsRoleMixin):  # type: ignore[name-defined,misc]
        pass

    own = {"password": sa.Column(sa.String(255), nullable=True), **(columns or {})}
    User = type("User", (db.Model, fsqla.FsUserMixin), own)

    class Connection(db.Model, mixin):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True)
        user = db.relationship("User")

    # Now: a mapper that waits for a class which another test has let go of would fail there.
    configure_mappers()
    security = Security(app, SQLAlchemyUserDatastore(db, User, Role, webauthn), **(forms or {}))
    social = Social(app, SQLAlchemyConnectionDatastore(db, Connection))
    kit = Kit(app, db, User, Connection, security, social, mail)
    listen(app, kit.events)
    add_pages(app)
    with app.app_context():
        db.create_all()
    return kit


def add_pages(app: Flask) -> None:
    """A page for everybody, and one that tells who is logged in."""
    from flask_security import current_user

    @app.get("/")
    def index() -> str:
        return "index"

    @app.get("/token")
    def token() -> str:
        return str(app.jinja_env.globals["social"].csrf_token())  # type: ignore[attr-defined]

    @app.get("/whoami")
    def whoami() -> dict[str, t.Any]:
        return {"email": current_user.email if current_user.is_authenticated else None}


SIGNALS = {
    name: signal
    for name, signal in vars(signals).items()
    if not name.startswith("_") and hasattr(signal, "connect") and name != "Namespace"
}


def listen(app: Flask, events: list[Event]) -> None:
    """Writes every signal of ``app`` down, as (name, arguments)."""
    for name, signal in SIGNALS.items():

        def receiver(sender: t.Any, _name: str = name, **values: t.Any) -> None:
            events.append((_name, values))

        state.listen(app, signal, receiver)


__all__ = ["JSON", "PASSWORD", "SAME_ORIGIN", "Kit", "UserMixin", "add_pages", "listen", "make_kit"]
