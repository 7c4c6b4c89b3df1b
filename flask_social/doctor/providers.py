"""The providers, as they are set up. Nothing is asked of them."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import importlib
import re
from urllib.parse import urlsplit

from ..discovery import is_loopback
from ..errors import MissingLibrary
from ..legacy import LegacyProvider
from ..providers.base import Provider
from ..state import SocialState
from .findings import Finding, error, ok, warning

#: The addresses of a provider that may be configured.
ADDRESSES = (
    *("issuer", "authorize_url", "request_token_url", "access_token_url", "userinfo_url", "api_base_url"),
    *("revoke_url", "jwks_uri"),
)

#: A preset that nobody looked at for so long may speak of an API that is gone. (Graph versions live for two years.)
OLD = dt.timedelta(days=548)

_VERSION = re.compile(r"/v(\d+)(?:\.(\d+))?(?:/|$)")


def examine(state: SocialState, now: dt.datetime) -> cabc.Iterator[Finding]:
    """Every provider of the settings."""
    if not state.providers and state.settings.provider_resolver is None:
        cure = 'Add one, such as SOCIAL_GOOGLE = {"consumer_key": "…", "consumer_secret": "…"}.'
        yield warning("no_provider", "No provider is switched on.", cure)
    for provider in state.providers.values():
        found = [*_library(provider), *_addresses(provider), *_age(provider, now)]
        yield from found or [ok("provider", f"{provider.id} is set up.")]


def _library(provider: Provider) -> cabc.Iterator[Finding]:
    if isinstance(provider, LegacyProvider):
        text = f"{provider.id} is a module of Flask-Social 1.x, which calls its provider without time limits."
        yield warning("legacy_module", text, "Write a provider class; the documentation has the pattern.")
    try:
        importlib.import_module(provider.client or "flask_social.clients.session")
    except MissingLibrary as missing:
        text = f"get_api() of {provider.id} needs {missing.library}, which is not installed. Logins work without it."
        yield warning("client_library_missing", text, f'pip install "Flask-Social[{missing.extra}]"')
    except ImportError as failed:
        text = f"The API client of {provider.id}, {provider.client}, cannot be imported ({type(failed).__name__})."
        yield error("client_broken", text, "Import it by hand to see why.")


def _addresses(provider: Provider) -> cabc.Iterator[Finding]:
    for name in ADDRESSES:
        url = getattr(provider, name, None)
        if not isinstance(url, str) or not url:
            continue
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            text = f"{name} of {provider.id} is not https: tokens travel unencrypted."
            yield error("address_plain", text, f"Give an https address for {name}.")
        wanted, given = _version(getattr(type(provider), name, None)), _version(url)
        if wanted and given and given < wanted:
            text = f"{name} of {provider.id} names {_written(given)} of the API; {_written(wanted)} is the present one."
            yield warning("api_version_old", text, f"Leave {name} out, or name a version that is not retired.")
    asked = str(provider.api_options.get("version") or "")
    present = _version(type(provider).api_base_url)
    given = _version(f"/v{asked.lstrip('v')}/") if re.fullmatch(r"v?\d+\.\d+", asked) else None
    if present and given and given < present:
        text = f"'api' of {provider.id} asks for {_written(given)} of the API; {_written(present)} is the present one."
        yield warning("api_version_old", text, "Leave the version out.")


def _age(provider: Provider, now: dt.datetime) -> cabc.Iterator[Finding]:
    if provider.checked_on is None:
        return
    checked = dt.datetime.strptime(provider.checked_on, "%Y-%m").replace(tzinfo=dt.UTC)
    if now - checked > OLD:
        text = f"What is known of {provider.id} was checked in {provider.checked_on}; its API may have changed since."
        yield warning("preset_old", text, "Look for a newer release of Flask-Social, or of the provider's package.")


def _version(url: object) -> tuple[int, int] | None:
    found = _VERSION.search(url) if isinstance(url, str) else None
    return (int(found[1]), int(found[2] or 0)) if found else None


def _written(version: tuple[int, int]) -> str:
    return f"v{version[0]}.{version[1]}"
