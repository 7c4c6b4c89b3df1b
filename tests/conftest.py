"""Fixtures for all tests."""

from __future__ import annotations

import collections.abc as cabc
import gc
import typing as t

import coverage
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from flask_social.testing.browser import visit

from .appkit import JSON

pytest_plugins = ["tests.servers"]

#: Begins a visit, lets the person choose at the provider, and returns the callback's address without going there.
Begin = cabc.Callable[..., str]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes down what was measured: of several processes, each has ten seconds to end, and may be ended before."""
    measuring = coverage.Coverage.current()
    if measuring is not None and hasattr(session.config, "workerinput"):
        measuring.save()


@pytest.fixture(autouse=True)
def _close_databases() -> cabc.Iterator[None]:
    """Closes every database that a test opened: an application made for one test never does."""
    engines: set[Engine] = set()

    def note(connection: Connection) -> None:
        engines.add(connection.engine)

    event.listen(Engine, "engine_connect", note)
    yield
    event.remove(Engine, "engine_connect", note)
    for engine in engines:
        engine.dispose()


@pytest.fixture(autouse=True, scope="module")
def _close_connections() -> cabc.Iterator[None]:
    """Frees the applications of a module, whose connections to providers would otherwise wait for the collector."""
    yield
    gc.collect()


@pytest.fixture
def social_begin() -> Begin:
    """A visit up to the provider's redirect: ``social_begin(client, "google", "ada", intent="connect")``."""

    def begin(client: t.Any, provider_id: str, person: str | None, *, intent: str = "login", **form: str) -> str:
        answer = client.post(f"/{intent}/{provider_id}", headers=JSON, data=form)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        back = visit(answer.get_json()["response"]["authorization_url"], person)
        assert back.method == "GET"
        return back.url

    return begin
