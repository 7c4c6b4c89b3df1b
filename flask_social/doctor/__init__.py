"""The doctor: looks at everything that can be wrong with a set-up, and names the cure."""

from __future__ import annotations

import collections.abc as cabc

from ..datastores.columns import utcnow
from ..state import current_sender, current_state
from . import leftovers, network, providers, setup, stores
from .findings import Finding
from .network import Clock

__all__ = ["Finding", "examine"]

#: Rows whose tokens are tried, if nobody says otherwise.
SAMPLE = 1000


def examine(*, offline: bool = False, sample: int = SAMPLE, clock: Clock = utcnow) -> cabc.Iterator[Finding]:
    """Everything that was found in the application of this context, as it is found; nothing is changed.

    :param offline: asks no provider anything.
    :param sample: of how many connections the tokens are tried.
    :param clock: tells the time, in UTC.
    """
    app, state = current_sender(), current_state()
    yield from setup.examine(app, state)
    yield from providers.examine(state, clock())
    yield from stores.examine(state, sample)
    yield from leftovers.examine(app)
    if not offline:
        yield from network.examine(state, clock)
