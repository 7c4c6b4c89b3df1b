"""The background jobs of the documentation, in the real programs: Celery and RQ with a Redis server, and a shell."""

from __future__ import annotations

import collections.abc as cabc
import json
import os
import pathlib
import shlex
import subprocess
import sys

import celery
import pytest
import redis
import rq
from celery import signals
from celery.contrib.testing import worker

from flask_social import maintenance

from .appkit import Kit
from .maintenancekit import add, make_many, opened, soon

#: The application whose tokens the jobs renew; a job of RQ is found by its name.
current: list[Kit] = []


@pytest.fixture
def kit(tmp_path: pathlib.Path) -> cabc.Iterator[Kit]:
    kit = make_many(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'jobs.db'}")
    add(kit, {"expires_at": soon()}, {"expires_at": soon(hours=9)})
    current.append(kit)
    yield kit
    current.clear()


def renew_tokens_job() -> dict[str, int]:
    with current[0].app.app_context():
        maintenance.retry_revocations()
        return maintenance.renew_tokens()


def check(kit: Kit, counts: dict[str, int]) -> None:
    assert (counts["renewed"], counts["failed"]) == (1, 0)
    assert opened(kit) == ["new access-0", "access-1"]


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # Celery 5.7 with redis 8
def test_celery(kit: Kit, redis_port: int) -> None:
    address = f"redis://127.0.0.1:{redis_port}/1"
    jobs = celery.Celery("jobs", broker=address, backend=address, set_as_current=False)
    task = jobs.task(name="renew_tokens")(renew_tokens_job)

    def leave_logging(**values: object) -> None:
        """Celery would take the root logger, for this whole process."""

    signals.setup_logging.connect(leave_logging)
    try:
        with worker.start_worker(jobs, pool="solo", perform_ping_check=False, shutdown_timeout=30):
            check(kit, task.delay().get(timeout=30))
    finally:
        signals.setup_logging.disconnect(leave_logging)


def test_rq(kit: Kit, redis_port: int) -> None:
    connection = redis.Redis(port=redis_port, db=2)
    queue = rq.Queue(connection=connection)
    job = queue.enqueue(renew_tokens_job)
    rq.SimpleWorker([queue], connection=connection).work(burst=True)
    result = job.latest_result()
    assert result is not None
    check(kit, result.return_value)
    connection.close()


APPLICATION = """
from tests.appkit import make_kit
from tests.maintenancekit import PROVIDERS

app = make_kit(PROVIDERS, SQLALCHEMY_DATABASE_URI={uri!r}).app
"""


def test_cron(kit: Kit, tmp_path: pathlib.Path) -> None:
    """The line of the crontab, with the minutes taken away, in a shell."""
    docs = pathlib.Path(__file__).parents[1] / "docs" / "background_jobs.rst"
    (line,) = (line for line in docs.read_text().splitlines() if line.strip().startswith("*/30"))
    command = line.split(maxsplit=5)[5].replace("cd /srv/app", f"cd {shlex.quote(str(tmp_path))}")
    command = command.replace("venv/bin/flask", f"{shlex.quote(sys.executable)} -m flask").replace("--jitter 60", "")
    application = APPLICATION.format(uri=kit.app.config["SQLALCHEMY_DATABASE_URI"])
    (tmp_path / "app.py").write_text(application)
    environ = {**os.environ, "PYTHONPATH": str(docs.parents[1])}
    subprocess.run(["sh", "-c", command], env=environ, check=True, timeout=60)
    check(kit, json.loads((tmp_path / "renew.log").read_text())["tokens"])
