"""Client authentication at the token endpoint.

RFC 6749 section 2.3 (Basic and form), RFC 7523 section 2.2 and OpenID Connect Core 1.0 section 9 (signed assertions).
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
from urllib.parse import quote_plus

from .errors import AnswerInvalid
from .jws import SECRET_ALGORITHMS
from .signing import SigningKey, sign
from .values import Client

#: For how many seconds an assertion may be used; it is used once and at once, so this is room for clocks.
ASSERTION_LIFETIME = 300

#: What a signed assertion is called in a request (RFC 7523 section 2.2).
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)


@dc.dataclass(frozen=True, slots=True)
class Authentication:
    """What a request to the token endpoint carries to prove which client it comes from."""

    headers: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)
    params: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)


@dc.dataclass(frozen=True, slots=True)
class Proof:
    """What a client authenticates with. Only the signed methods need more than ``client``.

    :param client_id_param: what the provider calls ``client_id``.
    :param key: the private key of ``private_key_jwt``.
    :param algorithm: the HMAC algorithm of ``client_secret_jwt``.
    :param audience: the authorization server, as it names itself: its issuer, else its token endpoint.
    :param now: aware UTC time.
    :param identifier: a text that is never used again (``jti``).
    """

    client: Client
    client_id_param: str = "client_id"
    key: SigningKey | None = None
    algorithm: str = "HS256"
    audience: str = ""
    now: dt.datetime = _EPOCH
    identifier: str = dc.field(default="", repr=False)


def _basic(proof: Proof) -> Authentication:
    # RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
    client = proof.client
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret or '')}".encode("ascii")
    return Authentication(headers={"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")})


def _post(proof: Proof) -> Authentication:
    client = proof.client
    return Authentication(params={proof.client_id_param: client.client_id, "client_secret": client.client_secret or ""})


def _none(proof: Proof) -> Authentication:
    return Authentication(params={proof.client_id_param: proof.client.client_id})


def _private_key_jwt(proof: Proof) -> Authentication:
    if proof.key is None:
        raise ValueError("private_key_jwt needs a private key")
    return _assertion(proof, sign(_claims(proof), proof.key))


def _client_secret_jwt(proof: Proof) -> Authentication:
    key = SigningKey(proof.algorithm, secret=(proof.client.client_secret or "").encode())
    return _assertion(proof, sign(_claims(proof), key))


def _claims(proof: Proof) -> dict[str, str | int]:
    """The claims of RFC 7523 section 3. The audience is one name, so that no other server can use the assertion."""
    client_id, now = proof.client.client_id, int(proof.now.timestamp())
    return {
        "iss": client_id,
        "sub": client_id,
        "aud": proof.audience,
        "jti": proof.identifier,
        "iat": now,
        "exp": now + ASSERTION_LIFETIME,
    }


def _assertion(proof: Proof, assertion: str) -> Authentication:
    return Authentication(
        params={
            proof.client_id_param: proof.client.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
    )


#: How a client authenticates, under the names of the IANA registry (RFC 7591 section 2). The order is the
#: order of preference where a provider announces several.
AUTH_METHODS: dict[str, cabc.Callable[[Proof], Authentication]] = {
    "private_key_jwt": _private_key_jwt,
    "client_secret_basic": _basic,
    "client_secret_post": _post,
    "client_secret_jwt": _client_secret_jwt,
    "none": _none,
}


def choose_auth_method(
    client: Client, wanted: str | None, announced: tuple[str, ...] | None, *, key: SigningKey | None = None
) -> str:
    """The client authentication method to use: the wanted one, else the best announced that the client is able to.

    Where nothing is announced, that is ``private_key_jwt`` with a private key and Basic with a secret. A client
    with neither uses ``none``.

    :raises AnswerInvalid: when the provider announces methods, and none that the client is able to.
    """
    able = [method for method in AUTH_METHODS if _is_able(method, client, key)]
    if wanted in able:
        return str(wanted)
    if able == ["none"]:
        return "none"
    for method in able:
        if method != "none" and (announced is None or method in announced):
            return method
    raise AnswerInvalid("The provider announces no client authentication method that this client is able to.")


def check_auth_method(client: Client, wanted: str | None, key: SigningKey | None, algorithm: str | None) -> None:
    """Refuses settings that cannot work together.

    :raises ValueError: naming the option that is missing or wrong.
    """
    if wanted == "private_key_jwt" and key is None:
        raise ValueError("'private_key' must be set for the token_auth_method private_key_jwt")
    if wanted == "client_secret_jwt" and not client.client_secret:
        raise ValueError("'consumer_secret' must be set for the token_auth_method client_secret_jwt")
    if algorithm is not None and wanted == "client_secret_jwt" and algorithm not in SECRET_ALGORITHMS:
        raise ValueError(f"'token_auth_alg' must be one of {', '.join(SECRET_ALGORITHMS)} for client_secret_jwt")
    if algorithm is not None and wanted != "client_secret_jwt" and key is None:
        raise ValueError("'token_auth_alg' is for private_key_jwt, which needs a private_key, and client_secret_jwt")


def _is_able(method: str, client: Client, key: SigningKey | None) -> bool:
    if method == "private_key_jwt":
        return key is not None
    return client.client_secret is not None or not method.startswith("client_secret_")


def authenticate(method: str, proof: Proof) -> Authentication:
    """What a method adds to a request (RFC 6749 section 2.3). ``method`` is a key of :data:`AUTH_METHODS`."""
    return AUTH_METHODS[method](proof)
