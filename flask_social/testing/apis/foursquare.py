"""Foursquare: OAuth 2 as it was before the RFC, and v2 of the API (docs.foursquare.com)."""

from __future__ import annotations

import collections.abc as cabc
import secrets
import typing as t

from werkzeug.wrappers import Request

from ..httpd import Answer
from ..ledger import Grant
from ..oauth2 import OAuth2Service
from ..people import Person
from ..service import Refused, Route


def _meta(code: int, kind: str, detail: str) -> tuple[int, t.Any]:
    meta = {"code": code, "errorType": kind, "errorDetail": detail, "requestId": secrets.token_hex(12)}
    return code, {"meta": meta, "response": {}}


class Foursquare(OAuth2Service):
    """No scopes, no PKCE, no refresh, no expiry, no revocation; ``v=YYYYMMDD`` on every API call."""

    id = "foursquare"
    name = "Foursquare"
    colour = "#3333ff"
    authorize_path = "/oauth2/authenticate"
    token_path = "/oauth2/access_token"
    revoke_path = None
    token_methods = ("GET", "POST")
    auth_methods = ("client_secret_post",)
    pkce = ()
    access_lifetime = None
    token_params = ("oauth_token",)
    rate_limit_headers = ("X-RateLimit-Limit", "X-RateLimit-Remaining")
    rate_limit = (500, 3600)
    api_errors: t.ClassVar = {
        "unauthorized": _meta(401, "invalid_auth", "OAuth token invalid or revoked."),
        "forbidden": _meta(403, "not_authorized", "The token may not do this."),
        "rate_limited": _meta(403, "rate_limit_exceeded", "Quota exceeded"),
        "server_error": _meta(500, "server_error", "Foursquare servers are experiencing problems."),
        "no_version": _meta(
            410,
            "param_error",
            "The Foursquare API no longer supports requests that do not pass in a version parameter.",
        ),
    }

    def routes(self) -> cabc.Iterable[Route]:
        yield from super().routes()
        yield Route("/oauth2/authorize", "authorize", self.authorize)
        yield Route("/v2/users/self", "profile", self.users_self)

    def settings(self) -> dict[str, t.Any]:
        return {
            **self.credentials(),
            "authorize_url": self.url(self.authorize_path),
            "access_token_url": self.url(self.token_path),
            "userinfo_url": self.url("/v2/users/self"),
            "api_base_url": self.url("/v2/"),
        }

    def tokens(self, grant: Grant, *, refreshed: bool = False, rotate: bool = True) -> dict[str, t.Any]:
        return {"access_token": self.world.ledger.issue("access", grant, self.world.now()).value}

    def users_self(self, request: Request) -> Answer:
        """The person whose token it is; ``v`` comes first."""
        version = request.values.get("v", "")
        if not (version.isdigit() and len(version) == 8):
            raise Refused(self.api_error("no_version"))
        person = self.person(self.bearer(request))
        meta = {"code": 200, "requestId": secrets.token_hex(12)}
        return self.api({"meta": meta, "response": {"user": self.user(person)}})

    def user(self, person: Person) -> dict[str, t.Any]:
        """The user object; the last name and the address are absent for somebody who has none."""
        prefix, slash, suffix = self.picture(person).rpartition("/")
        user: dict[str, t.Any] = {
            "id": person.subject(self.id),
            "firstName": person.given_name,
            "lastName": person.family_name,
            "gender": "none",
            "relationship": "self",
            # The size goes in between: /pictures/36x36/ada.svg is served like /pictures/ada.svg.
            "photo": {"prefix": prefix + slash, "suffix": f"/{suffix}"},
            "contact": {"email": person.email} if person.email is not None else {},
            "homeCity": "",
            "canonicalUrl": self.url(f"/user/{person.subject(self.id)}"),
        }
        if not person.family_name:
            del user["lastName"]
        return user
