"""One application in a process of its own, driven by lines of JSON on standard input. Started by ``login.py``."""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
import typing as t
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

HOST = "localhost"


class Browser:
    """A visitor's cookies and requests. Requests go to the WSGI application directly: nothing else is measured."""

    def __init__(self, app: t.Any) -> None:
        self.app = app
        self._cookies: dict[str, str] = {}
        self.cpu = self.wall = 0.0

    def request(self, method: str, url: str) -> tuple[int, str | None, str]:
        """Status, ``Location`` and body; :attr:`cpu` and :attr:`wall` are the seconds that it took."""
        environ = self._environ(method, url)
        heard: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            heard.append((status, headers))

        wall, cpu = time.perf_counter(), time.process_time()
        answer = self.app(environ, start_response)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        self.cpu, self.wall = time.process_time() - cpu, time.perf_counter() - wall
        status, headers = heard[-1]
        for name, value in headers:
            if name.lower() == "set-cookie":
                self._cookies.update({key: morsel.value for key, morsel in SimpleCookie(value).items()})
        location = next((value for name, value in headers if name.lower() == "location"), None)
        return int(status[:3]), location, body.decode()

    def _environ(self, method: str, url: str) -> dict[str, t.Any]:
        parts = urlsplit(url)
        return {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "SERVER_NAME": HOST,
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": "0",
            "HTTP_HOST": HOST,
            "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "HTTP_SEC_FETCH_SITE": "same-origin" if method == "POST" else "none",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }


class Worker:
    """The commands: ``begin`` and ``finish`` are the two requests of one login."""

    def __init__(self, module: t.Any, job: t.Any) -> None:
        self._module, self._job = module, job
        self._app = self._measured = module.make_app(job)
        self._browser = Browser(self._app)
        self._statements: list[str] | None = None

    def begin(self) -> dict[str, t.Any]:
        """A new browser begins a login; the address at the provider to which it is sent."""
        self._browser = Browser(self._measured)
        path = self._module.BEGIN.format(provider=self._job.provider)
        status, location, body = self._browser.request(self._module.METHOD, path)
        if status not in (302, 303) or not location or not location.startswith(self._job.url):
            raise SystemExit(f"the login did not begin: {status} {location} {body[:2000]}")
        return {"url": location, "cpu": self._browser.cpu, "wall": self._browser.wall}

    def finish(self, url: str) -> dict[str, t.Any]:
        """The browser comes back; whether the right user is logged in is looked at outside of the measurement."""
        status, location, body = self._browser.request("GET", url)
        cpu, wall = self._browser.cpu, self._browser.wall
        statements, self._statements = self._statements, None
        self._browser.app = self._app
        who = self._browser.request("GET", f"https://{HOST}/whoami")[2]
        if who != self._job.email:
            raise SystemExit(f"nobody is logged in: {status} {location} {body[:2000]}")
        return {"cpu": cpu, "wall": wall, "statements": statements}

    def listen(self) -> dict[str, t.Any]:
        """Write the SQL statements of the next login down."""
        self._statements = []
        if "sqlalchemy" in sys.modules:
            from sqlalchemy import event
            from sqlalchemy.engine import Engine

            @event.listens_for(Engine, "before_cursor_execute")
            def note(connection: t.Any, cursor: t.Any, statement: str, *rest: t.Any) -> None:
                if self._statements is not None:
                    self._statements.append(statement)

        return {}

    def profile(self, on: bool) -> dict[str, t.Any]:
        """Switch the profiler on, or off again and print what it found to standard error."""
        import cProfile
        import pstats

        if on:
            profiler = self._profiler = cProfile.Profile(time.process_time)
            self._measured = lambda *arguments: profiler.runcall(self._app, *arguments)
        else:
            stats = pstats.Stats(self._profiler, stream=sys.stderr)
            stats.sort_stats("cumulative").print_stats(70).sort_stats("tottime").print_stats(35)
        return {}


def main() -> None:
    # Only answers go to the parent; whatever an application prints is not one of them.
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(value: dict[str, t.Any]) -> None:
        print(json.dumps(value), file=answers, flush=True)

    name, job = json.loads(sys.stdin.readline())
    interpreter = time.process_time()
    module = importlib.import_module(f"applications.{name}")
    imported = time.process_time()
    worker = Worker(module, sys.modules["applications"].Job(**job))
    answer({"import": imported - interpreter, "start": time.process_time() - imported})
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        answer(getattr(worker, command)(*arguments))


if __name__ == "__main__":
    main()
