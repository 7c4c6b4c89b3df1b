"""A page as a test reads it: its forms, buttons and images."""

from __future__ import annotations

import dataclasses as dc
from html.parser import HTMLParser


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
