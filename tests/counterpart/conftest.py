"""The counterpart, started once in a run, and what a test needs to visit it."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

import pytest

from .counterpart import Counterpart, Visits, make_visits, new_session, start


@pytest.fixture(scope="session")
def _counterpart(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[Counterpart]:
    with (tmp_path_factory.mktemp("counterpart") / "log").open("wb") as log:
        running = start(log)
        yield running
        running.close()


@pytest.fixture
def counterpart(_counterpart: Counterpart) -> Counterpart:
    """The running counterpart, which has seen nothing yet."""
    _counterpart.seen()
    return _counterpart


@pytest.fixture
def new_visits(counterpart: Counterpart) -> cabc.Iterator[cabc.Callable[..., Visits]]:
    """Makes an application that is registered at the counterpart: ``new_visits({"client_id": …}, scope="openid")``."""
    with new_session() as session:

        def make(client: cabc.Mapping[str, t.Any] | None = None, **settings: t.Any) -> Visits:
            return make_visits(counterpart, session, client or {}, **settings)

        yield make
