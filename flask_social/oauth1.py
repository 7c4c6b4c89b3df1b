"""OAuth 1.0a (RFC 5849) as pairs of "build a request" and "read a response", signed with HMAC-SHA1.

Nothing here sends anything, knows the time or makes a random number.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import hmac
import typing as t
from urllib.parse import parse_qsl, urlsplit

from oauthlib.oauth1.rfc5849 import signature
from oauthlib.oauth1.rfc5849.utils import escape

from .answers import check_available, error_code, is_token, read_fields, read_form, safe_code
from .errors import AccessDenied, AnswerInvalid, AttemptRefused, ProviderRefused
from .values import Client, Request, Response, Token, is_plain_text

#: Longest verifier that is read, in characters.
MAX_VERIFIER = 4096

_DENIALS = frozenset({"user_refused", "permission_denied"})
_MADE_HERE = object()


@dc.dataclass(frozen=True, slots=True)
class Signer:
    """What one signature needs besides the request: the client, and a nonce and a time used once.

    :param timestamp: seconds since the epoch.
    """

    client: Client
    nonce: str
    timestamp: int


@dc.dataclass(frozen=True, slots=True)
class RequestToken:
    """The temporary credentials of one visit (RFC 5849 section 2.1)."""

    token: str = dc.field(repr=False)
    secret: str = dc.field(repr=False)


@dc.dataclass(frozen=True, slots=True)
class Grantable:
    """A request token that its owner authorized. Only :func:`read_callback` makes one."""

    request_token: RequestToken
    verifier: str = dc.field(repr=False)
    _made: object = dc.field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("a Grantable comes out of read_callback() only")


def signed_request(
    signer: Signer,
    method: str,
    url: str,
    *,
    token: str | None = None,
    secret: str | None = None,
    protocol: cabc.Mapping[str, str] | None = None,
    headers: cabc.Mapping[str, str] | None = None,
) -> Request:
    """A request with an ``Authorization: OAuth`` header (RFC 5849 sections 3.1, 3.4 and 3.5.1).

    :param token: the token credentials or temporary credentials, with their ``secret``.
    :param protocol: more ``oauth_*`` parameters. Their values are plain: they are escaped here, once.
    """
    oauth = {
        "oauth_consumer_key": signer.client.client_id,
        "oauth_nonce": signer.nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(signer.timestamp),
        "oauth_version": "1.0",
        **({"oauth_token": token} if token is not None else {}),
        **(protocol or {}),
    }
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    base = signature.signature_base_string(
        method, signature.base_string_uri(url), signature.normalize_parameters([*oauth.items(), *query])
    )
    # RFC 5849 section 3.4.2
    key = f"{escape(signer.client.client_secret or '')}&{escape(secret or '')}"
    oauth["oauth_signature"] = base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode("ascii")
    header = "OAuth " + ", ".join(f'{escape(name)}="{escape(value)}"' for name, value in oauth.items())
    return Request(method, url, {"Accept": "application/json", **(headers or {}), "Authorization": header})


def request_token_request(
    signer: Signer, url: str, callback: str, headers: cabc.Mapping[str, str] | None = None
) -> Request:
    """The request for temporary credentials (RFC 5849 section 2.1)."""
    return signed_request(signer, "POST", url, protocol={"oauth_callback": callback}, headers=headers)


def read_request_token(response: Response) -> RequestToken:
    """Reads the temporary credentials (RFC 5849 section 2.1).

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for any other status but 2xx.
    :raises AnswerInvalid: when there are none, or ``oauth_callback_confirmed`` is not ``true``.
    """
    fields = _credentials(response)
    if fields.get("oauth_callback_confirmed") != "true":
        raise AnswerInvalid("The provider did not confirm the callback address; OAuth 1.0a is needed.")
    return RequestToken(fields["oauth_token"], fields["oauth_token_secret"])


def read_callback(params: cabc.Mapping[str, str], request_token: RequestToken) -> Grantable:
    """Reads the answer of the authorization page (RFC 5849 section 2.2), a refusal before a verifier.

    :raises AttemptRefused: ``state_unknown`` for another request token, ``callback_invalid`` without a verifier.
    :raises AccessDenied: when the person declined.
    :raises ProviderRefused: for any other problem that the provider reports.
    """
    named = [params[name] for name in ("denied", "oauth_token") if name in params]
    if not named or not all(_same(value, request_token.token) for value in named):
        raise AttemptRefused("The answer belongs to another request token.", code="state_unknown")
    problem = params.get("oauth_problem")
    if "denied" in params or problem in _DENIALS:
        raise AccessDenied("The person declined at the provider.", error="access_denied")
    if problem is not None:
        raise ProviderRefused("The provider refused the authorization.", error=safe_code(problem))
    verifier = params.get("oauth_verifier", "")
    if not verifier.strip() or len(verifier) > MAX_VERIFIER or not is_plain_text(verifier):
        raise AttemptRefused("The answer holds no verifier.", code="callback_invalid")
    return Grantable(request_token, verifier, _MADE_HERE)


def access_token_request(
    signer: Signer, url: str, grantable: Grantable, headers: cabc.Mapping[str, str] | None = None
) -> Request:
    """The request that exchanges the verifier for token credentials (RFC 5849 section 2.3)."""
    return signed_request(
        signer,
        "POST",
        url,
        token=grantable.request_token.token,
        secret=grantable.request_token.secret,
        protocol={"oauth_verifier": grantable.verifier},
        headers=headers,
    )


def read_access_token(response: Response) -> Token:
    """Reads the token credentials (RFC 5849 section 2.3). They have no lifetime and no scope.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for any other status but 2xx.
    :raises AnswerInvalid: when there are none.
    """
    fields = _credentials(response)
    return Token(fields["oauth_token"], fields["oauth_token_secret"], raw=fields)


def read_revocation(response: Response) -> None:
    """Reads the answer to a request that ends a token: any 2xx is a success.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for anything else.
    """
    check_available(response)
    if not response.ok:
        raise ProviderRefused("The provider refused to revoke the token.", error=_error(read_fields(response)))


def _credentials(response: Response) -> dict[str, str]:
    check_available(response)
    if not response.ok:
        raise ProviderRefused("The provider refused to give a token.", error=_error(read_fields(response)))
    fields = read_form(response)
    if not is_token(fields.get("oauth_token")) or not is_token(fields.get("oauth_token_secret")):
        raise AnswerInvalid("The provider's answer holds no usable token.")
    return fields


def _error(data: cabc.Mapping[str, t.Any]) -> str | None:
    # X answers {"errors": [{"code": 32, "message": …}]}; others send the field of the Problem Reporting extension.
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], cabc.Mapping):
        return safe_code(errors[0].get("code"))
    return safe_code(data.get("oauth_problem")) or error_code(data)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
