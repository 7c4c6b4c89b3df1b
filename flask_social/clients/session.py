"""The authorised session: :class:`requests.Session` with base URL, token, time limit and pooled connections.

It serves every provider by itself, and is what the client libraries send their requests through.
"""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import functools
import os
import secrets
import ssl
import typing as t
from urllib.parse import urljoin, urlsplit

import requests
from oauthlib.oauth1 import Client as OAuth1Client
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..documents import Documents
from ..providers.base import Context, Provider
from ..values import Token
from ..vault import Vault
from ..wire import API_POOLS
from .base import ApiContext, install_filters, redact

_FORM = "application/x-www-form-urlencoded"
_PORTS = {"http": 80, "https": 443}


@functools.lru_cache(maxsize=8)
def _tls(bundle: str) -> ssl.SSLContext:
    """One TLS context per certificate bundle: making one takes longer than a call."""
    return ssl.create_default_context(cafile=bundle)


class Pool(HTTPAdapter):
    """The connections of all sessions of this process. They outlive the sessions."""

    def __init__(self) -> None:
        super().__init__(pool_connections=64, pool_maxsize=16)

    def renew(self) -> None:
        """Starts with no connection: after a fork the old ones belong to the parent."""
        self.proxy_manager = {}
        self.init_poolmanager(64, 16)

    def init_poolmanager(self, *args: t.Any, **options: t.Any) -> None:
        """Makes the pools of connections that skip interim answers."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = API_POOLS

    def proxy_manager_for(self, *args: t.Any, **options: t.Any) -> t.Any:
        """The same for a proxy's."""
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = API_POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: t.Any, cert: t.Any = None
    ) -> tuple[t.Any, t.Any]:
        """Adds the shared TLS context where the library would make one for every connection."""
        host, attributes = super().build_connection_pool_key_attributes(request, verify, cert)
        bundle = _bundle(verify, cert)
        if bundle is not None and host["scheme"] == "https":
            return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": _tls(bundle)}
        return host, attributes

    def cert_verify(self, conn: t.Any, url: t.Any, verify: t.Any, cert: t.Any) -> None:
        """Leaves alone a connection that has the shared TLS context: it would load its certificates again."""
        if _bundle(verify, cert) is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # untyped in requests


def _bundle(verify: object, cert: object) -> str | None:
    """The file of certificates to trust; ``None`` when the caller wants something special."""
    if cert is not None:
        return None
    if verify is True:
        return DEFAULT_CA_BUNDLE_PATH
    return verify if isinstance(verify, str) and os.path.isfile(verify) else None


_POOL = Pool()
os.register_at_fork(after_in_child=_POOL.renew)

# Every client stands on this module, so that its loggers are covered before its first call.
install_filters()


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address: what a token belongs to (RFC 6454 section 4)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


