"""The options of a provider: their names, and how each value is read."""

from __future__ import annotations

import collections.abc as cabc
import re
import typing as t
from urllib.parse import urlsplit

from ..client_auth import AUTH_METHODS
from ..jws import PUBLIC_ALGORITHMS, SECRET_ALGORITHMS
from ..values import EmailTrust

#: What e-mail addresses can be worth, best first.
TRUST: tuple[EmailTrust, ...] = ("authoritative", "verified", "claimed", "never")

#: Options of every provider, and what each family adds.
COMMON = frozenset(
    {"name", "scopes", "authorize_params", "authorize_url", "access_token_url", "userinfo_url", "api_base_url"}
    | {"revoke_url", "email_trust", "headers", "verify", "signup", "link_by_email", "api_options", "icon", "colour"}
)
OAUTH1 = COMMON | {"request_token_url"}
OAUTH2 = COMMON | {
    *("issuer", "token_auth_method", "token_auth_alg", "token_auth_audience", "private_key", "private_key_id"),
    *("token_method", "response_mode", "pkce", "scope_separator", "extra_scopes", "token_login"),
}
OIDC = OAUTH2 | {
    "jwks_uri",
    "userinfo",
    "nonce",
    "id_token_algs",
    "issuer_aliases",
    "verify_prompt",
    "required_claims",
    "native_clients",
    "second_factor",
}

#: Short names of client authentication methods.
_AUTH_ALIASES = {"basic": "client_secret_basic", "post": "client_secret_post"}


def read_option(name: str, value: object) -> t.Any:
    """An option's value as the provider keeps it. An option that is not known here is kept as it is.

    :raises ValueError: naming the option and what it must be.
    """
    return _READERS[name](name, value) if name in _READERS else value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name!r} must be a non-empty string")
    return value


def _url(name: str, value: object) -> str:
    text = _text(name, value)
    try:
        parts = urlsplit(text)
        usable = parts.hostname and parts.port != 0 and not parts.fragment
        # What not everybody reads alike, or drops without a word.
        usable = usable and text.isascii() and text.isprintable() and " " not in text
        usable = usable and not set(parts.netloc) & {"\\", "%", "@"}
        (parts.hostname or "").encode("idna")
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https"):
        raise ValueError(f"{name!r} must be an absolute http or https address")
    return text


def _icon(name: str, value: object) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+", _text(name, value)):
        raise ValueError(f"{name!r} must be the name of an icon: it becomes part of a CSS class")
    return str(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name!r} must be True or False")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,]+", value) if part]
    if not isinstance(value, cabc.Iterable) or isinstance(value, (bytes, cabc.Mapping)):
        raise ValueError(f"{name!r} must be a list of strings, or one string with blanks or commas between them")
    items = tuple(value)
    if not all(isinstance(item, str) and item for item in items):
        raise ValueError(f"{name!r} must hold non-empty strings only")
    return tuple(dict.fromkeys(items))


def _key(name: str, value: object) -> str | cabc.Mapping[str, t.Any]:
    return _text(name, value) if isinstance(value, str) else _mapping(name, value)


def _algorithms(name: str, value: object) -> tuple[str, ...]:
    items = _texts(name, value)
    known = (*PUBLIC_ALGORITHMS, *SECRET_ALGORITHMS)
    for item in items:
        _choice(known)(name, item)
    return items


def _mapping(name: str, value: object) -> dict[str, t.Any]:
    if not isinstance(value, cabc.Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name!r} must be a dictionary with names as keys")
    return dict(value)


def _headers(name: str, value: object) -> dict[str, str]:
    headers = _mapping(name, value)
    for header, content in headers.items():
        sendable = isinstance(content, str) and content.isascii() and content.isprintable()
        if not re.fullmatch(r"[A-Za-z0-9-]+", header) or not sendable:
            raise ValueError(f"{name!r} must hold names and texts that a header may have")
    return headers


def _choice(choices: cabc.Collection[str]) -> cabc.Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name!r} must be one of {', '.join(choices)}")
        return value

    return read


def _auth_method(name: str, value: object) -> str:
    return _choice(AUTH_METHODS)(name, _AUTH_ALIASES.get(_text(name, value), value))


def _method(name: str, value: object) -> str:
    return _choice(("GET", "POST"))(name, _text(name, value).upper())


_READERS: dict[str, cabc.Callable[[str, object], t.Any]] = {
    "name": _text,
    "icon": _icon,
    "colour": _text,
    "scopes": _texts,
    "extra_scopes": _texts,
    "scope_separator": _text,
    "authorize_params": _mapping,
    "api_options": _mapping,
    "headers": _headers,
    "fields": _mapping,
    "required_claims": _mapping,
    "issuer": _url,
    "authorize_url": _url,
    "access_token_url": _url,
    "request_token_url": _url,
    "userinfo_url": _url,
    "api_base_url": _url,
    "revoke_url": _url,
    "jwks_uri": _url,
    "issuer_aliases": _texts,
    "native_clients": _texts,
    "second_factor": _texts,
    "id_token_algs": _algorithms,
    "token_auth_method": _auth_method,
    "token_auth_alg": _choice((*PUBLIC_ALGORITHMS, *SECRET_ALGORITHMS)),
    "token_auth_audience": _text,
    "private_key": _key,
    "private_key_id": _text,
    "token_method": _method,
    "response_mode": _choice(("query", "form_post")),
    "userinfo": _choice(("auto", "always", "never")),
    "email_trust": _choice(TRUST),
    "signup": _choice(("never", "ask", "auto")),
    "link_by_email": _choice(("never", "prove", "verified")),
    "verify_prompt": _text,
    "pkce": _flag,
    "nonce": _flag,
    "verify": _flag,
    "token_login": _flag,
}
