"""Settings with anything in them: settings that work, or one error that names the key."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import json
import typing as t
from urllib.parse import urlsplit

import pytest
from flask import Flask
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from flask_social import MemoryConnectionDatastore, Social
from flask_social.errors import ConfigurationError
from flask_social.legacy import adapt
from flask_social.messages import CODES, fill
from flask_social.providers import CATALOGUE
from flask_social.providers.base import OAuth1Provider, Provider
from flask_social.registration import make_provider, read_providers
from flask_social.settings import Settings
from flask_social.state import SocialState

from ..appkit import CONFIG
from ..familykit import NEEDED
from . import strategies as some

NAMES = [
    *("BLUEPRINT_NAME", "URL_PREFIX", "APP_URL", "CONNECT_ALLOW_VIEW", "CONNECT_DENY_VIEW", "FLASH_MESSAGES"),
    *("POST_OAUTH_CONNECT_SESSION_KEY", "POST_OAUTH_LOGIN_SESSION_KEY", "LEGACY_CALLBACKS", "FRESHNESS", "TOKEN_KEYS"),
    *("ATTEMPT_LIFETIME", "MAX_ATTEMPTS", "HTTP_TIMEOUT", "HTTP_DEADLINE", "HTTP_MAX_BYTES", "PROVIDER_RESOLVER"),
    *("CONNECT_ALLOW_REDIRECT", "CONNECT_DENY_REDIRECT", "SIGNUP", "LINK_BY_EMAIL", "ATTEMPT_CACHE", "REFRESH_LEEWAY"),
    *("REVOKE_ON_DISCONNECT", "MSG_CONNECTED", "MSG_PROVIDER_ERROR", "NOT_CONNECTED_VIEW", "STATE_UNKNOWN_VIEW"),
]
keys = st.sampled_from(NAMES) | st.text("ABC_MSGVIEWé", max_size=8)

ADDRESSES = st.sampled_from(
    [
        *("https://www.example.org", "http://[", "http://[::1]:80", "https://a:99999", "https://a:b", "https://a:0"),
        *(
            "https://",
            "https:a",
            "//a",
            "https://a b",
            "https://user@a",
            "https://a/b?c",
            "https://a\n",
            "\0",
            "https://é",
        ),
    ]
)
TEXTS = st.sampled_from(
    [
        *(
            "/social",
            "/",
            "/<",
            "/<x>",
            "/<int:x>",
            "/a//b",
            "a.b",
            "%(provider)s",
            "%(name)s",
            "%",
            "100 %",
            "%(provider)",
        ),
        *("%(provider)d", "%(provider)c", "%(provider)*s", "%(provider)s %", "%%", "never", "auto", "login", "true"),
    ]
)
PYTHON = st.one_of(
    st.sampled_from([dt.timedelta(0), dt.timedelta(1), dt.timedelta(-1), dt.timedelta.max, float("nan"), float("inf")]),
    st.sampled_from([b"", b"bytes", object(), print, len, int, (1, 2), (1, "2"), (0, 0), ("a", "b"), set(), range(3)]),
    st.sampled_from([("text", "category"), ["%(provider)s", "error"], ("%(x)s", ""), (None, None), ("\ud800", "é")]),
    st.sampled_from([["A" * 43 + "="], ("short",), [b"A" * 43 + b"="], [1], iter(())]),
)
#: A value that each setting takes; for others, a text.
USUAL: dict[str, t.Any] = {
    **dict.fromkeys(["FLASH_MESSAGES", "LEGACY_CALLBACKS"], True),
    **dict.fromkeys(["ATTEMPT_LIFETIME", "HTTP_DEADLINE"], dt.timedelta(seconds=5)),
    **dict.fromkeys(["MAX_ATTEMPTS", "HTTP_MAX_BYTES"], 7),
    **dict.fromkeys(["SIGNUP", "LINK_BY_EMAIL", "ATTEMPT_CACHE", "REFRESH_LEEWAY", "TOKEN_KEYS", "FRESHNESS"], None),
    "URL_PREFIX": "/social",
    "APP_URL": "https://www.example.org/",
    "HTTP_TIMEOUT": (1, 2.5),
    "PROVIDER_RESOLVER": {}.get,
    "REVOKE_ON_DISCONNECT": False,
}
values = st.one_of(ADDRESSES, TEXTS, PYTHON, PYTHON, some.json_values(), some.texts)


def no_provider(config: dict[str, t.Any]) -> bool:
    return not any(isinstance(value, cabc.Mapping) for value in config.values())


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, t.Any]:
    """Some settings, of which one may be wrong."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    config = {f"SOCIAL_{name}": USUAL.get(name, "text") for name in names}
    config |= draw(st.dictionaries(keys.map("SOCIAL_".__add__), values, max_size=1).filter(no_provider))
    return config


