"""Any OpenID provider: ``{"provider": "oidc", "issuer": "https://sso.example", …}``."""

from __future__ import annotations

import typing as t

from ..values import EmailTrust
from .base import OIDCProvider


class GenericOIDCProvider(OIDCProvider):
    """Everything comes from the issuer's discovery document, and from the standard claims.

    An address is worth what the settings say (``email_trust``): nobody knows how this issuer checks it.
    """

    name = "OpenID Connect"
    email_trust: EmailTrust = "claimed"
    client: t.ClassVar[str | None] = None
    docs_url = "https://openid.net/specs/openid-connect-core-1_0.html"
    checked_on = "2026-11"
    icon = "oidc"
    colour = "#6d28d9"
