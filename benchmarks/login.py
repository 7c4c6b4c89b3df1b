"""What a login costs: CPU time beside other libraries, requests, connections, SQL statements, start-up.

    python benchmarks/login.py [--logins N] [--only NAME ...] [--public-roots] [--profile NAME]

Every application runs in a process of its own and logs in at the stand-in provider, over TLS on loopback. The
stand-in and the visitor's walk to it run in this process, whose CPU time is not counted. The applications take
turns, one login each, so that a busy moment of the machine meets all of them alike.
"""

from __future__ import annotations

import argparse
import dataclasses as dc
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import typing as t

import certifi

from flask_social.testing import Seen, StandIn

PERSON = "ada"


@dc.dataclass(frozen=True)
class Variant:
    """A line of the table: what it is called, the module in ``applications``, the provider it logs in with."""

    title: str
    module: str
    provider: str


VARIANTS: dict[str, Variant] = {
    "social-oidc": Variant("Flask-Social, oidc", "flask_social_app", "oidc"),
    "social-google": Variant("Flask-Social, google", "flask_social_app", "google"),
    "authlib": Variant("Authlib, e-mail into the session", "authlib_session", "oidc"),
    "authlib-rows": Variant("Authlib, account and token kept", "authlib_rows", "oidc"),
    "flask-security": Variant("Flask-Security's own OAuth", "flask_security_oauth", "oidc"),
    "social-oauth2": Variant("Flask-Social, oauth2", "flask_social_app", "oauth2"),
    "flask-dance": Variant("Flask-Dance, account and token kept", "flask_dance_rows", "oauth2"),
}

#: The line that the others are compared to.
YARDSTICK = "social-oidc"


class Application:
    """One application in its process, with the figures that were taken of it."""

    def __init__(self, standin: StandIn, variant: Variant, folder: pathlib.Path, roots: pathlib.Path) -> None:
        self.variant = variant
        self._standin = standin
        self._process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(roots),
            text=True,
        )
        person = standin.people[PERSON]
        job = {
            "url": standin.url,
            "provider": variant.provider,
            "settings": standin.settings(variant.provider),
            "subject": standin.subject(variant.provider, PERSON),
            "email": person.email,
            "database": f"sqlite:///{folder / 'users.sqlite'}",
        }
        self.started = self._say([variant.module, job])
        self.cpu: list[float] = []
        self.wall: list[float] = []
        self.requests: list[Seen] = []
        self.connections: set[int] = set()
        self.new_connections = 0

    def log_in(self, *, count: bool = True) -> list[str] | None:
        """One login; ``count`` adds it to the figures. The SQL statements, after :meth:`listen`."""
        self._standin.forget_requests()
        begun = self._ask("begin")
        back = self._standin.visit(begun["url"], PERSON)
        finished = self._ask("finish", back.url)
        seen = [request for request in self._standin.requests if request.endpoint != "authorize"]
        used = {request.connection for request in seen}
        if count:
            self.cpu.append(begun["cpu"] + finished["cpu"])
            self.wall.append(begun["wall"] + finished["wall"])
            self.requests += seen
            self.new_connections += len(used - self.connections)
        self.connections |= used
        return t.cast("list[str] | None", finished["statements"])

    def listen(self) -> None:
        """The next login tells its SQL statements."""
        self._ask("listen")

    def profile(self, logins: int) -> None:
        """Prints where the CPU time goes, to standard error."""
        self._ask("profile", True)
        for _ in range(logins):
            self.log_in(count=False)
        self._ask("profile", False)

    def stop(self) -> None:
        """Ends the process, which ends by itself when nobody speaks to it any more."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=30)

    def _ask(self, command: str, *arguments: object) -> dict[str, t.Any]:
        return self._say([command, *arguments])

    def _say(self, message: object) -> dict[str, t.Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.variant.title}: the application ended; its last words are above.")
        return t.cast("dict[str, t.Any]", json.loads(line))


def _environment(roots: pathlib.Path) -> dict[str, str]:
    """This environment without proxies, trusting these certificates."""
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return environ | {name: str(roots) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}


def _trusted(standin: StandIn, folder: pathlib.Path, *, public: bool) -> pathlib.Path:
    """A file with the stand-in's certificate, and with those of the public authorities if ``public``."""
    roots = folder / "roots.pem"
    own = pathlib.Path(str(standin.ca_file)).read_text()
    roots.write_text(own + pathlib.Path(certifi.where()).read_text("utf-8") if public else own, "utf-8")
    return roots


