"""From settings to providers: what is accepted, and how a mistake is named."""

from __future__ import annotations

import typing as t

import pytest
from flask import Flask

from flask_social import MemoryConnectionDatastore, OAuth2Provider, Profile, Social
from flask_social.errors import ConfigurationError
from flask_social.providers import CATALOGUE

from .appkit import CONFIG

KEYS = {"consumer_key": "id", "consumer_secret": "secret"}


class AcmeProvider(OAuth2Provider):
    """A provider of an application."""

    name = "Acme"
    authorize_url = "https://acme.example/authorize"
    access_token_url = "https://acme.example/token"
    userinfo_url = "https://acme.example/me"

    def profile(self, data: t.Any) -> Profile:
        return Profile(subject=data["id"])


def make(**settings: t.Any) -> t.Any:
    app = Flask("tests.registration")
    app.config.update(CONFIG)
    app.config.update({f"SOCIAL_{name.upper()}": value for name, value in settings.items()})
    Social(app, MemoryConnectionDatastore())
    return app.extensions["social"]


@pytest.mark.parametrize(
    ("setting", "attribute", "expected"),
    [
        (KEYS, "name", "Google"),
        ({"client_id": "id", "client_secret": "secret"}, "consumer_secret", "secret"),
        ({"client_id": "public"}, "consumer_secret", None),
        ({**KEYS, "name": "Work"}, "name", "Work"),
        ({**KEYS, "scope": "openid email"}, "scopes", ("openid", "email")),
        ({**KEYS, "scope": ["openid"]}, "scopes", ("openid",)),
        ({**KEYS, "request_token_params": {"scope": "openid", "hd": "a.example"}}, "scopes", ("openid",)),
        ({**KEYS, "issuer": "https://sso.example"}, "issuer", "https://sso.example"),
        ({**KEYS, "install": "pip install x", "pkce": False}, "pkce", False),
        ({**KEYS, "api": {"version": "v3"}}, "api_options", {"version": "v3"}),
        ({**KEYS, "base_url": "https://api.example/"}, "api_base_url", "https://api.example/"),
    ],
)
def test_a_provider_of_the_catalogue(setting: dict[str, t.Any], attribute: str, expected: object) -> None:
    provider = make(google=setting).providers["google"]
    assert provider.id == "google"
    assert getattr(provider, attribute) == expected


def test_request_token_params_become_authorize_params() -> None:
    provider = make(google={**KEYS, "request_token_params": {"hd": "a.example"}}).providers["google"]
    assert provider.authorize_params["hd"] == "a.example"


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_row_of_the_catalogue(name: str) -> None:
    more = {
        "oidc": {"issuer": "https://sso.example"},
        "oauth2": {
            "authorize_url": "https://a.example/a",
            "access_token_url": "https://a.example/t",
            "userinfo_url": "https://a.example/u",
            "fields": {"subject": "id"},
        },
    }.get(name, {})
    provider = make(**{name: {**KEYS, **more}}).providers[name]
    assert provider.name
    assert "secret" not in repr(provider)


@pytest.mark.parametrize("given", [AcmeProvider, f"{__name__}:AcmeProvider", f"{__name__}.AcmeProvider"])
def test_a_class_of_the_application(given: object) -> None:
    assert make(acme={**KEYS, "class": given}).providers["acme"].name == "Acme"


def test_a_module_of_today() -> None:
    assert make(acme={**KEYS, "module": __name__}).providers["acme"].name == "Acme"


