"""What can go wrong at a provider, on demand.

::

    standin.faults.server_error("token")                 # the next token request, then all is well again
    with standin.faults.rate_limited("profile"):         # every profile request within the block
        ...
    standin.faults.add("profile", provider="x", times=2, status=503, body="down", headers={"Retry-After": "7"})
"""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import gzip
import threading
import typing as t

#: The places where a fault can strike. ``profile`` covers ``userinfo`` too; ``callback`` is what the person's
#: browser carries back, ``id_token`` and ``userinfo_token`` are the making of an ID token and of a signed UserInfo
#: answer, ``exchange`` is a token request that asks for a longer life. The other names are endpoints.
ENDPOINTS = (
    "request_token",
    "authorize",
    "callback",
    "token",
    "exchange",
    "id_token",
    "userinfo_token",
    "discovery",
    "jwks",
    "userinfo",
    "profile",
    "api",
    "revoke",
)


class Remove:
    """In ``merge``, ``params`` and ``claims``: take the name away."""

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: t.Final = Remove()


@dc.dataclass(eq=False, slots=True)
class Fault:
    """One thing that goes wrong, ``times`` times, or all through a ``with`` block.

    :param endpoint: one of :data:`ENDPOINTS`.
    :param provider: provider id; ``None`` strikes at all.
    :param times: how many requests it strikes; ``None`` for all until :meth:`Faults.clear`.
    :param status: HTTP status of the answer.
    :param headers: headers added to the answer.
    :param body: body of the answer, instead of the real one.
    :param json: the same as a value to write as JSON.
    :param error: answer with the provider's own body for ``unauthorized``, ``forbidden``, ``rate_limited`` or
        ``server_error``.
    :param slow: seconds to wait before the request is read at all.
    :param drip: seconds between two bytes of the answer's body.
    :param drip_headers: seconds between two bytes of the answer's head.
    :param drop: close the connection instead of answering.
    :param lost: do what the request asks first, then drop or replace the answer.
    :param merge: names replaced in (or, with ``REMOVE``, taken from) the real JSON or form answer.
    :param params: the same for the parameters of the authorization response; a list gives one several times.
    :param claims: the same for the claims of the ID token, or of the signed UserInfo answer.
    :param id_token: ``missing``, ``unsigned``, ``hs256`` (keyed with the client secret) or ``tampered``; for a signed
        UserInfo answer as well, which is then plain JSON instead of ``missing``.
    :param deny: the person declines.
    :param code_lifetime: seconds that the authorization code lives, instead of 30.
    """

    endpoint: str
    provider: str | None = None
    times: int | None = 1
    status: int | None = None
    headers: cabc.Mapping[str, str] = dc.field(default_factory=dict)
    body: bytes | str | None = dc.field(default=None, repr=False)
    json: t.Any = dc.field(default=None, repr=False)
    error: str | None = None
    slow: float = 0
    drip: float = 0
    drip_headers: float = 0
    drop: bool = False
    lost: bool = False
    merge: cabc.Mapping[str, t.Any] = dc.field(default_factory=dict, repr=False)
    params: cabc.Mapping[str, t.Any] = dc.field(default_factory=dict, repr=False)
    claims: cabc.Mapping[str, t.Any] = dc.field(default_factory=dict, repr=False)
    id_token: str | None = None
    deny: bool = False
    code_lifetime: float | None = None
    #: How often it struck.
    struck: int = 0
    _faults: Faults | None = dc.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.endpoint not in ENDPOINTS:
            raise ValueError(f"no endpoint {self.endpoint!r}: choose from {', '.join(ENDPOINTS)}")

    @property
    def replaces(self) -> bool:
        """Whether the answer is not the real one."""
        return (self.status, self.body, self.json, self.error) != (None, None, None, None)

    def strikes(self, endpoint: str, provider: str) -> bool:
        """Whether it is its turn at this request."""
        here = self.endpoint == endpoint or (self.endpoint == "profile" and endpoint == "userinfo")
        return here and self.provider in (None, provider) and (self.times is None or self.struck < self.times)

    def __enter__(self) -> Fault:
        self.times = None
        return self

    def __exit__(self, *error: object) -> None:
        if self._faults is not None:
            self._faults.remove(self)


