"""An application with providers that are never asked, and a page as a test reads it."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import pathlib
import typing as t
from html.parser import HTMLParser

import flask_social

from .appkit import Kit, make_kit

PACKAGE = pathlib.Path(flask_social.__file__).parent
KEYS = {"consumer_key": "key", "consumer_secret": "secret"}
PROVIDERS: dict[str, dict[str, str]] = {
    "twitter": KEYS,
    "x": KEYS,
    "facebook": KEYS,
    "google": KEYS,
    "foursquare": KEYS,
    "oidc": {**KEYS, "issuer": "https://sso.example", "name": "Example Corp"},
}
#: What the providers above are called, in their order.
NAMES = ["Twitter", "X", "Facebook", "Google", "Foursquare", "Example Corp"]


def make_page_kit(**config: t.Any) -> Kit:
    """An application with one user and the providers above."""
    made = make_kit(PROVIDERS, **config)
    made.add_user()
    return made


def connect(kit: Kit, provider_id: str = "google", subject: str = "1", **values: t.Any) -> None:
    """Writes a connection of the first user."""
    values = {"display_name": "Ada Lovelace", "created_at": dt.datetime(2026, 11, 21, tzinfo=dt.UTC)} | values
    with kit.app.app_context():
        row = kit.Connection(user_id=1, provider_id=provider_id, provider_user_id=subject)
        for name, value in values.items():
            setattr(row, name, value)
        kit.db.session.add(row)
        kit.db.session.commit()


@dc.dataclass
class Button:
    """A submit button and its form."""

    action: str
    method: str
    fields: dict[str, str]
    attributes: dict[str, str | None] = dc.field(default_factory=dict)
    text: str = ""

    @property
    def enabled(self) -> bool:
        return "disabled" not in self.attributes


class Page(HTMLParser):
    """The submit buttons, images, links and texts of a page."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.buttons: list[Button] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.text = ""
        self._form = Button("", "", {})
        self._in_button = False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "form":
            self._form = Button(attributes["action"] or "", attributes.get("method") or "", {})
        elif tag == "input" and attributes.get("type") == "hidden":
            self._form.fields[attributes["name"] or ""] = attributes["value"] or ""
        elif tag == "button":
            self._in_button = True
            self.buttons.append(dc.replace(self._form, attributes=attributes))
        elif tag == "img":
            self.images.append(attributes)
        elif tag in ("a", "link"):
            self.links.append(attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._in_button = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_button:
            self.buttons[-1].text = f"{self.buttons[-1].text} {data.strip()}".strip()

    def button(self, text: str) -> Button:
        """The button of this text."""
        return next(button for button in self.buttons if button.text == text)

    def texts(self) -> list[str]:
        """The texts of all buttons in order."""
        return [button.text for button in self.buttons]
