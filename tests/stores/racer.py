"""A process of its own that wants a connection at a given moment: ``store uri user_id start``. Prints won or lost."""

from __future__ import annotations

import sys
import time

from flask_social.errors import DuplicateConnection

from .kits import load_kit


def race(store: str, uri: str, user_id: str, start: str) -> str:
    """Waits for the moment, and connects the account that everybody wants."""
    kit = load_kit(store)(uri, fresh=False)
    owner = int(user_id) if user_id.isdigit() else user_id
    with kit.context():
        time.sleep(max(0.0, float(start) - time.time()))
        try:
            kit.store.create_connection(user_id=owner, provider_id="google", provider_user_id="1")
            kit.store.commit()
        except DuplicateConnection:
            return "lost"
    return "won"


if __name__ == "__main__":
    print(race(*sys.argv[1:]))
