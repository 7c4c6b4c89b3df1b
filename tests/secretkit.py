"""Everything that an application shows while it works, and everything in it that nobody may see."""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import gc
import logging
import secrets
import sys
import traceback
import typing as t
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask, got_request_exception, message_flashed, request, request_finished, session
from flask.wrappers import Response as Answer

from flask_social import signals
from flask_social.errors import ProviderError
from flask_social.flow import begin, complete, run
from flask_social.providers.base import Context, Grant
from flask_social.testing import StandIn
from flask_social.values import Request, Response

from .appkit import Kit

#: Loggers that are set to DEBUG one by one, should one of them have a level of its own.
LOGGERS = """
flask_social flask flask_security tests.appkit werkzeug sqlalchemy.engine tweepy requests urllib3 requests_oauthlib
oauthlib googleapiclient google_auth_httplib2 google.auth httplib2 facebook foursquare authlib joserfc
""".split()

#: Parameters of an authorization URL. Begin has to show them: they are the protocol.
PROTOCOL = ("state", "nonce", "code_challenge", "oauth_token")

#: What the session holds for pages to show, and what is no secret.
PUBLIC = ("csrf_token", "_flashes")


@dc.dataclass(frozen=True)
class Shown:
    """Something that somebody could see; ``protocol`` are secrets that must stand there."""

    where: str
    text: str = dc.field(repr=False)
    protocol: frozenset[str] = dc.field(default=frozenset(), repr=False)


class Watch:
    """Listens to one application, and to all loggers, from now on."""

    def __init__(self, kit: Kit, standin: StandIn, caplog: pytest.LogCaptureFixture) -> None:
        self.kit = kit
        self.standin = standin
        self.shown: list[Shown] = []
        self.session: set[str] = {str(kit.app.config["SECRET_KEY"])}
        self._caplog = caplog
        caplog.set_level(logging.DEBUG)
        for name in LOGGERS:
            caplog.set_level(logging.DEBUG, name)
        request_finished.connect(self._finished, kit.app)
        message_flashed.connect(self._flashed, kit.app)
        got_request_exception.connect(self._failed, kit.app)
        signals.attempt_refused.connect(self._refused, kit.app)

    def add(self, where: str, text: str, protocol: cabc.Iterable[str] = ()) -> None:
        self.shown.append(Shown(where, text, frozenset(protocol)))

    def add_error(self, where: str, error: BaseException) -> None:
        """The whole chain of an error, as a log would have it."""
        self.add(where, "".join(traceback.format_exception(error)))
        chain: BaseException | None = error
        while chain is not None:
            self.add(f"{where}: repr and args of {type(chain).__name__}", f"{chain!r} {chain.args!r}")
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)

    def add_objects(self, where: str) -> None:
        """``repr`` of every object of the package that is alive."""
        alive = gc.get_objects()
        # A set of types, because asking every object for its ancestors takes a second.
        ours = {kind for kind in {*map(type, alive)} if is_ours(kind)}
        seen = {(type(thing).__name__, repr(thing)) for thing in alive if type(thing) in ours}
        for name, text in seen:
            self.add(f"{where}: repr of {name}", text)

    def count(self, where: str) -> int:
        """How much was shown there."""
        return sum(shown.where.startswith(where) for shown in self.shown)

    def leaks(self) -> list[str]:
        """Where a secret is shown."""
        for record in self._caplog.get_records("call"):
            # The stand-in runs in threads of this process; what it logs is the provider's business.
            if "process_request_thread" in str(record.threadName):
                continue
            self.add(f"log {record.name}", self._caplog.handler.format(record))
        every = self.standin.secrets | self.session | basic_credentials(self.standin)
        found = []
        for shown in self.shown:
            # The session holds itself, and a user's id in it is what the statements look for.
            own = shown.where.startswith(("session", "log sqlalchemy"))
            hidden = {secret for secret in (self.standin.secrets if own else every) - shown.protocol if len(secret) > 7}
            found += [f"{shown.where}: {secret}" for secret in hidden if secret in shown.text]
        return found

    # What Flask tells

    def _finished(self, sender: Flask, response: Answer, **more: t.Any) -> None:
        held = {name: value for name, value in session.items() if name not in PUBLIC}
        self.session |= {value for value in (*held.values(), *request.cookies.values()) if isinstance(value, str)}
        # Whoever has the cookie can read it: it is signed, not sealed.
        self.add("session", repr(held))
        headers = [f"{name}: {value}" for name, value in response.headers.items() if name != "Set-Cookie"]
        body = response.get_data(as_text=True)
        text = "\n".join([*headers, body])
        protocol: set[str] = set()
        if request.method == "POST" and response.status_code in (200, 303):
            protocol = {*authorization_params(response)}
        if 'http-equiv="refresh"' in body:
            protocol = {*request.values.values()}
        self.add(f"{request.method} {request.path}", text, protocol)

    def _flashed(self, sender: Flask, message: str, category: str, **more: t.Any) -> None:
        self.add("flash", f"{message} {category}")

    def _failed(self, sender: Flask, exception: BaseException, **more: t.Any) -> None:
        self.add_error("exception in a view", exception)

    def _refused(self, sender: Flask, **more: t.Any) -> None:
        # Sent while the error is being handled, which is the only place to see it.
        error = sys.exc_info()[1]
        if error is not None:
            self.add_error(f"refusal {more['code']}", error)


