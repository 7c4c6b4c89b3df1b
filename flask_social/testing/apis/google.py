"""Google: OpenID Connect, the ``oauth2 v2`` API and a corner of Drive (developers.google.com/identity)."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from werkzeug.wrappers import Request

from ..consent import Asked
from ..httpd import Answer
from ..ledger import Grant
from ..oidc import OIDCService
from ..people import Person
from ..service import Route


def _error(code: int, message: str, status: str, reason: str) -> tuple[int, t.Any]:
    details = [{"message": message, "domain": "global", "reason": reason}]
    return code, {"error": {"code": code, "message": message, "errors": details, "status": status}}


class Google(OIDCService):
    """Refresh tokens come with ``access_type=offline`` and the first or a forced consent, and do not rotate."""

    id = "google"
    name = "Google"
    colour = "#1a73e8"
    authorize_path = "/o/oauth2/v2/auth"
    jwks_path = "/oauth2/v3/certs"
    userinfo_path = "/v1/userinfo"
    rotates = False
    token_params = ("access_token",)
    api_errors: t.ClassVar = {
        "unauthorized": _error(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
            "valid authentication credential.",
            "UNAUTHENTICATED",
            "authError",
        ),
        "forbidden": _error(
            403, "Request had insufficient authentication scopes.", "PERMISSION_DENIED", "insufficientPermissions"
        ),
        "rate_limited": _error(429, "Quota exceeded for quota metric.", "RESOURCE_EXHAUSTED", "rateLimitExceeded"),
        "server_error": _error(500, "Internal error encountered.", "INTERNAL", "backendError"),
    }

    challenges: t.ClassVar = {
        "unauthorized": 'Bearer realm="https://accounts.google.com/", error="invalid_token"',
        "forbidden": 'Bearer realm="https://accounts.google.com/", error="insufficient_scope", '
        'scope="https://www.googleapis.com/auth/drive https://www.googleapis.com/auth/drive.readonly"',
    }

    def routes(self) -> cabc.Iterable[Route]:
        yield from super().routes()
        yield Route("/oauth2/v2/userinfo", "profile", self.profile)
        yield Route("/userinfo/v2/me", "profile", self.profile)
        yield Route("/drive/v3/about", "api", self.drive_about)

    def settings(self) -> dict[str, t.Any]:
        return {
            **self.credentials(),
            "issuer": self.url(),
            "api_base_url": self.url("/"),
            "revoke_url": self.url("/revoke"),
        }

    def consent(self, asked: Asked, person: Person) -> Grant:
        """With ``include_granted_scopes=true`` the new grant has the scopes of the earlier ones too."""
        grant = super().consent(asked, person)
        if asked.params.get("include_granted_scopes") == "true":
            before = self.world.ledger.granted(self.id, grant.client_id, person.id)
            grant.scope = tuple(dict.fromkeys((*grant.scope, *before)))
        return grant

    def gives_refresh(self, grant: Grant) -> bool:
        asked = grant.params
        return asked.get("access_type") == "offline" and (grant.first or "consent" in asked.get("prompt", "").split())

    def extra(self, grant: Grant) -> dict[str, str]:
        """Google repeats the granted scope and names the account slot and the prompt."""
        prompt = "consent" if grant.first else "none"
        return {"scope": " ".join(grant.scope), "authuser": "0", "prompt": prompt}

    def claims(self, person: Person, grant: Grant) -> dict[str, t.Any]:
        claims = super().claims(person, grant)
        return claims | ({"hd": person.hosted_domain} if person.hosted_domain else {})

    def revoke(self, request: Request) -> Answer:
        """Google asks for no client authentication, and takes the grant along with any of its tokens."""
        item = self.world.ledger.find(request.values.get("token"), "access", "refresh")
        if item is None or not item.is_live(self.world.now()):
            return self.oauth_error("invalid_token", "Token expired or revoked")
        self.world.ledger.revoke(item)
        item.grant.alive = False
        self.world.ledger.consents.discard((self.id, item.grant.client_id, item.grant.person_id))
        return self.json({})

    def profile(self, request: Request) -> Answer:
        """``oauth2 v2`` userinfo: ``id`` and ``verified_email`` instead of ``sub`` and ``email_verified``."""
        token = self.bearer(request)
        claims = self.claims(self.person(token), token.grant)
        renamed = {"sub": "id", "email_verified": "verified_email"}
        return self.api({renamed.get(name, name): value for name, value in claims.items()})

    def drive_about(self, request: Request) -> Answer:
        """Drive v3 ``about.get``: ``fields`` is mandatory."""
        token = self.bearer(request)
        if "fields" not in request.args:
            status, body = _error(
                400, "The 'fields' parameter is required for this method.", "INVALID_ARGUMENT", "required"
            )
            return self.json(body, status)
        person = self.person(token)
        user = {
            "kind": "drive#user",
            "displayName": person.name,
            "photoLink": self.picture(person),
            "me": True,
            "permissionId": person.subject(self.id),
            "emailAddress": person.email or "",
        }
        return self.api({"kind": "drive#about", "user": user})
