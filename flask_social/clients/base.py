"""What every API client is made from, and the filter that keeps tokens out of the client libraries' logs."""

from __future__ import annotations

import dataclasses as dc
import logging
import re
import typing as t

from ..providers.base import Provider
from ..values import ConnectionKey, Token


class TokenKeeper(t.Protocol):
    """Where a client has its token from, at every call. Threads may share it.

    Both methods raise :class:`ReconnectRequired` when the grant is dead, :class:`ProviderError` when the provider
    cannot be asked, and :class:`TokenStoreBusy`.
    """

    def token(self) -> Token:
        """The live token, renewed when its end is near; cheap when it is not."""

    def renewed(self, rejected: str) -> Token:
        """Another one than the access token that an API refused. Many callers at once cause one renewal."""


@dc.dataclass(frozen=True, slots=True)
class ApiContext:
    """One connection, ready for calls.

    :param token: opened and live.
    :param key: whose token it is.
    :param timeout: seconds to wait for a connection, and for each piece of an answer.
    :param keeper: gives the token of each call; ``None`` stays with ``token``.
    """

    provider: Provider
    token: Token
    key: ConnectionKey
    timeout: tuple[float, float]
    keeper: TokenKeeper | None = dc.field(default=None, repr=False)

    def present(self) -> Token:
        """The token for a call made now; raises as the keeper does."""
        return self.keeper.token() if self.keeper is not None else self.token

    @property
    def renews(self) -> bool:
        """Whether a refused token can be followed by another; one of OAuth 1.0a cannot."""
        return self.keeper is not None and not self.token.secret


#: The loggers to which the libraries below us write addresses, headers and bodies. Logging filters are not
#: inherited, so each is named.
LOGGERS = (
    "foursquare",
    "google_auth_httplib2",
    "googleapiclient.http",
    "googleapiclient.model",
    "oauthlib.oauth1.rfc5849",
    "requests_oauthlib.oauth1_auth",
    "requests_oauthlib.oauth1_session",
    "tweepy.api",
    "tweepy.client",
    "urllib3.connection",
    "urllib3.connectionpool",
)

_SECRET_NAMES = (
    r"access_token|appsecret_proof|client_secret|(?<!\w)code|code_verifier|fb_exchange_token|id_token|input_token|"
    "oauth_signature|oauth_token|oauth_verifier|"
    "oauth_token_secret|refresh_token|resource_owner_key|resource_owner_secret"
)
_PAIR = re.compile(
    # A name and what joins it to its value: in a query, a header, JSON, a Python literal or a signature base string.
    rf"""((?:{_SECRET_NAMES})\\?["']?\s*(?:[=:,]|%(?:25)*3D)\s*(?:b?\\?["'])?)"""
    r"""(?:(?!%(?:25)*26)[^\s"'&,;)}\]\\<>])+""",
    re.IGNORECASE,
)
_HEADER = re.compile(r"""((?:authorization\W{1,4}(?:b\W)?\w+|\bbearer)\s+)[^\s"',]+""", re.IGNORECASE)


def redact(text: str) -> str:
    """The text with the values of tokens, secrets and ``Authorization`` headers replaced by ``***``.

    They are known by the names they go by; a token that stands there alone is not recognised. What urllib3 quotes of
    headers that cannot be read is cut off.
    """
    text = text.partition("unparsed data: ")[0]
    return _HEADER.sub(r"\1***", _PAIR.sub(r"\1***", text))


class RedactingFilter(logging.Filter):
    """Lets records pass without the secrets of their messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replaces the message by its redacted form; ``args`` are folded into it.

        A traceback is dropped: what failed may quote what the other side sent, and that may quote us.
        """
        record.exc_info = record.exc_text = None
        try:
            record.msg, record.args = redact(record.getMessage()), None
        except (TypeError, ValueError, LookupError):
            # A library's mistake in its own message is no reason to fail the call: hide the record.
            return False
        return True


_FILTER = RedactingFilter()


def install_filters() -> None:
    """Puts the filter on the loggers of :data:`LOGGERS`. Doing it again changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
