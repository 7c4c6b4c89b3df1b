"""``Social``: several applications, factories, threads, templates, and use outside a request."""

from __future__ import annotations

import concurrent.futures
import copy
import gc
import logging
import typing as t
import weakref

import pytest
from flask import Flask, render_template_string
from flask_security import Security

import flask_social
from flask_social import ConfigurationError, MemoryConnectionDatastore, Social

from .appkit import CONFIG, SAME_ORIGIN, make_kit

GOOGLE = {"consumer_key": "id", "consumer_secret": "secret"}


def bare(**config: t.Any) -> Flask:
    app = Flask("tests.core")
    app.config.update({**CONFIG, "SOCIAL_GOOGLE": GOOGLE, **config})
    return app


def test_an_application_factory() -> None:
    social = Social(datastore=MemoryConnectionDatastore())
    app = bare()
    state = social.init_app(app)
    assert app.extensions["social"] is state
    with app.app_context():
        assert social.google.id == "google"
        assert social["google"].name == "Google"
        assert social.google.consumer_key == "id"


def test_several_applications_do_not_meet() -> None:
    social = Social()
    apps = [bare(SOCIAL_GOOGLE={**GOOGLE, "consumer_key": f"id{number}"}) for number in range(2)]
    for app in apps:
        social.init_app(app, MemoryConnectionDatastore())
    for number, app in enumerate(apps):
        with app.app_context():
            assert social.google.consumer_key == f"id{number}"


def test_an_application_that_goes_leaves_nothing(social_provider: t.Any, social_login: t.Any) -> None:
    def use() -> list[weakref.ref[t.Any]]:
        kit = make_kit({"google": social_provider.settings("google")})
        kit.add_user()
        assert social_login(kit.app.test_client(), "google", "ada").status_code == 302
        state = kit.app.extensions["social"]
        return [weakref.ref(it) for it in (kit.app, state.documents, state.datastore, state.exchange.__self__)]

    left = use()
    gc.collect()
    assert [it() for it in left] == [None] * 4


@pytest.mark.parametrize("name", ["facebook", "nothing", "_private", "__wrapped__"])
def test_an_unknown_provider_is_an_attribute_error(name: str) -> None:
    app = bare()
    social = Social(app, MemoryConnectionDatastore())
    with app.app_context():
        assert not hasattr(social, name)
        with pytest.raises(KeyError):
            social[name]


def test_without_a_context_the_error_says_so() -> None:
    social = Social(bare(), MemoryConnectionDatastore())
    with pytest.raises(AttributeError, match="application context"):
        social.google.get_api  # noqa: B018
    assert isinstance(copy.copy(social), Social)


def test_without_init_app_the_error_says_so() -> None:
    with Flask("tests.other").app_context(), pytest.raises(AttributeError, match="init_app"):
        Social().google  # noqa: B018


