"""The only HTTP client of the login loop: pooled, bounded in time and size, and unwilling to be led elsewhere.

No redirect is followed. Addresses must be https, but for those that the application itself configured. An
address that a provider announced must resolve to a public host, and the address checked is the one connected to.
"""

from __future__ import annotations

import collections.abc as cabc
import contextvars
import functools
import http.client
import io
import ipaddress
import os
import socket
import ssl
import threading
import time
import typing as t
import urllib.request
import zlib
from urllib.parse import unquote, urlsplit

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from .errors import AnswerInvalid, ProviderError, ProviderTimeout, ProviderUnavailable
from .values import Request, Response

_CHUNK = 16 * 1024

#: The end of the visit that this thread works on, on the monotonic clock.
_until: contextvars.ContextVar[float] = contextvars.ContextVar("_until")


class Transport:
    """Sends the requests of flows. Made once for an application; used by many threads.

    :param timeout: seconds to wait for a connection, and for each piece of an answer.
    :param deadline: seconds that all requests of one visit may take together.
    :param max_bytes: most bytes of a body, after decompression.
    """

    def __init__(
        self, *, timeout: tuple[float, float] = (3.05, 5), deadline: float = 12, max_bytes: int = 1024 * 1024
    ) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._pools: dict[object, urllib3.PoolManager] = {}

    def exchange(self) -> cabc.Callable[[Request], Response]:
        """A function that sends requests, all of which end before one common deadline.

        :returns: ``send(request) -> Response``. It raises :class:`~flask_social.errors.ProviderTimeout`,
            :class:`~flask_social.errors.ProviderUnavailable` or :class:`~flask_social.errors.AnswerInvalid`.
        """
        return functools.partial(self._send, until=time.monotonic() + self._deadline)

    def _send(self, request: Request, *, until: float) -> Response:
        _until.set(until)
        try:
            pool = self._pool(request)
            raw = pool.request(
                request.method,
                request.url,
                body=request.body,
                headers={"Accept-Encoding": "gzip", **request.headers},
                timeout=self._limits(request, until),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                body = self._read(request, raw)
            except BaseException:
                raw.close()
                raise
            raw.release_conn()
        except NewConnectionError as error:
            raise ProviderUnavailable(f"{request} cannot be reached.") from error
        except HTTPTimeoutError as error:
            raise ProviderTimeout(f"{request} did not answer in time.") from error
        except LocationParseError as error:
            raise AnswerInvalid(f"{request} has no usable address.") from error
        except (HTTPError, OSError, ValueError) as error:
            raise ProviderUnavailable(f"{request} broke off.") from error
        if 300 <= raw.status < 400:
            raise AnswerInvalid(f"{request} answered with a redirect, which is not followed.")
        return Response(raw.status, {name.lower(): value for name, value in raw.headers.items()}, body)

    def _limits(self, request: Request, until: float) -> urllib3.Timeout:
        left = until - time.monotonic()
        if left <= 0:
            raise ProviderTimeout(f"{request} had no time left.")
        connect, read = self._timeout
        return urllib3.Timeout(connect=min(connect, left), read=min(read, left))

    def _read(self, request: Request, raw: urllib3.BaseHTTPResponse) -> bytes:
        encoding = raw.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise AnswerInvalid(f"{request} answered in an encoding that was not asked for.")
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
        body = bytearray()
        while chunk := raw.read1(_CHUNK, decode_content=False):
            try:
                body += chunk if unpack is None else unpack.decompress(chunk, self._max_bytes + 1 - len(body))
            except zlib.error as error:
                raise AnswerInvalid(f"{request} answered with broken compression.") from error
            if len(body) > self._max_bytes:
                raise AnswerInvalid(f"{request} answered with more than {self._max_bytes} bytes.")
        return bytes(body)

    def _pool(self, request: Request) -> urllib3.PoolManager:
        scheme, host, public = _checked(request)
        proxy = _proxy(scheme, host)
        if proxy and public:
            _refuse_inner_name(host)
        key = (proxy, public)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = _make_pool(proxy, public=public)
            return self._pools[key]


def _checked(request: Request) -> tuple[str, str, bool]:
    """Scheme and host of a request, and whether the host must be public."""
    try:
        parts = urlsplit(request.url)
        scheme, host = parts.scheme, parts.hostname or ""
    except ValueError as error:
        raise AnswerInvalid("The provider announced an address that is none.") from error
    if not host or parts.username is not None:
        raise AnswerInvalid(f"{request} has no usable address.")
    if scheme != "https" and not (scheme == "http" and request.configured):
        raise AnswerInvalid(f"{request} is not https.")
    return scheme, host, not request.configured


def _make_pool(proxy: str | None, *, public: bool) -> urllib3.PoolManager:
    options: dict[str, t.Any] = {"num_pools": 64, "maxsize": 16, "block": False, "ssl_context": _tls()}
    pool = _make_proxy_pool(proxy, options) if proxy else urllib3.PoolManager(**options)
    # Behind a proxy, the proxy resolves the name.
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _PublicTLSPool if public and not proxy else _TLSPool}
    return pool


def _make_proxy_pool(proxy: str, options: dict[str, t.Any]) -> urllib3.PoolManager:
    try:
        url = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except LocationParseError:
        # The cause is not kept: it would quote the proxy's password.
        raise ProviderUnavailable("The proxy that the environment names has no usable address.") from None
    headers = urllib3.make_headers(proxy_basic_auth=unquote(url.auth)) if url.auth else None
    return urllib3.ProxyManager(str(url._replace(auth=None)), proxy_headers=headers, **options)


@functools.lru_cache(256)
def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment names for a host; each look walks the whole environment, so it is kept.

    ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in capitals or not.
    """
    named = urllib.request.getproxies()
    return None if urllib.request.proxy_bypass(host) else named.get(scheme) or named.get("all")


@functools.cache
def _tls() -> ssl.SSLContext:
    """One TLS context per process: making one takes longer than a login."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where()
    return ssl.create_default_context(cafile=bundle)


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until the end of the visit: a peer that drips bytes gains nothing."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        left = _until.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError("the visit is over")
        self._sock.settimeout(left if self._timeout is None else min(self._timeout, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    """An answer whose head and body are read through :class:`_DeadlineReader`."""

    def __init__(self, sock: socket.socket, *args: t.Any, **options: t.Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _DeadlineResponse


class _TLSConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _PublicTLSConnection(_TLSConnection):
    """Connects to the very address that was found to be public, so that a second look-up cannot change it."""

    def _new_conn(self) -> socket.socket:
        name = self.host
        self.host = _public_address(name, self.port)
        try:
            return super()._new_conn()
        finally:
            self.host = name


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _PublicTLSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicTLSConnection


def _public_address(name: str, port: int) -> str:
    found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)}
    if not all(is_public(address) for address in found):
        raise _inner_address()
    return sorted(found)[0]


def _refuse_inner_name(host: str) -> None:
    """Refuses what cannot be a public host by its name; a proxy resolves the others, and has to guard its network.

    Numbers count in every form that a resolver takes, such as ``127.1`` and ``0x7f000001``.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)]
        public = all(is_public(address) for address in found)
    except OSError:
        name = host.rstrip(".")
        public = "." in name and not name.endswith((".localhost", ".local", ".internal"))
    if not public:
        raise _inner_address()


def _inner_address() -> ProviderError:
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
