"""What a login may cost, in things that can be counted: requests, connections, SQL statements, imported libraries."""

from __future__ import annotations

import collections.abc as cabc
import json
import subprocess
import sys
import typing as t

import pytest
from sqlalchemy import event

from .appkit import Kit, make_kit

#: Requests to the provider per login when discovery documents and keys are known.
REQUESTS = {"oidc": ["token"], "google": ["token"], "oauth2": ["token", "profile"]}

#: Client libraries, ORMs and HTTP libraries: ours to load only when something uses them.
OPTIONAL = {
    "aiohttp",
    "facebook",
    "flask_dance",
    "flask_sqlalchemy",
    "flask_sqlalchemy_lite",
    "foursquare",
    "google",
    "google_auth_httplib2",
    "googleapiclient",
    "httplib2",
    "httpx",
    "mongoengine",
    "peewee",
    "playhouse",
    "pymongo",
    "requests",
    "requests_oauthlib",
    "sqlalchemy",
    "tweepy",
    "urllib3",
}

#: Parts of ours that wait for their first use as well; the second names what is there in any case.
LATER = ("flask_social.clients.", "flask_social.demo", "flask_social.providers.", "flask_social.testing")
FAMILIES = ("base", "oauth", "oauth1", "openid", "options", "root", "visit")
AT_ONCE = {f"flask_social.providers.{name}" for name in FAMILIES} | {"flask_social.clients.base"}

Login = cabc.Callable[[], None]


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return make_kit({name: social_provider.settings(name) for name in REQUESTS})


@pytest.fixture
def log_in(kit: Kit, social_provider: t.Any, social_login: t.Any) -> cabc.Callable[[str], Login]:
    """Connects Ada to a provider, logs her in once, and gives what logs her in again from a new browser."""

    def prepare(provider: str) -> Login:
        kit.add_user()
        client = kit.app.test_client()
        kit.log_in(client)
        social_login(client, provider, "ada", intent="connect")

        def again() -> None:
            visitor = kit.app.test_client()
            social_login(visitor, provider, "ada")
            assert kit.who(visitor) == "ada@example.org"

        again()
        social_provider.forget_requests()
        return again

    return prepare


def calls(social_provider: t.Any) -> list[t.Any]:
    """What the application asked of the provider; the visitor's own way is left out."""
    return [seen for seen in social_provider.requests if seen.endpoint not in ("authorize", "choice", "picture")]


@pytest.mark.parametrize("provider", REQUESTS)
def test_requests_and_connections_of_a_login(social_provider: t.Any, log_in: t.Any, provider: str) -> None:
    login = log_in(provider)
    login()
    first = calls(social_provider)
    assert [seen.endpoint for seen in first] == REQUESTS[provider]
    login()
    login()
    later = calls(social_provider)[len(first) :]
    assert [seen.endpoint for seen in later] == REQUESTS[provider] * 2
    assert {seen.connection for seen in first + later} == {first[0].connection}


def test_keys_and_documents_are_fetched_once(kit: Kit, social_provider: t.Any, social_login: t.Any) -> None:
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "oidc", "ada", intent="connect")
    for _ in range(3):
        social_login(kit.app.test_client(), "oidc", "ada")
    assert (social_provider.count("discovery"), social_provider.count("jwks")) == (1, 1)


@pytest.fixture
def statements(kit: Kit) -> list[str]:
    """The SQL statements of the application from now on, on one line each."""
    found: list[str] = []

    def note(connection: t.Any, cursor: t.Any, statement: str, *rest: t.Any) -> None:
        found.append(" ".join(statement.split()))

    with kit.app.app_context():
        event.listen(kit.db.engine, "before_cursor_execute", note)
    return found


def test_statements_of_a_login(kit: Kit, log_in: t.Any, statements: list[str], social_login: t.Any) -> None:
    log_in("oidc")
    statements.clear()
    social_login(kit.app.test_client(), "oidc", "ada")
    ours = [statement for statement in statements if "connection" in statement]
    assert [statement.split()[0] for statement in ours] == ["SELECT", "UPDATE"]
    assert "JOIN" in ours[0], "the user comes with the connection"
    rest = [statement for statement in statements if statement not in ours]
    assert not [statement for statement in rest if " FROM role" not in statement], "roles are Flask-Security's wish"


def test_beginning_a_login_asks_the_database_nothing(kit: Kit, statements: list[str], social_login: t.Any) -> None:
    answer = social_login.begin(kit.app.test_client(), "oidc")
    assert answer.status_code == 303
    assert statements == []


def loaded_by(code: str) -> set[str]:
    """The modules that a new interpreter has after running ``code``."""
    program = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_only_what_every_application_needs() -> None:
    before, after = loaded_by("import flask_security"), loaded_by("import flask_social")
    new = {name.partition(".")[0] for name in after} - {name.partition(".")[0] for name in before}
    assert not new & OPTIONAL
    assert not {name for name in after if name.startswith(LATER)} - AT_ONCE
    assert not {name for name in after if name.startswith("flask_social.datastores.")} - {
        "flask_social.datastores.base",
        "flask_social.datastores.columns",
        "flask_social.datastores.memory",
        "flask_social.datastores.stored",
    }
