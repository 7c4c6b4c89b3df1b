"""Google: OpenID Connect (https://developers.google.com/identity/openid-connect/openid-connect)."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import typing as t

from ..values import EmailTrust, Profile
from .base import OIDCProvider


class GoogleProvider(OIDCProvider):
    """Google has no ``prompt=login``, so it cannot prove that a person authenticated just now."""

    name = "Google"
    issuer = "https://accounts.google.com"
    api_base_url = "https://www.googleapis.com/"
    scopes = ("openid", "email", "profile")
    # A new token can do what the person allowed before, too.
    authorize_params: cabc.Mapping[str, str | None] = {"include_granted_scopes": "true"}
    scope_aliases: t.ClassVar[cabc.Mapping[str, str]] = {
        name: f"https://www.googleapis.com/auth/userinfo.{name}" for name in ("email", "profile")
    }
    revoke_with_secret = False
    id_token_algs = ("RS256",)
    issuer_aliases = ("accounts.google.com",)
    verify_prompt = None
    email_trust: EmailTrust = "authoritative"
    client = "flask_social.clients.google"
    console_url = "https://console.cloud.google.com/apis/credentials"
    docs_url = "https://developers.google.com/identity/openid-connect/openid-connect"
    checked_on = "2026-11"
    icon = "google"
    colour = "#1a73e8"

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """Google speaks with authority of gmail.com, and of the domains it hosts (``hd``)."""
        profile = super().profile(data)
        own = isinstance(data.get("hd"), str) and bool(data["hd"])
        own = own or str(data.get("email")).lower().endswith("@gmail.com")
        return dc.replace(profile, display_name=data.get("name"), email_trust="authoritative" if own else "verified")
