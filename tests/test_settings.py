"""Settings: read once, frozen, and every mistake named."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import typing as t

import pytest
from cryptography.fernet import Fernet

from flask_social.errors import ConfigurationError
from flask_social.messages import CODES, DEFAULTS, fill
from flask_social.settings import Settings, provider_settings


def test_defaults() -> None:
    settings = Settings.read({"SECRET_KEY": "x", "OTHER": 1})
    assert settings == Settings()
    assert settings.http_timeout == (3.05, 5)
    assert settings.attempt_lifetime == 600
    with pytest.raises(dc.FrozenInstanceError):
        settings.max_attempts = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("SOCIAL_BLUEPRINT_NAME", "flask_social", "blueprint_name", "flask_social"),
        ("SOCIAL_URL_PREFIX", "/social", "url_prefix", "/social"),
        ("SOCIAL_APP_URL", "https://a.example/app/", "app_url", "https://a.example/app"),
        ("SOCIAL_CONNECT_ALLOW_VIEW", "/me", "connect_allow_view", "/me"),
        ("SOCIAL_CONNECT_ALLOW_REDIRECT", "/me", "connect_allow_view", "/me"),
        ("SOCIAL_CONNECT_DENY_REDIRECT", "/no", "connect_deny_view", "/no"),
        ("SOCIAL_FLASH_MESSAGES", False, "flash_messages", False),
        ("SOCIAL_LEGACY_CALLBACKS", True, "legacy_callbacks", True),
        ("SOCIAL_FRESHNESS", dt.timedelta(minutes=5), "freshness", dt.timedelta(minutes=5)),
        ("SOCIAL_ATTEMPT_LIFETIME", dt.timedelta(minutes=5), "attempt_lifetime", 300),
        ("SOCIAL_MAX_ATTEMPTS", 2, "max_attempts", 2),
        ("SOCIAL_HTTP_TIMEOUT", [1, 2], "http_timeout", (1, 2)),
        ("SOCIAL_HTTP_DEADLINE", 3.5, "http_deadline", 3.5),
        ("SOCIAL_HTTP_MAX_BYTES", 10, "http_max_bytes", 10),
        ("SOCIAL_TOKEN_KEYS", ["a", b"b"], "token_keys", ("a", b"b")),
        ("SOCIAL_POST_OAUTH_LOGIN_SESSION_KEY", "k", "post_oauth_login_session_key", "k"),
        ("SOCIAL_NOT_CONNECTED_VIEW", "/register", "views", {"not_connected": "/register"}),
    ],
)
def test_values(key: str, value: object, field: str, expected: object) -> None:
    assert getattr(Settings.read({key: value}), field) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SOCIAL_BLUEPRINT_NAME", ""),
        ("SOCIAL_BLUEPRINT_NAME", None),
        ("SOCIAL_BLUEPRINT_NAME", "a.b"),
        ("SOCIAL_URL_PREFIX", "social"),
        ("SOCIAL_URL_PREFIX", "/social/"),
        ("SOCIAL_APP_URL", "www.example.org"),
        ("SOCIAL_APP_URL", "ftp://www.example.org"),
        ("SOCIAL_APP_URL", "https://u:p@www.example.org"),
        ("SOCIAL_APP_URL", "https://www.example.org/?a=1"),
        ("SOCIAL_FLASH_MESSAGES", "yes"),
        ("SOCIAL_FRESHNESS", 5),
        ("SOCIAL_ATTEMPT_LIFETIME", 0),
        ("SOCIAL_ATTEMPT_LIFETIME", True),
        ("SOCIAL_ATTEMPT_LIFETIME", "600"),
        ("SOCIAL_MAX_ATTEMPTS", 0),
        ("SOCIAL_MAX_ATTEMPTS", 1.5),
        ("SOCIAL_HTTP_TIMEOUT", 3),
        ("SOCIAL_HTTP_TIMEOUT", (1, 2, 3)),
        ("SOCIAL_HTTP_DEADLINE", -1),
        ("SOCIAL_TOKEN_KEYS", "one-key"),
        ("SOCIAL_TOKEN_KEYS", []),
        ("SOCIAL_TOKEN_KEYS", [1]),
        ("SOCIAL_TOKEN_KEYS", 7),
        ("SOCIAL_PROVIDER_RESOLVER", "dotted.name"),
        ("SOCIAL_MSG_NOT_CONNECTED", 1),
        ("SOCIAL_MSG_NOT_CONNECTED", ("a", "b", "c")),
        ("SOCIAL_MSG_CONNECTED", "Hello %(name)s"),
        ("SOCIAL_MSG_CONNECTED", "%(provider)d"),
        ("SOCIAL_MSG_CONNECTED", "%(provider)s is 100 %"),
        ("SOCIAL_CSRF_REQUIRED_VIEW", "/x"),
        ("SOCIAL_ATTEMPT_CACHE", object()),
        *(("SOCIAL_REVOKE_ON_DISCONNECT", value) for value in (None, "yes", 1)),
        *(("SOCIAL_REFRESH_LEEWAY", value) for value in (None, 0, -1, "60", True)),
        *(("SOCIAL_SIGNUP", value) for value in ("always", True, None)),
        *(("SOCIAL_LINK_BY_EMAIL", value) for value in ("ask", False, None)),
        ("SOCIAL_SIGNUP_MAPPER", "name"),
        *(("SOCIAL_SIGNUP_FIELDS", value) for value in ("username", [5], [""])),
        *(("SOCIAL_SIGNUP_DOMAINS", value) for value in ("example.org", ["a@example.org"], ["*.example.org"], ["org"])),
        ("SOCIAL_FLASH_MESSAGE", True),
        ("SOCIAL_MSG_NOTHING", "x"),
        ("SOCIAL_URL_PREFIX", "/<x>"),
        ("SOCIAL_URL_PREFIX", "//a"),
        ("SOCIAL_APP_URL", "https://[::1"),
        ("SOCIAL_APP_URL", "https://a.example:99999"),
        ("SOCIAL_APP_URL", "https://@a.example"),
        ("SOCIAL_NOTHING_VIEW", "/x"),
        ("SOCIAL_GOOGLE", "client-id"),
    ],
)
def test_mistakes_name_their_key(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({key: value})
    assert caught.value.key == key
    assert key in str(caught.value)


def test_a_misspelt_setting_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError, match="did you mean SOCIAL_FLASH_MESSAGES"):
        Settings.read({"SOCIAL_FLASH_MESAGES": True})


def test_one_setting_under_two_names() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        Settings.read({"SOCIAL_CONNECT_ALLOW_VIEW": "/a", "SOCIAL_CONNECT_ALLOW_REDIRECT": "/b"})


def test_messages() -> None:
    settings = Settings.read(
        {"SOCIAL_MSG_NOT_CONNECTED": "Who is %(provider)s?", "SOCIAL_MSG_CONNECTED": ("Yes", "ok")}
    )
    assert settings.message("not_connected") == ("Who is %(provider)s?", "error")
    assert settings.message("connected") == ("Yes", "ok")
    assert settings.message("of_a_third_party") == DEFAULTS["provider_error"]


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_message_can_be_filled(code: str) -> None:
    text = fill(DEFAULTS[code][0], {"provider": "Twitter"})
    assert "%" not in text


def test_a_text_without_places_may_hold_a_percent_sign() -> None:
    assert fill("100 %", {"provider": "x"}) == "100 %"


def test_provider_settings() -> None:
    config: dict[str, t.Any] = {
        "SOCIAL_GOOGLE": {"a": 1},
        "SOCIAL_OLD": {"id": "older"},
        "SOCIAL_OFF": None,
        "SOCIAL_MAX_ATTEMPTS": 1,
    }
    assert sorted(provider_settings(config)) == ["google", "older"]
    Settings.read(config)


@pytest.mark.parametrize(
    "config",
    [
        {"SOCIAL_A B": {}},
        {"SOCIAL_A": {"id": "Google"}},
        {"SOCIAL_A": {"id": "a" * 65}},
        {"SOCIAL_A": {"id": "b"}, "SOCIAL_B": {}},
    ],
)
def test_provider_ids(config: dict[str, t.Any]) -> None:
    with pytest.raises(ConfigurationError):
        provider_settings(config)


def test_keys_do_not_print() -> None:
    key = Fernet.generate_key().decode()
    assert key not in repr(Settings.read({"SOCIAL_TOKEN_KEYS": [key]}))
