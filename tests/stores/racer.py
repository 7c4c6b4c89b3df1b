"""A process of its own that races at a given moment: ``what store uri user_id start``. Prints won or lost."""

from __future__ import annotations

import sys
import time
import typing as t

from flask_social.errors import DuplicateConnection
from flask_social.values import ConnectionKey

from .kits import load_kit


def connect(kit: t.Any, owner: t.Any) -> bool:
    """Connects the account that everybody wants."""
    try:
        kit.store.create_connection(user_id=owner, provider_id="google", provider_user_id="1")
        kit.store.commit()
    except DuplicateConnection:
        return False
    return True


def renew(kit: t.Any, owner: t.Any) -> bool:
    """Writes the next version of a token; the first one is what everybody has read."""
    stored = kit.store.read_tokens(ConnectionKey("google", "1"))
    return bool(kit.store.swap_tokens(stored, {"token_version": 1}) if stored.version == 0 else False)


def race(what: str, store: str, uri: str, user_id: str, start: str) -> str:
    """Waits for the moment and runs."""
    kit = load_kit(store)(uri, fresh=False)
    owner = int(user_id) if user_id.isdigit() else user_id
    with kit.context():
        time.sleep(max(0.0, float(start) - time.time()))
        return "won" if {"connect": connect, "renew": renew}[what](kit, owner) else "lost"


if __name__ == "__main__":
    print(race(*sys.argv[1:]))
