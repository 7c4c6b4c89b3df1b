"""The authorised session: :class:`requests.Session` with base URL, token, time limit and pooled connections.

It serves every provider by itself, and is what the client libraries send their requests through.
"""

from __future__ import annotations

import collections.abc as cabc
import copy
import dataclasses as dc
import re
import typing as t
from collections import OrderedDict
from urllib.parse import urljoin

import requests
from requests.cookies import RequestsCookieJar
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from requests.utils import rewind_body

from ..errors import TokenRejected
from ..providers.base import Provider
from ..values import Token
from .answers import ApiAnswer, hide, understood
from .authorizers import Authorizer, bearer, signer, text
from .base import ApiContext, TokenKeeper, install_filters, redact
from .pool import POOL

_PORTS = {"http": 80, "https": 443}

#: The beginning of an address that everybody reads alike; on backslashes, blanks and user names readers do not agree.
_PLAIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{0,5}))?(?=[/?#]|\Z)", re.I | re.A)

# Every client stands on this module, so that its loggers are covered before its first call.
install_filters()


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an address: what a token belongs to (RFC 6454 section 4).

    ``None`` for an address that could be read in two ways. It has nothing in common with any other.
    """
    found = _PLAIN.match(url)
    if found is None:
        return None
    scheme, host = found[1].lower(), found[2].lower()
    return scheme, host, int(found[3] or _PORTS[scheme])


def same_origin(one: str, other: str) -> bool:
    """Whether what belongs to one address may go to the other."""
    found = origin(one)
    return found is not None and found == origin(other)


def _fresh() -> dict[str, t.Any]:
    """What the constructor of ``requests.Session`` sets, with the shared connections.

    It makes two adapters, each with its pools: most of what a session costs, and none of it used here.
    """
    own = {"headers": CaseInsensitiveDict(_MODEL.headers), "cookies": RequestsCookieJar(), "hooks": default_hooks()}
    return {**vars(_MODEL), **own, "proxies": {}, "params": {}, "adapters": OrderedDict(_MODEL.adapters)}


_MODEL = requests.Session()
_MODEL.mount("https://", POOL)
_MODEL.mount("http://", POOL)


class ApiSession(requests.Session):
    """A session for the API at one address. ``close()`` leaves the connections to other sessions.

    A token that the API refuses is followed by another one, once, where there is one.

    :param base_url: relative addresses are resolved against it, as a browser does with a link.
    :param timeout: seconds for a connection and for each piece of an answer, where a call names none.
    :param context: whose token it is; ``None`` for a session without one.
    :param authorize: puts the token into a prepared request. It is called for addresses of the base's origin
        only, and ``.netrc`` is never asked.
    :param signs: the token's place depends on the address, so that a redirect needs it anew.
    :param for_library: only requests that bring :attr:`placeholder` get the token.
    :param headers: go to the base's origin only.
    :param aliases: addresses that a library has built in, and where they lead instead.
    """

    def __init__(
        self,
        base_url: str | None,
        timeout: t.Any,
        *,
        context: ApiContext | None = None,
        authorize: Authorizer | None = None,
        signs: bool = False,
        for_library: bool = False,
        headers: cabc.Mapping[str, str] | None = None,
        aliases: cabc.Mapping[str, str] | None = None,
    ) -> None:
        vars(self).update(_fresh())
        self.base_url = base_url.rstrip("/") + "/" if base_url else ""
        self.timeout = timeout
        self._context = context
        self._authorizer = authorize
        self._signs = signs
        self._for_library = for_library
        self._own_headers = dict(headers or {})
        self._aliases = dict(aliases or {})

    @property
    def placeholder(self) -> str | None:
        """The ``Authorization`` header of a library that was given the token once; the present one replaces it."""
        return f"Bearer {self._context.token.access_token}" if self._context and self._for_library else None

    def owns(self, url: str) -> bool:
        """Whether the token may go to this address: it has the scheme, host and port of the base URL."""
        return same_origin(url, self.base_url)

    def resolve(self, url: str) -> str:
        """The absolute address that a call's ``url`` means."""
        for alias, target in self._aliases.items():
            if url == alias or url.startswith(alias + "/"):
                return target + url[len(alias) :]
        return urljoin(self.base_url, url)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As always, after the address was resolved. The caller's object stays as it is: it may go to others too."""
        request = copy.copy(request)
        request.url = self.resolve(text(request.url))
        if request.auth is None and self.auth is None:
            request.auth = self._authorize
        prepared = super().prepare_request(request)
        if self._own_headers and self.owns(text(prepared.url)):
            given = CaseInsensitiveDict(request.headers or {})
            prepared.headers.update({name: value for name, value in self._own_headers.items() if name not in given})
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
        """As always, with a time limit, and once more with another token when the API refuses this one.

        No error's text shows a token, ``raise_for_status()`` included.

        :raises ReconnectRequired: when the token is refused and there is no other; the keeper's other errors too.
        """
        answer = self._send(request, **kwargs)
        again = self._with_another_token(request, answer)
        if again is None:
            return answer
        answer.close()
        return self._send(again, **kwargs)

    def _send(self, request: requests.PreparedRequest, **kwargs: t.Any) -> requests.Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout
        try:
            answer = super().send(request, **kwargs)
        except requests.RequestException as error:
            error.args = (redact(str(error)),)
            if error.response is not None:
                error.response.url = redact(error.response.url or "")
            raise error from None
        for each in (*answer.history, answer):
            each.url = redact(each.url or "")
        if answer.status_code >= 400:
            hide(answer, self._tokens(request))
        if type(answer) is requests.Response:
            answer.__class__ = ApiAnswer
        return answer

    def _tokens(self, request: requests.PreparedRequest) -> cabc.Iterator[str | None]:
        used = _used(request)
        for token in (used and used.token, self._context and self._context.token):
            if token:
                yield from (token.access_token, token.secret)

    def _with_another_token(
        self, request: requests.PreparedRequest, answer: requests.Response
    ) -> requests.PreparedRequest | None:
        """The same request with the token that follows the refused one; ``None`` when it is not to be sent again."""
        used = _used(request)
        if used is None or used.url != request.url or self._context is None or not self._context.renews:
            return None
        if answer.status_code not in (400, 401, 403) or not _at_home(request, answer):
            return None
        if understood(answer).kind is not TokenRejected:
            return None
        # A body that is gone cannot be sent again, but the next call needs the new token no less.
        token = t.cast("TokenKeeper", self._context.keeper).renewed(used.token.access_token)
        again = request.copy()
        if token.access_token == used.token.access_token or not _rewound(again):
            return None
        again.url = used.plain_url
        again.headers.pop("Authorization", None)
        self._put(again, token)
        return again

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where a redirect leads; ``None``, so that it is not followed, when a body would go to another origin."""
        target = super().get_redirect_target(resp)
        if target is None or resp.request.body is None or resp.status_code not in (307, 308):
            return target
        return None if self.should_strip_auth(resp.url, urljoin(resp.url, target)) else target

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        """Whether a redirect leads to another origin; one scheme is not as good as another here."""
        return not same_origin(old_url, new_url)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Takes the token out of a redirected request that leaves the origin; signs anew one that stays."""
        headers, url = prepared_request.headers, text(prepared_request.url)
        if self.should_strip_auth(text(response.request.url), url):
            for name in ("Authorization", *self._own_headers):
                headers.pop(name, None)
        elif self._signs and "Authorization" in headers:
            del headers["Authorization"]
            self._authorize(prepared_request)

    def close(self) -> None:
        """Does nothing: the connections are shared by all sessions. tweepy closes after every call."""

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        brought = request.headers.get("Authorization")
        replaced = brought is not None and brought == self.placeholder
        if replaced:
            del request.headers["Authorization"]
        if self._authorizer is None or self._context is None or not self.owns(text(request.url)):
            return request
        if replaced or not self._for_library:
            self._put(request, self._context.present(), ours=replaced or brought is None)
        return request

    def _put(self, request: requests.PreparedRequest, token: Token, *, ours: bool = True) -> None:
        plain_url = text(request.url)
        t.cast("Authorizer", self._authorizer)(request, token)
        if ours:
            vars(request)["_used"] = _Use(token, plain_url, text(request.url))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"


@dc.dataclass(frozen=True, slots=True)
class _Use:
    """The token that a prepared request carries, and its address before and after it was put in.

    It stays on the request itself. The requests that follow redirects are others.
    """

    token: Token
    plain_url: str = dc.field(repr=False)
    url: str = dc.field(repr=False)


def _used(request: requests.PreparedRequest) -> _Use | None:
    return vars(request).get("_used")


def _at_home(request: requests.PreparedRequest, answer: requests.Response) -> bool:
    """Whether the answer is that of the request's own origin, and nothing was done on the way to it.

    A redirect that changed the method had its work done (RFC 9110 section 15.4.4).
    """
    home = all(same_origin(text(request.url), text(each.url)) for each in (*answer.history, answer))
    return home and answer.request.method == request.method


def _rewound(request: requests.PreparedRequest) -> bool:
    """Whether the body can be sent again; a stream is wound back."""
    body: t.Any = request.body
    if body is None or isinstance(body, bytes | str):
        return True
    try:
        rewind_body(request)
    except requests.exceptions.UnrewindableBodyError:
        return False
    return True


def base_url(provider: Provider) -> str | None:
    """Where a provider's API is; without a setting, what else is known of its address; ``None`` if nothing is."""
    return provider.api_base_url or provider.userinfo_url or provider.issuer


def build(context: ApiContext, *, timeout: t.Any = None) -> ApiSession:
    """The session of any provider, with the token where the provider wants it.

    :param timeout: instead of the application's ``SOCIAL_HTTP_TIMEOUT``.
    """
    provider, signs = context.provider, bool(context.token.secret)
    return ApiSession(
        base_url(provider),
        timeout or context.timeout,
        context=context,
        authorize=signer(provider) if signs else bearer(provider),
        signs=signs,
        headers=provider.headers,
    )
