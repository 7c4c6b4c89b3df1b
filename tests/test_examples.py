"""The one-file examples: register, connect, log out, log in again, see the profile."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import multiprocessing
import pathlib
import re
import types
import typing as t
from urllib.parse import urlsplit

import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def load(name: str) -> types.ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def walk(client: t.Any, social_login: t.Any) -> None:
    """Registers, connects Google and Twitter, logs out, and logs in through both."""
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/register").text)
    assert token is not None
    form = {"email": "ada@example.com", "password": "a password for tests", "password_confirm": "a password for tests"}
    assert client.post("/register", data={"csrf_token": token[1], **form}).status_code == 302
    assert "Connect Google to see your profile here." in client.get("/").text
    for provider in ("google", "twitter"):
        social_login(client, provider, "ada", intent="connect")
    for provider in ("google", "twitter"):
        client.post("/logout")
        assert client.get("/").status_code == 302
        assert social_login(client, provider, "ada").location == "/"
        page = client.get("/").text
        assert "Hello ada@example.com" in page
        assert "&#39;name&#39;: &#39;Ada Lovelace&#39;" in page
        assert page.count(">Disconnect</button>") == 2


def test_sqlalchemy(social_provider: t.Any, social_login: t.Any, tmp_path: pathlib.Path) -> None:
    example = load("sqlalchemy_app")
    app = example.create_app(social_provider, f"sqlite:///{tmp_path}/example.sqlite")
    walk(app.test_client(), social_login)
    with app.app_context():
        example.db.engine.dispose()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_they_are_short(path: pathlib.Path) -> None:
    assert len(path.read_text().splitlines()) <= 100


def walk_mongoengine(uri: str) -> None:
    """The walk in a process of its own: MongoEngine has one default connection in a process."""
    from flask_social.testing import StandIn
    from flask_social.testing.pytest_plugin import SocialLogin

    example = load("mongoengine_app")
    with StandIn() as stand_in:
        app = example.create_app(stand_in, uri)
        try:
            walk(app.test_client(), SocialLogin(stand_in))
        finally:
            for model in (example.User, example.Role, example.Connection):
                model.drop_collection()
            example.me.disconnect_all()


def test_mongoengine(mongodb_uri: str) -> None:
    parts = urlsplit(mongodb_uri)
    uri = mongodb_uri if parts.path.strip("/") else parts._replace(path="/flask_social_example").geturl()
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(walk_mongoengine, uri).result(timeout=120)
