"""An application as it was written for Flask-Social 1.x, and the 1.x provider modules."""

from __future__ import annotations

import sys
import types
import typing as t

import pytest
from flask import Flask, current_app, redirect, request, session, url_for
from flask_security import Security, SQLAlchemyUserDatastore, login_user
from flask_security.models import fsqla_v2 as fsqla
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import configure_mappers

from flask_social import Social
from flask_social.datastore import SQLAlchemyConnectionDatastore
from flask_social.errors import ConfigurationError
from flask_social.signals import login_failed
from flask_social.utils import get_connection_values_from_oauth_response, get_provider_or_404
from flask_social.views import connect_handler

from .appkit import CONFIG, SAME_ORIGIN

MODULE = "tests_legacy_acme"


class SocialLoginError(Exception):
    def __init__(self, provider: t.Any) -> None:
        self.provider = provider


def acme_module(standin: t.Any) -> types.ModuleType:
    """A third-party provider module as 1.x applications had them."""
    module = types.ModuleType(MODULE)
    settings = standin.settings("oauth2")
    calls: list[t.Any] = []

    def get_connection_values(response: t.Any, **kwargs: t.Any) -> t.Any:
        import requests

        if not response:
            return None
        calls.append(kwargs)
        answer = requests.get(
            settings["userinfo_url"], headers={"Authorization": f"Bearer {response['access_token']}"}, timeout=5
        )
        data = flat(answer.json())
        return {
            "provider_id": module.config["id"],
            "provider_user_id": data[settings["fields"]["subject"]],
            "access_token": response["access_token"],
            "secret": None,
            "display_name": "acme person",
            "full_name": "Acme Person",
            "profile_url": "https://acme.example/me",
            "image_url": None,
            "email": "",
        }

    module.config = {  # type: ignore[attr-defined]
        "id": "acme",
        "name": "Acme",
        "install": "pip install acme",
        "module": MODULE,
        "base_url": "https://acme.example/api/",
        "request_token_url": None,
        "access_token_url": settings["access_token_url"],
        "authorize_url": settings["authorize_url"],
        "request_token_params": {"scope": "profile"},
    }
    module.get_api = lambda connection, **kwargs: ("acme-api", connection.access_token, kwargs)  # type: ignore[attr-defined]
    module.get_provider_user_id = lambda response, **kwargs: get_connection_values(response)["provider_user_id"]  # type: ignore[attr-defined]
    module.get_connection_values = get_connection_values  # type: ignore[attr-defined]
    module.get_token_pair_from_response = lambda response: {  # type: ignore[attr-defined]
        "access_token": response.get("access_token"),
        "secret": None,
    }
    module.calls = calls  # type: ignore[attr-defined]
    return module


