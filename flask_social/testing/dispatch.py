"""From a request to the provider that answers it, by way of the log and the faults."""

from __future__ import annotations

import json
import threading
import typing as t
from urllib.parse import parse_qsl, urlencode

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from .faults import Fault, merged
from .httpd import Answer
from .pages import page
from .service import Refused, Route, Service
from .world import Seen, World

#: Headers whose values never reach the log.
_UNSAID = ("Authorization", "Cookie")


class Dispatcher:
    """The application of the server.

    :param stopping: set when the server stops, so that slow answers end early.
    """

    def __init__(self, world: World, services: dict[str, Service], stopping: threading.Event) -> None:
        self._world = world
        self._services = services
        self._stopping = stopping
        rules = []
        for service in services.values():
            for route in service.routes():
                rules.append(Rule(f"/{service.id}{route.path}", methods=route.methods, endpoint=(service, route)))
        for path in ("/pictures/<person>.svg", "/pictures/<size>/<person>.svg"):
            rules.append(Rule(path, methods=["GET"], endpoint=(None, self._picture)))
        rules.append(Rule("/", methods=["GET"], endpoint=(None, self._home)))
        self._map = Map(rules, strict_slashes=False, merge_slashes=False)

    def __call__(self, request: Request) -> Answer:
        """Answer one request; never raises."""
        # Kept before the form is read: OAuth 1.0a signs the body as it was sent.
        request.get_data()
        try:
            (service, what), values = self._map.bind_to_environ(request.environ).match()
        except HTTPException as error:
            return self._unknown(request, error)
        if service is None:
            self._note(request, "", "picture")
            return t.cast("Answer", what(**values))
        route = t.cast("Route", what)
        self._note(request, service.id, route.endpoint)
        fault = self._world.faults.take(route.endpoint, service.id)
        if fault is None:
            return self._handle(request, service, route, values)
        if fault.slow and self._stopping.wait(fault.slow):
            return _dropped()
        if fault.lost:
            self._handle(request, service, route, values)
        if fault.drop:
            return _dropped()
        with self._world.lock:
            answer = service.fail(fault) if fault.replaces else self._handle(request, service, route, values)
        return _altered(answer, fault)

    def _handle(self, request: Request, service: Service, route: Route, values: t.Any) -> Answer:
        with self._world.lock:
            try:
                return route.handler(request, **values)
            except Refused as refused:
                return refused.answer

    def _unknown(self, request: Request, error: HTTPException) -> Answer:
        provider = request.path.strip("/").partition("/")[0]
        service = self._services.get(provider)
        self._note(request, provider if service else "", "unknown")
        body = json.dumps({"error": "not_found", "error_description": f"The stand-in has no {request.path}."})
        return Answer(body, error.code or NotFound.code, content_type="application/json")

    def _note(self, request: Request, provider: str, endpoint: str) -> None:
        authorization = request.headers.get("Authorization")
        self._world.saw(
            Seen(
                request.method,
                request.path,
                provider,
                endpoint,
                self._world.now(),
                request.environ["standin.connection"],
                authorization.partition(" ")[0] if authorization else None,
                request.values.to_dict(),
                {name: value for name, value in request.headers.items() if name not in _UNSAID},
            )
        )

    def _picture(self, person: str, size: str = "") -> Answer:
        known = self._world.people.get(person)
        if known is None:
            return Answer("", 404)
        return Answer(known.avatar(), content_type="image/svg+xml", headers={"Cache-Control": "max-age=3600"})

    def _home(self) -> Answer:
        people, names = list(self._world.people.values()), ", ".join(s.name for s in self._services.values())
        return page("home", "Stand-in provider", url=self._world.url, people=people, providers=f"It plays {names}.")


def _dropped() -> Answer:
    answer = Answer()
    answer.drop = True
    return answer


def _altered(answer: Answer, fault: Fault) -> Answer:
    """The answer with the fault's headers, pace and changed names."""
    if fault.merge and answer.mimetype == "application/json":
        answer.set_data(json.dumps(merged(json.loads(answer.get_data()), fault.merge)))
    elif fault.merge:
        answer.set_data(urlencode(merged(dict(parse_qsl(answer.get_data(as_text=True))), fault.merge)))
    answer.headers.update(fault.headers)
    answer.drip, answer.drip_headers = fault.drip, fault.drip_headers
    return answer
