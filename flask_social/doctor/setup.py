"""The configuration of the application: secrets, cookies, addresses. Nothing is asked of anybody."""

from __future__ import annotations

import collections.abc as cabc
import typing as t
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from ..discovery import is_loopback
from ..state import SocialState
from .findings import Finding, error, ok, warning

#: A secret shorter than the first can be guessed; one shorter than the second is shorter than what is made of it.
GUESSABLE, SHORT = 16, 32


def examine(app: Flask, state: SocialState) -> cabc.Iterator[Finding]:
    """Secrets, cookies, addresses."""
    yield from _secrets(app, state)
    yield from _cookie(app, secure=_is_https(state) or not (app.debug or app.testing))
    yield from _address(app, state)


def _secrets(app: Flask, state: SocialState) -> cabc.Iterator[Finding]:
    weak = [
        (name, len(secret))
        for name, secret in [
            ("SECRET_KEY", app.config.get("SECRET_KEY")),
            *(("SECRET_KEY_FALLBACKS", old) for old in app.config.get("SECRET_KEY_FALLBACKS") or ()),
        ]
        if secret and len(secret) < SHORT
    ]
    cure = "Take the 64 digits of secrets.token_hex(), and keep the old one in SECRET_KEY_FALLBACKS for a while."
    for name, length in weak:
        found = error if length < GUESSABLE else warning
        yield found(
            "secret_key_short", f"{name} has {length} characters: who guesses it opens sessions and tokens.", cure
        )
    if not weak:
        yield ok("secret_key", "SECRET_KEY is long enough.")
    if state.settings.token_keys is None:
        text = "SOCIAL_TOKEN_KEYS is not set: stored tokens are sealed with a key that is derived from SECRET_KEY."
        yield ok("token_keys_derived", text, "Keep old secrets in SECRET_KEY_FALLBACKS until rotate-keys has run.")
    else:
        yield ok("token_keys", f"SOCIAL_TOKEN_KEYS holds {len(state.settings.token_keys)} keys.")


def _cookie(app: Flask, *, secure: bool) -> cabc.Iterator[Finding]:
    config, found = app.config, []
    name, same_site = str(config["SESSION_COOKIE_NAME"]), config["SESSION_COOKIE_SAMESITE"]
    if not config["SESSION_COOKIE_HTTPONLY"]:
        text = "SESSION_COOKIE_HTTPONLY is off: any script on a page can read the session."
        found.append(error("cookie_readable", text, "Set SESSION_COOKIE_HTTPONLY = True."))
    if secure and not config["SESSION_COOKIE_SECURE"]:
        text = "SESSION_COOKIE_SECURE is off: the session is sent over plain http too."
        found.append(warning("cookie_not_secure", text, "Set SESSION_COOKIE_SECURE = True."))
    if same_site is None:
        text = "SESSION_COOKIE_SAMESITE is not set: each browser decides by itself where the session goes."
        found.append(warning("cookie_same_site", text, 'Set SESSION_COOKIE_SAMESITE = "Lax".'))
    elif str(same_site).lower() == "none":
        text = 'SESSION_COOKIE_SAMESITE is "None": the session is sent with requests of other sites.'
        found.append(
            warning("cookie_same_site", text, 'Set SESSION_COOKIE_SAMESITE = "Lax", unless you are in a frame.')
        )
    if name.startswith("__Host-") and (
        config["SESSION_COOKIE_DOMAIN"]
        or not config["SESSION_COOKIE_SECURE"]
        or app.session_interface.get_cookie_path(app) != "/"
    ):
        text = (
            f"SESSION_COOKIE_NAME is {name!r}, and the cookie has a domain, a path, or is not secure: browsers drop it."
        )
        cure = 'Set SESSION_COOKIE_SECURE = True, SESSION_COOKIE_PATH = "/" and no SESSION_COOKIE_DOMAIN.'
        found.append(error("cookie_prefix", text, cure))
    elif secure and not name.startswith("__Host-"):
        text = f"The session cookie is named {name!r}: another host of your domain can plant one of its own."
        found.append(
            ok("cookie_name", text, 'If strangers have such hosts, set SESSION_COOKIE_NAME = "__Host-session".')
        )
    yield from found
    if not [it for it in found if it.level != "ok"]:
        yield ok("cookie", "The session cookie is set up well.")


def _address(app: Flask, state: SocialState) -> cabc.Iterator[Finding]:
    url, trusted = state.settings.app_url, app.config.get("TRUSTED_HOSTS")
    if url is None and not trusted:
        text = "Callback addresses are built from the Host header, which a visitor can forge."
        cure = "Set SOCIAL_APP_URL to the public address, or TRUSTED_HOSTS."
        yield (ok if app.debug or app.testing else warning)("app_url_missing", text, cure)
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(url):
        text = f"SOCIAL_APP_URL is {url}: logins travel unencrypted, and most providers refuse such a callback."
        yield error("app_url_plain", text, "Serve the application by https, and name that address.")
    elif trusted and not host_is_trusted(parts.hostname, trusted):
        text = f"SOCIAL_APP_URL names {parts.hostname}, which is none of TRUSTED_HOSTS: callbacks get 400."
        yield error("app_url_untrusted", text, f"Add {parts.hostname!r} to TRUSTED_HOSTS.")
    else:
        yield ok("app_url", f"The public address is {url}.")
    if parts.scheme == "https" and app.config["PREFERRED_URL_SCHEME"] != "https":
        text = "PREFERRED_URL_SCHEME is not https: links in mails that are sent outside of requests begin with http."
        yield warning("url_scheme", text, 'Set PREFERRED_URL_SCHEME = "https".')
    if parts.scheme == "https" and not _is_behind_proxy_fix(app):
        text = "Nothing reads X-Forwarded-Proto: behind a proxy that speaks https, every request looks like plain http."
        cure = "If there is such a proxy: app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)."
        yield ok("proxy_fix", text, cure)


def _is_https(state: SocialState) -> bool:
    return (state.settings.app_url or "").startswith("https:")


def _is_behind_proxy_fix(app: Flask) -> bool:
    layer: t.Any = app.wsgi_app
    for _ in range(20):  # a middleware that holds itself would be one without end
        if isinstance(layer, ProxyFix):
            return True
        layer = getattr(layer, "app", None) or getattr(layer, "wsgi_app", None)
    return False
