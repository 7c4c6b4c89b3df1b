"""``next``, origins and callback addresses."""

from __future__ import annotations

import pytest

from flask_social.views.targets import origin, safe_next


@pytest.mark.parametrize(
    "value", ["/", "/a", "/a/b?c=d&e=f#g", "/a?next=https://evil.example", "/@evil", "/%2F%2Fevil", "/" + "a" * 199]
)
def test_next_accepts(value: str) -> None:
    assert safe_next(value) == value


@pytest.mark.parametrize(
    "value",
    [
        None, "", 1, b"/", [], "a", "index", "security.login", "//evil.example", "///evil.example", "/\\evil.example",
        "\\/evil.example", "/a\\b", "https://evil.example", "http:/evil.example", "javascript:alert(1)", " /a", "/ a",
        "/a\n", "/a\r\nSet-Cookie: x=1", "/\t/evil.example", "/\x00", "/\x7f", "/é", "/\u2028", "/\ud800",
        "/" + "a" * 200, "./a", "../a", "?a", "#a", "//[::1", "/\u202e",
    ],
)  # fmt: skip
def test_next_refuses(value: object) -> None:
    assert safe_next(value) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/path?q", "https://a.example"),
        ("https://a.example:443/", "https://a.example"),
        ("http://a.example:443/", "http://a.example:443"),
        ("http://a.example:80", "http://a.example"),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/", "http://[::1]:5000"),
        ("https://A.Example/", "https://a.example"),
    ],
)
def test_origin(url: str, expected: str) -> None:
    assert origin(url) == expected
