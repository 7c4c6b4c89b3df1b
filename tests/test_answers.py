"""Fields of a profile: what is not as it should be is left out."""

from __future__ import annotations

import pytest

from flask_social.answers import at, email_address, flag, plain_text, read_object, safe_code, web_url
from flask_social.errors import AnswerInvalid, ProviderRefused, ProviderUnavailable
from flask_social.values import Response

from .protocolkit import answer


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ada", "Ada"),
        ("  Ada \n Lovelace\0 ", "Ada Lovelace"),
        ("Ad\ud800a", "Ada"),
        ("Ada\u202eecalevoL\u2066", "AdaecalevoL"),
        ("नमस्\u200dते", "नमस्\u200dते"),  # a joiner is part of the word
        ("x" * 300, "x" * 255),
        *(("", None), ("\n", None), (None, None), (5, None), (["Ada"], None), ({}, None), (True, None)),
    ],
)
def test_plain_text(value: object, shown: str | None) -> None:
    assert plain_text(value) == shown


@pytest.mark.parametrize("url", ["https://p.example/ada?x=1#y", "http://127.0.0.1:5000/a.svg", "https://[::1]/"])
def test_web_urls(url: str) -> None:
    assert web_url(url) == url


@pytest.mark.parametrize(
    "value",
    [
        *("javascript:alert(1)", "data:text/html,x", "//p.example/", "/ada", "https://", "ftp://p.example/"),
        *(
            "https://user:pw@p.example/",
            "https://p.example/a b",
            "https://p.example/\n",
            "https://[",
            " https://p.example",
        ),
        *("https://p.example/" + "x" * 2048, "", None, 5, ["https://p.example/"], "https://p.example/\ud800"),
    ],
)
def test_no_web_urls(value: object) -> None:
    assert web_url(value) is None


@pytest.mark.parametrize("sign", ["\u202e", "\u200b", "\u2066", "\u200d", "\ufeff", "\u00ad"])
def test_addresses_with_characters_that_nobody_sees(sign: str) -> None:
    assert email_address(f"ada{sign}@example.com") is None
    assert email_address(f"ada@exam{sign}ple.com") is None


@pytest.mark.parametrize("address", ["ada@example.com", "ada+tag@sub.example.co.uk", "müller@exämple.de", "o'x@e.org"])
def test_addresses(address: str) -> None:
    assert email_address(address) == address


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example",
            "a@b@c.example",
            "ada@.example",
            "ada@example.",
            "ada@e..x",
        ),
        *(
            "ada @example.com",
            "Ada <ada@example.com>",
            "a@x.example,b@x.example",
            "ada@exam\0ple.com",
            "a\ud800@x.example",
        ),
        *(
            "x" * 65 + "@x.example",
            "a@" + "x" * 250 + ".example",
            "ada@example.com\n",
            None,
            True,
            5,
            ["ada@example.com"],
        ),
    ],
)
def test_no_addresses(value: object) -> None:
    assert email_address(value) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        *((True, True), (False, False), ("true", True), ("False", False)),
        *(("yes", None), ("1", None), (1, None), (0, None), (None, None), ([], None), ({}, None)),
    ],
)
def test_flags(value: object, said: bool | None) -> None:
    assert flag(value) is said


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("id", 1), ("user.name", "Ada"), ("emails.0.value", "a"), ("emails.1.value", "b")),
        *(
            ("emails.2.value", None),
            ("emails.x", None),
            ("emails.-1", None),
            ("emails.²", None),
            ("emails.99999", None),
        ),
        *(("user.name.first", None), ("nobody", None), ("nobody.at.all", None), ("", None)),
    ],
)
def test_paths(path: str, value: object) -> None:
    data = {"id": 1, "user": {"name": "Ada"}, "emails": [{"value": "a"}, {"value": "b"}]}
    assert at(data, path) == value


@pytest.mark.parametrize(
    ("value", "code"),
    [("invalid_grant", "invalid_grant"), (190, "190"), (True, None), ("a b", None), (None, None), (10**13, None)],
)
def test_codes(value: object, code: str | None) -> None:
    assert safe_code(value) == code


def test_objects() -> None:
    assert read_object(answer({"id": 1})) == {"id": 1}
    with pytest.raises(AnswerInvalid):
        read_object(answer([{"id": 1}]))
    with pytest.raises(ProviderRefused) as refused:
        read_object(answer({"error": {"code": 190, "message": "secret"}}, 401))
    assert refused.value.error == "190"
    with pytest.raises(ProviderUnavailable):
        read_object(Response(502, {}, b"<html>"))