def measure(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The figures of each application by name; see :func:`figures`."""
    names = [name for name in VARIANTS if name in {*options.only, options.profile}]
    with StandIn(https=True) as standin, tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        standin.auto = PERSON
        roots = _trusted(standin, pathlib.Path(folder), public=options.public_roots)
        applications: dict[str, Application] = {}
        try:
            for name in names:
                home = pathlib.Path(folder, name)
                home.mkdir()
                applications[name] = Application(standin, VARIANTS[name], home, roots)
            for turn in range(-options.warm_up, options.logins):
                for application in applications.values():
                    application.log_in(count=turn >= 0)
            if options.profile:
                applications[options.profile].profile(options.logins)
            return {name: figures(application, options.logins) for name, application in applications.items()}
        finally:
            for application in applications.values():
                application.stop()


def figures(application: Application, logins: int) -> dict[str, float]:
    """CPU and wall time in milliseconds (medians of the logins), counts per login, start-up in milliseconds."""
    application.listen()
    statements = application.log_in(count=False) or []
    verbs = [statement.split()[0].upper() for statement in statements]
    return {
        "cpu": statistics.median(application.cpu) * 1000,
        "fastest": min(application.cpu) * 1000,
        "wall": statistics.median(application.wall) * 1000,
        "requests": len(application.requests) / logins,
        "connections": application.new_connections / logins,
        "selects": verbs.count("SELECT"),
        "writes": len(verbs) - verbs.count("SELECT"),
        "import": application.started["import"] * 1000,
        "start": application.started["start"] * 1000,
    }


def show(results: dict[str, dict[str, float]], logins: int) -> str:
    """The table, one line an application."""
    base = results.get(YARDSTICK, next(iter(results.values())))["cpu"]
    title = max(len(VARIANTS[name].title) for name in results)
    head = f"{'':{title}}  {'CPU ms':>7} {'ratio':>6} {'least':>7} {'wall ms':>8} {'calls':>6} {'TLS':>5}"
    lines = [f"{head} {'SELECT':>7} {'write':>6} {'import ms':>10} {'start ms':>9}"]
    for name, row in results.items():
        line = f"{VARIANTS[name].title:{title}}  {row['cpu']:7.2f} {row['cpu'] / base:6.2f} {row['fastest']:7.2f}"
        line += f" {row['wall']:8.2f} {row['requests']:6.2f} {row['connections']:5.2f} {row['selects']:7.0f}"
        lines.append(f"{line} {row['writes']:6.0f} {row['import']:10.0f} {row['start']:9.0f}")
    lines += [
        "",
        f"Medians of {logins} logins after warm-up, both requests of a login together. CPU: of the application's",
        "process alone. ratio: to the first line. least: the fastest login. calls: requests to the provider; TLS:",
        "new connections for them; SELECT and write: SQL statements; each per login. import, start: CPU time once.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description="Measures what a login costs.")
    parser.add_argument("--logins", type=int, default=200, help="how many logins are measured (default: 200)")
    parser.add_argument("--warm-up", type=int, default=10, help="how many come before them (default: 10)")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="measure only these")
    parser.add_argument("--public-roots", action="store_true", help="trust the public authorities as well")
    parser.add_argument("--profile", choices=VARIANTS, help="also print where the CPU time of this one goes")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    results = measure(options)
    print(json.dumps(results, indent=2) if options.json else show(results, options.logins))
    return 0


if __name__ == "__main__":
    sys.exit(main())
