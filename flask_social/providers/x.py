"""X: OAuth 2 with PKCE (https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code)."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from ..answers import plain_text
from ..values import EmailTrust, Flow, Profile, Token
from .base import Context, OAuth2Provider


class XProvider(OAuth2Provider):
    """The id is the same that :class:`~flask_social.providers.twitter.TwitterProvider` knows a person by."""

    name = "X"
    authorize_url = "https://x.com/i/oauth2/authorize"
    access_token_url = "https://api.x.com/2/oauth2/token"
    profile_path = "users/me"
    api_base_url = "https://api.x.com/2/"
    scopes = ("tweet.read", "users.read", "users.email", "offline.access")
    token_auth_method = "client_secret_basic"
    token_type_optional = False
    revoke_url = "https://api.x.com/2/oauth2/revoke"
    # Its clients report this for a refresh token that it does not know any more.
    dead_refresh_errors = frozenset({"invalid_request"})
    email_trust: EmailTrust = "verified"
    client = "flask_social.clients.twitter"
    console_url = "https://developer.x.com/en/portal/dashboard"
    docs_url = "https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code"
    checked_on = "2026-11"
    icon = "x"
    colour = "#0f1419"

    def fetch_profile(self, context: Context, token: Token) -> Flow[cabc.Mapping[str, t.Any]]:
        """All fields in one call, which is billed; the address only where its scope was granted."""
        fields = ["profile_image_url", "verified"]
        if "users.email" in (token.scope if token.scope is not None else self.scopes):
            fields.append("confirmed_email")
        url = self.profile_address(**{"user.fields": ",".join(fields)})
        return (yield from self.get(context, url, token))

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """X gives an address only after its owner confirmed it."""
        user = data["data"]
        handle = plain_text(user.get("username"))
        return Profile(
            subject=user["id"],
            display_name=f"@{handle}" if handle else None,
            full_name=user.get("name"),
            email=user.get("confirmed_email"),
            email_verified=True,
            email_trust="verified",
            profile_url=f"https://x.com/{handle}" if handle else None,
            image_url=user.get("profile_image_url"),
            raw=user,
        )
