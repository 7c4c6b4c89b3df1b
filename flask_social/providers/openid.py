"""The family of OpenID Connect: OAuth 2 with discovery, where a signed ID token says who the person is."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import typing as t

from .. import jws, oidc
from ..discovery import discover
from ..errors import AttemptRefused
from ..oauth2 import Server
from ..values import Attempt, Flow, Intent, Profile, Token
from .oauth import OAuth2Provider
from .options import OIDC
from .visit import Answer, Context, Start, required, written


class OIDCProvider(OAuth2Provider):
    """OpenID Connect with discovery. The ID token identifies; UserInfo fills up what it lacks."""

    OPTIONS: t.ClassVar[frozenset[str]] = OIDC
    REQUIRED: t.ClassVar[tuple[str, ...]] = ("issuer",)

    scopes: tuple[str, ...] = ("openid", "email", "profile")
    token_type_optional: t.ClassVar[bool] = False
    jwks_uri: str | None = None
    nonce: bool = True
    id_token_algs: tuple[str, ...] = jws.PUBLIC_ALGORITHMS
    issuer_aliases: tuple[str, ...] = ()
    #: Client ids of the application's own native apps, which ask for ID tokens that are meant for us.
    native_clients: tuple[str, ...] = ()
    #: Claims that every ID token must hold, with these values, such as ``{"hd": "example.org"}`` at Google.
    required_claims: cabc.Mapping[str, t.Any] = {}
    #: The ``prompt`` that makes the person authenticate again; ``None`` where the provider has none.
    verify_prompt: str | None = "login"
    #: Whether UserInfo is asked: ``auto`` when the ID token lacks ``email`` or ``name``, ``always``, ``never``.
    userinfo: str = "auto"

    @property
    def can_verify(self) -> bool:
        """Whether the provider can make the person authenticate again, or the settings say that it need not."""
        return bool(self.verify_prompt) if self.verify is None else self.verify

    @property
    def can_revoke(self) -> bool:
        """Discovery may name an endpoint; nobody knows before it is asked."""
        return True

    def server(self, context: Context) -> Flow[Server]:
        """The issuer's configuration, fetched at most once an hour; settings win over it."""
        known = yield from discover(context.documents, self.issuer or "", context.now)
        return dc.replace(self._configured(known), jwks=written(self.jwks_uri, known.jwks))

    def fetch_profile(self, context: Context, token: Token) -> Flow[cabc.Mapping[str, t.Any]]:
        """Hook: the UserInfo answer, plain or signed. Its ``sub`` must be that of the ID token."""
        server = yield from self.server(context)
        endpoint = required(server.userinfo, "UserInfo")
        return (
            yield from oidc.read_userinfo(
                (yield self._resource(endpoint, token)),
                context.documents,
                server,
                context.now,
                issuers=self._issuers(server),
                client_id=self.consumer_key,
                algorithms=self.id_token_algs,
                secret=self.consumer_secret,
            )
        )

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """The standard claims (OpenID Connect Core 1.0 section 5.1)."""
        return Profile(
            subject=data["sub"],
            display_name=data.get("preferred_username"),
            full_name=data.get("name"),
            email=data.get("email"),
            email_verified=data.get("email_verified"),
            email_trust=self.email_trust,
            profile_url=data.get("profile"),
            image_url=data.get("picture"),
        )

    def _issuers(self, server: Server) -> tuple[str, ...]:
        return (*super()._issuers(server), *self.issuer_aliases)

    def _protocol(self, context: Context, state: str, intent: Intent) -> dict[str, str | None]:
        again = {"prompt": self.verify_prompt, "max_age": "0"} if intent == "verify" and self.verify_prompt else {}
        return {"nonce": context.vault.derive("nonce", state) if self.nonce else None, **again}

    def _start(self, context: Context, intent: Intent, scopes: tuple[str, ...]) -> Flow[Start]:
        asked = scopes if "openid" in scopes else ("openid", *scopes)
        return (yield from super()._start(context, intent, asked))

    def _check_token_login(self) -> None:
        if not self.nonce:
            raise ValueError("'token_login' needs 'nonce': nothing else ties an ID token to a browser")

    def _finish_token(
        self, context: Context, nonce: str, id_token: str | None, access_token: str | None
    ) -> Flow[Answer]:
        if id_token is None:
            raise AttemptRefused("An access token does not say for whom it was made.", code="token_refused")
        server = yield from self.server(context)
        token = Token("", id_token=id_token)
        identity = yield from _verified(self, context, server, token, nonce, presenters=self.native_clients)
        return Answer(token, identity.claims, identity.issuer, identity.auth_time, _evidence(identity))

    def _identify(self, context: Context, attempt: Attempt, token: Token) -> Flow[Answer]:
        server = yield from self.server(context)
        again = attempt.intent == "verify" and self.verify_prompt is not None
        nonce = context.vault.derive("nonce", attempt.state) if self.nonce else None
        since = attempt.created_at if again else None
        identity = yield from _verified(self, context, server, token, nonce, since)
        claims: dict[str, t.Any] = identity.claims
        if self._needs_userinfo(server, token, claims):
            claims = oidc.merge_userinfo(identity, (yield from self.fetch_profile(context, token)))
        return Answer(token, claims, identity.issuer, identity.auth_time, _evidence(identity))

    def _needs_userinfo(self, server: Server, token: Token, claims: cabc.Mapping[str, t.Any]) -> bool:
        if self.userinfo != "auto":
            return self.userinfo == "always"
        scopes = token.scope if token.scope is not None else self.scopes
        lacking = any(scope in scopes and claims.get(name) is None for scope, name in _CLAIMS)
        return lacking and server.userinfo is not None


#: Which claim a scope promises (OpenID Connect Core 1.0 section 5.4), as far as a profile needs it.
_CLAIMS = (("email", "email"), ("profile", "name"))


def _verified(
    provider: OIDCProvider,
    context: Context,
    server: Server,
    token: Token,
    nonce: str | None,
    since: int | None = None,
    presenters: tuple[str, ...] = (),
) -> Flow[oidc.Identity]:
    signed = yield from oidc.verify_id_token(
        token.id_token,
        context.documents,
        server,
        context.now,
        algorithms=provider.id_token_algs,
        secret=provider.consumer_secret,
    )
    identity = oidc.read_id_token(
        signed,
        issuer=provider.issuer or "",
        issuer_aliases=provider.issuer_aliases,
        client_id=provider.consumer_key,
        presenters=presenters,
        nonce=nonce,
        access_token=token.access_token or None,
        now=context.now,
        authenticated_after=since,
    )
    for name, wanted in provider.required_claims.items():
        found = identity.claims.get(name)
        # A JSON true equals the number 1 in Python.
        if type(found) is not type(wanted) or found != wanted:
            raise AttemptRefused(f"The ID token does not hold the claim {name} that is required.", code="not_admitted")
    return identity


def _evidence(identity: oidc.Identity) -> frozenset[str]:
    """The authentication methods and the context class of a verified ID token (Core 1.0 section 2, RFC 8176)."""
    methods, context_class = identity.claims.get("amr"), identity.claims.get("acr")
    if not isinstance(methods, list) or not all(isinstance(method, str) for method in methods):
        methods = []
    return frozenset([*methods, context_class] if isinstance(context_class, str) else methods)
