"""Sends one request in a process of its own: proxies and certificates of the environment are read once.

::

    python -m tests.sender https://sso.example/ discovered
"""

from __future__ import annotations

import json
import sys

from flask_social.errors import ProviderError
from flask_social.transport import Transport
from flask_social.values import Request


def main(url: str, origin: str) -> dict[str, object]:
    try:
        answer = Transport(timeout=(2, 2), deadline=3).exchange()(
            Request("GET", url, configured=origin == "configured")
        )
    except ProviderError as error:
        return {"code": error.code, "text": str(error), "cause": repr(error.__cause__)}
    return {"status": answer.status}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
