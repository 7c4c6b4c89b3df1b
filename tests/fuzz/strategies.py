"""What the outside world may send: JSON, forms, texts, HTTP answers, URLs."""

from __future__ import annotations

import base64
import collections.abc as cabc
import json
import typing as t
from urllib.parse import urlencode

from hypothesis import settings
from hypothesis import strategies as st

from flask_social.values import Response


def examples(portion: float) -> settings:
    """The settings of a test that tries this portion of the profile's examples."""
    return settings(max_examples=max(1, int(settings().max_examples * portion)))


# Texts --------------------------------------------------------------------------------------------------------

#: Any text at all, lone surrogates and control characters included.
anything = st.text(max_size=40)

#: What JSON, HTML, URLs, SQL and HTTP take for syntax.
tricky = st.text(st.sampled_from("/\\.:;@?#&=%+ \t\r\n\0\x7f<>\"'[]{}()éß\u202e\u2028\ud800aZ09-_~*|"), max_size=30)

long_text = st.builds(lambda char, size: char * size, st.sampled_from("a/%é"), st.sampled_from([256, 4097, 9000]))

texts = st.one_of(anything, tricky, long_text)

# JSON ---------------------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([10**12, 10**255, -(10**300), 2**63]),
    st.floats(allow_nan=False, allow_infinity=False),
)

scalars = st.one_of(st.none(), st.booleans(), numbers, texts, st.sampled_from(["true", "false", "", "1", "bearer"]))


def json_values(names: st.SearchStrategy[str] = texts) -> st.SearchStrategy[t.Any]:
    """Any JSON value, its objects with these names."""
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
        max_leaves=8,
    )


def objects(known: cabc.Iterable[str], usual: cabc.Mapping[str, t.Any] | None = None) -> st.SearchStrategy[t.Any]:
    """A JSON object with members of these names; most of the ``usual`` ones are there, as they should be."""
    names, usual = sorted(known), usual or {}
    values = json_values(st.sampled_from(names) | texts)
    good = {name: st.one_of(*[st.just(value)] * 6, values) for name, value in sorted(usual.items())}
    found = st.fixed_dictionaries(good, optional={name: values for name in names if name not in usual})
    return st.builds(lambda made, gone: {name: made[name] for name in made if name != gone}, found, mostly(None, names))


def mostly(value: t.Any, others: cabc.Sequence[t.Any]) -> st.SearchStrategy[t.Any]:
    """One value, or now and then one of the others."""
    return st.one_of(*[st.just(value)] * 4, st.sampled_from(others))


# HTTP ---------------------------------------------------------------------------------------------------------

STATUSES = [201, 204, 302, 400, 401, 403, 404, 418, 429, 500, 503, 599]
TYPES = [
    *("application/json", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "text/plain"),
    *("text/html; charset=utf-8", "", ";;", "application/jwt"),
]


def dumped(value: t.Any) -> bytes:
    """A value as JSON; what UTF-8 cannot carry is escaped."""
    return json.dumps(value).encode()


def answers(bodies: st.SearchStrategy[bytes], content_type: str = "application/json") -> st.SearchStrategy[Response]:
    """HTTP answers, most of them of status 200 and of this type; now and then the body breaks off."""
    headers = st.fixed_dictionaries(
        {"content-type": mostly(content_type, TYPES) | texts}, optional={"retry-after": texts}
    )
    broken = st.builds(lambda body, at: body[:at], bodies, st.integers(0, 50))
    return st.builds(Response, mostly(200, STATUSES), headers, st.one_of(*[bodies] * 4, broken))


def good_answers(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[Response]:
    """Answers of status 200 in JSON."""
    return st.builds(lambda body: Response(200, {"content-type": "application/json"}, body), bodies)


#: Texts that UTF-8 can carry.
carried = texts.map(lambda text: text.encode("utf-8", "replace").decode())


def pairs(known: cabc.Iterable[str], size: int = 6) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Pairs of names and values; these names and others, some of them twice."""
    return st.lists(st.tuples(st.sampled_from(sorted(known)) | carried, carried), max_size=size)


def forms(known: cabc.Iterable[str], usual: cabc.Mapping[str, str] | None = None) -> st.SearchStrategy[bytes]:
    """Form-encoded bodies: the usual pairs, with others behind them."""
    kept = st.lists(st.sampled_from(list(usual.items())), unique=True, min_size=1) if usual else st.just([])
    found = st.builds(lambda good, more: [*good, *more], kept, pairs(known, 3) | st.just([]))
    return found.map(lambda found: urlencode(found).encode())


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
