"""OAuth 1.0a signatures, checked by a second implementation that was written from the text of RFC 5849 alone.

The package and the stand-in both rest on oauthlib. Here the two ends share no code.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import contextlib
import hashlib
import hmac
import http.server
import json
import threading
import typing as t
from urllib.parse import urlencode, urlsplit

import pytest

from .appkit import SAME_ORIGIN, Kit, make_kit

UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


def encoded(text: str) -> str:
    """Section 3.6: UTF-8, and all but the unreserved characters as ``%XX`` in capitals."""
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def decoded(text: str, *, form: bool = False) -> str:
    """The reverse; in a query or a form, "+" is a blank."""
    raw, rest = bytearray(), (text.replace("+", " ") if form else text).encode()
    while rest:
        size = 3 if rest[:1] == b"%" else 1
        raw += bytes.fromhex(rest[1:3].decode()) if size == 3 else rest[:1]
        rest = rest[size:]
    return raw.decode()


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The parameters of a query or a form body (section 3.4.1.3.1)."""
    split = [part.partition("=") for part in text.split("&") if part]
    return [(decoded(name, form=True), decoded(value, form=True)) for name, _, value in split]


def header_of(text: str) -> dict[str, str]:
    """The parameters of an ``Authorization`` header (section 3.5.1); each must be there once."""
    assert text.startswith("OAuth ")
    split = [part.strip().partition("=") for part in text.removeprefix("OAuth ").split(",")]
    assert all(value[0] == value[-1] == '"' for _, _, value in split)
    found = {decoded(name): decoded(value[1:-1]) for name, _, value in split}
    assert len(found) == len(split)
    return found


def base_string(method: str, scheme: str, host: str, target: str, header: dict[str, str], body: str = "") -> str:
    """Section 3.4.1, for a request to ``host`` (the header) and ``target`` (path and query of the request line)."""
    path, _, query = target.partition("?")
    name, _, port = host.lower().partition(":")
    authority = name if port in ("", {"http": "80", "https": "443"}[scheme]) else f"{name}:{port}"
    params = [*pairs_of(query), *pairs_of(body)]
    params += [pair for pair in header.items() if pair[0] not in ("realm", "oauth_signature")]
    ordered = sorted((encoded(name), encoded(value)) for name, value in params)
    normal = "&".join(f"{name}={value}" for name, value in ordered)
    return "&".join((method.upper(), encoded(f"{scheme}://{authority}{path}"), encoded(normal)))


def signature(base: str, client_secret: str, token_secret: str = "") -> str:
    """Section 3.4.2."""
    key = f"{encoded(client_secret)}&{encoded(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


PHOTOS = {"oauth_consumer_key": "dpf43f3p2l4k3l03", "oauth_signature_method": "HMAC-SHA1", "realm": "Photos"}


