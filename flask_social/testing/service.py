"""What every provider at the stand-in has in common: routes, answers, errors of its own making."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import json
import typing as t
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from .faults import REMOVE, Fault, merged
from .httpd import Answer
from .ledger import Issued
from .people import Person
from .world import World, default_client

Handler: t.TypeAlias = cabc.Callable[..., Answer]


@dc.dataclass(frozen=True, slots=True)
class Route:
    """A path below the provider's prefix, the name of its endpoint, and who answers."""

    path: str
    endpoint: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)


class Refused(Exception):
    """Ends a request with an answer, from however deep."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Service:
    """One provider. Subclasses are its data, and answers in its own shape.

    :cvar id: provider id and path prefix.
    :cvar name: what the login page calls it.
    :cvar api_errors: for ``unauthorized``, ``forbidden``, ``rate_limited``, ``server_error``: status and JSON body.
    """

    id: t.ClassVar[str]
    name: t.ClassVar[str]
    colour: t.ClassVar[str] = "#334155"
    api_errors: t.ClassVar[cabc.Mapping[str, tuple[int, t.Any]]]
    #: The ``WWW-Authenticate`` header of an error of ``api_errors`` (RFC 6750 section 3).
    challenges: t.ClassVar[cabc.Mapping[str, str]] = {}
    #: Header names of limit, remaining and reset; how many calls per window; seconds of a window.
    rate_limit_headers: t.ClassVar[tuple[str, ...]] = ()
    rate_limit: t.ClassVar[tuple[int, int]] = (75, 900)

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> cabc.Iterable[Route]:
        """All routes of the provider."""
        raise NotImplementedError

    def settings(self) -> dict[str, t.Any]:
        """The ``SOCIAL_<ID>`` dictionary that leads an application here instead of to the real provider."""
        raise NotImplementedError

    def url(self, path: str = "") -> str:
        """Absolute address of a path below the prefix."""
        return f"{self.world.url}/{self.id}{path}"

    def picture(self, person: Person) -> str:
        """Address of a person's avatar."""
        return person.picture or f"{self.world.url}/pictures/{person.id}.svg"

    def person(self, token: Issued) -> Person:
        """Whose token it is.

        :raises Refused: when the account is gone.
        """
        person = self.world.people.get(token.grant.person_id)
        if person is None:
            raise Refused(self.api_error("unauthorized"))
        return person

    def credentials(self) -> dict[str, str]:
        """The client id and secret under their names in the settings."""
        client = default_client(self.id)
        return {"consumer_key": client.client_id, "consumer_secret": client.client_secret or ""}

    # Answers

    def json(self, data: t.Any, status: int = 200, headers: cabc.Mapping[str, str] | None = None) -> Answer:
        """A JSON answer that no cache keeps."""
        answer = Answer(json.dumps(data), status, content_type="application/json; charset=utf-8")
        answer.headers["Cache-Control"] = "no-store"
        answer.headers.update(headers or {})
        return answer

    def api(self, data: t.Any, status: int = 200) -> Answer:
        """An answer of the provider's API, with its rate-limit headers."""
        return self.json(data, status, self.limits())

    def api_error(self, kind: str) -> Answer:
        """An error of the provider's API, in its own shape."""
        status, body = self.api_errors[kind]
        challenge = {"WWW-Authenticate": self.challenges[kind]} if kind in self.challenges else {}
        return self.json(body, status, {**self.limits(exhausted=kind == "rate_limited"), **challenge})

    def limits(self, *, exhausted: bool = False) -> dict[str, str]:
        """The rate-limit headers; no more than ``rate_limit`` calls are announced, and none is refused."""
        if not self.rate_limit_headers:
            return {}
        limit, window = self.rate_limit
        used = self.world.count(provider=self.id)
        reset = int(self.world.now()) // window * window + window
        values = (limit, 0 if exhausted else max(limit - used, 0), reset)
        return {name: str(value) for name, value in zip(self.rate_limit_headers, values, strict=False)}

    def fail(self, fault: Fault) -> Answer:
        """The answer that a fault puts in place of the real one."""
        if fault.error is not None:
            answer = self.api_error(fault.error)
        elif fault.json is not None:
            answer = self.json(fault.json)
        else:
            answer = Answer(fault.body or b"", content_type="text/plain; charset=utf-8")
        if fault.status is not None:
            answer.status_code = fault.status
        return answer

    def token_answer(self, values: cabc.Mapping[str, t.Any]) -> Answer:
        """RFC 6749 section 5.1."""
        return self.json(values, headers={"Pragma": "no-cache"})

    def oauth_error(self, error: str, description: str = "", status: int = 400) -> Answer:
        """RFC 6749 section 5.2."""
        return self.json(merged({"error": error, "error_description": description or REMOVE}, {}), status)


def raw_url(request: Request) -> str:
    """The address exactly as the client wrote it, which is what OAuth 1.0a signs."""
    path = urlsplit(request.environ["RAW_URI"])
    return f"{request.scheme}://{request.host}{path.path}" + (f"?{path.query}" if path.query else "")


def only_value(request: Request) -> dict[str, str]:
    """Query and form parameters (RFC 6749 section 3.1: none of them twice)."""
    values: dict[str, str] = {}
    for name, value in [*request.args.items(multi=True), *request.form.items(multi=True)]:
        if name in values:
            raise ValueError(name)
        values[name] = value
    return values
