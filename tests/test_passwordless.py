"""Users without any password in Flask-Security's views: never let in, and never a 500."""

from __future__ import annotations

import base64
import typing as t

import pytest
from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, hash_password
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import configure_mappers

from flask_social import SocialUserMixin

from .appkit import CONFIG, JSON, PASSWORD

TOTP = {"SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"}, "SECURITY_TOTP_ISSUER": "tests"}


class Plain:
    """In place of the mixin."""


def make_app(mixin: type[t.Any] = SocialUserMixin, password: str | None = None, **config: t.Any) -> Flask:
    """Flask-Security over its own model of today, whose password column takes ``NULL``, with one user."""
    app = Flask("tests.passwordless")
    app.config.update(CONFIG, SECURITY_CHANGEABLE=True, SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False)
    # A real scheme: with "plaintext" alone, Flask-Security never looks at what is stored.
    app.config.update(SECURITY_PASSWORD_HASH="pbkdf2_sha512", SECURITY_API_ENABLED_METHODS=["session", "basic"], **TOTP)
    app.config.update(config)
    db = SQLAlchemy(app)
    fsqla_v3.FsModels.set_db_info(db)
    passkeys = type("WebAuthn", (db.Model, fsqla_v3.FsWebAuthnMixin), {})

    class Role(db.Model, fsqla_v3.FsRoleMixin):  # type: ignore[name-defined,misc]
        pass

    class User(db.Model, mixin, fsqla_v3.FsUserMixin):  # type: ignore[name-defined,misc]
        pass

    configure_mappers()  # now: a mapper that waits for a class which another test has let go of would fail there
    Security(app, SQLAlchemyUserDatastore(db, User, Role, passkeys))

    @app.get("/basic")
    @auth_required("basic")
    def basic() -> str:
        return "in"

    with app.app_context():
        db.create_all()
        stored = hash_password(password) if password else password
        app.extensions["security"].datastore.create_user(email="ada@example.org", password=stored)
        db.session.commit()
    return app


def logged_in(app: Flask) -> t.Any:
    """A client with a session of the user, as a social login makes it."""
    with app.app_context():
        name = app.extensions["security"].datastore.find_user(email="ada@example.org").fs_uniquifier
    client = app.test_client()
    with client.session_transaction() as session:
        session.update({"_user_id": name, "_fresh": True, "fs_cc": "set", "fs_paa": 1.0})
    return client


def send(client: t.Any, path: str, fields: dict[str, t.Any], **headers: str) -> t.Any:
    """Posts a form of Flask-Security's as its page does."""
    token = (client.get(path, headers=JSON).get_json() or {}).get("response", {}).get("csrf_token")
    return client.post(path, json={**fields, "csrf_token": token}, headers={**JSON, **headers})


def basic(client: t.Any, password: str) -> t.Any:
    value = base64.b64encode(f"ada@example.org:{password}".encode()).decode()
    return client.get("/basic", headers={"Authorization": f"Basic {value}", "Accept": "application/json"})


GUESSES = ["a guess", "None", "", " ", "x" * 4000, "\x00", "ä"]


@pytest.mark.parametrize("guess", GUESSES)
@pytest.mark.parametrize("stored", [None, ""])
def test_no_guess_is_the_password_of_a_user_without_one(guess: str, stored: str | None) -> None:
    app = make_app(password=stored)
    ada = {"email": "ada@example.org", "password": guess}
    assert send(app.test_client(), "/login", ada).status_code == 400
    assert send(logged_in(app), "/verify", {"password": guess}).status_code == 400
    assert basic(app.test_client(), guess).status_code == 401


@pytest.mark.parametrize("guess", GUESSES)
def test_unified_sign_in_takes_no_password_either(guess: str) -> None:
    app = make_app(SECURITY_UNIFIED_SIGNIN=True, SECURITY_US_ENABLED_METHODS=["password", "email"])
    ada = {"identity": "ada@example.org", "passcode": guess}
    assert send(app.test_client(), "/us-signin", ada).status_code == 400
    assert send(logged_in(app), "/us-verify", {"passcode": guess}).status_code == 400


@pytest.mark.parametrize("sent", ["nothing", "ada@example.org:", "ada@example.org", ":", ":x"])
@pytest.mark.parametrize("password", [None, "", PASSWORD])
def test_half_a_basic_header_is_no_login(sent: str, password: str | None) -> None:
    header = f"Basic {base64.b64encode(sent.encode()).decode()}" if sent != "nothing" else "Basic"
    answer = (
        make_app(password=password)
        .test_client()
        .get("/basic", headers={"Authorization": header, "Accept": "application/json"})
    )
    assert answer.status_code == 401


def test_a_first_password_needs_a_fresh_session() -> None:
    app = make_app()
    new = {"password": "", "new_password": PASSWORD, "new_password_confirm": PASSWORD}
    stale = logged_in(app)
    answer = send(stale, "/change", new)
    assert answer.status_code == 401
    assert answer.get_json()["response"]["reauth_required"] is True
    assert basic(app.test_client(), PASSWORD).status_code == 401


def test_with_a_password_all_is_as_it_was() -> None:
    unified = make_app(password=PASSWORD, SECURITY_UNIFIED_SIGNIN=True, SECURITY_US_ENABLED_METHODS=["password"])
    me = {"identity": "ada@example.org", "passcode": PASSWORD}
    assert send(unified.test_client(), "/us-signin", me).status_code == 200
    assert send(logged_in(unified), "/us-verify", {"passcode": PASSWORD}).status_code == 200
    app = make_app(password=PASSWORD)
    ada = {"email": "ada@example.org", "password": PASSWORD}
    assert send(app.test_client(), "/login", ada).status_code == 200
    assert send(logged_in(app), "/verify", {"password": PASSWORD}).status_code == 200
    assert basic(app.test_client(), PASSWORD).status_code == 200
    assert basic(app.test_client(), "wrong").status_code == 401
    assert basic(app.test_client(), "").status_code == 401


def test_what_happens_without_the_mixin() -> None:
    app = make_app(Plain)
    app.testing = False
    assert send(logged_in(app), "/verify", {"password": "a guess"}).status_code == 500
    assert basic(app.test_client(), "a guess").status_code == 500


def test_an_empty_column_without_the_mixin_is_an_open_door() -> None:
    assert basic(make_app(Plain, password="").test_client(), "").status_code == 200
    assert basic(make_app(password="").test_client(), "").status_code == 401
