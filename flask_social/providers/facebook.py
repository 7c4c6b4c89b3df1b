"""Facebook: OAuth 2 and the Graph API (https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow)."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import hmac
import typing as t

from ..answers import at
from ..oauth2 import add_query
from ..values import EmailTrust, Profile, Request, Token
from .base import Context, OAuth2Provider

#: The version of the Graph API that every address names.
GRAPH_VERSION = "v25.0"


class FacebookProvider(OAuth2Provider):
    """Ids are scoped to the app. There is no refresh token: a living token is exchanged for one of sixty days."""

    name = "Facebook"
    authorize_url = f"https://www.facebook.com/{GRAPH_VERSION}/dialog/oauth"
    access_token_url = f"https://graph.facebook.com/{GRAPH_VERSION}/oauth/access_token"
    profile_path = "me"
    profile_params: t.ClassVar[cabc.Mapping[str, str]] = {"fields": "id,name,email,picture.type(large)"}
    api_base_url = f"https://graph.facebook.com/{GRAPH_VERSION}/"
    scopes = ("email", "public_profile")
    scope_separator = ","
    token_auth_method = "client_secret_post"
    token_type_optional = False
    debug_token_path = "debug_token"
    exchange_grant = "fb_exchange_token"
    renews_without_refresh_token = True
    renew_before = dt.timedelta(days=10)
    authorize_params: cabc.Mapping[str, str | None] = {"return_scopes": "true"}
    granted_param = "granted_scopes"
    revoke_path = "me/permissions"
    dead_token_errors = frozenset({"190"})
    pkce = False
    email_trust: EmailTrust = "claimed"
    client = "flask_social.clients.facebook"
    console_url = "https://developers.facebook.com/apps/"
    docs_url = "https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow"
    checked_on = "2026-11"
    icon = "facebook"
    colour = "#0b5fcc"

    def api_request(self, context: Context, method: str, url: str, token: Token) -> Request:
        """Every call carries ``appsecret_proof``, which an app can be set to demand, where there is a secret."""
        if self.consumer_secret:
            proof = hmac.digest(self.consumer_secret.encode(), token.access_token.encode(), "sha256").hex()
            url = add_query(url, [("appsecret_proof", proof)])
        return super().api_request(context, method, url, token)

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """Facebook never says whether an address is verified, and knows no public address of a person."""
        image = None if at(data, "picture.data.is_silhouette") else at(data, "picture.data.url")
        return Profile(data["id"], None, data.get("name"), data.get("email"), email_trust="claimed", image_url=image)
