"""A process that wants a live token: ``uri providers fatal`` or ``uri providers start threads``.

With ``fatal`` it is killed before its n-th step: a write, a commit, the request to the provider, and what follows the
answer. With ``start`` and ``threads`` it prints the token that each thread got at that moment.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses as dc
import json
import sys
import time
import typing as t

import requests

from flask_social import Social
from flask_social.errors import ReconnectRequired
from flask_social.values import Request, Response

from .signup_victim import Writes, make_app


def ask(app: t.Any, provider: str) -> str:
    """The token of the only connection, live, as ``get_session`` uses it; or the code of what went wrong."""
    with app.app_context():
        state = app.extensions["social"]
        (connection,) = state.datastore.find_connections()
        try:
            session = Social()[provider].get_session(connection=connection)
        except ReconnectRequired as error:
            return error.code
        sent = session.prepare_request(requests.Request("GET", "me"))
        return str(sent.headers["Authorization"].removeprefix("Bearer "))


def noting(app: t.Any, writes: Writes) -> None:
    """Makes the request to the provider two more steps: before it is sent, and after it is answered."""
    state = app.extensions["social"]

    def exchange() -> t.Any:
        send = state.exchange()

        def noted(request: Request) -> Response:
            writes.note()
            response = send(request)
            writes.note()
            return t.cast("Response", response)

        return noted

    app.extensions["social"] = dc.replace(state, exchange=exchange)


def main(uri: str, providers: str, *how: str) -> None:
    settings = json.loads(providers)
    (provider,) = settings
    if len(how) == 1:
        writes = Writes(int(how[0]))
        app = make_app(uri, settings, writes)[0]
        noting(app, writes)
        print(ask(app, provider))
        return
    app, threads = make_app(uri, settings)[0], int(how[1])
    time.sleep(max(0.0, float(how[0]) - time.time()))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for found in [pool.submit(ask, app, provider) for _ in range(threads)]:
            print(found.result())


if __name__ == "__main__":
    main(*sys.argv[1:])
