"""The person's part: the login page, the choice, and the way back to the application."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import secrets
from urllib.parse import urlencode, urlsplit

from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Request

from .faults import Fault, merged
from .httpd import Answer
from .ledger import RegisteredClient
from .pages import error_page, form_post, page
from .people import Person
from .service import Service


@dc.dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that waits for its person."""

    service: ConsentService
    client: RegisteredClient
    redirect_uri: str
    params: cabc.Mapping[str, str] = dc.field(repr=False)


class ConsentService(Service):
    """A provider with a login page. How the answer is made is up to the protocol."""

    def returned(self, asked: Asked, person: Person | None, fault: Fault | None) -> dict[str, str]:
        """The parameters of the way back; ``person`` is ``None`` when the person declined."""
        raise NotImplementedError

    def ask(self, asked: Asked, scope: str = "") -> Answer:
        """Show the page; or, when ``auto`` names a person, answer for them at once."""
        auto = self.world.people.get(self.world.auto or "")
        if auto is not None:
            return self.send_back(asked, auto)
        handle = secrets.token_urlsafe(16)
        self.world.pending[handle] = asked
        people = [(person, self.picture(person)) for person in self.world.people.values()]
        return page(
            "login",
            f"Stand-in for {self.name}",
            colour=self.colour,
            name=self.name,
            client=asked.client.client_id,
            scope=scope,
            action=self.url("/choose"),
            request=handle,
            people=people,
        )

    def choose(self, request: Request) -> Answer:
        """The page's form. A page works once, as at real providers."""
        asked = self.world.pending.pop(request.form.get("request", ""), None)
        if asked is None:
            return error_page(self.name, "This page was used already. Go back to the application and start again.")
        name = request.form.get("person", "")
        if name and name not in self.world.people:
            return error_page(self.name, "There is nobody of that name here.")
        return self.send_back(asked, self.world.people.get(name))

    def send_back(self, asked: Asked, person: Person | None) -> Answer:
        """The answer that carries the authorization response to the application."""
        fault = self.world.faults.take("callback", self.id)
        if fault is not None and fault.deny:
            person = None
        values = self.returned(asked, person, fault)
        return respond(asked, merged(values, fault.params) if fault is not None else values)


def respond(asked: Asked, values: cabc.Mapping[str, str | list[str]]) -> Answer:
    """Send the browser back with ``values``: added to the address's query, which stays, or in a form.

    RFC 6749 section 3.1.2, OAuth 2.0 Form Post Response Mode section 2.
    """
    uri = asked.redirect_uri
    if asked.params.get("response_mode") == "form_post":
        every = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
        return form_post(uri, [(name, value) for name, found in every.items() for value in found])
    target = iri_to_uri(uri) + ("&" if urlsplit(uri).query else "?") + urlencode(values, doseq=True)
    return Answer(status=302, headers={"Location": target, "Cache-Control": "no-store"})
