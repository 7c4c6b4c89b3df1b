"""Every error the package raises.

::

    SocialError
    ├── ConfigurationError        configuration_error        a setting is missing, wrong or misspelt
    ├── MissingLibrary            missing_library            an optional client library is not installed
    ├── AttemptRefused            state_unknown, …           an answer that fits no pending attempt
    ├── ProviderError             provider_error             the provider failed us:
    │   ├── ProviderTimeout       provider_timeout           … it took too long
    │   ├── ProviderUnavailable   provider_unavailable       … it cannot be reached, or answered 5xx or 429
    │   ├── ProviderRefused       provider_refused           … it said no; ``error`` holds its own code
    │   │   └── AccessDenied      access_denied              … because the person said no
    │   └── AnswerInvalid         provider_answer_invalid    … its answer makes no sense
    │       └── IdTokenInvalid    id_token_invalid           … or its ID token does not hold
    ├── TokenError                token_error
    │   ├── TokenUnreadable       token_unreadable           a stored token does not open with any key we have
    │   ├── TokenStoreBusy        token_store_busy           the store is locked by somebody else
    │   └── ReconnectRequired     reconnect_required         the grant is dead; ``url`` is where to renew it
    ├── ApiError                  api_error                  an API answered a client's call with an error:
    │   ├── TokenRejected         token_rejected             … it does not take the token, nor the next one
    │   ├── RateLimited           rate_limited               … there were too many; ``retry_after`` in seconds
    │   └── PermissionMissing     permission_missing         … the person did not permit this; ``scopes``
    └── StoreError                store_error
        ├── DuplicateConnection   duplicate_connection       the key has a row already (a lost race)
        ├── AmbiguousConnection   ambiguous_connection       two rows of one key belong to different users
        └── AttemptsUnavailable   attempts_unavailable       SOCIAL_ATTEMPT_CACHE does not answer

``code`` is for machines and never changes; the text is for people and says what to do next. The error that
caused ours is kept as ``__cause__``. No text ever holds a secret.

What a client raises of the family of :class:`ApiError` is the client library's own exception as well:
``except tweepy.TooManyRequests`` and ``except RateLimited`` catch the same one.
"""

from __future__ import annotations

import collections.abc as cabc
import typing as t

if t.TYPE_CHECKING:
    from .values import ConnectionKey


class SocialError(Exception):
    """The root of the tree."""

    code: str = "social_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigurationError(SocialError):
    """A setting is missing, wrong or misspelt. ``key`` names it."""

    code = "configuration_error"

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


class MissingLibrary(SocialError, ImportError):
    """An optional library is needed and not installed. ``library`` names it, ``extra`` is what to install."""

    code = "missing_library"

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f'{library} is not installed. Install it with: pip install "Flask-Social[{extra}]"')
        self.library = library
        self.extra = extra


class AttemptRefused(SocialError):
    """A callback that fits no pending attempt of this browser, or says two things at once."""

    code = "state_unknown"


class ProviderError(SocialError):
    """The provider did not do its part."""

    code = "provider_error"


class ProviderTimeout(ProviderError):
    """The provider did not answer within the limits of ``SOCIAL_HTTP_TIMEOUT`` or ``SOCIAL_HTTP_DEADLINE``."""

    code = "provider_timeout"


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached, or answered 429 or 5xx.

    ``retry_after`` is in seconds, ``None`` when unknown.
    """

    code = "provider_unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ProviderRefused(ProviderError):
    """The provider answered with an error of its own; ``error`` is its code (RFC 6749 sections 4.1.2.1, 5.2).

    ``status`` is the HTTP status of an API's answer, ``None`` for other answers.
    """

    code = "provider_refused"

    def __init__(self, message: str, *, error: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.error = error
        self.status = status


class AccessDenied(ProviderRefused):
    """The person declined at the provider. Not a fault of anybody."""

    code = "access_denied"


class AnswerInvalid(ProviderError):
    """The provider's answer breaks the protocol."""

    code = "provider_answer_invalid"


class IdTokenInvalid(AnswerInvalid):
    """The ID token fails a check of OpenID Connect Core 1.0 section 3.1.3.7."""

    code = "id_token_invalid"


class TokenError(SocialError):
    """A stored token cannot be used."""

    code = "token_error"


class TokenUnreadable(TokenError):
    """A stored token does not open: its key is gone, or it was copied from another row or column."""

    code = "token_unreadable"


class TokenStoreBusy(TokenError):
    """The store is locked by somebody else; try again."""

    code = "token_store_busy"


class ReconnectRequired(TokenError):
    """The connection has to be made again by its owner. ``url`` is the address to POST to, if known."""

    code = "reconnect_required"

    def __init__(self, message: str, *, url: str | None = None) -> None:
        super().__init__(message)
        self.url = url


class ApiError(SocialError):
    """An API answered a client's call with an error.

    :ivar status: the HTTP status.
    :ivar details: the provider's own words under its own names, shortened and without secrets; empty when it said
        nothing that can be read.

    Errors of ``facebook-sdk`` have Facebook's number as their ``code``, as they always had.
    """

    code = "api_error"

    def __init__(
        self, message: str, *, status: int | None = None, details: cabc.Mapping[str, str | int] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = dict(details or {})


class TokenRejected(ApiError):
    """The API does not take the token, and there was none better: the person has to connect again."""

    code = "token_rejected"


class RateLimited(ApiError):
    """Too many calls. ``retry_after`` is in seconds from the answer on, ``None`` when the provider does not say."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float | None = None, **more: t.Any) -> None:
        super().__init__(message, **more)
        self.retry_after = retry_after


class PermissionMissing(ApiError):
    """The person did not permit this. ``scopes`` are those that the provider names, any of which may do; often none."""

    code = "permission_missing"

    def __init__(self, message: str, *, scopes: cabc.Iterable[str] = (), **more: t.Any) -> None:
        super().__init__(message, **more)
        self.scopes = tuple(scopes)


class StoreError(SocialError):
    """The connection store refused."""

    code = "store_error"


class DuplicateConnection(StoreError):
    """The key already has a row: somebody else was faster. ``key`` is the :class:`ConnectionKey`."""

    code = "duplicate_connection"

    def __init__(self, key: ConnectionKey) -> None:
        super().__init__(f"A connection of this {key.provider_id} account exists already.")
        self.key = key


class AmbiguousConnection(StoreError):
    """Two rows of one key belong to different users; possible only without a unique key."""

    code = "ambiguous_connection"

    def __init__(self, key: ConnectionKey) -> None:
        super().__init__(
            f"Two users hold the same {key.provider_id} account. Remove the wrong row and add the unique key."
        )
        self.key = key


class AttemptsUnavailable(StoreError):
    """The cache of pending attempts, ``SOCIAL_ATTEMPT_CACHE``, does not answer; without it nobody may go on."""

    code = "attempts_unavailable"

    def __init__(self) -> None:
        super().__init__("The cache of SOCIAL_ATTEMPT_CACHE does not answer: see whether its server is up.")