def named(error: ConfigurationError, *keys: str) -> None:
    """The error names one of these settings, perhaps with a key inside it, and says what is wrong."""
    assert error.key.partition("[")[0] in keys
    assert str(error).startswith(f"{error.key}: ")
    assert len(str(error)) > len(error.key) + 10


@some.examples(3)
@given(config=configurations())
@example({"SOCIAL_APP_URL": "http://["})
@example({"SOCIAL_APP_URL": "https://a:99999"})
@example({"SOCIAL_MSG_CONNECTED": "%(provider)s %"})
def test_settings(config: dict[str, t.Any]) -> None:
    try:
        found = Settings.read(config)
    except ConfigurationError as error:
        event("refused")
        named(error, *config)
        return
    event("read")
    assert found.blueprint_name
    assert "." not in found.blueprint_name
    assert found.url_prefix is None or (found.url_prefix.startswith("/") and not found.url_prefix.endswith("/"))
    assert all(0 < seconds < 10**9 for seconds in (found.attempt_lifetime, *found.http_timeout, found.http_deadline))
    assert all(type(count) is int and count > 0 for count in (found.max_attempts, found.http_max_bytes))
    assert isinstance(found.flash_messages, bool)
    assert isinstance(found.legacy_callbacks, bool)
    assert found.provider_resolver is None or callable(found.provider_resolver)
    assert set(found.messages) == CODES
    for text, category in found.messages.values():
        assert isinstance(fill(text, {"provider": "Acme & Söhne"}), str)
        assert isinstance(category, str)
    if found.app_url is not None:
        parts = urlsplit(found.app_url)
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert parts.port is None or 0 < parts.port < 65536
        assert not found.app_url.endswith("/")


@settings(suppress_health_check=[*HealthCheck])
@given(config=configurations())
@example({"SOCIAL_URL_PREFIX": "/<"})
@example({"SOCIAL_URL_PREFIX": "/<x>"})
@example({"SOCIAL_APP_URL": "https://a:99999"})
@example({"SOCIAL_TOKEN_KEYS": ["short"]})
def test_an_application(config: dict[str, t.Any]) -> None:
    """An application with these settings starts, or says which of them is wrong; and then it answers."""
    app = Flask("tests.fuzz")
    app.config.update(CONFIG)
    app.config.update(config)
    try:
        Social(app, MemoryConnectionDatastore())
    except ConfigurationError as error:
        named(error, *config)
        return
    event("started")
    assert isinstance(app.extensions["social"], SocialState)
    prefix = config.get("SOCIAL_URL_PREFIX") or ""
    with app.test_client().get(f"{prefix}/social-static/social.css") as answer:
        assert answer.status_code == 200


# Providers ----------------------------------------------------------------------------------------------------

GIVEN = {"consumer_key": "id", "consumer_secret": "secret"}
ALIASES = ["client_id", "client_secret", "base_url", "access_token_method", "api", "scope", "request_token_params"]
META = ["id", "provider", "module", "class", "install", "signup", "link_by_email"]


def options(row: str) -> list[str]:
    """Every key that a provider dictionary of this row may have, and some that it may not."""
    from flask_social.providers import load

    return sorted({*load(row).OPTIONS, *ALIASES, *META, *GIVEN, "nonsense", "headers"})