@pytest.mark.parametrize(
    ("request_line", "header", "body", "secrets", "signed"),
    [
        (
            ("POST", "https", "photos.example.net", "/initiate"),
            {
                **PHOTOS,
                "oauth_timestamp": "137131200",
                "oauth_nonce": "wIjqoS",
                "oauth_callback": "http://printer.example.com/ready",
            },
            "",
            ("kd94hf93k423kf44",),
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
        ),
        (
            ("GET", "http", "photos.example.net:80", "/photos?file=vacation.jpg&size=original"),
            {**PHOTOS, "oauth_token": "nnch734d00sl2jdk", "oauth_timestamp": "137131202", "oauth_nonce": "chapoH"},
            "",
            ("kd94hf93k423kf44", "pfkkdhi9sl3r4s00"),
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
        ),
        (
            ("POST", "https", "API.twitter.com:443", "/1/statuses/update.json?include_entities=true"),
            {
                "oauth_consumer_key": "xvz1evFS4wEEPTGEFPHBog",
                "oauth_nonce": "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
                "oauth_signature_method": "HMAC-SHA1",
                "oauth_timestamp": "1318622958",
                "oauth_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
                "oauth_version": "1.0",
            },
            "status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
            ("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
            "tnnArxj06cWHq44gCs1OSKk/jLY=",
        ),
    ],
    ids=["RFC 5849 section 1.2, first", "RFC 5849 section 1.2, last", "Twitter's example"],
)
def test_the_checker_agrees_with_published_signatures(
    request_line: tuple[str, str, str, str], header: dict[str, str], body: str, secrets: tuple[str, ...], signed: str
) -> None:
    assert signature(base_string(*request_line, header, body), *secrets) == signed


def test_the_checker_agrees_with_the_published_base_string() -> None:
    """RFC 5849 section 3.4.1.1."""
    header = header_of(
        'OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7",'
        ' oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a",'
        ' oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"'
    )
    found = base_string("post", "http", "EXAMPLE.com", "/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", header, "c2&a3=2+q")
    assert found == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D"
        "%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1"
        "%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    )


class LetterOfTheLaw(http.server.ThreadingHTTPServer):
    """An OAuth 1.0a provider that shares no code with the client, and answers a good signature only."""

    daemon_threads = True

    def __init__(self, values: cabc.Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.values = values
        self.seen: list[dict[str, str]] = []

    def answer(self, method: str, host: str, target: str, authorization: str) -> tuple[int, str]:
        values, header = self.values, header_of(authorization)
        step = target.partition("?")[0].rpartition("/")[2]
        secret = {"initiate": "", "token": values["request_secret"], "me": values["token_secret"]}[step]
        given = header["oauth_signature"]
        if signature(base_string(method, "http", host, target, header), values["client_secret"], secret) != given:
            return 401, "oauth_problem=signature_invalid"
        self.seen.append(header)
        if step == "initiate":
            token = {"oauth_token": values["request_token"], "oauth_token_secret": values["request_secret"]}
            return 200, urlencode({**token, "oauth_callback_confirmed": "true"})
        if step == "token":
            return 200, urlencode({"oauth_token": values["token"], "oauth_token_secret": values["token_secret"]})
        return 200, json.dumps({"id_str": "7", "screen_name": "ada"})


class Exchange(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: LetterOfTheLaw

    def do_GET(self) -> None:
        status, text = self.server.answer(
            self.command, self.headers["Host"], self.path, self.headers.get("Authorization", "")
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/html")
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, format: str, *args: t.Any) -> None:
        """Nothing on the console."""


@contextlib.contextmanager
def letter_of_the_law(values: cabc.Mapping[str, str]) -> cabc.Iterator[LetterOfTheLaw]:
    with LetterOfTheLaw(values) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


NAMES = "client_id client_secret request_token request_secret verifier token token_secret".split()
#: Every printable character of ASCII; what a token may hold.
ASCII = "".join(map(chr, range(32, 127))).strip()


def visit(server: LetterOfTheLaw, secret: str, app_url: str, place: str = "", query: str = "") -> Kit:
    """A connect through the server, as an application with this secret and at this address."""
    base, values = f"http://127.0.0.1:{server.server_port}{place}", server.values
    setting = {
        "consumer_key": values["client_id"],
        "consumer_secret": secret,
        "request_token_url": f"{base}/initiate{query}",
        "authorize_url": f"{base}/authorize{query}",
        "access_token_url": f"{base}/token{query}",
        "userinfo_url": f"{base}/me{query}",
    }
    kit = make_kit({"twitter": setting}, SOCIAL_APP_URL=app_url)
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    begun = client.post("/connect/twitter", headers=SAME_ORIGIN)
    if begun.status_code == 303:
        assert dict(pairs_of(urlsplit(begun.location).query))["oauth_token"] == values["request_token"]
        answer = {"oauth_token": values["request_token"], "oauth_verifier": values["verifier"]}
        client.get(f"/callback/twitter?{urlencode(answer)}")
    return kit


@pytest.mark.parametrize(
    ("app_url", "place"),
    [
        ("https://www.example.org", ""),
        ("https://www.example.org:8443/a%20b/~user+x/%C3%A9%2F;v=1,2", "/tenant%20a"),
        ("http://[::1]:5000/(it's)*!", "/x;y=%2525"),
    ],
)
@pytest.mark.parametrize("text", ["plain", "a b&c=d+e/f%2B~é名😀", ASCII])
@pytest.mark.parametrize("query", ["", "?lang=en&empty=&same=2&same=1&q=a%20b%26c+d%C3%A9&%7E=%2a"])
def test_a_whole_visit_with_values_that_need_escaping(app_url: str, place: str, text: str, query: str) -> None:
    values = {name: f"{name} {text}" for name in NAMES}
    for name in ("request_token", "request_secret", "token", "token_secret"):
        values[name] = values[name].encode("ascii", "ignore").decode()
    with letter_of_the_law(values) as server:
        kit = visit(server, values["client_secret"], app_url, place, query)
        assert kit.names() == ["connection_created"]
        first, second, third = server.seen
    assert first["oauth_callback"] == f"{app_url}/callback/twitter"
    assert (second["oauth_token"], second["oauth_verifier"]) == (values["request_token"], values["verifier"])
    assert third["oauth_token"] == values["token"]
    assert len({header["oauth_nonce"] for header in server.seen}) == 3
    assert {header["oauth_consumer_key"] for header in server.seen} == {values["client_id"]}
    with kit.app.app_context():
        (row,) = kit.rows()
        assert (row.access_token, row.secret) == (values["token"], values["token_secret"])


def test_another_secret_signs_nothing() -> None:
    with letter_of_the_law(dict.fromkeys(NAMES, "value")) as server:
        kit = visit(server, "another", "https://www.example.org")
    assert [(name, values["code"]) for name, values in kit.events] == [("attempt_refused", "provider_refused")]
    assert server.seen == []
