"""Client authentication at the token endpoint (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
from urllib.parse import quote_plus

from .errors import AnswerInvalid
from .values import Client


@dc.dataclass(frozen=True, slots=True)
class Authentication:
    """How a request to the token endpoint proves which client it comes from."""

    headers: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)
    params: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)


def _basic(client: Client, client_id_param: str) -> Authentication:
    # RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret or '')}".encode("ascii")
    return Authentication(headers={"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")})


def _post(client: Client, client_id_param: str) -> Authentication:
    return Authentication(params={client_id_param: client.client_id, "client_secret": client.client_secret or ""})


def _none(client: Client, client_id_param: str) -> Authentication:
    return Authentication(params={client_id_param: client.client_id})


#: How a client authenticates, under the names of the IANA registry (RFC 7591 section 2). The order is the
#: order of preference where a provider announces several.
AUTH_METHODS: dict[str, cabc.Callable[[Client, str], Authentication]] = {
    "client_secret_basic": _basic,
    "client_secret_post": _post,
    "none": _none,
}


def choose_auth_method(client: Client, wanted: str | None, announced: tuple[str, ...] | None) -> str:
    """The client authentication method to use: the wanted one, else the best announced, else Basic.

    A client without a secret uses ``none``.

    :raises AnswerInvalid: when the provider announces methods, and none that this package has.
    """
    if client.client_secret is None:
        return "none"
    if wanted is not None:
        return wanted
    if announced is None:
        return "client_secret_basic"
    for method in AUTH_METHODS:
        if method in announced and method != "none":
            return method
    raise AnswerInvalid("The provider announces no client authentication method that is supported here.")


def authenticate(method: str, client: Client, client_id_param: str = "client_id") -> Authentication:
    """The parts that a method adds to a request (RFC 6749 section 2.3). ``method`` is a key of :data:`AUTH_METHODS`."""
    return AUTH_METHODS[method](client, client_id_param)
