"""What providers publish, kept between visits: discovery documents and key sets. For many threads at once."""

from __future__ import annotations

import collections
import datetime as dt
import math
import threading
import typing as t

from .jws import PublicKey
from .oauth2 import Server

#: How long a discovery document or key set is kept, and how long no key set is fetched again, in seconds.
DOCUMENT_LIFETIME = 3600
REFETCH_COOLDOWN = 30

#: For how many seconds an issuer that did not answer in time is not asked again.
SILENCE = 5

#: How many documents of one kind are kept.
MAX_DOCUMENTS = 256

T = t.TypeVar("T")


class Shelf(t.Generic[T]):
    """A bounded cache with times, for many threads. The oldest entry goes first."""

    def __init__(self, lifetime: float = DOCUMENT_LIFETIME) -> None:
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._entries: collections.OrderedDict[str, tuple[T, float]] = collections.OrderedDict()
        self._asked: collections.OrderedDict[str, float] = collections.OrderedDict()

    def get(self, name: str, now: dt.datetime) -> T | None:
        """What was put under a name less than a lifetime ago, or ``None``."""
        with self._lock:
            value, since = self._entries.get(name, (None, 0.0))
            return value if abs(now.timestamp() - since) < self._lifetime else None

    def put(self, name: str, value: T, now: dt.datetime) -> T:
        """Keeps a value, and returns it."""
        with self._lock:
            self._entries[name] = (value, now.timestamp())
            self._entries.move_to_end(name)
            if len(self._entries) > MAX_DOCUMENTS:
                self._entries.popitem(last=False)
        return value

    def may_refetch(self, name: str, now: dt.datetime) -> bool:
        """Whether a value may be fetched again before its time. Says yes once per cool-down, whoever asks."""
        with self._lock:
            if abs(now.timestamp() - self._asked.get(name, -math.inf)) < REFETCH_COOLDOWN:
                return False
            self._asked[name] = now.timestamp()
            self._asked.move_to_end(name)
            if len(self._asked) > MAX_DOCUMENTS:
                self._asked.popitem(last=False)
            return True


class Documents:
    """The discovery documents and key sets that one application has read.

    :ivar servers: by issuer, as it is configured.
    :ivar keys: by the address of the key set.
    :ivar silent: the issuers that lately did not answer in time.
    """

    def __init__(self) -> None:
        self.servers: Shelf[Server] = Shelf()
        self.keys: Shelf[tuple[PublicKey, ...]] = Shelf()
        self.silent: Shelf[bool] = Shelf(SILENCE)
