"""OAuth 2: the authorization code flow as pairs of "build a request" and "read a response".

RFC 6749 (the framework), RFC 6750 (bearer tokens), RFC 7009 (revocation), RFC 7636 (PKCE), RFC 9207 (``iss``).
Nothing here sends anything, knows the time or makes a random number.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import hashlib
import math
import typing as t
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from .answers import check_available, error_code, is_token, read_fields, safe_code
from .client_auth import Authentication
from .errors import AccessDenied, AnswerInvalid, AttemptRefused, ProviderRefused
from .values import Request, Response, Token, is_plain_text

#: Parameters of an authorization request that only the protocol sets, whatever the settings say.
RESERVED = frozenset(
    {"response_type", "response_mode", "client_id", "redirect_uri", "state", "nonce"}
    | {"code_challenge", "code_challenge_method"}
)

#: Longest value of a callback parameter that is read, in characters.
MAX_PARAMETER = 4096

#: Lifetimes beyond this many seconds (a century) are taken for "never".
_MAX_LIFETIME = 100 * 365 * 86400

_DENIALS = frozenset({"access_denied", "user_denied", "user_cancelled_login", "user_cancelled_authorize"})
_MADE_HERE = object()


class Endpoint(t.NamedTuple):
    """An address of a provider. ``configured``: it stands in the settings or a preset, not in a discovery document."""

    url: str
    configured: bool = True


@dc.dataclass(frozen=True, slots=True)
class Server:
    """What is known of an authorization server (RFC 8414 section 2, with the names of this package).

    :param auth_methods: the client authentication methods it announces; ``None`` when it announces none.
    :param id_token_algs: the same for the signatures of ID tokens.
    :param iss_in_callback: it promised to put ``iss`` into every callback (RFC 9207 section 3).
    """

    issuer: str | None = None
    authorize: Endpoint | None = None
    token: Endpoint | None = None
    userinfo: Endpoint | None = None
    revocation: Endpoint | None = None
    jwks: Endpoint | None = None
    auth_methods: tuple[str, ...] | None = None
    id_token_algs: tuple[str, ...] | None = None
    iss_in_callback: bool = False


# The authorization request ------------------------------------------------------------------------------------


def add_query(url: str, params: cabc.Iterable[tuple[str, str]]) -> str:
    """An address with more query parameters; a parameter that the address has already is replaced."""
    params = list(params)
    names = {name for name, _ in params}
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in names]
    return parts._replace(query=urlencode([*kept, *params], quote_via=quote)).geturl()


def origin(url: str) -> tuple[str, str]:
    """Scheme and host of an address, with its port (RFC 6454 section 4)."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def code_challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def authorization_url(url: str, protocol: cabc.Mapping[str, str | None], extra: cabc.Mapping[str, t.Any]) -> str:
    """The address to send the browser to (RFC 6749 section 4.1.1).

    :param url: the authorization endpoint; its own query is kept.
    :param protocol: the parameters of the protocol; ``None`` leaves one out. They win over everything else.
    :param extra: further parameters of the settings; those named in :data:`RESERVED` are dropped, and so is
        one whose value is ``None``.
    """
    wanted = {name: str(value) for name, value in extra.items() if value is not None and name not in RESERVED}
    wanted |= {name: value for name, value in protocol.items() if value is not None}
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in RESERVED]
    return add_query(parts._replace(query=urlencode(kept, quote_via=quote)).geturl(), wanted.items())


# The callback -------------------------------------------------------------------------------------------------


@dc.dataclass(frozen=True, slots=True)
class Grantable:
    """An authorization code that passed every check of the callback. Only :func:`read_callback` makes one."""

    code: str = dc.field(repr=False)
    redirect_uri: str
    code_verifier: str | None = dc.field(repr=False)
    _made: object = dc.field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("a Grantable comes out of read_callback() only")


def read_callback(
    params: cabc.Mapping[str, str],
    *,
    redirect_uri: str,
    code_verifier: str | None,
    issuers: cabc.Collection[str] = (),
    iss_required: bool = False,
) -> Grantable:
    """Reads the answer to an authorization request: ``iss``, then ``error``, then ``code``.

    RFC 9207 section 2.4, RFC 6749 sections 4.1.2 and 4.1.2.1. The state was compared before, when the pending
    attempt was taken.

    :param issuers: the names of the provider; empty when it has none, and then ``iss`` says nothing.
    :raises AttemptRefused: ``issuer_mismatch`` for another provider's answer, ``callback_invalid`` without a code.
    :raises AccessDenied: when the person declined.
    :raises ProviderRefused: for any other error of the provider.
    """
    iss = params.get("iss")
    if (iss is None and iss_required) or (iss is not None and issuers and iss not in issuers):
        raise AttemptRefused("The answer comes from another provider.", code="issuer_mismatch")
    _refuse_error(params)
    code = params.get("code", "")
    if not code.strip() or len(code) > MAX_PARAMETER or not is_plain_text(code):
        raise AttemptRefused("The answer holds no authorization code.", code="callback_invalid")
    return Grantable(code, redirect_uri, code_verifier, _MADE_HERE)


