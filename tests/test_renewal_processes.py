"""Several processes that want one token renewed, and one that is killed at each step of it.

The provider rotates refresh tokens, and takes one that comes twice for theft: it ends the grant.
"""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest

from .renewal_victim import ask
from .signup_victim import make_app

ROOT = pathlib.Path(__file__).parent.parent
PROVIDER = "x"


class Case:
    """An application on one database, in which one person is connected."""

    def __init__(self, uri: str, standin: t.Any, login: t.Any) -> None:
        standin.strict_refresh = standin.rotate_refresh_tokens = True
        self.uri, self.standin, self.login = uri, standin, login
        self.providers = {PROVIDER: standin.settings(PROVIDER)}
        self.app = make_app(uri, self.providers)[0]
        login(self.app.test_client(), PROVIDER, "ada")

    def write(self, **values: t.Any) -> None:
        """Changes the row behind everybody's back."""
        with self.app.app_context():
            store = self.app.extensions["social"].datastore
            (row,) = store.find_connections()
            store.update_connection(row, **values)
            store.commit()

    def row(self) -> t.Any:
        with self.app.app_context():
            (row,) = self.app.extensions["social"].datastore.find_connections()
            return row

    def works(self, token: str) -> bool:
        """Whether the provider takes an access token."""
        return token in {issued.value for issued in self.standin.live_tokens}

    def age(self) -> None:
        """The access token has expired, and nobody is renewing it."""
        now = dt.datetime.now(dt.UTC)
        self.write(expires_at=now - dt.timedelta(seconds=1), lease_until=now - dt.timedelta(seconds=1))

    def spawn(self, *how: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.renewal_victim", self.uri, json.dumps(self.providers), *map(str, how)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.fixture
def case(database_uri: str, social_provider: t.Any, social_login: t.Any) -> Case:
    return Case(database_uri, social_provider, social_login)


def test_many_ask_at_once_and_the_provider_is_asked_once(case: Case) -> None:
    case.age()
    # So slow that everybody comes meanwhile.
    asked = case.standin.faults.slow(0.7, "token", PROVIDER, None)
    processes = [case.spawn(time.time() + 4, 4) for _ in range(3)]
    ends = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    tokens = "".join(out for out, _ in ends).split()
    assert len(tokens) == 12
    assert len(set(tokens)) == 1
    assert asked.struck == 1
    assert case.works(tokens[0])


def test_killed_at_each_step(case: Case) -> None:
    """Only between the provider's answer and our commit is a grant lost, and then its owner is asked to reconnect."""
    lost, steps = [], 0
    for fatal in range(1, 30):
        case.age()
        victim = case.spawn(fatal)
        out, errors = victim.communicate(timeout=60)
        if victim.returncode == 0:
            break
        assert victim.returncode == -signal.SIGKILL, errors
        steps += 1
        # A dead holder frees the lease by its time, which has come.
        case.write(lease_until=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))
        after = ask(case.app, PROVIDER)
        if after == "reconnect_required":
            lost.append(fatal)
            assert case.row().status == "needs_reconnect"
            case.login(case.app.test_client(), PROVIDER, "ada")
        else:
            assert case.works(after)
            assert case.row().status == "active"
    assert victim.returncode == 0, "it was killed for ever"
    assert case.works(out.strip())
    assert steps >= 4
    assert lost == list(range(lost[0], lost[0] + len(lost)))
