"""``next``, origins and callback addresses."""

from __future__ import annotations

import itertools
import typing as t
from urllib.parse import quote

import pytest

from flask_social.views.targets import origin, safe_next

from .appkit import SAME_ORIGIN, make_kit
from .corpus import KEPT, NEXT_TRICKS, REFUSED, may_leave, shown


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


@pytest.mark.parametrize("trick", REFUSED, ids=shown)
def test_next_refuses_a_trick(trick: str) -> None:
    assert safe_next(trick) is None


@pytest.mark.parametrize("trick", KEPT, ids=shown)
def test_next_keeps_what_only_looks_like_a_trick(trick: str) -> None:
    assert safe_next(trick) == trick
    assert not may_leave(trick)


def test_nothing_that_is_kept_leaves_the_host() -> None:
    pieces = ("/", "\\", "\t", " ", ".", "@", ":", "?", "#", ";", "%2f", "\uff0f", "evil", "http:")
    values = ["".join(value) for length in range(1, 5) for value in itertools.product(pieces, repeat=length)]
    kept = [value for value in values if safe_next(value) == value]
    assert len(kept) >= 1000
    assert len([value for value in values if may_leave(value)]) > 1000
    assert not any(may_leave(value) for value in kept)


@pytest.mark.parametrize("place", ["form", "query"])
def test_disconnect_follows_no_trick(social_provider: t.Any, place: str) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_CONNECT_ALLOW_VIEW="/connected")
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    for trick in NEXT_TRICKS:
        text = f"next={quote(trick, safe='', errors='surrogatepass')}"
        query, form = (text, "") if place == "query" else ("", text)
        answer = client.post(
            f"/disconnect/google?{query}",
            data=form,
            headers=SAME_ORIGIN,
            content_type="application/x-www-form-urlencoded",
        )
        assert answer.status_code == 303
        assert not may_leave(answer.location), trick
        # Of half a pair Werkzeug makes percent signs and digits: another trick, and one that is kept.
        if trick in REFUSED and not any("\ud800" <= char <= "\udfff" for char in trick):
            assert answer.location == "/connected", trick


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
