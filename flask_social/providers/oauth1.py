"""The family of OAuth 1.0a. It puts the pairs of its protocol in order."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from .. import oauth1, oauth2
from ..errors import AttemptRefused
from ..values import Attempt, Flow, Intent, Request, Token
from .options import OAUTH1
from .root import Provider
from .visit import Answer, Context, Start


class OAuth1Provider(Provider):
    """OAuth 1.0a (RFC 5849). The request token takes the place of ``state``."""

    OPTIONS: t.ClassVar[frozenset[str]] = OAUTH1
    REQUIRED: t.ClassVar[tuple[str, ...]] = ("request_token_url", "authorize_url", "access_token_url")

    request_token_url: str = ""

    def attempt_param(self, params: cabc.Mapping[str, str]) -> str | None:
        """The request token, which a refusal calls ``denied``."""
        return params.get("oauth_token") or params.get("denied")

    def signer(self, context: Context) -> oauth1.Signer:
        """What signs one request."""
        return oauth1.Signer(self.credentials, context.random(16).hex(), int(context.now.timestamp()))

    def api_request(self, context: Context, method: str, url: str, token: Token) -> Request:
        """A signed request to the provider's API."""
        return oauth1.signed_request(
            self.signer(context), method, url, token=token.access_token, secret=token.secret, headers=self.headers
        )

    def revoke(self, context: Context, token: Token) -> Flow[None]:
        """Ends a grant by a request signed with it."""
        if self.revoke_url is not None:
            oauth1.read_revocation((yield self.api_request(context, "POST", self.revoke_url, token)))

    def _start(self, context: Context, intent: Intent, scopes: tuple[str, ...]) -> Flow[Start]:
        response = yield oauth1.request_token_request(
            self.signer(context), self.request_token_url, context.redirect_uri, self.headers
        )
        found = oauth1.read_request_token(response)
        extra = {name: value for name, value in self.authorize_params.items() if value is not None}
        url = oauth2.add_query(self.authorize_url or "", {**extra, "oauth_token": found.token}.items())
        return Start(found.token, url, found.token, found.secret)

    def _finish(self, context: Context, attempt: Attempt, params: cabc.Mapping[str, str]) -> Flow[Answer]:
        if attempt.request_token is None or attempt.request_token_secret is None:
            raise AttemptRefused("The attempt holds no request token.")
        request_token = oauth1.RequestToken(attempt.request_token, attempt.request_token_secret)
        grantable = oauth1.read_callback(params, request_token)
        response = yield oauth1.access_token_request(
            self.signer(context), self.access_token_url or "", grantable, self.headers
        )
        return (yield from self._identify(context, attempt, oauth1.read_access_token(response)))
