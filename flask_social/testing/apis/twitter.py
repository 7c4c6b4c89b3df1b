"""Twitter with OAuth 1.0a: v1.1 of the API, and v2 in OAuth 1.0a user context (docs.x.com)."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from werkzeug.wrappers import Request

from ..httpd import Answer
from ..oauth1 import OAuth1Service
from ..people import Person
from ..service import Refused, Route
from .x import RATE_LIMIT_HEADERS, me

#: Twitter's way of writing a time.
CREATED_AT = "Tue Mar 21 20:50:14 +0000 2006"


def _error(status: int, code: int, message: str) -> tuple[int, t.Any]:
    return status, {"errors": [{"code": code, "message": message}]}


class Twitter(OAuth1Service):
    """The same people as at ``x``, by the same ids."""

    id = "twitter"
    name = "Twitter"
    colour = "#1d9bf0"
    rate_limit_headers = RATE_LIMIT_HEADERS
    api_errors: t.ClassVar = {
        "unauthorized": _error(401, 89, "Invalid or expired token."),
        "bad_authentication": _error(401, 32, "Could not authenticate you."),
        "no_authentication": _error(400, 215, "Bad Authentication data."),
        "forbidden": _error(403, 220, "Your credentials do not allow access to this resource."),
        "not_found": _error(404, 50, "User not found."),
        "rate_limited": _error(429, 88, "Rate limit exceeded"),
        "server_error": _error(500, 131, "Internal error"),
    }

    def routes(self) -> cabc.Iterable[Route]:
        yield from super().routes()
        yield Route("/1.1/account/verify_credentials.json", "profile", self.verify_credentials)
        yield Route("/2/users/me", "profile", self.me)
        yield Route("/1.1/users/show.json", "api", self.users_show)
        yield Route("/1.1/statuses/home_timeline.json", "api", self.home_timeline)
        yield Route("/1.1/oauth/invalidate_token", "revoke", self.invalidate_token, ("POST",))
        yield Route("/1.1/oauth/invalidate_token.json", "revoke", self.invalidate_token, ("POST",))

    def settings(self) -> dict[str, t.Any]:
        return {
            **self.credentials(),
            "request_token_url": self.url(self.request_token_path),
            "authorize_url": self.url(self.authorize_paths[0]),
            "access_token_url": self.url(self.access_token_path),
            "api_base_url": self.url("/"),
            "userinfo_url": self.url("/1.1/account/verify_credentials.json"),
            "revoke_url": self.url("/1.1/oauth/invalidate_token"),
        }

    def user(self, person: Person) -> dict[str, t.Any]:
        """The v1.1 user object (developer.x.com, data dictionary)."""
        subject = person.subject(self.id)
        picture = self.picture(person)
        return {
            "id": int(subject),
            "id_str": subject,
            "name": person.name,
            "screen_name": person.username,
            "location": "",
            "description": "",
            "url": None,
            "protected": False,
            "followers_count": 0,
            "friends_count": 0,
            "listed_count": 0,
            "created_at": CREATED_AT,
            "favourites_count": 0,
            "verified": False,
            "statuses_count": 1,
            "lang": None,
            "profile_image_url": picture,
            "profile_image_url_https": picture,
            "default_profile": True,
            "default_profile_image": False,
        }

    def verify_credentials(self, request: Request) -> Answer:
        """``include_email=true`` adds the address: a null for somebody who has none."""
        person = self.person(self.signed(request))
        user = self.user(person)
        if request.args.get("include_email", "").lower() == "true":
            user["email"] = person.email
        return self.api(user)

    def me(self, request: Request) -> Answer:
        """v2 in OAuth 1.0a user context."""
        return me(self, request, self.person(self.signed(request)), with_email=True)

    def users_show(self, request: Request) -> Answer:
        """Anybody's profile by ``screen_name`` or ``user_id``."""
        self.signed(request)
        for person in self.world.people.values():
            wanted = request.args.get("screen_name"), request.args.get("user_id")
            if person.username == wanted[0] or person.subject(self.id) == wanted[1]:
                return self.api(self.user(person))
        raise Refused(self.api_error("not_found"))

    def home_timeline(self, request: Request) -> Answer:
        """One status, the person's own."""
        person = self.person(self.signed(request))
        status = {
            "created_at": CREATED_AT,
            "id": 20,
            "id_str": "20",
            "text": "just setting up my stand-in",
            "truncated": False,
            "user": self.user(person),
            "retweet_count": 0,
            "favorite_count": 0,
            "lang": "en",
        }
        return self.api([status])

    def invalidate_token(self, request: Request) -> Answer:
        """Signed with the token that shall die."""
        token = self.signed(request)
        self.world.ledger.revoke(token)
        return self.api({"access_token": token.value})
