"""What a peer of the HTTP clients may try below HTTP: interim answers, cut bodies, many addresses, odd headers."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import gzip
import logging
import os
import socket
import socketserver
import threading
import time
import typing as t

import pytest
import requests

from flask_social.clients.session import ApiSession
from flask_social.errors import AnswerInvalid, ProviderError, ProviderTimeout, ProviderUnavailable
from flask_social.transport import Transport
from flask_social.values import Request

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'


class Peer(socketserver.ThreadingTCPServer):
    """Answers each request on a connection with the next bytes of ``answers``; then with ``OK``."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[bytes] = []
        self.pause = 0.0
        self.requests = 0
        self.connections = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(socketserver.StreamRequestHandler):
    server: Peer

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(OSError):
            while self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                self.server.requests += 1
                time.sleep(self.server.pause)
                self.wfile.write(self.server.answers.pop(0) if self.server.answers else OK)


@pytest.fixture
def peer() -> cabc.Iterator[Peer]:
    with Peer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def ask(peer: Peer, transport: Transport | None = None) -> bytes:
    return (transport or Transport(timeout=(1, 1), deadline=1)).exchange()(Request("GET", peer.url)).body


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 What"])
def test_interim_answers_are_not_the_answer(peer: Peer, status: bytes) -> None:
    """The next one on the connection would get the true answer of the one before."""
    transport = Transport(timeout=(1, 1), deadline=1)
    peer.answers = [b"HTTP/1.1 " + status + b"\r\n\r\n" + OK]
    assert ask(peer, transport) == b'{"a": 1}'
    assert ask(peer, transport) == b'{"a": 1}'
    assert peer.connections == 1


def test_nobody_gets_the_answer_of_the_one_before(peer: Peer) -> None:
    transport = Transport(timeout=(1, 1), deadline=0.5)
    peer.answers = [INTERIM]
    with pytest.raises(ProviderTimeout):
        ask(peer, transport)
    assert ask(peer, transport) == b'{"a": 1}'
    assert peer.connections == 2


def test_an_interim_flood_ends_at_the_deadline(peer: Peer) -> None:
    peer.answers = [INTERIM * 200_000]
    with pytest.raises(ProviderError):
        ask(peer)


def test_another_protocol_is_refused(peer: Peer) -> None:
    peer.answers = [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"]
    with pytest.raises(ProviderUnavailable):
        ask(peer)
    ask(peer)
    assert peer.connections == 2


def test_api_sessions_skip_interim_answers(peer: Peer) -> None:
    with ApiSession(peer.url, (0.5, 0.5)) as session:
        peer.answers = [INTERIM + OK]
        assert session.get("").json() == {"a": 1}
        peer.answers = [INTERIM]
        with pytest.raises(requests.RequestException):
            session.get("")
        assert session.get("").json() == {"a": 1}


def packed(raw: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(raw) + raw


WHOLE = gzip.compress(b'{"id": 12345}')


@pytest.mark.parametrize(
    "body", [WHOLE[:-10], WHOLE[:-1], WHOLE + b"x", WHOLE + WHOLE, WHOLE + b"\0" * 3000, b"", b"\x1f"], ids=len
)
def test_compression_that_ends_too_early_or_too_late(peer: Peer, body: bytes) -> None:
    peer.answers = [packed(body)]
    if not body:
        assert ask(peer) == b""
        return
    with pytest.raises(AnswerInvalid):
        ask(peer)


def test_what_follows_compression_is_counted(peer: Peer) -> None:
    peer.answers = [packed(WHOLE + os.urandom(300_000))]
    with pytest.raises(AnswerInvalid):
        ask(peer, Transport(timeout=(1, 1), deadline=1, max_bytes=100_000))


def test_a_header_that_is_none_tells_no_secret(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    peer.answers = [b"HTTP/1.1 200 OK\r\nno colon s3cret-header\r\nContent-Length: 2\r\n\r\n{}"] * 2
    request = Request("GET", f"{peer.url}?client_secret=s3cret-client&code=s3cret-code")
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(ProviderTimeout):  # what follows such a line is no header any more
            Transport(timeout=(1, 0.2)).exchange()(request)
        with ApiSession(peer.url, 0.2) as session, contextlib.suppress(requests.RequestException):
            session.get("?oauth_token=s3cret-token")
    told = "\n".join(caplog.handler.format(record) for record in caplog.records)
    assert "Failed to parse headers" in told
    assert "s3cret" not in told


# Addresses


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str, seconds: float = 0) -> list[str]:
    """Every name has these addresses; returns what is connected to, which fails after some time."""
    tried: list[str] = []

    def resolve(host: str, port: t.Any, *args: t.Any, **options: t.Any) -> list[t.Any]:
        found = addresses if host == "p.example" else (host,)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in found]

    class Socket(socket.socket):
        def connect(self, address: t.Any) -> None:
            tried.append(address[0])
            if address[0].startswith("127."):
                return super().connect(address)
            time.sleep(min(seconds, self.gettimeout() or seconds))
            raise TimeoutError("blackholed")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "socket", Socket)
    return tried


def test_addresses_are_tried_in_the_resolvers_order(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = resolving(monkeypatch, "203.0.113.9", "10.0.0.1", "127.0.0.1")
    url = peer.url.replace("127.0.0.1", "p.example")
    Transport().exchange()(Request("GET", url))
    assert tried == ["203.0.113.9", "10.0.0.1", "127.0.0.1"]


def test_many_dead_addresses_end_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs the connect limit of 0.4 seconds, so that no more than three fit into one second."""
    tried = resolving(monkeypatch, *(f"198.51.100.{number}" for number in range(50)), seconds=0.4)
    with pytest.raises(ProviderError):
        Transport(timeout=(0.4, 1), deadline=1).exchange()(Request("GET", "http://p.example/"))
    assert 1 <= len(tried) <= 3


def test_a_fork_shares_no_connection(peer: Peer) -> None:
    transport = Transport()
    ask(peer, transport)
    child = os.fork()
    if child == 0:
        os._exit(0 if ask(peer, transport) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ask(peer, transport)
    assert peer.connections == 2
