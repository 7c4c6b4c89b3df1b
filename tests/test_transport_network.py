"""The HTTP client in the network that the environment describes: proxies, certificates, names that change."""

from __future__ import annotations

import base64
import collections.abc as cabc
import contextlib
import dataclasses as dc
import json
import os
import pathlib
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import traceback
import typing as t

import pytest

from flask_social.errors import ProviderError, ProviderUnavailable
from flask_social.transport import Transport, _proxy
from flask_social.values import Request

from .certificates import server_context

ROOT = pathlib.Path(__file__).resolve().parents[1]


@dc.dataclass
class Proxy:
    """A forward proxy: every tunnel leads to one TLS server, whatever host was asked for.

    :param mood: ``good``, or how it fails.
    """

    tls: ssl.SSLContext
    mood: str = "good"
    asked: list[tuple[str, str | None]] = dc.field(default_factory=list)
    address: str = ""

    def serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            first = lines.readline().decode()
            headers = {}
            while line := lines.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            self.asked.append((first.rpartition(" ")[0], headers.get("proxy-authorization")))
            if self.mood == "silent":
                time.sleep(4)
            elif self.mood == "dripping":
                for _ in range(40):
                    client.sendall(b"H")
                    time.sleep(0.1)
            elif self.mood != "good":
                client.sendall(f"HTTP/1.1 {self.mood}\r\nContent-Length: 0\r\n\r\n".encode())
            elif first.startswith("CONNECT"):
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with self.tls.wrap_socket(client, server_side=True) as inner:
                    inner.recv(65536)
                    inner.sendall(ANSWER)
            else:
                client.sendall(ANSWER)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.fixture
