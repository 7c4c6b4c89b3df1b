"""``python -m flask_social.demo``: starts the demonstration, prints its address, runs until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit status, 1 when a library is missing."""
    parser = argparse.ArgumentParser("python -m flask_social.demo", description="Try Flask-Social without any account.")
    parser.add_argument("--port", type=int, default=5000, help="port to try first (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        from .server import DEMO_EMAIL, Demo
    except ImportError as error:
        print(f'{error}. Install what the demo needs with: pip install "Flask-Social[demo]"', file=sys.stderr)
        return 1

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with Demo(port=options.port) as demo:
        print(f"\n  Open {demo.url}\n")
        print("  Log in with any button, or as the user who is there already:")
        print(f"  {DEMO_EMAIL}, password {demo.password}\n")
        print("  Ctrl-C stops it and leaves nothing behind.", flush=True)
        done.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
