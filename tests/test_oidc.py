"""OpenID Connect: discovery, the claims of an ID token, UserInfo, and what is kept."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import threading
import typing as t

import pytest

from flask_social import discovery as disco
from flask_social import jws, oidc
from flask_social.documents import MAX_DOCUMENTS, Documents, Shelf
from flask_social.errors import AnswerInvalid, IdTokenInvalid, ProviderRefused, ProviderTimeout, ProviderUnavailable
from flask_social.oauth2 import Endpoint, Server
from flask_social.values import Response

from .protocolkit import ISSUER, NOW, answer, claims, discovery, id_token, jwk, key, step

# Discovery


@pytest.mark.parametrize("issuer", [ISSUER, ISSUER + "/", ISSUER + "/realms/a"])
def test_discovery(issuer: str) -> None:
    request = disco.discovery_request(issuer)
    assert request.url == issuer.rstrip("/") + "/.well-known/openid-configuration"
    assert request.configured
    server = disco.read_discovery(
        answer(
            discovery(
                issuer,
                token_endpoint_auth_methods_supported=["client_secret_post", 5],
                authorization_response_iss_parameter_supported=True,
                revocation_endpoint=f"{ISSUER}/revoke",
            )
        ),
        issuer,
    )
    assert server == Server(
        issuer=issuer,
        authorize=Endpoint(f"{issuer}/authorize", configured=False),
        token=Endpoint(f"{issuer}/token", configured=False),
        userinfo=Endpoint(f"{issuer}/userinfo", configured=False),
        revocation=Endpoint(f"{ISSUER}/revoke", configured=False),
        jwks=Endpoint(f"{issuer}/keys", configured=False),
        auth_methods=("client_secret_post",),
        id_token_algs=("RS256",),
        iss_in_callback=True,
    )
    assert server.jwks is not None
    assert not oidc.keys_request(server.jwks).configured


@pytest.mark.parametrize(
    "changes",
    [
        *({"issuer": None}, {"issuer": ISSUER + "/"}, {"issuer": "https://evil.example"}, {"issuer": [ISSUER]}),
        {"token_endpoint": "http://sso.example/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"token_endpoint": "/token"},
        {"token_endpoint": "https:///token"},
        {"authorization_endpoint": "https://a..b/"},
        {"authorization_endpoint": f"https://{'a' * 64}.example/"},
        {"authorization_endpoint": "https://sso.example/" + "a" * 2048},
        {"token_endpoint": "https://127.0.0.1\\.good.example/"},
        {"token_endpoint": "https://127%2e0.0.1/"},
        {"token_endpoint": "https://[bad"},
        {"token_endpoint": "https://sso.example:99999/"},
        {"token_endpoint": "https://user:pw@sso.example/token"},
        {"token_endpoint": "https://sso.example/token#x"},
        {"token_endpoint": "https://sso.example/to ken"},
        {"token_endpoint": "https://sso.example/\r\nHost: x"},
        {"token_endpoint": "https://sso.example/\ud800"},
        {"token_endpoint": 5},
        {"token_endpoint": [f"{ISSUER}/token"]},
        {"token_endpoint": ""},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "ftp://sso.example/"},
        {"revocation_endpoint": {}},
    ],
)
def test_discovery_documents_that_are_refused(changes: dict[str, t.Any]) -> None:
    with pytest.raises(AnswerInvalid):
        disco.read_discovery(answer({**discovery(), **changes}), ISSUER)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer([discovery()]), AnswerInvalid),
        (Response(200, {"content-type": "text/html"}, b"<html>"), AnswerInvalid),
        (answer({"error": "no"}, 404), ProviderRefused),
        (Response(301, {"location": "https://evil.example"}), ProviderRefused),
        (Response(500), ProviderUnavailable),
    ],
)
def test_no_discovery_document(response: Response, error: type[Exception]) -> None:
    with pytest.raises(error):
        disco.read_discovery(response, ISSUER)


@pytest.mark.parametrize(
    ("issuer", "local"),
    [
        *(("http://127.0.0.1:5000/oidc", True), ("https://localhost", True), ("http://[::1]:8080", True)),
        *(("http://sso.localhost", True), ("http://127.8.9.1", True), ("http://10.0.0.1", False)),
        *(("https://localhost.evil.example", False), ("https://sso.example", False)),
    ],
)
def test_loopback_issuers_may_be_plain(issuer: str, local: bool) -> None:
    assert disco.is_loopback(issuer) is local
    document = discovery(issuer, token_endpoint="http://127.0.0.1/token")
    if not local:
        with pytest.raises(AnswerInvalid):
            disco.read_discovery(answer(document), issuer)
        return
    server = disco.read_discovery(answer(document), issuer)
    assert server.token == Endpoint("http://127.0.0.1/token", configured=True)


@pytest.mark.parametrize(
    ("wanted", "announced", "allowed"),
    [
        (jws.PUBLIC_ALGORITHMS, None, set(jws.PUBLIC_ALGORITHMS)),
        (jws.PUBLIC_ALGORITHMS, (), {"RS256"}),
        (jws.PUBLIC_ALGORITHMS, ("ES256", "HS256", "none"), {"RS256", "ES256"}),
        (("ES256",), ("RS256",), set()),
        (("RS256", "HS256"), ("HS256",), {"RS256", "HS256"}),
        (("RS256", "HS256"), ("RS256",), {"RS256"}),
        (("none", "RS256"), ("none",), {"RS256"}),
    ],
)
def test_allowed_algorithms(wanted: tuple[str, ...], announced: tuple[str, ...] | None, allowed: set[str]) -> None:
    assert oidc.allowed_algorithms(wanted, announced) == allowed


# The signature, with keys that are kept

SERVER = disco.read_discovery(answer(discovery()), ISSUER)
ROTATED = answer({"keys": [jwk("RSA", "two", kid="2")]})
KEYS = answer({"keys": [jwk(kid="1")]})


def verify(
    token: str | None, documents: Documents, *answers: Response, after: float = 0, server: Server = SERVER
) -> list[str]:
    flow = oidc.verify_id_token(
        token, documents, server, NOW + dt.timedelta(seconds=after), algorithms=jws.PUBLIC_ALGORITHMS, secret=None
    )
    return [request.url for request in step(flow, *answers)[0]]


def test_keys_are_fetched_once_an_hour() -> None:
    documents, token = Documents(), id_token(claims(), kid="1")
    assert verify(token, documents, KEYS) == [f"{ISSUER}/keys"]
    assert verify(token, documents, after=3599) == []
    assert verify(token, documents, KEYS, after=3600) == [f"{ISSUER}/keys"]


@pytest.mark.parametrize("header", [{"kid": "2"}, {"kid": "1"}, {}])
def test_rotated_keys_are_fetched_at_once(header: dict[str, str]) -> None:
    documents = Documents()
    old, new = id_token(claims(), kid="1"), id_token(claims(), signer=key("RSA", "two"), **header)
    rotated = answer({"keys": [jwk("RSA", "two", **header)]})
    verify(old, documents, KEYS)
    assert verify(new, documents, rotated, after=1) == [f"{ISSUER}/keys"]
    assert verify(new, documents, after=2) == []
    with pytest.raises(IdTokenInvalid):  # the cool-down
        verify(old, documents, after=30)
    assert verify(old, documents, KEYS, after=31) == [f"{ISSUER}/keys"]


def test_a_failed_refetch_cools_down_as_well() -> None:
    documents = Documents()
    verify(id_token(claims(), kid="1"), documents, KEYS)
    unknown = id_token(claims(), kid="2")
    with pytest.raises(ProviderUnavailable):
        verify(unknown, documents, Response(503), after=60)
    with pytest.raises(IdTokenInvalid):
        verify(unknown, documents, after=61)
    with pytest.raises(IdTokenInvalid):
        verify(unknown, documents, ROTATED, after=91)
    assert verify(id_token(claims(), signer=key("RSA", "two"), kid="2"), documents, after=92) == []


def test_fresh_keys_are_not_fetched_twice_in_one_visit() -> None:
    with pytest.raises(IdTokenInvalid):
        verify(id_token(claims(), kid="9"), Documents(), KEYS)


def test_no_id_token_and_no_keys() -> None:
    with pytest.raises(IdTokenInvalid, match="no ID token"):
        verify(None, Documents())
    with pytest.raises(IdTokenInvalid):
        verify(id_token(claims()), Documents(), server=dc.replace(SERVER, jwks=None))


def test_discovery_is_kept_by_issuer() -> None:
    documents = Documents()
    assert len(step(disco.discover(documents, ISSUER, NOW), answer(discovery()))[0]) == 1
    assert step(disco.discover(documents, ISSUER, NOW)) == ([], SERVER)
    # The same address, but another issuer: what was read for one says nothing about the other.
    with pytest.raises(AnswerInvalid):
        step(disco.discover(documents, ISSUER + "/", NOW), answer(discovery()))
    later = NOW + dt.timedelta(hours=1)
    assert len(step(disco.discover(documents, ISSUER, later), answer(discovery()))[0]) == 1


# What is kept


def test_a_shelf_is_bounded() -> None:
    shelf: Shelf[int] = Shelf()
    for number in range(MAX_DOCUMENTS + 5):
        shelf.put(str(number), number, NOW)
    assert [shelf.get(str(number), NOW) for number in (0, 4, 5)] == [None, None, 5]
    for number in range(MAX_DOCUMENTS + 5):
        assert shelf.may_refetch(f"asked-{number}", NOW)


def test_a_clock_that_went_back_keeps_nothing_for_ever() -> None:
    shelf: Shelf[int] = Shelf()
    shelf.put("a", 1, NOW)
    assert shelf.may_refetch("a", NOW)
    before = NOW - dt.timedelta(days=1)
    assert shelf.get("a", before) is None
    assert shelf.may_refetch("a", before)


def test_many_threads_refetch_once() -> None:
    shelf: Shelf[int] = Shelf()
    shelf.put("a", 1, NOW)
    later, said = NOW + dt.timedelta(minutes=1), []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        said.append(shelf.may_refetch("a", later))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False] * 7 + [True]


def test_an_issuer_that_is_silent_is_left_alone_for_a_moment() -> None:
    documents = Documents()

    def ask(seconds: float) -> t.Any:
        return disco.discover(documents, ISSUER, NOW + dt.timedelta(seconds=seconds))

    flow = ask(0)
    next(flow)
    with pytest.raises(ProviderTimeout, match="no answer"):
        flow.throw(ProviderTimeout("no answer"))
    with pytest.raises(ProviderTimeout, match="a moment ago"):
        next(ask(4.9))
    assert step(ask(5), answer(discovery()))[1] == SERVER


def test_an_issuer_that_fails_otherwise_is_asked_again() -> None:
    documents = Documents()
    with pytest.raises(ProviderUnavailable):
        step(disco.discover(documents, ISSUER, NOW), answer({}, 500))
    assert step(disco.discover(documents, ISSUER, NOW), answer(discovery()))[1] == SERVER
