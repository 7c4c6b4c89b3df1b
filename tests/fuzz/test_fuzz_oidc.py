"""Discovery documents and key sets with anything in them."""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit

import joserfc.jws
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import event, example, given
from hypothesis import strategies as st
from joserfc.errors import JoseError

from flask_social import jws, oidc
from flask_social.discovery import is_loopback, read_discovery
from flask_social.documents import Documents
from flask_social.errors import AnswerInvalid, ProviderError
from flask_social.flow import run
from flask_social.jws import PUBLIC_ALGORITHMS
from flask_social.values import Response

from ..protocolkit import ISSUER, NOW, answer, discovery, forged, id_token, jwk, key
from . import strategies as some

LOCAL = "http://127.0.0.1:8000"
URLS = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "revocation": "revocation_endpoint",
    "jwks": "jwks_uri",
}
MORE = [
    *("token_endpoint_auth_methods_supported", "id_token_signing_alg_values_supported", "revocation_endpoint"),
    *("authorization_response_iss_parameter_supported", "response_types_supported"),
]
PARTS = [
    "https:",
    "http:",
    "//",
    "/",
    "\\",
    "@",
    ":",
    "0",
    "443",
    "65536",
    "sso.example",
    "127.0.0.1",
    "[::1]",
    "[",
    "]",
]
PARTS += ["?a=b", "#", " ", "\n", "é", "user", "javascript:", "\u3002", "%00", "\0"]
NEAR = [
    "http://sso.example/a",
    "https://sso.example:0/",
    "https://ada@sso.example/",
    "https://sso.example/#a",
    "https:///a",
]
urls = st.sampled_from(NEAR) | st.lists(st.sampled_from(PARTS), max_size=6).map("".join) | some.texts
lists = st.lists(st.sampled_from(["RS256", "none", "HS256", None, 1, "client_secret_post"]), max_size=4)


@st.composite
def documents(draw: st.DrawFn, issuer: str) -> t.Any:
    """A discovery document with up to three members that are not as they should be."""
    document = discovery(issuer)
    for name in draw(st.lists(st.sampled_from([*URLS.values(), *MORE, "issuer"]), max_size=3)):
        document[name] = draw(st.one_of(urls, urls, lists, some.json_values()))
    return document


@given(data=st.data())
@pytest.mark.parametrize("issuer", [ISSUER, LOCAL])
def test_a_discovery_document(issuer: str, data: st.DataObject) -> None:
    response = data.draw(some.good_answers(documents(issuer).map(some.dumped)))
    try:
        server = read_discovery(response, issuer)
    except AnswerInvalid:
        event("refused")
        return
    event("a server")
    document = response.json_object()
    assert server.issuer == document["issuer"] == issuer
    for field, name in URLS.items():
        endpoint = getattr(server, field)
        if document.get(name) is None:
            assert endpoint is None
            continue
        assert endpoint.url == document[name]
        assert endpoint.configured is (issuer == LOCAL)
        parts = urlsplit(endpoint.url)
        assert parts.scheme == "https" or (parts.scheme == "http" and issuer == LOCAL)
        assert parts.hostname
        assert (parts.username, parts.fragment) == (None, "")
        assert all("!" <= char <= "~" for char in endpoint.url)
        assert parts.port is None or 0 < parts.port < 65536
    for found in (server.auth_methods, server.id_token_algs):
        assert found is None or all(isinstance(item, str) for item in found)
    assert server.iss_in_callback is (document.get("authorization_response_iss_parameter_supported") is True)


@given(response=some.answers(some.objects([*URLS.values(), *MORE, "issuer"], discovery()).map(some.dumped)))
def test_an_answer_of_any_kind(response: Response) -> None:
    for read in (lambda: read_discovery(response, ISSUER), lambda: jws.read_keys(response)):
        try:
            read()
        except ProviderError:
            continue
        assert response.ok


@given(
    issuer=st.sampled_from([ISSUER, "http://localhost", "http://a.localhost:1", "https://127.8.8.8", "http://[::1]:1"])
)
def test_this_machine(issuer: str) -> None:
    host = urlsplit(issuer).hostname or ""
    try:
        expected = ipaddress.ip_address(host).is_loopback
    except ValueError:
        expected = host.split(".")[-1] == "localhost"
    assert is_loopback(issuer) is expected


# Key sets -----------------------------------------------------------------------------------------------------

