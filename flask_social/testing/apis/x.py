"""X with OAuth 2 and PKCE, and v2 of the API (docs.x.com)."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from werkzeug.wrappers import Request

from ..httpd import Answer
from ..ledger import Grant
from ..oauth2 import OAuth2Service
from ..people import Person
from ..service import Route, Service

RATE_LIMIT_HEADERS = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")

_DEFAULT_FIELDS = ("id", "name", "username")


def _problem(status: int, title: str, detail: str) -> tuple[int, t.Any]:
    return status, {"title": title, "type": "about:blank", "status": status, "detail": detail}


def me(service: Service, request: Request, person: Person, *, with_email: bool) -> Answer:
    """``GET /2/users/me``: three fields, and those that ``user.fields`` names."""
    user = {
        "id": person.subject("x"),
        "name": person.name,
        "username": person.username,
        "created_at": "2006-03-21T20:50:14.000Z",
        "description": "",
        "location": "",
        "profile_image_url": service.picture(person),
        "protected": False,
        "public_metrics": {"followers_count": 0, "following_count": 0, "tweet_count": 1, "listed_count": 0},
        "url": "",
        "verified": False,
        "verified_type": "none",
        "confirmed_email": person.email if with_email else None,
    }
    wanted = [name for name in request.args.get("user.fields", "").split(",") if name]
    unknown = [name for name in wanted if name not in user]
    if unknown:
        listed = ",".join(user)
        errors = [
            {
                "parameters": {"user.fields": unknown},
                "message": f"The `user.fields` query parameter value [{unknown[0]}] is not one of [{listed}]",
            }
        ]
        problem = {
            "errors": errors,
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": "https://api.twitter.com/2/problems/invalid-request",
        }
        return service.api(problem, 400)
    names = dict.fromkeys((*_DEFAULT_FIELDS, *wanted))
    return service.api({"data": {name: user[name] for name in names if user[name] is not None}})


class X(OAuth2Service):
    """Codes need PKCE; refresh tokens need ``offline.access`` and rotate."""

    id = "x"
    name = "X"
    colour = "#0f1419"
    authorize_path = "/i/oauth2/authorize"
    token_path = "/2/oauth2/token"
    revoke_path = "/2/oauth2/revoke"
    auth_methods = ("client_secret_basic", "none")
    pkce = ("S256", "plain")
    pkce_required = True
    access_lifetime = 7200
    rate_limit_headers = RATE_LIMIT_HEADERS
    api_errors: t.ClassVar = {
        "unauthorized": _problem(401, "Unauthorized", "Unauthorized"),
        "forbidden": _problem(403, "Forbidden", "Forbidden"),
        "rate_limited": _problem(429, "Too Many Requests", "Too Many Requests"),
        "server_error": _problem(500, "Internal Server Error", "Something went wrong."),
    }

    def routes(self) -> cabc.Iterable[Route]:
        yield from super().routes()
        yield Route("/2/users/me", "profile", self.me)

    def settings(self) -> dict[str, t.Any]:
        return {
            **self.credentials(),
            "authorize_url": self.url(self.authorize_path),
            "access_token_url": self.url(self.token_path),
            "userinfo_url": self.url("/2/users/me"),
            "api_base_url": self.url("/2/"),
            "revoke_url": self.url("/2/oauth2/revoke"),
        }

    def gives_refresh(self, grant: Grant) -> bool:
        return "offline.access" in grant.scope

    def revoke(self, request: Request) -> Answer:
        super().revoke(request)
        return self.json({"revoked": True})

    def me(self, request: Request) -> Answer:
        """Needs both reading scopes, and ``users.email`` for the address."""
        token = self.bearer(request, "tweet.read", "users.read")
        return me(self, request, self.person(token), with_email="users.email" in token.grant.scope)
