"""The only HTTP client of the login loop: pooled, bounded in time and size, and unwilling to be led elsewhere.

No redirect is followed. Addresses must be https, but for those that the application itself configured. An
address that a provider announced must resolve to a public host, and the address checked is the one connected to.
"""

from __future__ import annotations

import collections.abc as cabc
import functools
import os
import ssl
import threading
import time
import typing as t
import urllib.request
import zlib
from urllib.parse import unquote, urlsplit

import certifi
import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from . import wire
from .errors import AnswerInvalid, ProviderTimeout, ProviderUnavailable
from .values import Request, Response

_CHUNK = 16 * 1024


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
        wire.until.set(until)
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
        body, received = bytearray(), 0
        while chunk := raw.read1(_CHUNK, decode_content=False):
            received += len(chunk)
            try:
                body += chunk if unpack is None else unpack.decompress(chunk, self._max_bytes + 1 - len(body))
            except zlib.error as error:
                raise AnswerInvalid(f"{request} answered with broken compression.") from error
            if max(len(body), received) > self._max_bytes:
                raise AnswerInvalid(f"{request} answered with more than {self._max_bytes} bytes.")
        if unpack is not None and received and (not unpack.eof or unpack.unused_data):
            raise AnswerInvalid(f"{request} answered with compression that ends too early or too late.")
        return bytes(body)

    def _pool(self, request: Request) -> urllib3.PoolManager:
        scheme, host, public = _checked(request)
        proxy = _proxy(scheme, host)
        if proxy and public:
            wire.refuse_inner_name(host)
        # A connection is of the process that made it: a fork would share it.
        key = (os.getpid(), proxy, public)
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
    # Readers of addresses do not agree on these two: the host that is looked at would not be the one called.
    if not host or parts.username is not None or "\\" in parts.netloc or "%" in parts.netloc:
        raise AnswerInvalid(f"{request} has no usable address.")
    if scheme != "https" and not (scheme == "http" and request.configured):
        raise AnswerInvalid(f"{request} is not https.")
    return scheme, host, not request.configured


def _make_pool(proxy: str | None, *, public: bool) -> urllib3.PoolManager:
    options: dict[str, t.Any] = {"num_pools": 64, "maxsize": 16, "block": False, "ssl_context": _tls()}
    pool = _make_proxy_pool(proxy, options) if proxy else urllib3.PoolManager(**options)
    # Behind a proxy, the proxy resolves the name.
    pool.pool_classes_by_scheme = {
        "http": wire.Pool,
        "https": wire.PublicTLSPool if public and not proxy else wire.TLSPool,
    }
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
