"""The two servers of the demonstration, and the folder that goes when they stop."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import tempfile
import threading
import typing as t

from werkzeug.serving import WSGIRequestHandler, make_server

from ..testing import StandIn
from .app import DEMO_EMAIL, create_app
from .models import db

__all__ = ["DEMO_EMAIL", "Demo"]

_HOST = "127.0.0.1"
#: How many ports are tried before the system chooses one.
_TRIES = 50


class Demo:
    """The demonstration as a context manager.

    :param port: the port to try first; the next free one is taken. 0 takes any.
    :ivar url: where to open it; known once it runs.
    :ivar password: the seeded user's, made at random.
    :ivar stand_in: the provider, whose faults and people may be changed while it runs.
    """

    def __init__(self, port: int = 5000) -> None:
        self._port = port
        self._stack = contextlib.ExitStack()
        self.stand_in = StandIn(_HOST)
        self.password = f"ada-{secrets.token_hex(4)}"
        self.url = ""

    def __enter__(self) -> t.Self:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flask-social-demo-"))
            stack.enter_context(self.stand_in)
            self.app = create_app(self.stand_in, f"sqlite:///{folder}/demo.sqlite", password=self.password)
            stack.callback(self._close_database)
            listener = stack.enter_context(_listen(self._port))
            server = make_server(_HOST, 0, self.app, threaded=True, request_handler=_Handler, fd=listener.fileno())
            self.url = f"http://{_HOST}:{listener.getsockname()[1]}"
            thread = threading.Thread(target=server.serve_forever, name="demo", daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _close_database(self) -> None:
        with self.app.app_context():
            db.engine.dispose()


class _Handler(WSGIRequestHandler):
    """Says nothing of each request, so that the address stays in sight."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        logging.getLogger("werkzeug").debug("%s %s", self.requestline, code)


def _listen(port: int) -> socket.socket:
    """A socket that listens on ``port``, or on the next free one."""
    for candidate in range(port, port + _TRIES) if port else ():
        with contextlib.suppress(OSError, OverflowError):
            return socket.create_server((_HOST, candidate), backlog=128)
    return socket.create_server((_HOST, 0), backlog=128)
