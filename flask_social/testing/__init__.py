"""A stand-in for real providers, for trying and testing without any account.

::

    from flask_social.testing import StandIn

    with StandIn() as standin:
        app.config["SOCIAL_GOOGLE"] = standin.settings("google")

It speaks OAuth 1.0a, OAuth 2 and OpenID Connect over HTTP on loopback, in code that shares nothing with the
client it tests. ``python -m flask_social.testing`` starts one by itself; the pytest fixtures are in
:mod:`flask_social.testing.pytest_plugin`.
"""

from __future__ import annotations

import importlib
import typing as t

if t.TYPE_CHECKING:
    from .browser import WayBack
    from .faults import ENDPOINTS, REMOVE, Fault, Faults
    from .ledger import RegisteredClient
    from .people import PEOPLE, Person
    from .server import StandIn
    from .world import Seen

__all__ = [
    "ENDPOINTS",
    "PEOPLE",
    "REMOVE",
    "Fault",
    "Faults",
    "Person",
    "RegisteredClient",
    "Seen",
    "StandIn",
    "WayBack",
]

_HOMES = {
    "ENDPOINTS": "faults",
    "Fault": "faults",
    "Faults": "faults",
    "PEOPLE": "people",
    "Person": "people",
    "REMOVE": "faults",
    "RegisteredClient": "ledger",
    "Seen": "world",
    "StandIn": "server",
    "WayBack": "browser",
}


def __getattr__(name: str) -> t.Any:
    # On first use: pytest imports the plugin of this package in every run, with or without a test that needs it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