def listen(tmp_path: pathlib.Path) -> cabc.Iterator[t.Any]:
    """Starts a proxy before a server with a certificate: ``listen("sso.example") -> (proxy, CA file)``."""
    servers = []

    def start(name: str = "sso.example", **options: t.Any) -> tuple[Proxy, str]:
        context, trusted = server_context(tmp_path, name, **options)
        proxy = Proxy(context)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # a client that does not like the certificate goes away
                    proxy.serve(self.request)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        proxy.address = f"127.0.0.1:{server.server_address[1]}"
        return proxy, str(trusted)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(url: str, origin: str = "configured", **environment: str) -> dict[str, t.Any]:
    """What a process with this environment gets."""
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith(("_proxy", "_bundle"))}
    clean.pop("SSL_CERT_FILE", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.sender", url, origin],
        env={**clean, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> t.Any:
    """What comes of a request in this process, by a proxy: ``code(url, origin, proxy) -> code``."""

    def send_here(url: str, origin: str, proxy: str, **environment: str) -> object:
        for name, value in {"HTTPS_PROXY": proxy, "NO_PROXY": "", **environment}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ProviderError) as caught:
            Transport(timeout=(2, 2), deadline=2.5).exchange()(Request("GET", url, configured=origin == "configured"))
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
        return caught.value.code

    _proxy.cache_clear()
    yield send_here
    _proxy.cache_clear()


@pytest.mark.parametrize(
    ("variable", "bundle"),
    [
        ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE"),
        ("https_proxy", "SSL_CERT_FILE"),
        ("ALL_PROXY", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_a_proxy_and_a_bundle_of_the_environment(listen: t.Any, variable: str, bundle: str) -> None:
    proxy, trusted = listen()
    assert send("https://sso.example/", **{variable: f"http://{proxy.address}", bundle: trusted}) == {"status": 200}
    assert proxy.asked == [("CONNECT sso.example:443", None)]


def test_a_discovered_address_goes_through_the_proxy_too(listen: t.Any) -> None:
    proxy, trusted = listen()
    environment = {"HTTPS_PROXY": f"http://{proxy.address}", "REQUESTS_CA_BUNDLE": trusted}
    assert send("https://sso.example/", "discovered", **environment) == {"status": 200}


def test_other_ways_to_name_a_proxy(listen: t.Any) -> None:
    proxy, trusted = listen()
    environment = {"REQUESTS_CA_BUNDLE": trusted, "HTTPS_PROXY": proxy.address}
    assert send("https://sso.example/", **environment) == {"status": 200}
    environment["HTTPS_PROXY"] = f"http://ada:p%40ss%3A@{proxy.address}"
    assert send("https://sso.example/", **environment) == {"status": 200}
    assert proxy.asked[-1][1] == "Basic " + base64.b64encode(b"ada:p@ss:").decode()
    assert send("http://sso.example/a", HTTP_PROXY=f"http://{proxy.address}") == {"status": 200}
    assert proxy.asked[-1][0] == "GET http://sso.example/a"


def test_hosts_that_need_no_proxy(listen: t.Any, code: t.Any) -> None:
    proxy, _ = listen()
    found = code("https://127.0.0.1:9/", "configured", proxy.address, NO_PROXY="127.0.0.1,.example")
    assert (found, proxy.asked) == ("provider_unavailable", [])


@pytest.mark.parametrize(
    ("mood", "expected"),
    [
        ("403 Forbidden", "provider_unavailable"),
        ("407 Proxy Authentication Required", "provider_unavailable"),
        ("502 Bad Gateway", "provider_unavailable"),
        ("nonsense", "provider_unavailable"),
        ("silent", "provider_timeout"),
        ("dripping", "provider_timeout"),
    ],
)
def test_a_proxy_that_fails(listen: t.Any, code: t.Any, mood: str, expected: str) -> None:
    proxy, _ = listen()
    proxy.mood = mood
    assert code("https://sso.example/", "configured", f"http://ada:s3cret@{proxy.address}") == expected
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    "url", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1:9", "http://", "http://ada:s3cret@[::1", "http://127.0.0.1:9"]
)
def test_a_proxy_that_is_none(code: t.Any, url: str) -> None:
    assert code("https://sso.example/", "configured", url) == "provider_unavailable"


@pytest.mark.parametrize(
    ("name", "options", "trust"),
    [("sso.example", {}, False), ("other.example", {}, True), ("sso.example", {"days": -1}, True)],
    ids=["unknown authority", "another name", "expired"],
)
def test_certificates_are_verified(listen: t.Any, name: str, options: dict[str, int], trust: bool) -> None:
    proxy, trusted = listen(name, **options)
    environment = {"REQUESTS_CA_BUNDLE": trusted} if trust else {}
    found = send("https://sso.example/", HTTPS_PROXY=f"http://{proxy.address}", **environment)
    assert found["code"] == "provider_unavailable"
    assert "CERTIFICATE_VERIFY_FAILED" in found["cause"]


INNER = """
    127.0.0.1 127.1 0x7f000001 2130706433 017700000001 10.0.0.1 192.168.0.1 169.254.169.254 0 0.0.0.0 100.64.0.1
    [::1] [::ffff:127.0.0.1] [fe80::1] [fc00::1] [64:ff9b::7f00:1] localhost LOCALHOST localhost. db intranet.
    a.localhost printer.local vault.internal vault.internal.
"""


@pytest.mark.parametrize("host", INNER.split())
def test_names_that_a_proxy_is_not_asked_for(listen: t.Any, code: t.Any, host: str) -> None:
    """Behind a proxy the names cannot be resolved here, but what cannot be public by its form is refused."""
    proxy, _ = listen()
    assert (code(f"https://{host}/", "discovered", proxy.address), proxy.asked) == ("provider_error", [])


def test_a_name_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the address that was found to be public is the one that is connected to, with no second look."""
    asked: list[str] = []

    def resolve(host: str, port: t.Any, *args: t.Any, **options: t.Any) -> list[t.Any]:
        asked.append(host)
        if host == "rebind.example" and len(asked) == 1:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]
        raise OSError("nothing is connected to in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ProviderUnavailable):
        Transport().exchange()(Request("GET", "https://rebind.example/", configured=False))
    assert asked == ["rebind.example", "93.184.216.34"]


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1"])
def test_one_inner_address_among_public_ones(monkeypatch: pytest.MonkeyPatch, inner: str) -> None:
    def resolve(host: str, port: t.Any, *args: t.Any, **options: t.Any) -> list[t.Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in ("93.184.216.34", inner)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ProviderError, match="private network"):
        Transport().exchange()(Request("GET", "https://mixed.example/", configured=False))
