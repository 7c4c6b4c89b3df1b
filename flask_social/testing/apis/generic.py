"""Two providers that are nobody in particular: an OpenID provider, and an OAuth 2 one with a nested profile."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from werkzeug.wrappers import Request

from ..httpd import Answer
from ..ledger import Grant
from ..oauth2 import OAuth2Service
from ..oidc import OIDCService
from ..people import Person
from ..service import Route

#: RFC 6750 section 3.1, for providers without a shape of their own.
PLAIN_ERRORS: t.Final = {
    "unauthorized": (401, {"error": "invalid_token", "error_description": "The access token is not valid."}),
    "forbidden": (403, {"error": "insufficient_scope", "error_description": "The token lacks a scope."}),
    "rate_limited": (429, {"error": "slow_down", "error_description": "Too many requests."}),
    "server_error": (500, {"error": "server_error", "error_description": "It broke."}),
}

PLAIN_CHALLENGES: t.Final = {
    "unauthorized": 'Bearer realm="stand-in", error="invalid_token"',
    "forbidden": 'Bearer realm="stand-in", error="insufficient_scope", scope="profile email"',
}


class OIDC(OIDCService):
    """A standard OpenID provider: refresh tokens with ``offline_access``, rotating."""

    id = "oidc"
    name = "an OpenID provider"
    colour = "#6d28d9"
    scopes = ("openid", "email", "profile", "offline_access")
    api_errors = PLAIN_ERRORS
    challenges = PLAIN_CHALLENGES

    def settings(self) -> dict[str, t.Any]:
        return {**self.credentials(), "provider": "oidc", "issuer": self.url(), "name": "Stand-in OpenID"}

    def claims(self, person: Person, grant: Grant) -> dict[str, t.Any]:
        claims = super().claims(person, grant)
        return claims | ({"preferred_username": person.username} if "profile" in grant.scope else {})


class OAuth2(OAuth2Service):
    """A standard OAuth 2 provider with a profile of its own making; its user ids are JSON numbers."""

    id = "oauth2"
    name = "an OAuth 2 provider"
    colour = "#0f766e"
    api_errors = PLAIN_ERRORS
    challenges = PLAIN_CHALLENGES

    def routes(self) -> cabc.Iterable[Route]:
        yield from super().routes()
        yield Route("/api/me", "profile", self.profile)

    def settings(self) -> dict[str, t.Any]:
        return {
            **self.credentials(),
            "provider": "oauth2",
            "name": "Stand-in OAuth 2",
            "authorize_url": self.url(self.authorize_path),
            "access_token_url": self.url(self.token_path),
            "userinfo_url": self.url("/api/me"),
            "api_base_url": self.url("/api/"),
            "revoke_url": self.url("/revoke"),
            "scope": "profile email",
            "fields": {
                "subject": "user.id",
                "display_name": "user.login",
                "full_name": "user.name",
                "email": "contact.email",
                "email_verified": "contact.verified",
                "profile_url": "user.url",
                "image_url": "user.avatar",
            },
        }

    def profile(self, request: Request) -> Answer:
        """The nested profile; ``contact`` is there with the scope ``email``."""
        token = self.bearer(request)
        person = self.person(token)
        user = {
            "id": int(person.subject(self.id)) if person.subject(self.id).isdigit() else person.subject(self.id),
            "login": person.username,
            "name": person.name,
            "url": self.url(f"/people/{person.username}"),
            "avatar": self.picture(person),
        }
        contact = {"email": person.email, "verified": person.email_verified} if "email" in token.grant.scope else {}
        return self.api({"user": user, "contact": contact})