def is_ours(kind: type) -> bool:
    """Whether a class is the package's, or stands on one of it."""
    return any(str(base.__module__).partition(".")[0] == "flask_social" for base in kind.__mro__)


def authorization_params(response: Answer) -> list[str]:
    """The protocol's parameters in the authorization URL that a begin answers with."""
    url = response.headers.get("Location", "")
    if response.is_json:
        url = (response.get_json().get("response") or {}).get("authorization_url", "")
    return [value for name, value in parse_qsl(urlsplit(url).query) if name in PROTOCOL]


def basic_credentials(standin: StandIn) -> set[str]:
    """The header's value for each of the stand-in's applications."""
    pairs = [standin.settings(name) for name in standin.providers]
    return {base64.b64encode(f"{pair['consumer_key']}:{pair['consumer_secret']}".encode()).decode() for pair in pairs}


class Hand:
    """Runs flows of a provider, and looks at every object there is whenever one of them waits for an answer."""

    def __init__(self, kit: Kit, watch: Watch, provider: str) -> None:
        self.watch = watch
        self.state = kit.app.extensions["social"]
        self.provider = self.state.providers[provider]

    def context(self) -> Context:
        return Context(
            redirect_uri=f"http://localhost/callback/{self.provider.id}",
            now=dt.datetime.now(dt.UTC),
            vault=self.state.vault,
            documents=self.state.documents,
            random=secrets.token_bytes,
        )

    def run(self, what: str, flow: t.Any) -> t.Any:
        exchange = self.state.exchange()

        def send(request: Request) -> Response:
            self.watch.add(f"str of a request of {what}", str(request))
            self.watch.add_objects(f"{what}, request")
            response = exchange(request)
            self.watch.add_objects(f"{what}, response")
            return t.cast("Response", response)

        try:
            result = run(flow, send)
        except ProviderError as error:
            self.watch.add_error(what, error)
            return None
        self.watch.add_objects(what)
        return result

    def grant(self, standin: StandIn) -> Grant:
        attempt, url = self.run("begin", begin(self.provider, intent="connect", context=self.context(), user_id="1"))
        params = {name: [value] for name, value in standin.visit(url, "ada").params.items()}
        return t.cast("Grant", self.run("complete", complete(self.provider, attempt, params, context=self.context())))


#: A call of each provider's API client, and the same call of its session.
CALLS: dict[str, tuple[t.Callable[[t.Any], object], str]] = {
    "twitter": (lambda api: api.get_me(), "1.1/account/verify_credentials.json"),
    "x": (lambda api: api.get_me(), "users/me"),
    "facebook": (lambda api: api.get_object("me"), "me"),
    "google": (lambda api: api.userinfo().get().execute(), "oauth2/v2/userinfo"),
    "foursquare": (lambda api: api.users(), "users/self?v=20260101"),
    "oidc": (lambda api: api.get("userinfo").raise_for_status(), "userinfo"),
    "oauth2": (lambda api: api.get("me").raise_for_status(), "me"),
}


def add_calls(kit: Kit, watch: Watch, provider: str) -> tuple[str, str]:
    """Pages that make the calls; an error of a client library is theirs."""
    call, path = CALLS[provider]

    @kit.app.get("/ask/api")
    def ask_api() -> str:
        api = kit.social[provider].get_api()
        watch.add("repr of an API client", repr(api))
        call(api)
        return "asked"

    @kit.app.get("/ask/session")
    def ask_session() -> str:
        session = kit.social[provider].get_session()
        watch.add("repr of a session", f"{session!r} {vars(session)!r}")
        session.get(path).raise_for_status()
        return "asked"

    return "/ask/api", "/ask/session"
