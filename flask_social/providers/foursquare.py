"""Foursquare: OAuth 2 and the v2 API (https://docs.foursquare.com/developer/reference/v2-authentication).

The provider calls this API legacy, so every address can be replaced in the settings.
"""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from ..answers import at, plain_text
from ..oauth2 import add_query
from ..values import EmailTrust, Profile, Request, Token
from .base import Context, OAuth2Provider

#: The day whose behaviour the API is asked for (YYYYMMDD).
API_VERSION = "20260101"


class FoursquareProvider(OAuth2Provider):
    """Tokens never expire. They travel in the query, and every call names a day."""

    name = "Foursquare"
    authorize_url = "https://foursquare.com/oauth2/authenticate"
    access_token_url = "https://foursquare.com/oauth2/access_token"
    profile_path = "users/self"
    profile_params: t.ClassVar[cabc.Mapping[str, str]] = {"v": API_VERSION}
    api_base_url = "https://api.foursquare.com/v2/"
    token_auth_method = "client_secret_post"
    token_method = "GET"
    pkce = False
    email_trust: EmailTrust = "claimed"
    client = "flask_social.clients.foursquare"
    console_url = "https://foursquare.com/developers/home"
    docs_url = "https://docs.foursquare.com/developer/reference/v2-authentication"
    checked_on = "2026-11"
    icon = "foursquare"
    colour = "#3333ff"

    def api_request(self, context: Context, method: str, url: str, token: Token) -> Request:
        """A request with the token in the query, where the v2 API reads it."""
        sent = {"Accept": "application/json", **self.headers}
        return Request(method, add_query(url, [("oauth_token", token.access_token)]), sent)

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """Avatars are made of a prefix, a size and a suffix. Addresses carry no word on verification."""
        user = data["response"]["user"]
        names = [plain_text(user.get(part)) for part in ("firstName", "lastName")]
        prefix, suffix = at(user, "photo.prefix"), at(user, "photo.suffix")
        return Profile(
            subject=user["id"],
            full_name=" ".join(name for name in names if name),
            email=at(user, "contact.email"),
            email_trust="claimed",
            profile_url=user.get("canonicalUrl"),
            image_url=f"{prefix}300x300{suffix}" if prefix and suffix else None,
            raw=user,
        )