class ApiSession(requests.Session):
    """A session for the API at one address. ``close()`` leaves the connections to other sessions.

    :param base_url: relative addresses are resolved against it, as a browser does with a link.
    :param timeout: seconds for a connection and for each piece of an answer, where a call names none.
    :param authorize: puts the token into a prepared request. It is called for addresses of the base's origin
        only, and ``.netrc`` is never asked.
    :param signs: the token's place depends on the address, so that a redirect needs it anew.
    :param headers: go to the base's origin only.
    :param aliases: addresses that a library has built in, and where they lead instead.
    """

    def __init__(
        self,
        base_url: str | None,
        timeout: t.Any,
        *,
        authorize: cabc.Callable[[requests.PreparedRequest], None] | None = None,
        signs: bool = False,
        headers: cabc.Mapping[str, str] | None = None,
        aliases: cabc.Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.base_url = base_url.rstrip("/") + "/" if base_url else ""
        self.timeout = timeout
        self._authorizer = authorize
        self._signs = signs
        self._own_headers = dict(headers or {})
        self._aliases = dict(aliases or {})
        self.mount("https://", _POOL)
        self.mount("http://", _POOL)

    def owns(self, url: str) -> bool:
        """Whether the token may go to this address: it has the scheme, host and port of the base URL."""
        return bool(self.base_url) and origin(url) == origin(self.base_url)

    def resolve(self, url: str) -> str:
        """The absolute address that a call's ``url`` means."""
        for alias, target in self._aliases.items():
            if url == alias or url.startswith(alias + "/"):
                return target + url[len(alias) :]
        return urljoin(self.base_url, url)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As always, after the address was resolved."""
        request.url = self.resolve(_text(request.url))
        if self._own_headers and self.owns(request.url):
            request.headers = {**self._own_headers, **(request.headers or {})}
        if request.auth is None and self.auth is None:
            request.auth = self._authorize
        return super().prepare_request(request)

    def send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
        """As always, with a time limit. No error's text shows a token, ``raise_for_status()`` included."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout
        try:
            answer = super().send(request, **kwargs)
        except requests.RequestException as error:
            error.args = (redact(str(error)),)
            raise error from None
        for each in (*answer.history, answer):
            each.url = redact(each.url or "")
        return answer

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where a redirect leads; ``None``, so that it is not followed, when a body would go to another origin."""
        target = super().get_redirect_target(resp)
        if target is None or resp.request.body is None or resp.status_code not in (307, 308):
            return target
        return None if self.should_strip_auth(resp.url, urljoin(resp.url, target)) else target

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        """Whether a redirect leads to another origin; one scheme is not as good as another here."""
        return origin(old_url) != origin(new_url)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Takes the token out of a redirected request that leaves the origin; signs anew one that stays."""
        headers, url = prepared_request.headers, _text(prepared_request.url)
        if self.should_strip_auth(_text(response.request.url), url):
            for name in ("Authorization", *self._own_headers):
                headers.pop(name, None)
        elif self._signs and "Authorization" in headers:
            self._authorize(prepared_request)

    def close(self) -> None:
        """Does nothing: the connections are shared by all sessions. tweepy closes after every call."""

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._authorizer is not None and self.owns(_text(request.url)):
            self._authorizer(request)
        return request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"


def _text(url: t.Any) -> str:
    return url.decode() if isinstance(url, bytes) else str(url)


def base_url(provider: Provider) -> str | None:
    """Where a provider's API is; without a setting, what else is known of its address; ``None`` if nothing is."""
    return provider.api_base_url or provider.userinfo_url or provider.issuer


def build(context: ApiContext, *, timeout: t.Any = None) -> ApiSession:
    """The session of any provider, with the token where the provider wants it.

    :param timeout: instead of the application's ``SOCIAL_HTTP_TIMEOUT``.
    """
    provider, token = context.provider, context.token
    signs = bool(token.secret)
    return ApiSession(
        base_url(provider),
        timeout or context.timeout,
        authorize=_signer(provider, token) if signs else _bearer(provider, token),
        signs=signs,
        headers=provider.headers,
    )


def _signer(provider: Provider, token: Token) -> cabc.Callable[[requests.PreparedRequest], None]:
    """OAuth 1.0a: signs the address and a form body (RFC 5849 section 3.4.1.3)."""
    client = OAuth1Client(provider.consumer_key, provider.consumer_secret, token.access_token, token.secret)

    def sign(request: requests.PreparedRequest) -> None:
        form = request.body is not None and request.headers.get("Content-Type", "").startswith(_FORM)
        body, headers = (_text(request.body), {"Content-Type": _FORM}) if form else (None, {})
        signed = client.sign(request.url, request.method, body, headers)[1]
        request.headers["Authorization"] = signed["Authorization"]

    return sign


def _bearer(provider: Provider, token: Token) -> cabc.Callable[[requests.PreparedRequest], None]:
    """OAuth 2: asks the provider for a request of its own, and takes the address and the headers from it."""

    def authorize(request: requests.PreparedRequest) -> None:
        made = provider.api_request(_context(), str(request.method), _text(request.url), token)
        request.url = made.url
        for name, value in made.headers.items():
            # Accept is set by the provider and by requests; the caller's own word goes before both.
            if request.headers.get(name) in (None, "*/*"):
                request.headers[name] = value

    return authorize


def _context() -> Context:
    return Context(
        redirect_uri="",
        now=dt.datetime.now(dt.UTC),
        vault=_vault(),
        documents=_documents(),
        random=secrets.token_bytes,
    )


@functools.cache
def _vault() -> Vault:
    """A request to an API seals nothing; the vault of its context is empty-handed."""
    return Vault([secrets.token_hex(32)])


@functools.cache
def _documents() -> Documents:
    return Documents()