def merged(values: cabc.Mapping[str, t.Any], changes: cabc.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """``values`` with ``changes`` applied; a ``REMOVE`` takes its name away."""
    return {name: value for name, value in {**values, **changes}.items() if value is not REMOVE}


class Faults:
    """The faults that wait for their request. All names give the :class:`Fault`, which is a context manager."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, endpoint: str, provider: str | None = None, times: int | None = 1, **how: t.Any) -> Fault:
        """Wait for the next ``times`` requests of an endpoint; ``how`` holds the other fields of :class:`Fault`.

        :raises ValueError: for an unknown endpoint.
        :raises TypeError: for an unknown field.
        """
        fault = Fault(endpoint, provider, times, **how)
        fault._faults = self
        with self._lock:
            self._waiting.append(fault)
        return fault

    def take(self, endpoint: str, provider: str) -> Fault | None:
        """The first fault whose turn it is, counted as struck; ``None`` when all is well."""
        with self._lock:
            for fault in self._waiting:
                if fault.strikes(endpoint, provider):
                    fault.struck += 1
                    return fault
        return None

    def remove(self, fault: Fault) -> None:
        """End one fault; nothing happens when it is not there."""
        with self._lock:
            self._waiting = [other for other in self._waiting if other is not fault]

    def clear(self) -> None:
        """End them all."""
        with self._lock:
            self._waiting.clear()

    # What the person's browser carries back

    def denied(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """The person declines."""
        return self.add("callback", provider, times, deny=True)

    def expired_code(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """The authorization code is dead on arrival."""
        return self.add("callback", provider, times, code_lifetime=-1)

    def wrong_iss(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """The authorization response names another issuer (RFC 9207)."""
        return self.add("callback", provider, times, params={"iss": "https://issuer.invalid"})

    # The ID token

    def wrong_nonce(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """The ID token was made for another authorization request."""
        return self.add("id_token", provider, times, claims={"nonce": "another-nonce"})

    def wrong_issuer(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """The ID token names another issuer."""
        return self.add("id_token", provider, times, claims={"iss": "https://issuer.invalid"})

    def wrong_audience(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """The ID token was made for another client."""
        return self.add("id_token", provider, times, claims={"aud": "another-client"})

    def bad_id_token(self, kind: str = "unsigned", provider: str | None = None, times: int | None = 1) -> Fault:
        """The ID token is ``missing``, ``unsigned``, ``hs256`` or ``tampered``."""
        return self.add("id_token", provider, times, id_token=kind)

    # Answers of an endpoint

    def server_error(self, endpoint: str = "token", provider: str | None = None, times: int | None = 1) -> Fault:
        """HTTP 500 with the provider's own body."""
        return self.add(endpoint, provider, times, error="server_error")

    def rate_limited(self, endpoint: str = "profile", provider: str | None = None, times: int | None = 1) -> Fault:
        """The provider's own way of saying "slow down", headers included."""
        return self.add(endpoint, provider, times, error="rate_limited")

    def slow(
        self, seconds: float, endpoint: str = "token", provider: str | None = None, times: int | None = 1
    ) -> Fault:
        """The answer takes ``seconds`` to begin."""
        return self.add(endpoint, provider, times, slow=seconds)

    def drip(
        self,
        seconds: float,
        endpoint: str = "token",
        provider: str | None = None,
        times: int | None = 1,
        *,
        headers: bool = False,
    ) -> Fault:
        """The body (or the head) arrives one byte every ``seconds``."""
        return self.add(endpoint, provider, times, **{"drip_headers" if headers else "drip": seconds})

    def huge(
        self,
        size: int = 8 << 20,
        endpoint: str = "token",
        provider: str | None = None,
        times: int | None = 1,
        *,
        compressed: bool = False,
    ) -> Fault:
        """A JSON body of at least ``size`` bytes; ``compressed`` sends it gzipped, so that it only grows when read."""
        body = b'{"padding": "' + b"x" * size + b'"}'
        headers = {"Content-Type": "application/json"}
        if compressed:
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        return self.add(endpoint, provider, times, status=200, body=body, headers=headers)

    def html(self, endpoint: str = "token", provider: str | None = None, times: int | None = 1) -> Fault:
        """HTTP 200 with a web page, as captive portals and maintenance pages do."""
        page = "<!doctype html><title>Maintenance</title><p>We will be back soon."
        headers = {"Content-Type": "text/html; charset=utf-8"}
        return self.add(endpoint, provider, times, status=200, body=page, headers=headers)

    def garbage(self, endpoint: str = "token", provider: str | None = None, times: int | None = 1) -> Fault:
        """HTTP 200 that says JSON and is not."""
        headers = {"Content-Type": "application/json"}
        return self.add(endpoint, provider, times, status=200, body=b'{"access_token": \xff\xfe', headers=headers)

    def redirect(self, to: str, endpoint: str = "token", provider: str | None = None, times: int | None = 1) -> Fault:
        """HTTP 302 to another address."""
        return self.add(endpoint, provider, times, status=302, body=b"", headers={"Location": to})

    def ok_with_error(self, endpoint: str = "token", provider: str | None = None, times: int | None = 1) -> Fault:
        """HTTP 200 whose body is an error, as some providers answer."""
        body = {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
        return self.add(endpoint, provider, times, status=200, json=body)

    def lost_answer(self, endpoint: str = "token", provider: str | None = None, times: int | None = 1) -> Fault:
        """The provider does what was asked (rotates the grant, say) and the answer never arrives."""
        return self.add(endpoint, provider, times, lost=True, drop=True)

    def token(self, answer: t.Any, status: int = 200, provider: str | None = None, times: int | None = 1) -> Fault:
        """The token endpoint answers this JSON value."""
        return self.add("token", provider, times, status=status, json=answer)

    def profile(self, answer: t.Any, status: int = 200, provider: str | None = None, times: int | None = 1) -> Fault:
        """The profile API or UserInfo endpoint answers this JSON value."""
        return self.add("profile", provider, times, status=status, json=answer)

    def callback_not_confirmed(self, provider: str | None = None, times: int | None = 1) -> Fault:
        """OAuth 1.0a: the request token comes without ``oauth_callback_confirmed``."""
        return self.add("request_token", provider, times, merge={"oauth_callback_confirmed": REMOVE})
