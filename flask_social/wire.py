"""The connections below the HTTP clients: where they may lead, how long they take, and which answer counts."""

from __future__ import annotations

import contextvars
import http.client
import io
import ipaddress
import socket
import time
import typing as t

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from .errors import ProviderError

#: The end of the visit that this thread works on, on the monotonic clock.
until: contextvars.ContextVar[float] = contextvars.ContextVar("until")

#: How many addresses of one name are tried.
MAX_ADDRESSES = 8


# Which answer is the answer -----------------------------------------------------------------------------------


class FinalResponse(http.client.HTTPResponse):
    """An answer that is final: interim ones (RFC 9110 section 15.2) are skipped, not only 100.

    Taken for the answer, an interim one would leave the true answer in a connection that somebody else gets next.
    """

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # no public place for it
        if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            raise http.client.BadStatusLine("101, which nobody asked for")
        return version, http.HTTPStatus.CONTINUE if 100 < status < 200 else status, reason


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until the end of the visit: a peer that drips bytes gains nothing."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        left = until.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError("the visit is over")
        self._sock.settimeout(left if self._timeout is None else min(self._timeout, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(FinalResponse):
    """An answer whose head and body are read through :class:`_DeadlineReader`."""

    def __init__(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


# Where a connection may lead ----------------------------------------------------------------------------------


class _Dialling(HTTPConnection):
    """Tries the addresses of a name in the resolver's order, all within the visit.

    The address that was looked at is the one connected to, so that a second look-up cannot change it. The look-up
    itself has the time limits of the system's resolver.
    """

    response_class = _DeadlineResponse
    must_be_public = False

    def _new_conn(self) -> socket.socket:
        name, limit, failure = self.host, self.timeout, None
        try:
            for address in self._addresses():
                left = until.get() - time.monotonic()
                if left <= 0:
                    break
                self.host, self.timeout = address, left if limit is None else min(limit, left)
                try:
                    return super()._new_conn()
                except (ConnectTimeoutError, NewConnectionError) as error:
                    failure = error
        finally:
            self.host, self.timeout = name, limit
        raise failure or ConnectTimeoutError(self, "the visit is over")

    def _addresses(self) -> list[str]:
        try:
            entries = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(self.host, self, t.cast("socket.gaierror", error)) from error
        found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        if self.must_be_public and not all(is_public(address) for address in found):
            raise inner_address()
        return found[:MAX_ADDRESSES]


class _TLSConnection(_Dialling, HTTPSConnection):
    pass


class _PublicTLSConnection(_TLSConnection):
    must_be_public = True


class Pool(HTTPConnectionPool):
    """Connections to one host that is written in the settings, without TLS."""

    ConnectionCls = _Dialling


class TLSPool(HTTPSConnectionPool):
    """Connections to one host, with TLS."""

    ConnectionCls = _TLSConnection


class PublicTLSPool(HTTPSConnectionPool):
    """Connections to one host of the public internet, with TLS."""

    ConnectionCls = _PublicTLSConnection


def refuse_inner_name(host: str) -> None:
    """Refuses what cannot be a public host by its name; a proxy resolves the others, and has to guard its network.

    Numbers count in every form that a resolver takes, such as ``127.1`` and ``0x7f000001``.

    :raises ProviderError: for such a name.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)]
        public = all(is_public(address) for address in found)
    except (OSError, UnicodeError):
        name = host.rstrip(".")
        public = "." in name and not name.endswith((".localhost", ".local", ".internal"))
    if not public:
        raise inner_address()


def inner_address() -> ProviderError:
    """The error for an address that is not public."""
    return ProviderError("The provider announced an address inside a private network, which is not called.")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; IPv4 inside IPv6 is unwrapped first."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(ip.packed[-4:])
        if inner is None and ip not in _GLOBAL_UNICAST:
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


#: Where IPv4 is reached through a translator (RFC 6052), and all of IPv6 that is given out (RFC 4291 section 2.4).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


# The API clients' connections ---------------------------------------------------------------------------------


class _ApiConnection(HTTPConnection):
    response_class = FinalResponse


class _ApiTLSConnection(HTTPSConnection):
    response_class = FinalResponse


class _ApiPool(HTTPConnectionPool):
    ConnectionCls = _ApiConnection


class _ApiTLSPool(HTTPSConnectionPool):
    ConnectionCls = _ApiTLSConnection


#: For the pool manager of API clients, which have time limits of their own.
API_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _ApiPool, "https": _ApiTLSPool}
