"""The family of OAuth 2. It puts the pairs of its protocol in order."""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import hmac
import typing as t

from .. import oauth2
from ..answers import at, read_object
from ..client_auth import Authentication, Proof, authenticate, check_auth_method, choose_auth_method
from ..errors import AnswerInvalid, AttemptRefused, ProviderError, ProviderRefused
from ..oauth2 import Endpoint, Server
from ..signing import SigningKey, read_private_key
from ..values import Attempt, Client, Flow, Intent, Request, Response, Token, subject
from .options import OAUTH2, read_option
from .root import Provider
from .visit import Answer, Context, Start, required, written


@dc.dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a provider says of an access token that works.

    :param client_id: whom it was made for.
    :param subject: whose it is: the id that the profile has.
    :param expires_at: aware UTC time; ``None`` when it does not expire.
    :param scope: ``None`` when the provider does not say.
    """

    client_id: str
    subject: str
    expires_at: dt.datetime | None = None
    scope: tuple[str, ...] | None = None


#: A token that lives shorter than this is exchanged; how long a token lives then, where the answer does not say.
SHORT_LIFE, LONG_LIFE = dt.timedelta(days=1), dt.timedelta(days=60)


class OAuth2Provider(Provider):
    """The OAuth 2 authorization code flow (RFC 6749 section 4.1) with PKCE (RFC 7636)."""

    OPTIONS: t.ClassVar[frozenset[str]] = OAUTH2
    REQUIRED: t.ClassVar[tuple[str, ...]] = ("authorize_url", "access_token_url")

    scope_separator: str = " "
    client_id_param: t.ClassVar[str] = "client_id"
    #: A key of :data:`flask_social.client_auth.AUTH_METHODS`; ``None``: Basic, or what discovery announces.
    token_auth_method: str | None = None
    #: How an assertion is signed; ``None``: as suits the private key, ``HS256`` with the client secret.
    token_auth_alg: str | None = None
    #: Whom an assertion is for; ``None``: the issuer, else the token endpoint.
    token_auth_audience: str | None = None
    #: The client's private key and its id, for assertions.
    private_key: SigningKey | None = None
    private_key_id: str | None = None
    token_method: str = "POST"
    #: Many providers leave ``token_type`` out; those that are known to send it say ``False``.
    token_type_optional: t.ClassVar[bool] = True
    #: Below ``api_base_url``: where the provider says what an access token is, in the form of Graph's ``debug_token``.
    debug_token_path: t.ClassVar[str | None] = None
    auth_scheme: t.ClassVar[str] = "Bearer"
    #: The ``grant_type``, and parameter, by which a token becomes one that lives longer.
    exchange_grant: t.ClassVar[str | None] = None
    #: The parameter of the callback that names what was granted, where the token answer does not.
    granted_param: t.ClassVar[str | None] = None
    #: Below ``api_base_url``: what is deleted to end a grant, instead of RFC 7009.
    revoke_path: t.ClassVar[str | None] = None
    #: Whether the client authenticates there (RFC 7009 section 2.1).
    revoke_with_secret: t.ClassVar[bool] = True
    response_mode: str | None = None
    pkce: bool = True

    def __init__(self, *, id: str, client: Client, **options: t.Any) -> None:
        key = options.pop("private_key", None)
        super().__init__(id=id, client=client, **options)
        if key is not None:
            key = read_option("private_key", key)
            self.private_key = read_private_key(key, kid=self.private_key_id, algorithm=self.token_auth_alg)
        check_auth_method(client, self.token_auth_method, self.private_key, self.token_auth_alg)

    @property
    def can_revoke(self) -> bool:
        """Whether there is an endpoint, or a resource to delete."""
        return super().can_revoke or self.revoke_path is not None

    def attempt_param(self, params: cabc.Mapping[str, str]) -> str | None:
        """The ``state``."""
        return params.get("state")

    def api_request(self, context: Context, method: str, url: str, token: Token) -> Request:
        """A request to the provider's API with the access token in its header."""
        return self._resource(Endpoint(url), token, method)

    def client_auth(self, context: Context, server: Server) -> Authentication:
        """Hook: how the client authenticates at the token endpoint."""
        return authenticate(
            choose_auth_method(self.credentials, self.token_auth_method, server.auth_methods, key=self.private_key),
            Proof(
                self.credentials,
                self.client_id_param,
                key=self.private_key,
                algorithm=self.token_auth_alg or "HS256",
                audience=self.token_auth_audience or server.issuer or required(server.token, "token").url,
                now=context.now,
                identifier=context.random(16).hex(),
            ),
        )

    def read_token(self, context: Context, response: Response) -> Token:
        """Hook: the token in the token endpoint's answer."""
        return oauth2.read_token(response, context.now, self.scope_separator, type_optional=self.token_type_optional)

    def refresh(self, context: Context, token: Token) -> Flow[Token]:
        """Renews by the refresh token (RFC 6749 section 6), or by an exchange. What the answer leaves out is kept.

        :raises ProviderRefused: ``invalid_grant`` when the grant is dead, or there is no refresh token.
        """
        if self.exchange_grant is not None:
            return (yield from self._exchange(context, token, self.exchange_grant))
        if token.refresh_token is None:
            raise ProviderRefused("The connection has no refresh token.", error="invalid_grant")
        server = yield from self.server(context)
        endpoint, auth = required(server.token, "token"), self.client_auth(context, server)
        response = yield oauth2.refresh_request(
            endpoint, token.refresh_token, auth, method=self.token_method, headers=self.headers
        )
        new = self.read_token(context, response)
        return dc.replace(
            new,
            refresh_token=new.refresh_token or token.refresh_token,
            scope=new.scope if new.scope is not None else token.scope,
            id_token=token.id_token,
        )

    def check_access_token(self, context: Context, token: Token) -> Flow[TokenFacts]:
        """Hook: what the provider says of an access token that a native app got.

        Here: an answer in the form of https://developers.facebook.com/docs/graph-api/reference/debug_token.

        :raises AttemptRefused: ``token_refused``, when it does not work, or the provider does not say.
        """
        if self.debug_token_path is None:
            raise _refused("The provider does not say for whom an access token was made.")
        params = {"input_token": token.access_token, "access_token": f"{self.consumer_key}|{self.consumer_secret}"}
        url = oauth2.add_query(f"{(self.api_base_url or '').rstrip('/')}/{self.debug_token_path}", params.items())
        data = at(read_object((yield Request("GET", url, {"Accept": "application/json", **self.headers}))), "data")
        if at(data, "is_valid") is not True or at(data, "type") != "USER":
            raise _refused("The access token does not work, or is no person's.")
        ends, scopes = data["expires_at"], data.get("scopes")
        if type(ends) is not int or not 0 <= ends < 10**11:
            raise AnswerInvalid("The provider does not say when the access token expires.")
        return TokenFacts(
            subject(data["app_id"]),
            subject(data["user_id"]),
            dt.datetime.fromtimestamp(ends, dt.UTC) if ends else None,
            tuple(map(str, scopes)) if isinstance(scopes, list) else None,
        )

    def revoke(self, context: Context, token: Token) -> Flow[None]:
        """Ends a grant (RFC 7009, or by deleting a resource), where there is an endpoint for it."""
        if self.revoke_path is not None:
            url = self.revoke_url or f"{(self.api_base_url or '').rstrip('/')}/{self.revoke_path}"
            oauth2.read_revocation((yield self.api_request(context, "DELETE", url, token)))
            return
        server = yield from self.server(context)
        if server.revocation is not None:
            auth = self.client_auth(context, server) if self.revoke_with_secret else Authentication()
            request = oauth2.revocation_request(server.revocation, token, auth, headers=self.headers)
            oauth2.read_revocation((yield request))

    def server(self, context: Context) -> Flow[Server]:
        """What is known of the provider's endpoints."""
        yield from ()
        return self._configured(Server(issuer=self.issuer))

    def _configured(self, server: Server) -> Server:
        return dc.replace(
            server,
            authorize=written(self.authorize_url, server.authorize),
            token=written(self.access_token_url, server.token),
            userinfo=written(self.userinfo_url, server.userinfo),
            revocation=written(self.revoke_url, server.revocation),
        )

    def _resource(self, endpoint: Endpoint, token: Token, method: str = "GET") -> Request:
        return oauth2.resource_request(endpoint, token, method=method, scheme=self.auth_scheme, headers=self.headers)

    def _protocol(self, context: Context, state: str, intent: Intent) -> dict[str, str | None]:
        return {}

    def _issuers(self, server: Server) -> tuple[str, ...]:
        return (server.issuer,) if server.issuer is not None else ()

    def _start(self, context: Context, intent: Intent, scopes: tuple[str, ...]) -> Flow[Start]:
        server = yield from self.server(context)
        state = base64.urlsafe_b64encode(context.random(32)).rstrip(b"=").decode("ascii")
        challenge = oauth2.code_challenge(context.vault.derive("pkce", state)) if self.pkce else None
        protocol = {
            "response_type": "code",
            "response_mode": self.response_mode,
            self.client_id_param: self.consumer_key,
            "redirect_uri": context.redirect_uri,
            "scope": self.scope_separator.join(scopes) or None,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256" if challenge else None,
            **self._protocol(context, state, intent),
        }
        authorize = required(server.authorize, "authorization")
        return Start(state, oauth2.authorization_url(authorize.url, protocol, self.authorize_params))

    def _finish(self, context: Context, attempt: Attempt, params: cabc.Mapping[str, str]) -> Flow[Answer]:
        state = params.get("state", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(state, attempt.state.encode("utf-8", "surrogatepass")):
            raise AttemptRefused("The answer belongs to another attempt.")
        server = yield from self.server(context)
        grantable = oauth2.read_callback(
            params,
            redirect_uri=context.redirect_uri,
            code_verifier=context.vault.derive("pkce", attempt.state) if self.pkce else None,
            issuers=self._issuers(server),
            iss_required=server.iss_in_callback,
        )
        endpoint, auth = required(server.token, "token"), self.client_auth(context, server)
        response = yield oauth2.token_request(endpoint, grantable, auth, method=self.token_method, headers=self.headers)
        token = self.read_token(context, response)
        if token.scope is None:
            token = dc.replace(token, scope=self._unsaid(attempt, params))
        answer = yield from self._identify(context, attempt, token)
        return dc.replace(answer, token=(yield from self._prolong(context, answer.token)))

    def _unsaid(self, attempt: Attempt, params: cabc.Mapping[str, str]) -> tuple[str, ...] | None:
        """What was granted where the token answer does not say: all that was asked (RFC 6749 section 5.1).

        A parameter of the callback may name less. The browser brought it, so it never makes it more.
        """
        asked = attempt.scopes if attempt.scopes is not None else self.scopes
        said = params.get(self.granted_param, "")[: oauth2.MAX_PARAMETER] if self.granted_param is not None else ""
        named = oauth2.read_scopes(said, self.scope_separator) or asked
        return tuple(scope for scope in asked if scope in named) or None

    def _prolong(self, context: Context, token: Token) -> Flow[Token]:
        """A token that lives longer, where the provider has one. The last request of a visit: a login needs none."""
        lives_long = token.expires_at is not None and token.expires_at - context.now >= SHORT_LIFE
        if self.exchange_grant is None or lives_long:
            return token
        try:
            return (yield from self._exchange(context, token, self.exchange_grant))
        except ProviderError:
            return token

    def _exchange(self, context: Context, token: Token, grant: str) -> Flow[Token]:
        server = yield from self.server(context)
        endpoint, auth = required(server.token, "token"), self.client_auth(context, server)
        params = {"grant_type": grant, grant: token.access_token}
        response = yield oauth2.form_request(endpoint, params, auth, method=self.token_method, headers=self.headers)
        new = self.read_token(context, response)
        return dc.replace(new, scope=token.scope, expires_at=new.expires_at or context.now + LONG_LIFE)

    def _check_token_login(self) -> None:
        asks = self.debug_token_path is not None
        if not asks and type(self).check_access_token is OAuth2Provider.check_access_token:
            raise ValueError("'token_login' is not possible: the provider cannot say for whom a token was made")
        if asks and self.consumer_secret is None:
            raise ValueError("'token_login' needs 'consumer_secret'")

    def _finish_token(
        self, context: Context, nonce: str, id_token: str | None, access_token: str | None
    ) -> Flow[Answer]:
        # An access token cannot carry the nonce: that it was made for us, and for whom, is all that can be known.
        if access_token is None:
            raise _refused("The provider is known for no ID tokens.")
        token = Token(access_token)
        facts = yield from self.check_access_token(context, token)
        if facts.client_id != self.consumer_key:
            raise _refused("The access token was made for another client.")
        if facts.expires_at is not None and facts.expires_at <= context.now:
            raise _refused("The access token has expired.")
        token = dc.replace(token, expires_at=facts.expires_at, scope=facts.scope)
        data = yield from self.fetch_profile(context, token)
        if self.read_profile(data).subject != facts.subject:
            raise AnswerInvalid("The profile is another person's than the access token.")
        return Answer(token, data)

    def _identify(self, context: Context, attempt: Attempt, token: Token) -> Flow[Answer]:
        # Nobody has verified an ID token that came unasked.
        return (yield from super()._identify(context, attempt, dc.replace(token, id_token=None)))


def _refused(text: str) -> AttemptRefused:
    return AttemptRefused(text, code="token_refused")
