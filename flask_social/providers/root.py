"""What every provider is: data, one mapping, and two flows whose checks nobody can replace.

A provider is made once per application and never changes. Its flows are generators: they yield the requests to
send, are sent the responses, and return values. The families that speak the protocols are in
:mod:`flask_social.providers.base`.
"""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import typing as t

from ..answers import email_address, flag, plain_text, read_object, web_url
from ..errors import AnswerInvalid, AttemptRefused, ProviderRefused
from ..oauth2 import add_query, origin
from ..values import Attempt, Client, EmailTrust, Flow, Intent, LinkByEmail, Profile, Request, Signup, Token, subject
from .options import COMMON, TRUST, read_option
from .visit import Answer, Context, Grant, Start

#: What a provider written elsewhere cannot replace: the order of the checks, and the checks.
SEALED = (
    *("start", "finish", "finish_token", "read_profile", "attempt_param", "can_verify"),
    *("_start", "_finish", "_finish_token", "_identify", "_granted", "_check_token_login"),
)

#: The addresses that a preset or the settings give.
OWN_ADDRESSES = ("api_base_url", "userinfo_url", "access_token_url", "issuer")

#: Where the originals stand.
_HOME = tuple(__name__.replace("root", name) for name in ("root", "oauth", "oauth1", "openid"))


