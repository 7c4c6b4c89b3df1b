"""OpenID Connect on the provider's side: Core 1.0 (code flow), Discovery 1.0, and JWK sets (RFC 7517)."""

from __future__ import annotations

import base64
import collections.abc as cabc
import hashlib
import typing as t

from werkzeug.wrappers import Request

from .faults import merged
from .httpd import Answer
from .ledger import Grant, RegisteredClient
from .oauth2 import OAuth2Service
from .people import Person
from .service import Route

#: A login is fresh enough for ``prompt=login`` and ``max_age`` when the person just chose.
_ALWAYS = ("login", "select_account")


class OIDCService(OAuth2Service):
    """An OpenID provider. Its issuer is the address of its prefix."""

    jwks_path: t.ClassVar[str] = "/jwks"
    userinfo_path: t.ClassVar[str] = "/userinfo"
    scopes: t.ClassVar[tuple[str, ...]] = ("openid", "email", "profile")
    answers_iss = True

    def routes(self) -> cabc.Iterable[Route]:
        yield from super().routes()
        yield Route("/.well-known/openid-configuration", "discovery", self.discovery)
        yield Route(self.jwks_path, "jwks", self.jwks)
        yield Route(self.userinfo_path, "userinfo", self.userinfo, ("GET", "POST"))

    def discovery(self, request: Request) -> Answer:
        """Discovery 1.0 section 3; RFC 8414 for revocation, RFC 9207 section 3 for ``iss``."""
        metadata: dict[str, t.Any] = {
            "issuer": self.url(),
            "authorization_endpoint": self.url(self.authorize_path),
            "token_endpoint": self.url(self.token_path),
            "userinfo_endpoint": self.url(self.userinfo_path),
            "jwks_uri": self.url(self.jwks_path),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({"RS256", self.world.keys.algorithm}),
            "userinfo_signing_alg_values_supported": sorted({"RS256", self.world.keys.algorithm}),
            "scopes_supported": list(self.scopes),
            "token_endpoint_auth_methods_supported": [m for m in self.auth_methods if m != "none"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "email"],
            "code_challenge_methods_supported": list(self.pkce),
            "authorization_response_iss_parameter_supported": True,
        }
        if self.revoke_path is not None:
            metadata["revocation_endpoint"] = self.url(self.revoke_path)
        return self._cacheable(metadata)

    def jwks(self, request: Request) -> Answer:
        """RFC 7517 section 5."""
        return self._cacheable(self.world.keys.public())

    def _cacheable(self, data: t.Any) -> Answer:
        answer = self.json(data)
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    def check(self, client: RegisteredClient, params: cabc.Mapping[str, str]) -> tuple[str, str] | None:
        """Core 1.0 section 3.1.2.1: ``openid`` is in the scope; nobody can be shown a page under ``prompt=none``."""
        wrong = super().check(client, params)
        if wrong is None and "openid" not in params.get("scope", "").split():
            return "invalid_scope", "The scope must hold openid."
        if wrong is None and params.get("prompt") == "none" and self.world.auto is None:
            return "login_required", "Nobody is logged in here."
        if wrong is None and not params.get("max_age", "0").isdigit():
            return "invalid_request", "max_age is a number of seconds."
        return wrong

    def login_time(self, person: Person, params: cabc.Mapping[str, str]) -> float:
        """Now, where the page was shown or a new login is asked for; else when ``auto`` first logged them in."""
        now = self.world.now()
        since = self.world.sessions.get((self.id, person.id))
        again = set(params.get("prompt", "").split()) & set(_ALWAYS)
        if "max_age" in params and since is not None and now - since > int(params["max_age"]):
            again.add("max_age")
        if since is None or again or self.world.auto is None:
            since = now
        self.world.sessions[self.id, person.id] = since
        return since

    def gives_refresh(self, grant: Grant) -> bool:
        """Core 1.0 section 11."""
        return "offline_access" in grant.scope

    def tokens(self, grant: Grant, *, refreshed: bool = False, rotate: bool = True) -> dict[str, t.Any]:
        values = super().tokens(grant, refreshed=refreshed, rotate=rotate)
        values["token_type"] = "Bearer"
        claims = self.id_claims(grant, values["access_token"], refreshed=refreshed)
        id_token = self._signed("id_token", claims, grant.client_id)
        return values if id_token is None else {**values, "id_token": id_token}

    def _signed(self, what: str, claims: dict[str, t.Any], client_id: str) -> str | None:
        """The claims as a JWT, with the fault that waits for ``what``; ``None`` when that takes it away."""
        fault = self.world.faults.take(what, self.id)
        kind = None
        if fault is not None:
            claims, kind = merged(claims, fault.claims), fault.id_token
        if kind == "missing":
            return None
        client = self.world.client(self.id, client_id)
        token = self.world.keys.sign(claims, kind, client.client_secret if client is not None else None)
        self.world.ledger.note(token)
        return token

    def id_claims(self, grant: Grant, access_token: str, *, refreshed: bool = False) -> dict[str, t.Any]:
        """Core 1.0 section 2, with ``at_hash`` (section 3.1.3.6); a refreshed token has no nonce (section 12.2)."""
        now = int(self.world.now())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims: dict[str, t.Any] = {
            "iss": self.url(),
            "aud": grant.client_id,
            "azp": grant.client_id,
            "iat": now,
            "exp": now + 3600,
            "auth_time": int(grant.auth_time),
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        if "nonce" in grant.params and not refreshed:
            claims["nonce"] = grant.params["nonce"]
        person = self.world.people[grant.person_id]
        profile = self.claims(person, grant)
        return claims | ({"sub": profile["sub"]} if self.world.thin_id_tokens else profile)

    def claims(self, person: Person, grant: Grant) -> dict[str, t.Any]:
        """The standard claims (Core 1.0 section 5.1) that the scope opens (section 5.4)."""
        claims: dict[str, t.Any] = {"sub": person.subject(self.id, grant.client_id)}
        if "email" in grant.scope and person.email is not None:
            claims |= {"email": person.email, "email_verified": person.email_verified}
        if "profile" in grant.scope:
            claims |= {
                "name": person.name,
                "given_name": person.given_name,
                "family_name": person.family_name,
                "picture": self.picture(person),
            }
        return claims

    def userinfo(self, request: Request) -> Answer:
        """Core 1.0 section 5.3; with ``sign_userinfo`` a JWT (section 5.3.2), or JSON where a fault takes that away."""
        token = self.bearer(request)
        claims = self.claims(self.person(token), token.grant)
        if self.world.sign_userinfo:
            named = {"iss": self.url(), "aud": token.grant.client_id, **claims}
            signed = self._signed("userinfo_token", named, token.grant.client_id)
            if signed is not None:
                return Answer(signed, content_type="application/jwt", headers={"Cache-Control": "no-store"})
        return self.json(claims)
