"""What only the providers can tell: whether they are there, what they publish, and what time it is."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import email.utils

from ..datastores.stored import aware
from ..discovery import discover
from ..documents import Documents
from ..errors import ProviderError
from ..flow import run
from ..jws import read_keys
from ..oidc import LEEWAY, keys_request
from ..providers.base import OIDCProvider, Provider
from ..state import SocialState
from ..values import Request, Response
from .findings import Finding, error, ok

Clock = cabc.Callable[[], dt.datetime]


def examine(state: SocialState, clock: Clock) -> cabc.Iterator[Finding]:
    """Every provider of the settings is asked once or twice, and told nothing."""
    for provider in state.providers.values():
        send = _Listening(state.exchange(), clock)
        try:
            yield _issuer(provider, send, clock()) if isinstance(provider, OIDCProvider) else _reach(provider, send)
        except ProviderError as failed:
            text = f"{provider.id} cannot be asked: {failed}"
            cure = "See whether this machine may reach it, and whether its addresses in the settings are right."
            yield error("provider_unreachable", text, cure)
        if send.skew is not None and abs(send.skew) > LEEWAY:
            text = f"The clock of this machine is {abs(send.skew):.0f} s {'ahead of' if send.skew > 0 else 'behind'}"
            text += f" that of {provider.id}: ID tokens and signatures are refused."
            yield error("clock_skew", text, "Let a time service set the clock.")


def _issuer(provider: OIDCProvider, send: _Listening, now: dt.datetime) -> Finding:
    server = run(discover(Documents(), provider.issuer or "", now), send)
    text = f"{provider.id}: the issuer's configuration was read"
    if provider.jwks_uri is None and server.jwks is not None:
        keys = read_keys(send(keys_request(server.jwks)))
        if not keys and any(not name.startswith("HS") for name in provider.id_token_algs):
            cure = "Ask the provider; see that 'issuer' is the right one."
            return error("no_keys", f"{provider.id}: the issuer publishes no key of a kind that is known.", cure)
        text += f", and its key set ({len(keys)} keys)"
    return ok("issuer", text + ".")


def _reach(provider: Provider, send: _Listening) -> Finding:
    address = getattr(provider, "request_token_url", None) or provider.access_token_url or provider.authorize_url
    if not address:
        return ok("provider_unasked", f"{provider.id} has no address to ask.")
    send(Request("HEAD", address))
    return ok("provider_reached", f"{provider.id} answers.")


class _Listening:
    """Sends requests, and notes by how many seconds our clock is ahead of the one that answers (RFC 9110 6.6.1)."""

    def __init__(self, send: cabc.Callable[[Request], Response], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self.skew: float | None = None

    def __call__(self, request: Request) -> Response:
        before = self._clock()
        response = self._send(request)
        middle = before + (self._clock() - before) / 2
        try:
            theirs = aware(email.utils.parsedate_to_datetime(response.headers.get("date", "")))
        except (ValueError, OverflowError):  # no date, or none that a calendar has
            return response
        if theirs is not None:
            self.skew = (middle - theirs).total_seconds()
        return response