GOOD_KEYS = [("RSA", "one"), ("P-256", "one"), ("P-384", "one"), ("Ed25519", "one")]
MEMBERS = ["kty", "n", "e", "crv", "x", "y", "d", "k", "use", "key_ops", "kid", "alg", "x5c", "oth", "p"]
VALUES = st.one_of(
    st.sampled_from(["RSA", "EC", "OKP", "oct", "sig", "enc", "verify", "sign", "P-256", "P-521", "X25519", "Ed25519"]),
    st.sampled_from(
        ["AQAB", "AQ", "Ag", "", "A", "AA", "A" * 342, "_" * 342, "_" * 683, "=", "é", ["verify"], ["sign"]]
    ),
    st.binary(max_size=300).map(some.b64),
    some.json_values(),
)


@st.composite
def keys(draw: st.DrawFn) -> t.Any:
    """A key with up to three members that are not as they should be; now and then no key at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(some.json_values())
    key = jwk(*draw(st.sampled_from(GOOD_KEYS)), kid="1")
    for name in draw(st.lists(st.sampled_from(MEMBERS), max_size=3)):
        if draw(st.booleans()):
            key.pop(name, None)
        else:
            key[name] = draw(VALUES)
    return key


@given(entries=st.lists(keys(), max_size=4))
@example([{"kty": "oct", "k": "AAAA"}])
@example([{**jwk(), "e": "AQ"}])
@example([{**jwk(), "d": "AQAB"}])
def test_a_key_set(entries: list[t.Any]) -> None:
    found = jws.read_keys(answer({"keys": entries}))
    event(f"{len(found)} of {len(entries)} keys")
    assert len(found) <= len(entries)
    named = [entry.get("kid") for entry in entries if isinstance(entry, dict)]
    for each in found:
        raw = each.key.raw_value
        assert isinstance(raw, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey))
        if isinstance(raw, rsa.RSAPublicKey):
            assert 2048 <= raw.key_size <= 16384
            assert raw.public_numbers().e >= 3
        assert each.kid is None or each.kid in named
    good = [entry for entry in entries if isinstance(entry, dict) and entry in GOOD_ENTRIES]
    assert len(good) <= len(found) <= len([entry for entry in entries if public(entry)])


def public(entry: object) -> bool:
    """Whether an entry may be a public key that verifies signatures (RFC 7517 sections 4.1 to 4.3, RFC 7518)."""
    if not isinstance(entry, dict) or entry.get("kty") not in ("RSA", "EC", "OKP") or "d" in entry:
        return False
    return entry.get("use", "sig") == "sig" and "verify" in str(entry.get("key_ops", "verify"))


GOOD_ENTRIES = [jwk(*name, kid="1") for name in GOOD_KEYS]


# UserInfo -----------------------------------------------------------------------------------------------------

SERVER = read_discovery(answer(discovery()), ISSUER)
KEY_SET = answer({"keys": [jwk(*name, kid=name[0]) for name in GOOD_KEYS]})
TRUE = {"sub": "ada-1", "iss": ISSUER, "aud": "app", "email": "ada@example.com"}


@st.composite
def signed_userinfo(draw: st.DrawFn) -> Response:
    """A signed UserInfo answer, of the provider or of somebody else, whole or not."""
    claims = draw(st.just(TRUE) | some.objects([*TRUE, "exp"], TRUE))
    kind, algorithm = draw(st.sampled_from([("RSA", "RS256"), ("P-256", "ES256"), ("Ed25519", "Ed25519")]))
    token = id_token(claims, algorithm, key(kind, draw(some.mostly("one", ["eve"]))))
    token = draw(
        some.mostly(token, [token + "A", token[:-9], "", "a.b.c", forged({"alg": "none"}, claims), f" {token}\n"])
    )
    status, media = draw(some.mostly(200, [500, 403])), draw(some.mostly("application/jwt", ["text/plain", ""]))
    return Response(status, {"content-type": media}, token.encode())


@given(response=signed_userinfo() | some.answers(some.objects(TRUE, TRUE).map(some.dumped)))
def test_userinfo(response: Response) -> None:
    documents = Documents()
    flow = oidc.read_userinfo(
        response, documents, SERVER, NOW, issuers=(ISSUER,), client_id="app", algorithms=PUBLIC_ALGORITHMS, secret=None
    )
    try:
        claims = run(flow, lambda request: KEY_SET)
    except ProviderError:
        event("refused")
        return
    assert response.ok
    if response.content_type != "application/jwt":
        assert isinstance(claims, dict)
        return
    event("signed")
    assert any(verifies(response.text().strip(), name) for name in GOOD_KEYS)
    assert claims.get("iss", ISSUER) == ISSUER
    assert "app" in claims.get("aud", "app")


def verifies(token: str, name: tuple[str, str]) -> bool:
    """Whether a key of the provider verifies a token, by joserfc alone."""
    try:
        joserfc.jws.deserialize_compact(token, key(*name), algorithms=[*PUBLIC_ALGORITHMS])
    except (JoseError, ValueError):
        return False
    return True