class Provider:
    """The root of all providers. Extend one of the families below it.

    :param id: the provider's id in this application; names one identity namespace for ever.
    :param client: the application as registered at the provider.
    :param options: values of :attr:`OPTIONS`, which replace those of the class.
    :raises TypeError: for an unknown option.
    :raises ValueError: for a wrong or missing one; the text names it.
    """

    OPTIONS: t.ClassVar[frozenset[str]] = COMMON
    REQUIRED: t.ClassVar[tuple[str, ...]] = ()

    id: str = ""
    name: str = ""
    issuer: str | None = None
    authorize_url: str | None = None
    access_token_url: str | None = None
    #: The address of the profile; ``None``: ``profile_path`` below ``api_base_url``.
    userinfo_url: str | None = None
    profile_path: t.ClassVar[str | None] = None
    profile_params: t.ClassVar[cabc.Mapping[str, str]] = {}
    api_base_url: str | None = None
    scopes: tuple[str, ...] = ()
    #: What may be asked for besides, when somebody needs it.
    extra_scopes: tuple[str, ...] = ()
    #: Long names under which the provider's answers know a scope, by the short one that is asked for.
    scope_aliases: t.ClassVar[cabc.Mapping[str, str]] = {}
    #: Scopes that ask for no access, and that many answers leave out.
    unsaid_scopes: t.ClassVar[frozenset[str]] = frozenset({"openid", "offline_access"})
    authorize_params: cabc.Mapping[str, str | None] = {}
    headers: cabc.Mapping[str, str] = {}
    revoke_url: str | None = None
    email_trust: EmailTrust = "claimed"
    #: The module that makes the API client, such as ``"flask_social.clients.twitter"``.
    client: t.ClassVar[str | None] = None
    console_url: t.ClassVar[str | None] = None
    docs_url: t.ClassVar[str | None] = None
    checked_on: t.ClassVar[str | None] = None
    icon: str = "generic"
    colour: str = "#334155"
    module: str | None = None
    api_options: cabc.Mapping[str, t.Any] = {}
    signup: Signup | None = None
    link_by_email: LinkByEmail | None = None
    verify: bool | None = None
    #: Evidence in an ID token that counts as a second factor.
    second_factor: tuple[str, ...] = ()
    #: The provider's codes for a token that is dead already, when it is to be ended.
    dead_token_errors: t.ClassVar[frozenset[str]] = frozenset({"invalid_token", "invalid_grant"})
    #: What it may call a dead refresh token besides, and other things too.
    dead_refresh_errors: t.ClassVar[frozenset[str]] = frozenset()
    #: Whether a token is renewed by itself, where there is no refresh token.
    renews_without_refresh_token: t.ClassVar[bool] = False
    #: How long before its end a token is renewed; ``None``: ``SOCIAL_REFRESH_LEEWAY``.
    renew_before: t.ClassVar[dt.timedelta | None] = None
    #: Whether a token that a button or a native app got without a redirect logs in.
    token_login: bool = False

    def __init_subclass__(cls, **kwargs: t.Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in SEALED:
            if not _is_ours(cls, name):
                raise TypeError(f"{cls.__qualname__} may not replace {name}(): it holds the security checks")

    def __init__(self, *, id: str, client: Client, **options: t.Any) -> None:
        self.id = id
        self.credentials = client
        for name, value in options.items():
            if name not in self.OPTIONS:
                raise TypeError(f"{name!r} is no option of {type(self).__name__}")
            value = read_option(name, value)
            setattr(self, name, {**self.authorize_params, **value} if name == "authorize_params" else value)
        for name in self.REQUIRED:
            if not getattr(self, name):
                raise ValueError(f"{name!r} must be set")
        if self.token_login:
            self._check_token_login()

    @property
    def consumer_key(self) -> str:
        """The client id."""
        return self.credentials.client_id

    @property
    def consumer_secret(self) -> str | None:
        """The client secret; ``None`` for a public client."""
        return self.credentials.client_secret

    @property
    def can_verify(self) -> bool:
        """Whether a visit proves that the person is present: by the protocol, or because the settings say so."""
        return bool(self.verify)

    @property
    def can_revoke(self) -> bool:
        """Whether :meth:`revoke` has, or may find by discovery, an endpoint to ask; one written elsewhere has."""
        return self.revoke_url is not None or not _is_ours(type(self), "revoke")

    @property
    def allowed_scopes(self) -> frozenset[str]:
        """What may be asked for at all."""
        return frozenset({*self.scopes, *self.extra_scopes})

    def missing_scopes(self, wanted: cabc.Iterable[str], granted: cabc.Iterable[str]) -> tuple[str, ...]:
        """Which of the wanted scopes were not granted; two names of one scope are one."""
        have = {self.scope_aliases.get(scope, scope) for scope in granted} | self.unsaid_scopes
        return tuple(scope for scope in wanted if self.scope_aliases.get(scope, scope) not in have)

    def attempt_param(self, params: cabc.Mapping[str, str]) -> str | None:
        """What names the pending attempt in a callback; ``None`` when it names none."""
        raise NotImplementedError

    @t.final
    def start(self, context: Context, *, intent: Intent, scopes: tuple[str, ...] | None = None) -> Flow[Start]:
        """Begins a visit.

        :param scopes: asked for instead of the provider's own.
        :raises ProviderError: when the provider has to be asked first and fails.
        """
        return (yield from self._start(context, intent, self.scopes if scopes is None else scopes))

    @t.final
    def finish(self, context: Context, attempt: Attempt, params: cabc.Mapping[str, str]) -> Flow[Grant]:
        """Reads the callback of an attempt that was taken, and fetches token and profile.

        :raises AttemptRefused: when the answer belongs elsewhere or is none.
        :raises AccessDenied: when the person declined.
        :raises ProviderError: when the provider refused, failed, or answered nonsense.
        """
        return (yield from self._granted(self._finish(context, attempt, params)))

    @t.final
    def finish_token(
        self, context: Context, nonce: str, *, id_token: str | None = None, access_token: str | None = None
    ) -> Flow[Grant]:
        """Checks a token that came without a redirect, and fetches the profile where the token does not hold it.

        :param nonce: that of an attempt that was taken.
        :raises AttemptRefused: ``token_refused``, when it is not made for this client, or nobody can tell.
        :raises ProviderError: when the ID token does not hold, or the provider refused, failed, or answered nonsense.
        """
        return (yield from self._granted(self._finish_token(context, nonce, id_token, access_token)))

    @t.final
    def read_profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """The profile in the provider's data: mapped by :meth:`profile`, then cleaned.

        :raises AnswerInvalid: when there is no usable user id.
        """
        try:
            found = self.profile(data)
            trust = max(found.email_trust, self.email_trust, key=TRUST.index)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise AnswerInvalid("The provider's profile has another shape than expected.") from error
        email = email_address(found.email)
        return Profile(
            subject=subject(found.subject),
            display_name=plain_text(found.display_name) or plain_text(found.full_name),
            full_name=plain_text(found.full_name),
            email=email,
            email_verified=flag(found.email_verified) if email else None,
            email_trust=trust if email else "never",
            profile_url=web_url(found.profile_url),
            image_url=web_url(found.image_url),
            raw=found.raw or dict(data),
        )

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """The one mapping of a provider: from its data to a profile. Values are cleaned afterwards."""
        raise NotImplementedError

    def fetch_profile(self, context: Context, token: Token) -> Flow[cabc.Mapping[str, t.Any]]:
        """Hook: the data that :meth:`profile` maps."""
        return (yield from self.get(context, self.profile_address(), token))

    def profile_address(self, **params: str) -> str:
        """The address of the profile, with ``profile_params`` and more."""
        url = self.userinfo_url or (self.api_base_url or "").rstrip("/") + "/" + (self.profile_path or "")
        return add_query(url, {**self.profile_params, **params}.items())

    def get(self, context: Context, url: str, token: Token) -> Flow[dict[str, t.Any]]:
        """Asks the provider's API for a JSON object.

        An address outside the origins of the provider's own must be public and https: an answer may have named it.
        """
        request = self.api_request(context, "GET", url, token)
        own = {origin(written) for name in OWN_ADDRESSES if (written := getattr(self, name))}
        return read_object((yield dc.replace(request, configured=origin(url) in own)))

    def api_request(self, context: Context, method: str, url: str, token: Token) -> Request:
        """A request to the provider's API, made with a token."""
        raise NotImplementedError

    def is_issuer(self, issuer: str | None) -> bool:
        """Whether a connection of this issuer is one of this provider; one without an issuer is."""
        return issuer is None or self.issuer is None or issuer in (self.issuer, *getattr(self, "issuer_aliases", ()))

    def can_renew(self, token: Token) -> bool:
        """Whether :meth:`refresh` may be asked for a new token."""
        return bool(token.refresh_token or (self.renews_without_refresh_token and token.access_token))

    def refresh(self, context: Context, token: Token) -> Flow[Token]:
        """Hook: a new token for an old one.

        :raises ProviderRefused: ``invalid_grant`` when the grant cannot be renewed.
        """
        yield from ()
        raise ProviderRefused("The provider's token cannot be renewed.", error="invalid_grant")

    def revoke(self, context: Context, token: Token) -> Flow[None]:
        """Hook: ends a grant. Does nothing where the provider has no endpoint for it."""
        yield from ()

    # What a family is made of

    def _start(self, context: Context, intent: Intent, scopes: tuple[str, ...]) -> Flow[Start]:
        raise NotImplementedError

    def _finish(self, context: Context, attempt: Attempt, params: cabc.Mapping[str, str]) -> Flow[Answer]:
        raise NotImplementedError

    def _check_token_login(self) -> None:
        raise ValueError("'token_login' is not possible: nobody can tell for whom such a token was made")

    def _finish_token(
        self, context: Context, nonce: str, id_token: str | None, access_token: str | None
    ) -> Flow[Answer]:
        yield from ()
        raise AttemptRefused("Nobody can tell for whom such a token was made.", code="token_refused")

    @t.final
    def _granted(self, flow: Flow[Answer]) -> Flow[Grant]:
        try:
            answer = yield from flow
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise AnswerInvalid("The provider's answer has another shape than expected.") from error
        return Grant(answer.token, self.read_profile(answer.data), answer.issuer, answer.auth_time, answer.evidence)

    def _identify(self, context: Context, attempt: Attempt, token: Token) -> Flow[Answer]:
        return Answer(token, (yield from self.fetch_profile(context, token)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r}>"


def _is_ours(cls: type, name: str) -> bool:
    """Whether a method is that of a family."""
    return next(base for base in cls.__mro__ if name in vars(base)).__module__ in _HOME
