"""The import paths of Flask-Social 1.x for applications that register a person after a failed login."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from .datastores.columns import profile_values, token_values
from .legacy import LegacyProvider
from .providers.base import Provider
from .state import current_state
from .values import TOKEN_FIELDS, OAuthResponse, Token
from .views.answers import provider_or_404

__all__ = ["get_connection_values_from_oauth_response", "get_provider_or_404"]


def get_provider_or_404(provider_id: str) -> Provider:
    """The provider of an id in the current application; a 404 when it is unknown or switched off."""
    return provider_or_404(current_state(), provider_id)


def get_connection_values_from_oauth_response(
    provider: Provider, oauth_response: cabc.Mapping[str, t.Any] | None
) -> dict[str, t.Any] | None:
    """The columns of a connection, from what the ``login_failed`` signal carries.

    :param oauth_response: the signal's mapping. Nothing is asked of the provider again.
    :returns: values for :func:`flask_social.views.connect_handler`, tokens included; ``None`` when the response
        is ``None`` or holds no profile.
    """
    if isinstance(provider, LegacyProvider) and oauth_response is not None:
        return provider.connection_values(oauth_response)
    if not isinstance(oauth_response, OAuthResponse) or oauth_response.profile is None:
        return None
    fields: dict[str, t.Any] = {name: oauth_response.get(name) for name in TOKEN_FIELDS}
    key = {"provider_id": provider.id, "provider_user_id": oauth_response.profile.subject}
    return key | token_values(Token(**fields)) | profile_values(oauth_response.profile)
