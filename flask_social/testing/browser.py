"""A person's browser, as far as a login needs one: it opens the provider's page, chooses, and comes back."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import html.parser
import ssl
import urllib.error
import urllib.request
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit


@dc.dataclass(frozen=True, slots=True)
class WayBack:
    """Where the provider sent the browser.

    :param method: ``GET``, or ``POST`` for ``response_mode=form_post``.
    :param url: the redirect URI, with its query for ``GET``.
    :param data: the fields of the form for ``POST``.
    """

    method: str
    url: str = dc.field(repr=False)
    data: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)

    @property
    def params(self) -> dict[str, str]:
        """The authorization response, whichever way it came."""
        return {**dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True)), **self.data}


class Form(html.parser.HTMLParser):
    """The first form of a page: where it posts, and its hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.choices: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = values.get("action", "")
        elif tag == "input" and values.get("type") == "hidden":
            self.fields[values["name"]] = values.get("value", "")
        elif tag == "button" and values.get("name") == "person":
            self.choices.append(values["value"])


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def visit(url: str, person: str | None, *, ca_file: str | None = None) -> WayBack:
    """Open an authorization URL over HTTP and play the person, up to the redirect back to the application.

    :param person: id of who logs in; ``None`` declines.
    :param ca_file: the certificate to trust, for a stand-in on https.
    :raises ValueError: when the provider shows an error page instead, with its text.
    """
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _StayHere()]
    if ca_file is not None:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
    opener = urllib.request.build_opener(*handlers)
    location, page = _fetch(opener, url)
    if location is not None:
        return WayBack("GET", location)
    form = Form(page)
    if form.choices:
        if person is not None and person not in form.choices:
            raise ValueError(f"nobody called {person!r}: the page offers {', '.join(filter(None, form.choices))}")
        action = urljoin(url, form.action)
        location, page = _fetch(opener, action, {**form.fields, "person": person or ""})
        if location is not None:
            return WayBack("GET", location)
        form = Form(page)
    if form.action is None:
        raise ValueError(f"the provider shows no form: {page[:2000]}")
    return WayBack("POST", form.action, form.fields)


def _fetch(
    opener: urllib.request.OpenerDirector, url: str, data: cabc.Mapping[str, str] | None = None
) -> tuple[str | None, str]:
    """The redirect's target, or ``None`` and the page."""
    body = None if data is None else urlencode(data).encode()
    try:
        with opener.open(urllib.request.Request(url, body), timeout=30) as answer:
            return None, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            location = error.headers.get("Location")
            if location is not None:
                return urljoin(url, location), ""
            return None, error.read().decode()
