"""OpenID Connect Core 1.0: ID tokens and UserInfo, as pairs of "build a request" and "read a response".

Nothing here sends anything, knows the time or makes a random number.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import hashlib
import hmac
import typing as t

from .answers import read_object
from .documents import Documents
from .errors import AnswerInvalid, IdTokenInvalid
from .jws import Signed, read_keys, verify
from .oauth2 import Endpoint, Server
from .values import Flow, Request, Response, subject

#: How far the provider's clock may be from ours, in seconds.
LEEWAY = 60


def keys_request(endpoint: Endpoint) -> Request:
    """The request for a key set (Discovery 1.0 section 3, ``jwks_uri``); :func:`~flask_social.jws.read_keys` reads."""
    return Request("GET", endpoint.url, {"Accept": "application/json"}, configured=endpoint.configured)


def allowed_algorithms(wanted: cabc.Collection[str], announced: tuple[str, ...] | None) -> frozenset[str]:
    """The algorithms that an ID token may be signed with.

    :param wanted: what the provider class allows.
    :param announced: what the discovery document says; RS256 belongs to it always (Core 1.0 section 15.1).
    """
    return frozenset(wanted) & {"RS256", *(announced if announced is not None else wanted)} - {"none"}


def verify_id_token(
    id_token: str | None,
    documents: Documents,
    server: Server,
    now: dt.datetime,
    *,
    algorithms: cabc.Collection[str],
    secret: str | None,
) -> Flow[Signed]:
    """Verifies the signature of an ID token with the kept keys, and once more with fresh ones.

    OpenID Connect Core 1.0 section 10.1.1.

    :raises IdTokenInvalid: when there is no ID token, or no key verifies it.
    """
    if id_token is None:
        raise IdTokenInvalid("The provider's answer holds no ID token.")
    allowed = allowed_algorithms(algorithms, server.id_token_algs)
    return (yield from _verify(id_token, documents, server, now, algorithms=allowed, secret=secret))


def _verify(
    token: str,
    documents: Documents,
    server: Server,
    now: dt.datetime,
    *,
    algorithms: cabc.Collection[str],
    secret: str | None,
) -> Flow[Signed]:
    keys = documents.keys.get(server.jwks.url, now) if server.jwks else ()
    signed = verify(token, keys or (), algorithms=algorithms, secret=secret)
    if signed is None and server.jwks and (keys is None or documents.keys.may_refetch(server.jwks.url, now)):
        keys = documents.keys.put(server.jwks.url, read_keys((yield keys_request(server.jwks))), now)
        signed = verify(token, keys, algorithms=algorithms, secret=secret)
    if signed is None:
        raise IdTokenInvalid("The token's signature fits none of the provider's keys.")
    return signed


# The ID token -------------------------------------------------------------------------------------------------


@dc.dataclass(frozen=True, slots=True)
class Identity:
    """What an ID token that passed every check says. Only :func:`read_id_token` makes one.

    :param issuer: the configured issuer, also where the token used one of its aliases.
    :param auth_time: when the person authenticated, in seconds since the epoch; ``None`` when not said.
    """

    issuer: str
    subject: str
    auth_time: int | None
    claims: dict[str, t.Any] = dc.field(repr=False)


def read_id_token(
    signed: Signed,
    *,
    issuer: str,
    issuer_aliases: cabc.Collection[str] = (),
    client_id: str,
    presenters: cabc.Collection[str] = (),
    nonce: str | None,
    access_token: str | None,
    now: dt.datetime,
    authenticated_after: int | None = None,
) -> Identity:
    """Checks the claims of an ID token (Core 1.0 sections 2, 3.1.3.7 and 3.1.3.8).

    :param presenters: other clients of the application that may have asked for the token (``azp``): its native apps.
    :param nonce: what was sent; ``None`` when the provider has no nonce.
    :param access_token: compared with ``at_hash`` when the token has one.
    :param authenticated_after: seconds since the epoch; the person must have authenticated since then.
    :raises IdTokenInvalid: naming the claim that does not hold.
    """
    claims, seconds = signed.claims, now.timestamp()
    if claims.get("iss") not in (issuer, *issuer_aliases):
        raise IdTokenInvalid("The ID token comes from another issuer (iss).")
    _check_audience(claims, client_id, presenters)
    if _time(claims, "exp") + LEEWAY <= seconds:
        raise IdTokenInvalid("The ID token has expired (exp).")
    if _time(claims, "iat") - LEEWAY > seconds:
        raise IdTokenInvalid("The ID token was issued in the future (iat); check the clocks.")
    if "nbf" in claims and _time(claims, "nbf") - LEEWAY > seconds:
        raise IdTokenInvalid("The ID token is not valid yet (nbf); check the clocks.")
    if nonce is not None and not _same(claims.get("nonce"), nonce):
        raise IdTokenInvalid("The ID token belongs to another visit (nonce).")
    expected = half_hash(access_token, signed.algorithm) if access_token is not None else None
    if "at_hash" in claims and expected is not None and not _same(claims["at_hash"], expected):
        raise IdTokenInvalid("The ID token belongs to another access token (at_hash).")
    auth_time = int(_time(claims, "auth_time")) if claims.get("auth_time") is not None else None
    if authenticated_after is not None and (auth_time is None or auth_time < authenticated_after - LEEWAY):
        raise IdTokenInvalid("The provider did not ask the person to log in again (auth_time).")
    if auth_time is not None and auth_time - LEEWAY > seconds:
        raise IdTokenInvalid("The person authenticated in the future (auth_time); check the clocks.")
    try:
        return Identity(issuer, subject(claims.get("sub")), auth_time, claims)
    except AnswerInvalid as error:
        raise IdTokenInvalid("The ID token holds no usable user id (sub).") from error


def half_hash(value: str, algorithm: str) -> str:
    """The left half of a hash, as ``at_hash`` has it (Core 1.0 section 3.1.3.6)."""
    name = "sha512" if algorithm in ("EdDSA", "Ed25519") else f"sha{algorithm[-3:]}"
    digest = hashlib.new(name, value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")


def _check_audience(claims: dict[str, t.Any], client_id: str, presenters: cabc.Collection[str] = ()) -> None:
    audience, azp = claims.get("aud"), claims.get("azp")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences or not all(isinstance(item, str) for item in audiences):
        raise IdTokenInvalid("The ID token is meant for another client (aud).")
    if (azp is not None or len(audiences) > 1) and azp not in (client_id, *presenters):
        raise IdTokenInvalid("The ID token was issued to another client (azp).")


def _time(claims: dict[str, t.Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -(10.0**12) < value < 10.0**12:
        raise IdTokenInvalid(f"The ID token holds no usable time ({name}).")
    return value


def _same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(
        value.encode("utf-8", "surrogatepass"), expected.encode("utf-8")
    )


# UserInfo -----------------------------------------------------------------------------------------------------


def read_userinfo(
    response: Response,
    documents: Documents,
    server: Server,
    now: dt.datetime,
    *,
    issuers: cabc.Collection[str],
    client_id: str,
    algorithms: cabc.Collection[str],
    secret: str | None,
) -> Flow[dict[str, t.Any]]:
    """Reads a UserInfo answer: a JSON object, or a signed JWT (Core 1.0 sections 5.3.2 and 5.3.4).

    :param issuers: the names of the provider; ``iss``, ``aud`` and ``exp`` of a signed answer must hold where they are.
    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for any other status but 2xx.
    :raises AnswerInvalid: when it is neither; :class:`IdTokenInvalid` when it is signed and does not hold.
    """
    if not response.ok or response.content_type != "application/jwt":
        return read_object(response)
    token = response.text().strip()
    signed = yield from _verify(token, documents, server, now, algorithms={*algorithms} - {"none"}, secret=secret)
    claims = signed.claims
    if "iss" in claims and claims["iss"] not in issuers:
        raise IdTokenInvalid("The UserInfo answer comes from another issuer (iss).")
    if "aud" in claims:
        _check_audience(claims, client_id)
    if "exp" in claims and _time(claims, "exp") + LEEWAY <= now.timestamp():
        raise IdTokenInvalid("The UserInfo answer has expired (exp).")
    return claims


def merge_userinfo(identity: Identity, userinfo: cabc.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The claims of an ID token, filled up with those of UserInfo (Core 1.0 section 5.3.2). Signed claims win.

    :raises IdTokenInvalid: when UserInfo speaks of somebody else, or does not say of whom.
    """
    try:
        same = subject(userinfo.get("sub")) == identity.subject
    except AnswerInvalid:
        same = False
    if not same:
        raise IdTokenInvalid("The UserInfo answer is about another person (sub).")
    merged = {**userinfo, **identity.claims}
    # Whether an address is verified is a word about that address only.
    if "email" not in identity.claims:
        merged["email_verified"] = userinfo.get("email_verified")
    elif userinfo.get("email") != identity.claims["email"]:
        merged["email_verified"] = identity.claims.get("email_verified")
    return merged
