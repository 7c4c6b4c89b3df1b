"""Any OAuth 2 provider with a profile in JSON: three addresses, and where in the profile the values are."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from ..answers import at
from ..values import EmailTrust, Profile
from .base import OAuth2Provider

#: Where the values are unless the setting ``fields`` says otherwise. A dot leads into an object or a list.
FIELDS = {
    "subject": "id",
    "display_name": "username",
    "full_name": "name",
    "email": "email",
    "email_verified": "email_verified",
    "profile_url": "profile_url",
    "image_url": "image_url",
}


class GenericOAuth2Provider(OAuth2Provider):
    """``fields`` maps each part of the profile to a dotted path, such as ``{"subject": "user.id"}``."""

    OPTIONS = OAuth2Provider.OPTIONS | {"fields"}
    REQUIRED = ("authorize_url", "access_token_url", "userinfo_url")

    name = "OAuth 2"
    email_trust: EmailTrust = "claimed"
    docs_url = "https://www.rfc-editor.org/rfc/rfc6749"
    checked_on = "2026-11"
    icon = "oauth2"
    colour = "#0f766e"
    fields: cabc.Mapping[str, str] = FIELDS

    def __init__(self, **options: t.Any) -> None:
        super().__init__(**options)
        if set(self.fields) - set(FIELDS) or not all(isinstance(path, str) for path in self.fields.values()):
            raise ValueError(f"'fields' may hold {', '.join(FIELDS)}, each with a dotted path")
        self.fields = {**FIELDS, **self.fields}

    def profile(self, data: cabc.Mapping[str, t.Any]) -> Profile:
        """The values at the paths of ``fields``."""
        found = {name: at(data, path) for name, path in self.fields.items()}
        return Profile(**found, email_trust=self.email_trust)