PROVIDER_VALUES = st.one_of(
    values,
    ADDRESSES,
    st.sampled_from(["a b", "a,b", ["a", "a"], [""], "basic", "none", "get", "query", "form_post", "verified", True]),
    st.sampled_from([".x:Y", "x:", ":", "json:loads", "json.nothing", "no.such", "os", "google", "a\0.b", "flask"]),
    st.sampled_from(
        [Provider, OAuth1Provider, object, {"state": 1}, {"scope": "a"}, {5: 6}, {"subject": ""}, {"a": None}]
    ),
    st.sampled_from(["RS256", ["none"], "HS256 RS256", {"kty": "RSA"}, "-----BEGIN PRIVATE KEY-----\n"]),
)


USUAL_OPTIONS: dict[str, t.Any] = {
    **dict.fromkeys(["authorize_url", "access_token_url", "userinfo_url", "revoke_url"], "https://a.example/path?a=b"),
    **{"name": "Acme", "scopes": "a b,c", "headers": {"Accept": "text/plain"}, "email_trust": "never", "verify": True},
    **{"authorize_params": {"prompt": "consent", "hd": None}, "api_options": {"version": "v3"}, "pkce": False},
    **{"token_auth_method": "post", "token_method": "get", "id_token_algs": ["RS256"], "issuer_aliases": "a.example"},
}


@st.composite
def dictionaries(draw: st.DrawFn, row: str) -> dict[t.Any, t.Any]:
    """A provider dictionary in which one key may be wrong and one may be missing."""
    names = st.sampled_from(options(row)) | some.texts | st.sampled_from([5, None, ("a",)])
    found: dict[t.Any, t.Any] = {**GIVEN, **NEEDED.get(row, {})}
    good = draw(st.lists(st.sampled_from(options(row)), max_size=3))
    found |= {name: USUAL_OPTIONS[name] for name in good if name in USUAL_OPTIONS}
    found |= draw(st.dictionaries(names, PROVIDER_VALUES, max_size=1))
    found.pop(draw(some.mostly("", sorted(map(str, found)))), None)
    return found


@pytest.mark.parametrize("row", sorted(CATALOGUE))
@some.examples(0.7)
@given(data=st.data())
def test_a_provider(row: str, data: st.DataObject) -> None:
    event("a provider" if one_provider(row, data.draw(dictionaries(row))) else "refused")


@pytest.mark.parametrize(
    "given",
    [
        {5: "a key that is no text"},
        {"class": ".x:Y"},
        {"module": ".x"},
        {"module": "a\0b"},
        {"authorize_params": {5: 6}},
        {"request_token_params": {5: 6}},
        {"headers": {"Accept": None}},
        {"scope": "a", "request_token_params": {"scope": "b"}},
    ],
)
def test_providers_that_were_once_wrong(given: dict[t.Any, t.Any]) -> None:
    one_provider("google", {**GIVEN, **given})


def one_provider(row: str, given: dict[t.Any, t.Any]) -> bool:
    """A provider whose parts are of the kinds that flows rely on, or an error that names the setting.

    :returns: whether there is one.
    """
    key = f"SOCIAL_{row.upper()}"
    try:
        provider = make_provider(row, given, key=key, adapt=adapt)
    except ConfigurationError as error:
        named(error, key)
        return False
    assert provider.id == row
    assert isinstance(provider.consumer_key, str)
    assert provider.consumer_key
    assert provider.consumer_secret is None or isinstance(provider.consumer_secret, str)
    for name in ("issuer", "authorize_url", "access_token_url", "userinfo_url", "api_base_url", "revoke_url"):
        url = getattr(provider, name)
        assert url is None or (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname)
    assert all(isinstance(scope, str) and scope for scope in provider.scopes)
    assert all(isinstance(name, str) for name in provider.authorize_params)
    for name, value in provider.headers.items():
        assert isinstance(name, str)
        assert isinstance(value, str), "a header that cannot be sent"
    assert isinstance(provider.name, str)
    assert isinstance(provider.can_verify, bool)
    assert "secret" not in repr(provider)
    return True


@given(config=st.dictionaries(keys.map("SOCIAL_".__add__), st.dictionaries(some.texts, values, max_size=3), max_size=2))
def test_dictionaries_of_a_configuration(config: dict[str, t.Any]) -> None:
    assume(all(isinstance(name, str) for name in config))
    try:
        found = read_providers(config, adapt=adapt)
    except ConfigurationError as error:
        named(error, *config)
        return
    assert len(found) == len(config)
    assert json.dumps(sorted(found))