def flat(data: t.Any, prefix: str = "") -> dict[str, t.Any]:
    found: dict[str, t.Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


@pytest.fixture
def acme(social_provider: t.Any) -> t.Iterator[types.ModuleType]:
    sys.modules[MODULE] = acme_module(social_provider)
    yield sys.modules[MODULE]
    del sys.modules[MODULE]


@pytest.fixture
def app(social_provider: t.Any, acme: t.Any) -> Flask:
    """The application of the 1.x documentation: nine columns, a register page after a failed login."""
    app = Flask("tests.legacy")
    app.config.update(CONFIG)
    for name in ("twitter", "facebook"):
        app.config[f"SOCIAL_{name.upper()}"] = social_provider.settings(name)
    oauth2 = social_provider.settings("oauth2")
    app.config["SOCIAL_ACME"] = {name: oauth2[name] for name in ("consumer_key", "consumer_secret")} | {
        "id": "acme",
        "module": MODULE,
        "install": "pip install acme",
    }
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):  # type: ignore[name-defined,misc]
        pass

    class User(db.Model, fsqla.FsUserMixin):  # type: ignore[name-defined,misc]
        password = db.Column(db.String(255), nullable=True)
        connections = db.relationship("Connection", backref=db.backref("user", lazy="joined"), cascade="all")

    class Connection(db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
        provider_id = db.Column(db.String(255))
        provider_user_id = db.Column(db.String(255))
        access_token = db.Column(db.String(255))
        secret = db.Column(db.String(255))
        display_name = db.Column(db.String(255))
        profile_url = db.Column(db.String(512))
        image_url = db.Column(db.String(512))
        rank = db.Column(db.Integer)

    configure_mappers()
    users = SQLAlchemyUserDatastore(db, User, Role)
    app.security = Security(app, users)  # type: ignore[attr-defined]
    app.social = Social(app, SQLAlchemyConnectionDatastore(db, Connection))  # type: ignore[attr-defined]
    app.db, app.Connection = db, Connection  # type: ignore[attr-defined]

    def on_login_failed(sender: Flask, provider: t.Any, oauth_response: t.Any) -> None:
        values = get_connection_values_from_oauth_response(provider, oauth_response)
        assert values is not None
        values.pop("expires_at", None)
        session["failed_login_connection"] = values
        raise SocialLoginError(provider)

    login_failed.connect(on_login_failed, sender=app, weak=False)

    @app.errorhandler(SocialLoginError)
    def social_login_error(error: SocialLoginError) -> t.Any:
        return redirect(url_for("register", provider_id=error.provider.id, social_login_failed=1))

    @app.route("/register/<provider_id>", methods=["GET", "POST"])
    def register(provider_id: str) -> t.Any:
        provider = get_provider_or_404(provider_id)
        if request.method == "GET":
            return f"Register to use {provider.name}"
        user = users.create_user(email=request.form["email"], password=None)
        users.commit()
        values = session.pop("failed_login_connection")
        values["user_id"] = user.id
        answer = connect_handler(values, provider)
        login_user(user)
        users.commit()
        return answer

    with app.app_context():
        db.create_all()
    return app


@pytest.mark.parametrize("provider", ["twitter", "facebook", "acme"])
def test_register_after_a_failed_login(app: Flask, social_login: t.Any, provider: str) -> None:
    client = app.test_client()
    answer = social_login(client, provider, "ada")
    assert answer.location == f"/register/{provider}?social_login_failed=1"
    assert client.get(answer.location).status_code == 200
    answer = client.post(f"/register/{provider}", data={"email": "new@example.org"})
    assert (answer.status_code, answer.location) == (302, "/")
    with app.app_context():
        (row,) = app.db.session.execute(app.db.select(app.Connection)).scalars()  # type: ignore[attr-defined]
        assert row.user.email == "new@example.org"
        assert row.provider_id == provider
        assert row.access_token

    other = app.test_client()
    assert social_login(other, provider, "ada").location == "/"
    with other.session_transaction() as session:
        assert session["_user_id"]


def test_the_api_of_a_1x_module(app: Flask, social_login: t.Any, acme: t.Any) -> None:
    client = app.test_client()
    social_login(client, "acme", "ada")
    client.post("/register/acme", data={"email": "new@example.org"})
    with app.app_context():
        social: t.Any = current_app.social  # type: ignore[attr-defined]
        name, token, kwargs = social.acme.get_api(user=1)
        assert name == "acme-api"
        assert token == social.acme.get_connection(user=1).access_token
        assert kwargs["consumer_key"] == acme.calls[0]["consumer_key"]


def test_a_1x_module_sees_the_whole_token_answer(
    app: Flask, social_login: t.Any, acme: t.Any, social_provider: t.Any
) -> None:
    """Modules such as the one for VK take the user id from the answer of the token endpoint."""
    seen: list[t.Any] = []

    def values(response: t.Any, **kwargs: t.Any) -> t.Any:
        seen.append(response)
        return {
            "provider_id": "acme",
            "provider_user_id": response["user_id"],
            "access_token": response["access_token"],
        }

    acme.get_connection_values = values
    social_provider.faults.add("token", merge={"user_id": 77, "id_token": "unverified"})
    client = app.test_client()
    social_login(client, "acme", "ada")
    client.post("/register/acme", data={"email": "new@example.org"})
    with app.app_context():
        (row,) = app.db.session.execute(app.db.select(app.Connection)).scalars()  # type: ignore[attr-defined]
        assert row.provider_user_id == "77"
    assert all("id_token" not in response for response in seen)


def test_a_failing_1x_module_is_a_provider_failure(app: Flask, social_login: t.Any, acme: t.Any) -> None:
    def broken(response: t.Any, **kwargs: t.Any) -> t.Any:
        raise RuntimeError("boom")

    acme.get_connection_values = broken
    assert social_login(app.test_client(), "acme", "ada").location == "/login"
    acme.get_connection_values = lambda response, **kwargs: None
    assert social_login(app.test_client(), "acme", "ada").location == "/login"


@pytest.mark.parametrize("values", [{"provider_user_id": "1"}, {"provider_user_id": "1", "unknown_field": 1}])
def test_connect_handler_by_itself(app: Flask, values: dict[str, t.Any]) -> None:
    with app.app_context():
        for number in (1, 2):
            app.security.datastore.create_user(email=f"u{number}@example.org", password=None)  # type: ignore[attr-defined]
        app.security.datastore.commit()  # type: ignore[attr-defined]

    def call(**more: t.Any) -> list[str]:
        with app.test_request_context():
            connect_handler({**values, **more}, get_provider_or_404("twitter"))
            return [text for _, text in session.get("_flashes", [])]

    assert call(user_id=1) == ["Connection established to Twitter"]
    assert call(user_id=1) == ["A connection is already established with Twitter to your account"]
    assert "another account" in call(user_id=2)[0]
    assert call(user_id=99)  # Flask-Security asks to log in
    assert call()
    with app.app_context():
        (row,) = app.db.session.execute(app.db.select(app.Connection)).scalars()  # type: ignore[attr-defined]
        assert row.user_id == 1


def test_two_owners_of_one_account(app: Flask, social_login: t.Any, social_provider: t.Any) -> None:
    with app.app_context():
        for number in (1, 2):
            user = app.security.datastore.create_user(email=f"u{number}@example.org", password=None)  # type: ignore[attr-defined]
            app.db.session.flush()  # type: ignore[attr-defined]
            row = app.Connection(  # type: ignore[attr-defined]
                user_id=user.id, provider_id="twitter", provider_user_id=social_provider.subject("twitter", "ada")
            )
            app.db.session.add(row)  # type: ignore[attr-defined]
        app.db.session.commit()  # type: ignore[attr-defined]
    client = app.test_client()
    assert social_login(client, "twitter", "ada").location == "/login"
    assert "two owners" in client.get("/login").get_data(as_text=True)
    with app.test_request_context():
        values = {"provider_user_id": social_provider.subject("twitter", "ada"), "user_id": 1}
        assert connect_handler(values, get_provider_or_404("twitter")).status_code == 302  # type: ignore[union-attr]
        assert "two owners" in session["_flashes"][0][1]


def test_get_provider_or_404(app: Flask) -> None:
    with app.test_request_context():
        assert get_provider_or_404("twitter").name == "Twitter"
        with pytest.raises(Exception, match="404"):
            get_provider_or_404("nothing")
        assert get_connection_values_from_oauth_response(get_provider_or_404("twitter"), None) is None
        assert get_connection_values_from_oauth_response(get_provider_or_404("twitter"), {"a": 1}) is None


@pytest.mark.parametrize("missing", ["config", "get_api", "get_connection_values"])
def test_a_module_without_the_contract(social_provider: t.Any, acme: t.Any, missing: str) -> None:
    delattr(acme, missing)
    app = Flask("tests.legacy2")
    app.config.update(CONFIG, SOCIAL_ACME={"consumer_key": "a", "consumer_secret": "b", "module": MODULE})
    from flask_social import MemoryConnectionDatastore

    with pytest.raises(ConfigurationError, match=f"no '{missing}'"):
        Social(app, MemoryConnectionDatastore())


def test_the_nine_columns_are_warned_of_once(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> None:
    with caplog.at_level("WARNING"):
        request.getfixturevalue("app")
    (line,) = [record.getMessage() for record in caplog.records if "not complete" in record.getMessage()]
    assert "refresh_token" in line
    assert "plain text" in line
    assert "unique key" in line


def test_the_old_begin_is_a_post(app: Flask) -> None:
    assert app.test_client().post("/login/twitter", headers=SAME_ORIGIN).status_code == 303
