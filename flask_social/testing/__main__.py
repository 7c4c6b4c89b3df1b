"""``python -m flask_social.testing``: a stand-in provider until Ctrl-C."""

from __future__ import annotations

import argparse
import collections.abc as cabc
import signal
import sys
import threading

from .server import StandIn


def main(arguments: cabc.Sequence[str] | None = None) -> int:
    """Start one, print its address and settings, and wait for Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m flask_social.testing", description="A stand-in for providers.")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--https", action="store_true", help="serve TLS with a certificate made on the spot")
    options = parser.parse_args(arguments)
    end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end.set())
    with StandIn(port=options.port, https=options.https) as standin:
        print(f"Stand-in provider at {standin.url}", flush=True)
        if standin.ca_file:
            print(f"Certificate to trust: {standin.ca_file}", flush=True)
        for name, value in standin.config().items():
            print(f"{name} = {value!r}", flush=True)
        end.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
