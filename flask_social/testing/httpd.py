"""The HTTP/1.1 server under the stand-in: threads, connections that stay open, TLS, and answers sent badly on demand.

Werkzeug's own development server closes every connection after one answer; pooled clients can only be tested
against one that does not.
"""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import http.server
import io
import itertools
import logging
import socket
import socketserver
import ssl
import sys
import threading
import typing as t
from urllib.parse import unquote_to_bytes

from werkzeug.wrappers import Request, Response

logger = logging.getLogger(__name__)

#: A request body longer than this is refused unread.
MAX_BODY = 1 << 20


class Answer(Response):
    """A response, and how it travels.

    :ivar drip: seconds between two bytes of the body.
    :ivar drip_headers: seconds between two bytes of the status line and the headers.
    :ivar drop: close the connection without a word.
    """

    drip: float = 0
    drip_headers: float = 0
    drop: bool = False


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads one request after the other from a connection, lets the server's ``app`` answer, sends the answer."""

    protocol_version = "HTTP/1.1"
    server_version = "StandIn"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: HttpServer

    def setup(self) -> None:
        super().setup()
        self.connection_id = self.server.next_connection_id()

    def serve(self) -> None:
        """Answer the request whose head was read."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self.send_error(413, "Send a Content-Length of at most 1 MiB")
            return
        answer = self.server.app(Request(self._environ(self.rfile.read(int(length)))))
        if answer.drop:
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

    def _environ(self, body: bytes) -> dict[str, t.Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, t.Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": self.client_address[1],
            "wsgi.url_scheme": "https" if self.server.tls else "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "standin.connection": self.connection_id,
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _send(self, answer: Answer) -> None:
        body = answer.get_data()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if answer.drip_headers:
            # Sent here instead of by end_headers(), which would send it at once.
            head = b"".join(t.cast("list[bytes]", vars(self).pop("_headers_buffer")))
            self._drip(head + b"\r\n", answer.drip_headers)
        else:
            self.end_headers()
        if self.command != "HEAD":
            self._drip(body, answer.drip)
        self.wfile.flush()

    def _drip(self, data: bytes, seconds: float) -> None:
        if not seconds:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            if self.server.stopping.wait(seconds):
                self.close_connection = True
                return

    def log_message(self, format: str, *args: t.Any) -> None:
        """Nothing: ``StandIn.requests`` is the log, and addresses here hold codes and tokens."""


class HttpServer(http.server.ThreadingHTTPServer):
    """Serves ``app`` from a background thread until :meth:`stop`.

    :param app: answers one request; called in the thread of its connection.
    :param tls: speak TLS with this context; ``None`` for plain HTTP.
    :param stopping: set by :meth:`stop`.
    :raises OSError: when the address is taken.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        app: cabc.Callable[[Request], Answer],
        tls: ssl.SSLContext | None,
        stopping: threading.Event,
    ) -> None:
        self.app = app
        self.tls = tls
        self.stopping = stopping
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        super().__init__(address, Handler)
        # The poll interval is the longest that stop() waits.
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="stand-in", daemon=True
        )
        self._thread.start()

    def server_bind(self) -> None:
        # HTTPServer would look the host's name up, which may ask the network.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, t.Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            # The handshake happens at the first read, in the connection's own thread.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request_thread(self, request: t.Any, client_address: t.Any) -> None:
        with self._lock:
            self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def next_connection_id(self) -> int:
        """A number for a new connection, from 1 upwards."""
        with self._lock:
            return next(self._ids)

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        """A peer that went away is no error; anything else is logged."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("the stand-in failed at a request")

    def stop(self) -> None:
        """Close the listening socket and every connection, and wait for their threads to end."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            waiting = list(self._open.items())
        for connection, thread in waiting:
            with contextlib.suppress(OSError):  # closed in between
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
