"""Every store as a fixture, on real servers."""

from __future__ import annotations

import typing as t
import uuid

import pytest

from .kits import STORES, Kit, MemoryKit, load_kit


def make_kit(name: str, request: pytest.FixtureRequest) -> Kit:
    """The kit of a store; a server that it needs is started on first use."""
    store, _, server = name.partition(" on ")
    if store == "memory":
        return MemoryKit()
    if server == "sqlite":
        uri = f"sqlite:///{request.getfixturevalue('tmp_path') / 'test.db'}"
        return load_kit(store)(uri if store == "peewee" else f"{uri}?timeout=20")
    return load_kit(store)(request.getfixturevalue({"postgresql": "postgres_uri", "mongod": "mongodb_uri"}[server]))


@pytest.fixture(params=STORES)
def kit(request: pytest.FixtureRequest) -> t.Iterator[Kit]:
    """A store with its surroundings, empty."""
    made = make_kit(request.param, request)
    yield made
    made.close()


@pytest.fixture
def new_subject() -> str:
    """A provider's user id that nobody used before."""
    return uuid.uuid4().hex
