"""A process is killed at each step of a sign-up: afterwards there is no half-made account, and the person comes in."""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import signal
import subprocess
import sys
import typing as t

from flask_social.datastores.base import CLAIM_LIFETIME, CLAIMED
from flask_social.testing import Person

from .signup_victim import make_app

ROOT = pathlib.Path(__file__).parent.parent


def test_killed_before_each_write(
    database_uri: str, social_provider: t.Any, social_begin: t.Any, social_login: t.Any
) -> None:
    uri = database_uri
    providers = {"google": social_provider.settings("google")}
    app, users, connections = make_app(uri, providers)
    ends: list[tuple[list[str], list[str]]] = []
    for fatal in range(1, 40):
        address = f"p{fatal}@example.com"
        social_provider.add_person(Person(f"p{fatal}", "Person", f"p{fatal}", address))
        client = app.test_client()
        callback = social_begin(client, "google", f"p{fatal}")
        cookie = client.get_cookie("session").value
        victim = subprocess.run(
            [sys.executable, "-m", "tests.signup_victim", uri, json.dumps(providers), callback, cookie, str(fatal)],
            capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
        )  # fmt: skip
        if victim.returncode == 0:
            assert victim.stdout.strip() == "/"
            break
        assert victim.returncode == -signal.SIGKILL, victim.stderr
        made = [email for email in users() if email == address]
        status = [status for email, status in connections() if email == address]
        ends.append((made, status))
        if "mongodb" in uri:
            come_back_to_mongodb(uri, app, social_login, f"p{fatal}", bool(made), status)
        else:
            assert len(made) == len(status)
        answer = social_login(app.test_client(), "google", f"p{fatal}")
        assert answer.location == "/"
        assert users().count(address) == 1
        assert [status for email, status in connections() if email == address] == ["active"]
    shapes = [(len(made), *status) for made, status in ends]
    steps = [(0,), (0, CLAIMED), (1, CLAIMED), (1, "active")] if "mongodb" in uri else [(0,), (1, "active")]
    assert list(dict.fromkeys(shapes)) == steps
    assert len(shapes) >= 4


def come_back_to_mongodb(
    uri: str, app: t.Any, social_login: t.Any, person: str, has_user: bool, status: list[str]
) -> None:
    """A claim without a user is in the way for a minute, and is then anybody's who proves to be that person."""
    if has_user or status != [CLAIMED]:
        return
    from pymongo import MongoClient

    client = app.test_client()
    assert social_login(client, "google", person).location == "/login"
    assert "being changed elsewhere at this moment" in client.get("/login").text
    with MongoClient(uri) as server:
        old = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=CLAIM_LIFETIME + 1)
        server.get_default_database()["connection"].update_many({"status": CLAIMED}, {"$set": {"created_at": old}})
