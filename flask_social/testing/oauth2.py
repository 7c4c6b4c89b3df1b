"""OAuth 2.0 on the provider's side: RFC 6749 (code flow), RFC 7636 (PKCE), RFC 7009 (revocation), RFC 9207 (iss)."""

from __future__ import annotations

import base64
import collections.abc as cabc
import hashlib
import hmac
import typing as t
from urllib.parse import unquote_plus, urlsplit

from werkzeug.wrappers import Request

from .consent import Asked, ConsentService, respond
from .faults import Fault
from .httpd import Answer
from .ledger import CODE_LIFETIME, Grant, Issued, RegisteredClient
from .pages import error_page
from .people import Person
from .service import Refused, Route, only_value


class OAuth2Service(ConsentService):
    """An OAuth 2 provider; the class attributes say how it differs from the next one.

    :cvar token_methods: HTTP methods of the token endpoint.
    :cvar auth_methods: how a client may prove itself (RFC 6749 section 2.3.1).
    :cvar scope_separator: between scopes, in requests and answers.
    :cvar pkce: the methods of RFC 7636 that it knows; empty ignores PKCE, as some providers do.
    :cvar pkce_required: no code without a challenge.
    :cvar access_lifetime: seconds; ``None`` for ever.
    :cvar rotates: whether a refresh gives a new refresh token and ends the old one.
    :cvar token_params: names of request parameters that may carry the access token, besides the header.
    :cvar answers_iss: the authorization response names the issuer (RFC 9207).
    """

    authorize_path: t.ClassVar[str] = "/authorize"
    token_path: t.ClassVar[str] = "/token"
    revoke_path: t.ClassVar[str | None] = "/revoke"
    token_methods: t.ClassVar[tuple[str, ...]] = ("POST",)
    auth_methods: t.ClassVar[tuple[str, ...]] = ("client_secret_basic", "client_secret_post", "none")
    scope_separator: t.ClassVar[str] = " "
    pkce: t.ClassVar[tuple[str, ...]] = ("S256",)
    pkce_required: t.ClassVar[bool] = False
    access_lifetime: t.ClassVar[float | None] = 3600
    rotates: t.ClassVar[bool] = True
    token_params: t.ClassVar[tuple[str, ...]] = ()
    answers_iss: t.ClassVar[bool] = False

    def routes(self) -> cabc.Iterable[Route]:
        yield Route(self.authorize_path, "authorize", self.authorize, ("GET", "POST"))
        yield Route("/choose", "choice", self.choose, ("POST",))
        yield Route(self.token_path, "token", self.token, self.token_methods)
        if self.revoke_path is not None:
            yield Route(self.revoke_path, "revoke", self.revoke, ("POST",))

    # Authorization endpoint

    def authorize(self, request: Request) -> Answer:
        """RFC 6749 section 4.1.1."""
        try:
            params = only_value(request)
        except ValueError as error:
            return error_page(self.name, f"The parameter {error} comes twice.")
        client = self.world.client(self.id, params.get("client_id", ""))
        uri = params.get("redirect_uri", "")
        if client is None:
            return error_page(self.name, "The application (client_id) is unknown.", 401)
        parts = urlsplit(uri)
        if not (parts.scheme and parts.netloc) or parts.fragment or uri not in (client.redirect_uris or (uri,)):
            return error_page(self.name, "The redirect URI is not one of this application's.")
        wrong = self.check(client, params)
        asked = Asked(self, client, uri, params)
        if wrong is not None:
            return respond(asked, self._with_state(asked, {"error": wrong[0], "error_description": wrong[1]}))
        return self.ask(asked, params.get("scope", ""))

    def check(self, client: RegisteredClient, params: cabc.Mapping[str, str]) -> tuple[str, str] | None:
        """What is wrong with the request, as error and description; ``None`` when nothing is."""
        if params.get("response_type") != "code":
            return "unsupported_response_type", "Only the code flow is spoken here."
        if not self.pkce:
            return None
        challenge = params.get("code_challenge")
        if challenge is None:
            needed = self.pkce_required or client.client_secret is None
            return ("invalid_request", "A code_challenge is required.") if needed else None
        if params.get("code_challenge_method", "plain") not in self.pkce:
            return "invalid_request", "The code_challenge_method is not supported."
        if not 43 <= len(challenge) <= 128:
            return "invalid_request", "The code_challenge must have 43 to 128 characters."
        return None

    def denial(self) -> dict[str, str]:
        """RFC 6749 section 4.1.2.1, when the person declines."""
        return {"error": "access_denied", "error_description": "The person declined."}

    def returned(self, asked: Asked, person: Person | None, fault: Fault | None) -> dict[str, str]:
        if person is None:
            return self._with_state(asked, self.denial())
        grant = self.consent(asked, person)
        lifetime = CODE_LIFETIME if fault is None or fault.code_lifetime is None else fault.code_lifetime
        code = self.world.ledger.issue("code", grant, self.world.now(), lifetime)
        return self._with_state(asked, {"code": code.value, **self.extra(grant)})

    def consent(self, asked: Asked, person: Person) -> Grant:
        """Note that the person agreed."""
        params = dict(asked.params)
        consent = (self.id, asked.client.client_id, person.id)
        first = consent not in self.world.ledger.consents
        self.world.ledger.consents.add(consent)
        scopes = params.get("scope", "").replace(self.scope_separator, " ").split()
        given = tuple(scope for scope in scopes if scope not in self.world.withheld_scopes)
        return Grant(self.id, asked.client.client_id, person.id, given, params, self.login_time(person, params), first)

    def login_time(self, person: Person, params: cabc.Mapping[str, str]) -> float:
        """When the person logged in at the provider."""
        return self.world.now()

    def extra(self, grant: Grant) -> dict[str, str]:
        """What the provider adds to the authorization response."""
        return {}

    def _with_state(self, asked: Asked, values: dict[str, str]) -> dict[str, str]:
        if "state" in asked.params:
            values["state"] = asked.params["state"]
        if self.answers_iss:
            values["iss"] = self.url()
        return values

    # Token endpoint

    def token(self, request: Request) -> Answer:
        """RFC 6749 section 3.2."""
        try:
            params = only_value(request)
        except ValueError as error:
            return self.oauth_error("invalid_request", f"The parameter {error} comes twice.")
        grant_type = params.get("grant_type", "authorization_code" if "GET" in self.token_methods else "")
        client = self.authenticate(request, params)
        exchange = self.exchanges().get(grant_type)
        if exchange is None:
            return self.oauth_error("unsupported_grant_type", "Use authorization_code or refresh_token.")
        return exchange(client, params)

    def exchanges(self) -> dict[str, cabc.Callable[[RegisteredClient, dict[str, str]], Answer]]:
        """Who answers which ``grant_type``."""
        return {"authorization_code": self.exchange_code, "refresh_token": self.exchange_refresh}

    def authenticate(self, request: Request, params: cabc.Mapping[str, str]) -> RegisteredClient:
        """RFC 6749 section 2.3.1, Basic credentials form-encoded as it says; one way at a time.

        :raises Refused: when the client does not prove itself.
        """
        header = request.headers.get("Authorization", "")
        scheme, _, value = header.partition(" ")
        client_id, secret, method = params.get("client_id", ""), params.get("client_secret"), "client_secret_post"
        if scheme.lower() == "basic":
            if secret is not None:
                raise Refused(self.oauth_error("invalid_request", "Two ways of client authentication at once."))
            method = "client_secret_basic"
            try:
                name, _, word = base64.b64decode(value, validate=True).decode().partition(":")
            except ValueError:
                raise Refused(self.oauth_error("invalid_client", "Malformed Basic credentials.", 401)) from None
            client_id, secret = unquote_plus(name), unquote_plus(word)
        elif secret is None:
            method = "none"
        client = self.world.client(self.id, client_id)
        known = client is not None and _same(client.client_secret or "", secret or "")
        if client is None or not known or method not in self.auth_methods:
            refusal = self.oauth_error("invalid_client", "The client did not prove itself.", 401)
            refusal.headers["WWW-Authenticate"] = 'Basic realm="stand-in"'
            raise Refused(refusal)
        return client

    def exchange_code(self, client: RegisteredClient, params: dict[str, str]) -> Answer:
        """RFC 6749 section 4.1.3. A second use of a code ends what the first gave (section 4.1.2)."""
        code = self.world.ledger.find(params.get("code"), "code")
        if code is None or code.grant.provider != self.id or code.grant.client_id != client.client_id:
            return self.oauth_error("invalid_grant", "The authorization code is not valid.")
        if code.used:
            code.grant.alive = False
            return self.oauth_error("invalid_grant", "The authorization code was used already.")
        if not code.is_live(self.world.now()):
            return self.oauth_error("invalid_grant", "The authorization code has expired.")
        code.used = True
        grant = code.grant
        if params.get("redirect_uri") != grant.params["redirect_uri"]:
            return self.oauth_error("invalid_grant", "The redirect_uri differs from the authorization request's.")
        if self.pkce and not self._proves(grant.params, params.get("code_verifier")):
            return self.oauth_error("invalid_grant", "The code_verifier does not fit.")
        return self.token_answer(self.tokens(grant))

    @staticmethod
    def _proves(asked: cabc.Mapping[str, str], verifier: str | None) -> bool:
        """RFC 7636 section 4.6; a verifier without a challenge is refused too (RFC 9700 section 2.1.1)."""
        challenge = asked.get("code_challenge")
        if challenge is None or verifier is None:
            return challenge is verifier
        if asked.get("code_challenge_method") == "S256":
            digest = hashlib.sha256(verifier.encode()).digest()
            verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return _same(verifier, challenge)

    def exchange_refresh(self, client: RegisteredClient, params: dict[str, str]) -> Answer:
        """RFC 6749 section 6, with the rotation of RFC 9700 section 4.14.2."""
        old = self.world.ledger.find(params.get("refresh_token"), "refresh")
        if old is None or old.grant.provider != self.id or old.grant.client_id != client.client_id:
            return self.oauth_error("invalid_grant", "The refresh token is not valid.")
        if not old.is_live(self.world.now()):
            if old.used and self.world.strict_refresh:
                old.grant.alive = False
            return self.oauth_error("invalid_grant", "Token has been expired or revoked.")
        scope = tuple(params["scope"].split()) if "scope" in params else old.grant.scope
        if not set(scope) <= set(old.grant.scope):
            return self.oauth_error("invalid_scope", "More than the person agreed to.")
        wanted = self.world.rotate_refresh_tokens
        rotate = self.rotates if wanted is None else wanted
        old.used = rotate
        return self.token_answer(self.tokens(old.grant, refreshed=True, rotate=rotate))

    def tokens(self, grant: Grant, *, refreshed: bool = False, rotate: bool = True) -> dict[str, t.Any]:
        """New tokens of a grant, as RFC 6749 section 5.1 writes them."""
        now = self.world.now()
        access = self.world.ledger.issue("access", grant, now, self.access_lifetime)
        values: dict[str, t.Any] = {"token_type": "bearer", "access_token": access.value}
        if self.access_lifetime is not None:
            values["expires_in"] = int(self.access_lifetime)
        if grant.scope:
            values["scope"] = self.scope_separator.join(grant.scope)
        if rotate if refreshed else self.gives_refresh(grant):
            values["refresh_token"] = self.world.ledger.issue("refresh", grant, now).value
        return values

    def gives_refresh(self, grant: Grant) -> bool:
        """Whether a code brings a refresh token."""
        return True

    # Revocation endpoint and API access

    def revoke(self, request: Request) -> Answer:
        """RFC 7009 section 2: an unknown token is as good as revoked."""
        params = request.values.to_dict()
        client = self.authenticate(request, params)
        item = self.world.ledger.find(params.get("token"), "access", "refresh")
        if item is not None and item.grant.client_id == client.client_id:
            self.world.ledger.revoke(item)
        return self.json({})

    def bearer(self, request: Request, *scopes: str) -> Issued:
        """The access token of an API call (RFC 6750 section 2).

        :raises Refused: when it is missing or dead, or lacks one of ``scopes``.
        """
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            value = next((request.values[name] for name in self.token_params if name in request.values), "")
        token = self.world.ledger.find(value, "access")
        if token is None or token.grant.provider != self.id or not token.is_live(self.world.now()):
            raise Refused(self.api_error("unauthorized"))
        if not set(scopes) <= set(token.grant.scope):
            raise Refused(self.api_error("forbidden"))
        return token


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
