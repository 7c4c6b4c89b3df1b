"""Several processes and threads at once, behind gunicorn: everybody is who they are, and a race makes one row."""

from __future__ import annotations

import collections.abc as cabc
import concurrent.futures
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import typing as t

import pytest
import requests

from .appkit import SAME_ORIGIN, make_kit

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEOPLE = ("ada", "grace", "alan")


@pytest.fixture
def site(social_provider: t.Any, social_login: t.Any, tmp_path: pathlib.Path) -> cabc.Iterator[str]:
    """Two workers with four threads each; all three people are connected through Google."""
    providers = {"google": social_provider.settings("google"), "facebook": social_provider.settings("facebook")}
    database = f"sqlite:///{tmp_path / 'test.db'}?timeout=20"
    kit = make_kit(providers, SQLALCHEMY_DATABASE_URI=database)
    for person in PEOPLE:
        kit.add_user(f"{person}@example.org")
        client = kit.app.test_client()
        kit.log_in(client, f"{person}@example.org")
        social_login(client, "google", person, intent="connect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "--bind", address, "--workers", "2", "--threads", "4"]
    environment = {**os.environ, "TEST_PROVIDERS": json.dumps(providers), "TEST_DATABASE": database}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "tests.gunicorn_app:app"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://{address}", server, tmp_path / "log")
        yield f"http://{address}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def begin(site: str, session: requests.Session, path: str) -> str:
    answer = session.post(f"{site}/{path}", headers=SAME_ORIGIN, allow_redirects=False, timeout=30)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def log_in(site: str, provider: t.Any, person: str) -> requests.Session:
    session = requests.Session()
    back = provider.visit(begin(site, session, "login/google"), person)
    assert session.get(back.url, allow_redirects=False, timeout=30).headers["Location"] == "/"
    return session


def test_everybody_is_who_they_are(site: str, social_provider: t.Any) -> None:
    def visit(person: str) -> bool:
        with log_in(site, social_provider, person) as session:
            return bool(session.get(f"{site}/whoami", timeout=30).json()["email"] == f"{person}@example.org")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(visit, PEOPLE * 8))


def test_callbacks_that_race_make_one_row(site: str, social_provider: t.Any) -> None:
    visits = []
    for _ in range(4):
        session = log_in(site, social_provider, "ada")
        visits.append((session, social_provider.visit(begin(site, session, "connect/facebook"), "ada").url))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda visit: visit[0].get(visit[1], allow_redirects=False, timeout=30), visits))
    assert [answer.status_code for answer in answers] == [302] * 4
    found = visits[0][0].get(f"{site}/connections", headers={"Accept": "application/json"}, timeout=30).json()
    assert [row["provider_id"] for row in found["response"]["connections"]] == ["google", "facebook"]
    for session, _ in visits:
        session.close()
