"""The HTTP client against a real server on loopback that misbehaves on demand."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import gzip
import http.server
import threading
import time
import typing as t

import pytest

from flask_social.errors import AnswerInvalid, ProviderError, ProviderTimeout, ProviderUnavailable
from flask_social.transport import Transport
from flask_social.values import Request
from flask_social.wire import is_public

BIG = b"x" * 3000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: t.ClassVar[list[tuple[str, bytes, int]]] = []

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.path, body, self.client_address[1]))
        getattr(self, self.path.partition("?")[0].strip("/"))()

    do_GET = do_POST

    def ok(self) -> None:
        self.answer(b'{"ok": true}', X_Answer="Yes")

    def error(self) -> None:
        self.answer(b"no", 500)

    def redirect(self) -> None:
        self.answer(b"", 302, Location="/ok")

    def big(self) -> None:
        self.answer(BIG)

    def zipped(self) -> None:
        self.answer(gzip.compress(b'{"zip": 1}'), Content_Encoding="gzip")

    def bomb(self) -> None:
        self.answer(gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip")

    def broken_zip(self) -> None:
        self.answer(b"not gzip at all", Content_Encoding="gzip")

    def brotli(self) -> None:
        self.answer(b"x", Content_Encoding="br")

    def slow(self) -> None:
        time.sleep(1.5)
        self.answer(b"{}")

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(40):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def drip_head(self) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Padding: " + b"x" * 40 + b"\r\n\r\n{}":
            self.wfile.write(bytes([byte]))
            time.sleep(0.1)

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client goes away, as it should
            super().handle()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> cabc.Iterator[str]:
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def transport() -> Transport:
    return Transport(timeout=(1, 1), deadline=1.5, max_bytes=2000)


def test_an_answer_is_read_whole(base: str, transport: Transport) -> None:
    response = transport.exchange()(Request("POST", f"{base}/ok", {"X-A": "1"}, b"body"))
    assert (response.status, response.body, response.headers["x-answer"]) == (200, b'{"ok": true}', "Yes")
    assert Handler.seen[-1][:2] == ("/ok", b"body")


def test_a_status_is_not_an_error(base: str, transport: Transport) -> None:
    assert transport.exchange()(Request("GET", f"{base}/error")).status == 500


def test_gzip_is_understood(base: str, transport: Transport) -> None:
    assert transport.exchange()(Request("GET", f"{base}/zipped")).json_object() == {"zip": 1}


def test_connections_are_reused(base: str, transport: Transport) -> None:
    for _ in range(3):
        transport.exchange()(Request("GET", f"{base}/ok"))
    assert len({port for _, _, port in Handler.seen[-3:]}) == 1


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("redirect", AnswerInvalid),
        ("big", AnswerInvalid),
        ("bomb", AnswerInvalid),
        ("broken_zip", AnswerInvalid),
        ("brotli", AnswerInvalid),
        ("slow", ProviderTimeout),
        ("drip", ProviderTimeout),
        ("drip_head", ProviderTimeout),
        ("cut", ProviderUnavailable),
    ],
)
def test_misbehaviour_is_one_family(base: str, transport: Transport, path: str, error: type[ProviderError]) -> None:
    with pytest.raises(error) as caught:
        transport.exchange()(Request("GET", f"{base}/{path}?token=s3cr3t"))
    assert "s3cr3t" not in str(caught.value)


def test_one_deadline_for_all_requests_of_a_visit(base: str) -> None:
    send = Transport(timeout=(1, 1), deadline=0.2).exchange()
    send(Request("GET", f"{base}/ok"))
    time.sleep(0.25)
    with pytest.raises(ProviderTimeout, match="no time left"):
        send(Request("GET", f"{base}/ok"))


@pytest.mark.parametrize(
    ("url", "configured", "error"),
    [
        ("http://127.0.0.1:9/", True, ProviderUnavailable),
        ("http://127.0.0.1:9/", False, AnswerInvalid),
        ("https://127.0.0.1:9/", False, ProviderError),
        ("https://localhost:9/", False, ProviderError),
        ("https://10.0.0.1/", False, ProviderError),
        ("https://169.254.169.254/latest", False, ProviderError),
        ("https://[::1]/", False, ProviderError),
        ("https://[::ffff:127.0.0.1]/", False, ProviderError),
        ("https://does-not-exist.invalid/", False, ProviderUnavailable),
        ("ftp://a.example/", True, AnswerInvalid),
        ("https://user:pass@a.example/", True, AnswerInvalid),
        ("https:///path", True, AnswerInvalid),
        ("https://127.0.0.1\\.good.example/", False, AnswerInvalid),
        ("https://localhost\\x.example/", False, AnswerInvalid),
        ("https://127%2e0.0.1/", False, AnswerInvalid),
        ("https://[fe80::1%25eth0]/", False, AnswerInvalid),
        ("javascript:alert(1)", False, AnswerInvalid),
        ("https://[::1", False, AnswerInvalid),
        ("https://a.example:99999/", True, AnswerInvalid),
        ("/relative", True, AnswerInvalid),
    ],
)
def test_where_it_does_not_go(transport: Transport, url: str, configured: bool, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        transport.exchange()(Request("GET", url, configured=configured))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.1.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::1", False),
        ("2002:5db8:d822::1", True),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b::a9fe:a9fe", False),  # 169.254.169.254 through a translator
        ("64:ff9b:1::1", False),
        ("::10.0.0.1", False),
        ("::93.184.216.34", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
    ],
)
def test_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public
