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
    """Fills in the form of one of Flask-Security's pages, or of the sign-up."""
    hidden = dict(re.findall(r'name="(csrf_token|identity)"[^>]* value="([^"]+)"', client.get(page).text))
    assert "csrf_token" in hidden
    return client.post(page, data={**hidden, **fields})


def log_in(client: FlaskClient) -> None:
    assert post(client, "/login", email=DEMO_EMAIL, password=PASSWORD).location == "/profile"


def signals(client: FlaskClient) -> list[str]:
    """The signals of the activity list, the newest first."""
    return re.findall(r'<span class="badge[^>]*>(\w+)<', client.get("/activity/rows").text)


def test_a_stranger_signs_up(client: FlaskClient, social_login: t.Any) -> None:
    """Google has proven the address, so that the form is all."""
    assert social_login(client, "google", "grace").location == "/signup/google"
    page = client.get("/signup/google").text
    assert "You are new here as Grace Hopper." in page
    assert post(client, "/signup/google", email="grace@example.com").location == "/profile"
    assert "grace@example.com" in client.get("/profile").text
    assert signals(client)[:2] == ["login_completed", "user_authenticated"]
    assert {"user_registered", "user_signed_up", "connection_created"} <= set(signals(client)[2:5])
    client.post("/logout")
    assert social_login(client, "google", "grace").location == "/profile"


def test_an_address_is_proven_by_mail(client: FlaskClient, social_login: t.Any) -> None:
    assert "No mail yet." in client.get("/mails").text
    social_login(client, "facebook", "grace")
    assert post(client, "/signup/facebook", email="grace@example.com").location == "/signup/facebook"
    (link,) = re.findall(r'href="(http[^"]+proof=[^"]+)"', client.get("/mails").text)
    assert client.get(link).location == "/signup/facebook"
    assert "grace@example.com is proven" in client.get("/signup/facebook").text
    assert post(client, "/signup/facebook", email="grace@example.com").location == "/profile"


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
    for path in ("/", "/login", "/register", "/mails", "/activity", "/static/demo.css", "/nowhere"):
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
