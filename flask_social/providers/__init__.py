"""The catalogue: which class serves which provider id. A class is imported when it is first asked for."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata

from ..errors import ConfigurationError
from .base import Provider

#: The entry-point group in which other distributions register their providers, by catalogue id.
ENTRY_POINTS = "flask_social.providers"

#: Catalogue id to dotted class.
CATALOGUE: dict[str, str] = {
    "facebook": "flask_social.providers.facebook:FacebookProvider",
    "foursquare": "flask_social.providers.foursquare:FoursquareProvider",
    "google": "flask_social.providers.google:GoogleProvider",
    "oauth2": "flask_social.providers.oauth2:GenericOAuth2Provider",
    "oidc": "flask_social.providers.oidc:GenericOIDCProvider",
    "twitter": "flask_social.providers.twitter:TwitterProvider",
    "x": "flask_social.providers.x:XProvider",
}


def load(name: str) -> type[Provider]:
    """The provider class of a catalogue id, an entry point, or a dotted path (``package.module:Class``).

    :raises ConfigurationError: naming ``name``, when there is no such class, or it is no provider.
    """
    path = CATALOGUE.get(name) or _entry_point(name) or name
    module, colon, attribute = path.partition(":")
    if not colon:
        module, _, attribute = path.rpartition(".")
    if not module:
        known = difflib.get_close_matches(name, CATALOGUE, n=1) or sorted(CATALOGUE)
        raise ConfigurationError(name, f"no such provider. Did you mean {' or '.join(known)}? Or give 'class'.")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(name, f"the provider class {path!r} cannot be imported: {error}") from error
    if not isinstance(found, type) or not issubclass(found, Provider):
        raise ConfigurationError(name, f"{path!r} is no provider class; extend one of flask_social.providers.base.")
    return found


def _entry_point(name: str) -> str | None:
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS, name=name):
        return point.value
    return None
