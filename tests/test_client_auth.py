"""Client authentication at the token endpoint."""

from __future__ import annotations

import base64

import pytest

from flask_social.client_auth import authenticate, choose_auth_method
from flask_social.errors import AnswerInvalid
from flask_social.values import Client


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        ("app", "secret", "app:secret"),
        ("a:b", "p%ss w+rd/ü", "a%3Ab:p%25ss+w%2Brd%2F%C3%BC"),  # RFC 6749 section 2.3.1: form-encoded first
    ],
)
def test_basic(client_id: str, secret: str, pair: str) -> None:
    auth = authenticate("client_secret_basic", Client(client_id, secret))
    assert base64.b64decode(auth.headers["Authorization"].removeprefix("Basic ")).decode() == pair
    assert auth.params == {}
    assert secret not in repr(auth)


def test_post_and_none() -> None:
    client = Client("app", "secret")
    assert authenticate("client_secret_post", client).params == {"client_id": "app", "client_secret": "secret"}
    assert authenticate("client_secret_post", client, "client_key").params["client_key"] == "app"
    assert authenticate("none", client).params == {"client_id": "app"}
    assert authenticate("none", client).headers == {}


@pytest.mark.parametrize(
    ("secret", "wanted", "announced", "method"),
    [
        ("s", None, None, "client_secret_basic"),
        ("s", None, ("client_secret_post", "client_secret_basic"), "client_secret_basic"),
        ("s", None, ("private_key_jwt", "client_secret_post"), "client_secret_post"),
        ("s", "client_secret_post", ("client_secret_basic",), "client_secret_post"),
        (None, "client_secret_post", None, "none"),
        (None, None, ("client_secret_basic",), "none"),
    ],
)
def test_choice(secret: str | None, wanted: str | None, announced: tuple[str, ...] | None, method: str) -> None:
    assert choose_auth_method(Client("app", secret), wanted, announced) == method


@pytest.mark.parametrize("announced", [(), ("none",), ("private_key_jwt",)])
def test_nothing_to_choose(announced: tuple[str, ...]) -> None:
    with pytest.raises(AnswerInvalid):
        choose_auth_method(Client("app", "s"), None, announced)