def _refuse_error(params: cabc.Mapping[str, str]) -> None:
    error = params.get("error", params.get("error_code"))
    if error is None and "error_reason" not in params and "error_message" not in params:
        return
    # Facebook says "user_denied" in error_reason, and 200 ("permissions error") where it sends error_code only.
    reasons = {error, params.get("error_reason")}
    if reasons & _DENIALS or ("error" not in params and error == "200"):
        raise AccessDenied("The person declined at the provider.", error="access_denied")
    raise ProviderRefused("The provider refused the authorization request.", error=safe_code(error))


# The token endpoint -------------------------------------------------------------------------------------------


def token_request(
    endpoint: Endpoint,
    grantable: Grantable,
    auth: Authentication,
    *,
    method: str = "POST",
    headers: cabc.Mapping[str, str] | None = None,
) -> Request:
    """The request that exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    params = {"grant_type": "authorization_code", "code": grantable.code, "redirect_uri": grantable.redirect_uri}
    if grantable.code_verifier is not None:
        params["code_verifier"] = grantable.code_verifier
    return form_request(endpoint, params, auth, method=method, headers=headers)


def refresh_request(
    endpoint: Endpoint,
    refresh_token: str,
    auth: Authentication,
    *,
    method: str = "POST",
    headers: cabc.Mapping[str, str] | None = None,
) -> Request:
    """The request for a new access token (RFC 6749 section 6)."""
    params = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return form_request(endpoint, params, auth, method=method, headers=headers)


def revocation_request(
    endpoint: Endpoint, token: Token, auth: Authentication, *, headers: cabc.Mapping[str, str] | None = None
) -> Request:
    """The request that ends a grant (RFC 7009 section 2.1): by the refresh token when there is one."""
    params = {"token": token.access_token, "token_type_hint": "access_token"}
    if token.refresh_token is not None:
        params = {"token": token.refresh_token, "token_type_hint": "refresh_token"}
    return form_request(endpoint, params, auth, headers=headers)


def form_request(
    endpoint: Endpoint,
    params: cabc.Mapping[str, str],
    auth: Authentication,
    *,
    method: str = "POST",
    headers: cabc.Mapping[str, str] | None = None,
) -> Request:
    """A request with form parameters: in the body, or in the query for ``GET``."""
    sent = {"Accept": "application/json", **(headers or {}), **auth.headers}
    pairs = {**params, **auth.params}
    if method == "GET":
        return Request("GET", add_query(endpoint.url, pairs.items()), sent, configured=endpoint.configured)
    sent["Content-Type"] = "application/x-www-form-urlencoded"
    return Request(method, endpoint.url, sent, urlencode(pairs).encode("ascii"), endpoint.configured)


def read_token(
    response: Response, now: dt.datetime, scope_separator: str = " ", *, type_optional: bool = False
) -> Token:
    """Reads a token answer (RFC 6749 sections 5.1 and 5.2), as JSON or form-encoded.

    :param now: aware UTC time, from which ``expires_in`` counts.
    :param type_optional: the provider is known to leave ``token_type`` out.
    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for an error, whatever its status.
    :raises AnswerInvalid: when there is no usable bearer token.
    """
    data = read_fields(response)
    if not response.ok or data.get("error") not in (None, ""):
        raise ProviderRefused("The provider refused to give a token.", error=error_code(data))
    access_token = data.get("access_token")
    if not is_token(access_token):
        raise AnswerInvalid("The provider's answer holds no usable access token.")
    token_type = data.get("token_type", "bearer" if type_optional else None)
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise AnswerInvalid("The provider's token is no bearer token.")
    refresh_token, id_token = data.get("refresh_token"), data.get("id_token")
    return Token(
        access_token=access_token,
        refresh_token=refresh_token if is_token(refresh_token) else None,
        token_type="Bearer",
        expires_at=_expiry(data.get("expires_in"), now),
        scope=read_scopes(data.get("scope"), scope_separator),
        id_token=id_token if is_token(id_token) else None,
        raw=data,
    )


def read_revocation(response: Response) -> None:
    """Reads the answer to a revocation (RFC 7009 section 2.2): any 2xx is a success.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for anything else.
    """
    check_available(response)
    if not response.ok:
        raise ProviderRefused("The provider refused to revoke the token.", error=error_code(read_fields(response)))


def _expiry(value: object, now: dt.datetime) -> dt.datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds) or not 0 < seconds < _MAX_LIFETIME:
        return None
    return now + dt.timedelta(seconds=seconds)


def read_scopes(value: object, separator: str) -> tuple[str, ...] | None:
    """The scopes in a text or a list (RFC 6749 section 3.3); ``None`` when it is neither."""
    if isinstance(value, str):
        value = value.split(None if separator == " " else separator)
    if not isinstance(value, list):
        return None
    return tuple(part.strip() for part in value if isinstance(part, str) and part.strip() and is_plain_text(part))


# Protected resources ------------------------------------------------------------------------------------------


def resource_request(
    endpoint: Endpoint,
    token: Token,
    *,
    method: str = "GET",
    scheme: str = "Bearer",
    headers: cabc.Mapping[str, str] | None = None,
) -> Request:
    """A request with the access token in its header (RFC 6750 section 2.1)."""
    sent = {"Accept": "application/json", **(headers or {}), "Authorization": f"{scheme} {token.access_token}"}
    return Request(method, endpoint.url, sent, configured=endpoint.configured)
