"""Twitter: OAuth 1.0a (https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens)."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from ..answers import plain_text
from ..values import EmailTrust, Profile
from .base import OAuth1Provider


class TwitterProvider(OAuth1Provider):
    """Tokens of OAuth 1.0a never expire. The id is the same that X knows a person by in OAuth 2."""

    name = "Twitter"
    request_token_url = "https://api.x.com/oauth/request_token"
    authorize_url = "https://api.x.com/oauth/authenticate"
    access_token_url = "https://api.x.com/oauth/access_token"
    profile_path = "1.1/account/verify_credentials.json"
    profile_params: t.ClassVar[cabc.Mapping[str, str]] = {"include_email": "true", "skip_status": "true"}
    api_base_url = "https://api.x.com/"
    revoke_url = "https://api.x.com/1.1/oauth/invalidate_token"
    dead_token_errors = frozenset({"89"})
    email_trust: EmailTrust = "verified"
    client = "flask_social.clients.twitter"
    console_url = "https://developer.x.com/en/portal/dashboard"
    docs_url = "https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens"
    checked_on = "2026-11"
    icon = "twitter"
    colour = "#0f1419"

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """``id_str``, because the number does not fit everywhere. An address is given only when it is verified."""
        handle = plain_text(data.get("screen_name"))
        return Profile(
            subject=data["id_str"],
            display_name=f"@{handle}" if handle else None,
            full_name=data.get("name"),
            email=data.get("email"),
            email_verified=True,
            email_trust="verified",
            profile_url=f"https://x.com/{handle}" if handle else None,
            image_url=data.get("profile_image_url_https"),
        )