def test_two_apps_of_one_provider() -> None:
    state = make(google=KEYS, google_work={**KEYS, "provider": "google", "consumer_key": "work"})
    assert [provider.consumer_key for provider in state.providers.values()] == ["id", "work"]
    assert state.providers["google_work"].id == "google_work"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"google": {}}, "SOCIAL_GOOGLE['consumer_key']"),
        ({"google": {"consumer_key": ""}}, "SOCIAL_GOOGLE['consumer_key']"),
        ({"google": {"consumer_key": 1}}, "SOCIAL_GOOGLE['consumer_key']"),
        ({"google": {"consumer_key": "a", "consumer_secret": 1}}, "SOCIAL_GOOGLE['consumer_secret']"),
        ({"google": {**KEYS, "client_id": "b"}}, "SOCIAL_GOOGLE['client_id']"),
        ({"google": {**KEYS, "scpoe": "email"}}, "SOCIAL_GOOGLE['scpoe']"),
        ({"google": {**KEYS, "request_token_params": "email"}}, "SOCIAL_GOOGLE['request_token_params']"),
        ({"google": {**KEYS, "request_token_params": {"state": "x"}}}, "SOCIAL_GOOGLE['authorize_params']"),
        ({"google": {**KEYS, "authorize_params": {"redirect_uri": "x"}}}, "SOCIAL_GOOGLE['authorize_params']"),
        ({"google": {**KEYS, "authorize_params": "x"}}, "SOCIAL_GOOGLE['authorize_params']"),
        ({"google": {**KEYS, "issuer": "not a url"}}, "SOCIAL_GOOGLE"),
        ({"google": {**KEYS, "signup": "yes"}}, "SOCIAL_GOOGLE"),
        ({"google": {**KEYS, "link_by_email": "always"}}, "SOCIAL_GOOGLE"),
        ({"goggle": KEYS}, "SOCIAL_GOGGLE"),
        ({"old": {**KEYS, "id": "google", "nope": 1}}, "SOCIAL_OLD['nope']"),
        ({"google": {**KEYS, "icon": "my icon"}}, "SOCIAL_GOOGLE"),
        ({"oidc": KEYS}, "SOCIAL_OIDC"),
        ({"acme": {**KEYS, "class": "no.such.module:Class"}}, "SOCIAL_ACME"),
        ({"acme": {**KEYS, "class": "json:JSONDecoder"}}, "SOCIAL_ACME"),
        ({"acme": {**KEYS, "class": 7}}, "SOCIAL_ACME"),
        ({"acme": {**KEYS, "module": "no_such_module"}}, "SOCIAL_ACME"),
        ({"acme": {**KEYS, "module": "json"}}, "SOCIAL_ACME"),
        ({"init_app": {**KEYS, "provider": "google"}}, "SOCIAL_INIT_APP"),
        ({"providers": {**KEYS, "provider": "google"}}, "SOCIAL_PROVIDERS"),
    ],
)
def test_mistakes(settings: dict[str, t.Any], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(**settings)
    assert caught.value.key == key


def test_a_misspelt_key_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'scope'"):
        make(google={**KEYS, "scpoe": "email"})


def test_a_wrong_value_is_named_as_it_was_written() -> None:
    with pytest.raises(ConfigurationError, match="'scope' must"):
        make(google={**KEYS, "scope": 7})


class TestResolver:
    """``SOCIAL_PROVIDER_RESOLVER``: providers that are known only when somebody asks."""

    def test_asked_and_kept_by_content(self) -> None:
        tenants = {"acme": {**KEYS, "provider": "google"}}
        state = make(provider_resolver=tenants.get)
        first = state.resolve("acme")
        assert first is state.resolve("acme")
        assert first.id == "acme"
        tenants["acme"] = {**KEYS, "provider": "google", "name": "New"}
        assert state.resolve("acme").name == "New"
        assert state.resolve("nobody") is None

    def test_settings_win(self) -> None:
        state = make(google=KEYS, provider_resolver=lambda id: {**KEYS, "provider": "facebook"})
        assert state.resolve("google").name == "Google"
        assert state.resolve("other").name == "Facebook"

    @pytest.mark.parametrize("given", ["", "UPPER", "a" * 65, "a/b", "é", "a\x00"])
    def test_what_is_no_id_is_never_asked(self, given: str) -> None:
        def lookup(provider_id: str) -> t.Any:
            raise AssertionError(provider_id)

        assert make(provider_resolver=lookup).resolve(given) is None

    def test_it_is_bounded(self) -> None:
        state = make(provider_resolver=lambda id: {**KEYS, "provider": "google"})
        assert all(state.resolve(f"tenant{number}") for number in range(600))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("other", [{"scope": "a"}, {"scopes": ["a"]}, {"authorize_params": {"a": "b"}}])
def test_request_token_params_replace_nothing(other: dict[str, t.Any], turned: bool) -> None:
    both = [*other.items(), ("request_token_params", {"scope": "b", "prompt": "c"})]
    with pytest.raises(ConfigurationError, match="given twice"):
        make(facebook={**KEYS, **dict(reversed(both) if turned else both)})
