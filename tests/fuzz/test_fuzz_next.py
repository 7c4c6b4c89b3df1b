"""``next``: whatever passes, however a browser reads it, stays on our origin."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from hypothesis import event, example, given
from hypothesis import strategies as st
from werkzeug.utils import redirect

from flask_social.views.targets import MAX_NEXT, safe_next

from . import strategies as some

BASE = "https://app.example/login/google?a=b"
PIECES = ["/", "//", "\\", "..", ".", ":", "@", "?", "#", ";", "%2f", "%5c", "%09", "%00", "\t", "\n", "\r", "\0", " "]
PIECES += [
    "evil.example",
    "https:",
    "javascript:",
    "http://",
    "é",
    "\u2028",
    "\uff0f",
    "\u2215",
    "a",
    "\x1b",
    "\x7f",
    "&",
]
written = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
nexts = st.one_of(written, written.map("/".__add__), written.map("/".__add__), some.texts)


def browser(target: str) -> str:
    """The origin that the URL Standard of the WHATWG finds for a target, read against :data:`BASE`.

    C0 controls and blanks go at both ends, tabs and line ends everywhere, and a backslash is a slash.
    """
    text = re.sub("[\t\n\r]", "", target.strip("".join(map(chr, range(33)))))
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    if scheme and scheme[1].lower() not in ("http", "https", "ftp", "ws", "wss", "file"):
        return f"{scheme[1].lower()}:"
    text = re.split("[?#]", text)[0].replace("\\", "/")
    if scheme and not (scheme[1].lower() == "https" and not text[len(scheme[0]) :].startswith("/")):
        return f"{scheme[1].lower()}://{text[len(scheme[0]) :].lstrip('/').split('/')[0].rpartition('@')[2]}"
    if text.startswith("//"):
        return "https://" + text.lstrip("/").split("/")[0].rpartition("@")[2]
    return "https://app.example"


def test_the_reading_of_a_browser() -> None:
    """The reading itself, against examples of the standard."""
    for target in ("//evil.example", "/\\evil.example", "\\\\evil.example/a", "/\t/evil.example", " //evil.example"):
        assert browser(target) == "https://evil.example"
    for target in ("///evil.example", "https:\\\\evil.example", "https://a@evil.example/b", "\0https:/\n/evil.example"):
        assert browser(target) == "https://evil.example"
    for target in ("/a", "a", "?//evil.example", "#//evil.example", "/..//evil.example", "https:a", ""):
        assert browser(target) == "https://app.example"
    assert browser("java\nscript:alert(1)") == "javascript:"


@some.examples(5)
@given(value=nexts)
@example("/..//evil.example")
@example("/.//evil.example")
@example("/" + "a" * 199)
@example("/é")
def test_whatever_passes_stays_here(value: str) -> None:
    found = safe_next(value)
    event(f"passes: {found is not None}")
    if found is None:
        return
    assert found == value
    assert len(found.encode()) <= MAX_NEXT
    assert browser(found) == "https://app.example"
    joined = urlsplit(urljoin(BASE, found))
    assert (joined.scheme, joined.netloc) == ("https", "app.example")
    location = redirect(found).location
    assert location == found or browser(location) == "https://app.example"
    assert browser(urljoin(BASE, location)) == "https://app.example"


@given(path=st.lists(st.sampled_from(["/", "a", "?b=c", "#d", ";", "%2e", "..", "~"]), max_size=8).map("".join))
def test_every_ordinary_path_passes(path: str) -> None:
    value = "/" + path.lstrip("/")
    assert safe_next(value) == value


@given(value=some.json_values() | st.binary(max_size=9))
def test_what_is_no_text_never_passes(value: object) -> None:
    if not isinstance(value, str):
        assert safe_next(value) is None