def test_without_flask_security_the_error_says_so() -> None:
    app = bare()
    Social(app, MemoryConnectionDatastore())
    with pytest.raises(ConfigurationError, match="initialise Flask-Security"):
        app.test_client().post("/login/google", headers=SAME_ORIGIN)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda app: Social(app), "datastore"),
        (lambda app: [Social(app, MemoryConnectionDatastore()) for _ in range(2)], "already"),
        (lambda app: app.config.pop("SECRET_KEY") and Social(app, MemoryConnectionDatastore()), "SECRET_KEY"),
    ],
)
def test_wrong_use(build: t.Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build(bare())


def test_a_taken_route_is_named() -> None:
    app = bare()

    @app.post("/login/<name>")
    def theirs(name: str) -> str:
        return name

    with pytest.raises(ConfigurationError, match="POST /login/<provider_id> belongs to 'theirs'"):
        Social(app, MemoryConnectionDatastore())
    other = bare(SOCIAL_URL_PREFIX="/social")
    other.add_url_rule("/login/<name>", "theirs", theirs, methods=["POST"])
    Social(other, MemoryConnectionDatastore())


def test_a_taken_blueprint_name() -> None:
    app = bare(SOCIAL_BLUEPRINT_NAME="security")
    Security(app, object())
    with pytest.raises(ConfigurationError, match="registered already"):
        Social(app, MemoryConnectionDatastore())


@pytest.mark.parametrize(
    ("config", "warned"),
    [
        ({}, 1),
        ({"SOCIAL_APP_URL": "https://a.example"}, 0),
        ({"TRUSTED_HOSTS": ["a.example"]}, 0),
        ({"TESTING": True}, 0),
    ],
)
def test_the_warning_about_hosts(config: dict[str, t.Any], warned: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Social(bare(**{"TESTING": False, **config}), MemoryConnectionDatastore())
    assert len([record for record in caplog.records if "TRUSTED_HOSTS" in record.getMessage()]) == warned


@pytest.mark.parametrize(
    ("config", "warned"),
    [
        ({}, 0),
        ({"SOCIAL_SIGNUP": "auto"}, 1),
        ({"SOCIAL_SIGNUP": "ask"}, 1),
        ({"SOCIAL_GOOGLE": {**GOOGLE, "signup": "ask"}}, 1),
        ({"SOCIAL_GOOGLE": {**GOOGLE, "signup": "never"}}, 0),
        ({"SOCIAL_SIGNUP": "auto", "SECURITY_RECOVERABLE": True}, 0),
        ({"SOCIAL_SIGNUP": "auto", "SECURITY_CONFIRMABLE": False}, 0),
    ],
)
def test_the_warning_about_lost_accounts(
    config: dict[str, t.Any], warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        Social(bare(**{"SECURITY_CONFIRMABLE": True, **config}), MemoryConnectionDatastore())
    assert len([record for record in caplog.records if "SECURITY_RECOVERABLE" in record.getMessage()]) == warned


def test_threads(social_provider: t.Any, social_login: t.Any, tmp_path: t.Any) -> None:
    """Many people at once, and everybody is who they are."""
    kit = make_kit(
        {"google": social_provider.settings("google")}, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'threads.db'}"
    )
    people = ("ada", "grace", "alan")
    for person in people:
        kit.add_user(f"{person}@example.org")
        client = kit.app.test_client()
        kit.log_in(client, f"{person}@example.org")
        social_login(client, "google", person, intent="connect")

    def visit(person: str) -> bool:
        client = kit.app.test_client()
        social_login(client, "google", person)
        return kit.who(client) == f"{person}@example.org"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(visit, people * 8))


def test_connections_of_a_provider(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({name: social_provider.settings(name) for name in ("google", "facebook")})
    user_id = kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    social_login(client, "google", "grace", intent="connect")
    with kit.app.app_context():
        google = kit.social.google
        user = kit.security.datastore.find_user(id=user_id)
        assert len(google.get_connections(user=user)) == len(google.get_connections(user=user_id)) == 2
        first = google.get_connection(user=user)
        assert first.provider_user_id == social_provider.subject("google", "ada")
        other = social_provider.subject("google", "grace")
        assert google.get_connection(user=user, provider_user_id=other).provider_user_id == other
        assert kit.social.facebook.get_connection(user=user) is None
        assert kit.social.facebook.get_api(user=user) is None
        assert kit.social.facebook.get_session(user=user) is None
        assert "google" in repr(google)
    with kit.app.test_request_context():
        assert google.get_connection() is None
        assert google.get_connections() == ()
        assert google.get_api() is None


def test_templates_know_social(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")})
    kit.add_user()

    expressions = (
        "social.google.get_connection().display_name",
        "social.connection('google').provider_id",
        "social.connections()|length",
        "social.nothing is defined",
        "social.text('Hi %(name)s', name='A')",
        "social.provider_of(social.connection('google')).name",
        "social.can_disconnect(social.connection('google'))",
    )

    @kit.app.get("/template")
    def template() -> str:
        return render_template_string("|".join(f"{{{{ {expression} }}}}" for expression in expressions))

    client = kit.app.test_client()
    assert client.get("/template").get_data(as_text=True) == "||0|False|Hi A||False"
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    assert client.get("/template").get_data(as_text=True).split("|")[1:] == [
        "google", "1", "False", "Hi A", "Google", "True"
    ]  # fmt: skip


def test_flask_security_pages_get_buttons_unless_overridden() -> None:
    kit = make_kit({"google": GOOGLE})
    assert kit.app.config["SECURITY_LOGIN_USER_TEMPLATE"] == "social/login_user.html"
    assert "/login/google" in kit.app.test_client().get("/login").get_data(as_text=True)
    kit = make_kit({"google": GOOGLE}, SECURITY_LOGIN_USER_TEMPLATE="mine.html")
    assert kit.app.config["SECURITY_LOGIN_USER_TEMPLATE"] == "mine.html"


def test_public_names() -> None:
    for name in flask_social.__all__:
        assert getattr(flask_social, name) is not None
    with pytest.raises(AttributeError):
        flask_social.nothing  # noqa: B018
