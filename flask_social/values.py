"""The plain values of the login loop.

Everything here is frozen and holds no behaviour beyond its own consistency. A
field that carries a secret has ``repr=False``, so that no value printed by
accident shows one.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import hashlib
import json
import re
import typing as t
from urllib.parse import urlsplit

from .errors import AnswerInvalid

#: Longest subject that is accepted, in characters (OpenID Connect Core 1.0, section 2, ``sub``).
MAX_SUBJECT = 255

Intent = t.Literal["login", "connect", "reconnect", "verify"]
INTENTS: tuple[Intent, ...] = ("login", "connect", "reconnect", "verify")

EmailTrust = t.Literal["authoritative", "verified", "claimed", "never"]

#: What becomes of a person who has no account here, and of one whose address has an owner here.
Signup = t.Literal["never", "ask", "auto"]
LinkByEmail = t.Literal["never", "prove", "verified"]
Merge = t.Literal["never", "ask"]


@dc.dataclass(frozen=True, slots=True)
class ConnectionKey:
    """The identity of a person at a provider: the only thing a login is decided by."""

    provider_id: str
    provider_user_id: str

    @property
    def fingerprint(self) -> str:
        """43 url-safe characters that stand for this key alone (SHA-256), whatever its length."""
        joined = json.dumps([self.provider_id, self.provider_user_id]).encode()
        return base64.urlsafe_b64encode(hashlib.sha256(joined).digest()).rstrip(b"=").decode("ascii")


@dc.dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave, in one shape for OAuth 1.0a and OAuth 2.

    :param access_token: the access token (OAuth 1.0a: the token part of the token credentials).
    :param secret: the OAuth 1.0a token secret; ``None`` in OAuth 2.
    :param expires_at: aware UTC time at which the access token ends; ``None`` when the provider did not say.
    :param scope: the scopes that were granted; ``None`` when the provider did not say.
    :param raw: the provider's own answer, which is never stored.
    """

    access_token: str = dc.field(repr=False)
    secret: str | None = dc.field(default=None, repr=False)
    refresh_token: str | None = dc.field(default=None, repr=False)
    token_type: str | None = None
    expires_at: dt.datetime | None = None
    scope: tuple[str, ...] | None = None
    id_token: str | None = dc.field(default=None, repr=False)
    raw: cabc.Mapping[str, t.Any] = dc.field(default_factory=dict, repr=False, compare=False)


@dc.dataclass(frozen=True, slots=True)
class Profile:
    """A person as a provider describes them. ``subject`` is the identity, the rest is decoration.

    :param email: profile data, never an identifier.
    :param email_verified: what the provider says of the address; ``None`` when it says nothing.
    :param email_trust: what that word is worth for this address.
    :param raw: the provider's own answer.
    """

    subject: str
    display_name: str | None = None
    full_name: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    email_trust: EmailTrust = "never"
    profile_url: str | None = None
    image_url: str | None = None
    raw: cabc.Mapping[str, t.Any] = dc.field(default_factory=dict, repr=False)


@dc.dataclass(frozen=True, slots=True)
class Client:
    """The application as registered at a provider (RFC 6749 section 2.3; OAuth 1.0a "consumer")."""

    client_id: str
    client_secret: str | None = dc.field(default=None, repr=False)


@dc.dataclass(frozen=True, slots=True)
class Attempt:
    """One pending visit to a provider: who asked for what, and how the answer is recognised.

    :param state: OAuth 2 ``state``; for OAuth 1.0a the request token, which takes its place.
    :param user_id: the user who began, as text; ``None`` for a login.
    :param expected_key: for ``reconnect``, the fingerprint of the account that must answer.
    :param created_at: seconds since the epoch.
    :param display: ``"popup"`` when the visit ends by telling the window that opened it; ``None`` for a redirect.
    :param scopes: what was asked for instead of the provider's own; ``None``: those.
    """

    state: str = dc.field(repr=False)
    provider_id: str
    intent: Intent
    user_id: str | None = None
    expected_key: str | None = None
    request_token: str | None = dc.field(default=None, repr=False)
    request_token_secret: str | None = dc.field(default=None, repr=False)
    next_url: str | None = None
    created_at: int = 0
    display: str | None = None
    scopes: tuple[str, ...] | None = None


