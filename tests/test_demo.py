"""The demonstration: its application, its two servers, and how it stops."""

from __future__ import annotations

import collections.abc as cabc
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import typing as t
import urllib.request

import pytest
from flask.testing import FlaskClient

from flask_social.demo.app import DEMO_EMAIL, create_app
from flask_social.demo.audit import Audit
from flask_social.demo.calls import CALLS
from flask_social.demo.models import db
from flask_social.demo.server import Demo

from .pagekit import Page

PASSWORD = "a password for tests"
NAMES = {
    "twitter": "Twitter",
    "facebook": "Facebook",
    "google": "Google",
    "foursquare": "Foursquare",
    "oidc": "Example Corp",
}


@pytest.fixture
def client(social_provider: t.Any, tmp_path: pathlib.Path) -> cabc.Iterator[FlaskClient]:
    app = create_app(social_provider, f"sqlite:///{tmp_path}/demo.sqlite", password=PASSWORD)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def post(client: FlaskClient, page: str, **fields: str) -> t.Any:
    """Fills in the form of one of Flask-Security's pages."""
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(page).text)
    assert token is not None
    return client.post(page, data={"csrf_token": token[1], **fields})


def log_in(client: FlaskClient) -> None:
    assert post(client, "/login", email=DEMO_EMAIL, password=PASSWORD).location == "/profile"


def signals(client: FlaskClient) -> list[str]:
    """The signals of the activity list, the newest first."""
    return re.findall(r'<span class="badge[^>]*>(\w+)<', client.get("/activity/rows").text)


def test_a_stranger_registers_and_connects(client: FlaskClient, social_login: t.Any) -> None:
    assert social_login(client, "google", "grace").location == "/join"
    assert "Google told us who you are" in client.get("/join").text
    fields = {"email": "grace@example.org", "password": PASSWORD, "password_confirm": PASSWORD}
    assert post(client, "/register", **fields).location == "/profile"
    assert "You came with Google" in client.get("/profile").text
    assert social_login(client, "google", "grace", intent="connect").location == "/profile"
    profile = client.get("/profile").text
    assert "Connection established to Google" in profile
    assert "You came with Google" not in profile
    client.post("/logout")
    assert social_login(client, "google", "grace").location == "/profile"
    assert signals(client)[:4] == ["login_completed", "user_authenticated", "connection_created", "user_authenticated"]


def test_who_registers_without_coming_from_a_provider(client: FlaskClient) -> None:
    assert "Nobody here has connected that account yet." in client.get("/join").text
    log_in(client)
    assert "You came with" not in client.get("/profile").text


def test_connecting_something_else_first(client: FlaskClient, social_login: t.Any) -> None:
    social_login(client, "google", "ada")
    log_in(client)
    social_login(client, "foursquare", "ada", intent="connect")
    assert "You came with Google" in client.get("/profile").text


@pytest.mark.parametrize("provider_id", NAMES)
def test_api_call(client: FlaskClient, social_login: t.Any, provider_id: str) -> None:
    log_in(client)
    page = client.get(f"/apis/{provider_id}").text
    assert f"You have no {NAMES[provider_id]} account connected" in page
    assert Page(page).button(f"Connect {NAMES[provider_id]}").fields["next"] == f"/apis/{provider_id}"
    social_login(client, provider_id, "ada", intent="connect")
    page = client.get(f"/apis/{provider_id}").text
    assert "social-flash--error" not in page
    assert "Ada" in page.split('data-testid="answer"')[1]


def test_api_call_that_fails(client: FlaskClient, social_login: t.Any, social_provider: t.Any) -> None:
    log_in(client)
    social_login(client, "oidc", "ada", intent="connect")
    social_provider.faults.add("userinfo", provider="oidc", status=500, body=b"it broke")
    page = client.get("/apis/oidc")
    assert page.status_code == 200
    assert "social-flash--error" in page.text


def test_api_pages(client: FlaskClient) -> None:
    assert client.get("/apis").status_code == 302
    log_in(client)
    assert client.get("/apis/nobody").status_code == 404
    assert client.get("/apis").text.count("not connected") == len(CALLS) == len(NAMES)


def test_the_activity_list_holds_no_token(client: FlaskClient, social_login: t.Any, social_provider: t.Any) -> None:
    assert "Nothing yet" in client.get("/activity").text
    log_in(client)
    social_login(client, "oidc", "ada", intent="connect")
    social_login(client, "oidc", "ada", intent="connect")
    social_provider.deny_next()
    social_login(client, "oidc", "ada", intent="connect")
    client.post("/disconnect/oidc", headers={"Sec-Fetch-Site": "same-origin"})
    rows = client.get("/activity/rows").text
    assert "connect through Example Corp came to nothing: access_denied" in rows
    assert signals(client) == [
        "connection_removed",
        "attempt_refused",
        "connection_failed",
        "connection_updated",
        "connection_created",
        "user_authenticated",
    ]
    assert not re.search(r"token|secret", rows)


def test_the_activity_list_is_bounded(client: FlaskClient) -> None:
    audit = Audit(client.application)
    client.get("/login")  # without a session cookie a callback bounces
    for _ in range(150):
        client.get("/callback/google?state=wrong&code=x")
    assert len(audit.entries()) == 100
    assert [entry.number for entry in audit.entries(2)] == [150, 149]


def test_the_policy_of_every_page(client: FlaskClient, social_provider: t.Any) -> None:
    for path in ("/", "/login", "/register", "/join", "/activity", "/static/demo.css", "/nowhere"):
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert f"form-action 'self' {social_provider.url}" in policy
        assert "unsafe" not in policy
        answer.close()


# The servers


def test_two_demos_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Demo(port=0) as one, Demo(taken.getsockname()[1]) as other:
        assert other.url not in (one.url, f"http://127.0.0.1:{taken.getsockname()[1]}")
        for demo in (one, other):
            with urllib.request.urlopen(demo.url, timeout=10) as answer:
                assert b"Flask-Social" in answer.read()


def start(folder: pathlib.Path) -> tuple[subprocess.Popen[str], str]:
    """The demonstration as a process that keeps its files in ``folder``, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flask_social.demo", "--port", "0"],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    (url,) = re.findall(r"http://\S+", said)
    assert DEMO_EMAIL in said
    return process, url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_leaves_nothing(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    process, url = start(tmp_path)
    with urllib.request.urlopen(f"{url}/login", timeout=10) as answer:
        assert DEMO_EMAIL in answer.read().decode()
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == ""
    assert list(tmp_path.iterdir()) == []


def test_it_says_what_is_missing(tmp_path: pathlib.Path) -> None:
    # A module of this name that cannot be imported stands before the real one.
    (tmp_path / "flask_sqlalchemy.py").write_text('raise ImportError("no Flask-SQLAlchemy here")')
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "flask_social.demo", "--port", "0"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert 'no Flask-SQLAlchemy here. Install what the demo needs with: pip install "Flask-Social[demo]"' in done.stderr
