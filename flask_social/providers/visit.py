"""The values of one visit to a provider: what a flow is given, and what it returns."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import typing as t

from ..documents import Documents
from ..errors import AnswerInvalid
from ..oauth2 import Endpoint
from ..values import Profile, Token
from ..vault import Vault


@dc.dataclass(frozen=True, slots=True)
class Context:
    """What a flow needs from outside.

    :param redirect_uri: the callback address, absolute.
    :param now: aware UTC time.
    :param random: gives that many random bytes.
    """

    redirect_uri: str
    now: dt.datetime
    vault: Vault
    documents: Documents
    random: cabc.Callable[[int], bytes]


@dc.dataclass(frozen=True, slots=True)
class Start:
    """The beginning of a visit: where to send the browser, and how to recognise the answer."""

    state: str = dc.field(repr=False)
    url: str = dc.field(repr=False)
    request_token: str | None = dc.field(default=None, repr=False)
    request_token_secret: str | None = dc.field(default=None, repr=False)


@dc.dataclass(frozen=True, slots=True)
class Grant:
    """The end of a visit.

    :param issuer: the OpenID issuer that vouches for the subject; ``None`` outside OpenID Connect.
    :param auth_time: when the person authenticated, in seconds since the epoch; ``None`` when not said.
    :param evidence: how they did, by ``amr`` and ``acr`` of the verified ID token; empty when not said.
    """

    token: Token
    profile: Profile
    issuer: str | None = None
    auth_time: int | None = None
    evidence: frozenset[str] = frozenset()


@dc.dataclass(frozen=True, slots=True)
class Answer:
    """What a family hands to :meth:`Provider.finish`: the token, and the data that holds the profile."""

    token: Token
    data: cabc.Mapping[str, t.Any] = dc.field(repr=False)
    issuer: str | None = None
    auth_time: int | None = None
    evidence: frozenset[str] = frozenset()


def written(url: str | None, known: Endpoint | None) -> Endpoint | None:
    """The address of the settings or a preset, else the one that is known."""
    return known if url is None else Endpoint(url)


def required(endpoint: Endpoint | None, name: str) -> Endpoint:
    """An endpoint without which nothing goes on.

    :raises AnswerInvalid: when the provider announces none.
    """
    if endpoint is None:
        raise AnswerInvalid(f"The provider announces no {name} endpoint.")
    return endpoint
