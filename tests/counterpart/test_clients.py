"""How the application proves at the token endpoint which client it is."""

from __future__ import annotations

import base64
import typing as t
from urllib.parse import unquote_plus

import pytest

from .counterpart import SECRET, Counterpart

#: Everything that has a meaning in a form, in Basic credentials or in a query.
ODD_ID, ODD_SECRET = "client: 100% a/b+c&d=e?f#g~h", 'secret: 100% a/b+c&d=e?f#g~h "quoted" \\'


@pytest.mark.parametrize(
    ("client", "settings"),
    [
        pytest.param({}, {}, id="chosen-by-discovery"),
        pytest.param({}, {"token_auth_method": "client_secret_basic"}, id="named"),
        pytest.param({"client_id": ODD_ID, "client_secret": ODD_SECRET}, {}, id="odd-characters"),
    ],
)
def test_client_secret_basic(
    new_visits: t.Any, counterpart: Counterpart, client: dict[str, str], settings: dict[str, str]
) -> None:
    visits = new_visits(client, **settings)
    visits.connect_and_log_in()
    asked = counterpart.seen("token")
    assert [entry["status"] for entry in asked] == [200, 200]
    for entry in asked:
        assert "client_secret" not in entry["params"]
        scheme, _, pair = entry["authorization"].partition(" ")
        sent = [unquote_plus(half) for half in base64.b64decode(pair).decode().split(":")]
        assert (scheme, sent[1]) == ("Basic", client.get("client_secret", SECRET))


@pytest.mark.parametrize("client", [{}, {"client_id": ODD_ID, "client_secret": ODD_SECRET}], ids=["plain", "odd"])
def test_client_secret_post(new_visits: t.Any, counterpart: Counterpart, client: dict[str, str]) -> None:
    visits = new_visits(
        {**client, "token_endpoint_auth_method": "client_secret_post"}, token_auth_method="client_secret_post"
    )
    visits.connect_and_log_in()
    for entry in counterpart.seen("token"):
        assert (entry["status"], entry["authorization"]) == (200, "")
        assert entry["params"]["client_secret"] == client.get("client_secret", SECRET)


def test_a_public_client(new_visits: t.Any, counterpart: Counterpart) -> None:
    """PKCE alone: the counterpart hands no token out without the verifier."""
    visits = new_visits({"client_secret": None, "token_endpoint_auth_method": "none"})
    visits.connect_and_log_in()
    for entry in counterpart.seen("token"):
        assert (entry["status"], entry["authorization"]) == (200, "")
        assert "client_secret" not in entry["params"]
        assert len(entry["params"]["code_verifier"]) >= 43


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_wrong_secret(new_visits: t.Any, counterpart: Counterpart, method: str) -> None:
    visits = new_visits({"token_endpoint_auth_method": method}, token_auth_method=method, consumer_secret="another")
    visits.walk("login")
    (entry,) = counterpart.seen("token")
    assert (entry["status"], entry["error"], visits.code()) == (401, "invalid_client", "provider_refused")


def test_without_pkce_the_counterpart_refuses(new_visits: t.Any, counterpart: Counterpart) -> None:
    """So the other tests show that PKCE is there."""
    visits = new_visits(pkce=False)
    visits.walk("login")
    (entry,) = counterpart.seen("authorization")
    assert "code_challenge" not in entry["params"]
    assert (visits.code(), counterpart.seen("token")) == ("provider_refused", [])