@dc.dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request that a flow wants sent. ``repr`` shows the method and the address without its query.

    :param configured: the address stands in the application's own settings or in a preset. Only such an
        address may be plain http or lead to a loopback or private host; a discovered one may not.
    """

    method: str
    url: str = dc.field(repr=False)
    headers: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)
    body: bytes | None = dc.field(default=None, repr=False)
    configured: bool = True

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{self.method} {parts.scheme}://{parts.hostname}{parts.path}"


@dc.dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, read whole. Header names are lower case; ``repr`` shows the status only."""

    status: int
    headers: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)
    body: bytes = dc.field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty when none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The body as UTF-8 text.

        :raises AnswerInvalid: when it is not UTF-8.
        """
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise AnswerInvalid("The provider's answer is not UTF-8 text.") from error

    def json_object(self) -> dict[str, t.Any]:
        """The body as a JSON object.

        :raises AnswerInvalid: when it is anything else, ``NaN`` and a too deep nesting included.
        """
        try:
            data = json.loads(self.text(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise AnswerInvalid("The provider's answer is not JSON.") from error
        if not isinstance(data, dict):
            raise AnswerInvalid("The provider's answer is not a JSON object.")
        return data


def _refuse_constant(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is not JSON")


T = t.TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

#: A flow yields requests, is sent their responses, and returns a value. It does no I/O of its own.
Flow: t.TypeAlias = cabc.Generator[Request, Response, T]


class OAuthResponse(cabc.Mapping[str, t.Any]):
    """What the ``login_failed`` signal carries: the token fields as a mapping, which never print.

    :ivar error: a stable code when the provider refused, else ``None``.
    :ivar profile: the :class:`Profile` that was read, or ``None``.
    """

    __slots__ = ("_fields", "error", "profile")

    def __init__(
        self,
        fields: cabc.Mapping[str, t.Any] | None = None,
        *,
        error: str | None = None,
        profile: Profile | None = None,
    ) -> None:
        self._fields = dict(fields or {})
        self.error = error
        self.profile = profile

    @classmethod
    def of(cls, token: Token, profile: Profile, *, error: str | None = None) -> OAuthResponse:
        """The mapping of a finished exchange, with what else the provider answered.

        OAuth 1.0a tokens stand under their protocol names too.
        """
        fields = {name: value for name, value in token.raw.items() if name not in TOKEN_FIELDS}
        fields |= {name: value for name in TOKEN_FIELDS if (value := getattr(token, name)) is not None}
        if token.secret is not None:
            fields |= {"oauth_token": token.access_token, "oauth_token_secret": token.secret}
        return cls(fields, error=error, profile=profile)

    def __getitem__(self, name: str) -> t.Any:
        return self._fields[name]

    def __iter__(self) -> cabc.Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"OAuthResponse({sorted(self._fields)}, error={self.error!r})"


#: The fields of a token that have a column.
TOKEN_FIELDS = tuple(field.name for field in dc.fields(Token) if field.name != "raw")


def subject(value: object) -> str:
    """The one way a provider's user id becomes ours.

    :returns: ``value`` when it is a non-empty string of at most 255 characters that UTF-8 can carry and
        that holds no control character; an ``int`` as its digits.
    :raises AnswerInvalid: for anything else (``None``, bool, float, list, dict, blank, lone surrogates).
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**MAX_SUBJECT else ""
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_SUBJECT:
        raise AnswerInvalid("The provider's answer holds no usable user id.")
    if not is_plain_text(value):
        raise AnswerInvalid("The provider's user id holds characters that no id may hold.")
    return value


def is_plain_text(value: str) -> bool:
    """Whether UTF-8 can carry the text and it holds no control character."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return _CONTROL.search(value) is None
