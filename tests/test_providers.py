"""The catalogue: every row, what each provider asks for, and how it reads a person."""

from __future__ import annotations

import hashlib
import hmac
import pathlib
import typing as t

import pytest

from flask_social.errors import ConfigurationError
from flask_social.providers import CATALOGUE, load
from flask_social.providers.base import OAuth1Provider, OAuth2Provider, OIDCProvider
from flask_social.providers.facebook import GRAPH_VERSION
from flask_social.providers.options import TRUST, read_option
from flask_social.values import Profile, Token

from .familykit import NEEDED, make
from .protocolkit import (
    CLIENT,
    VAULT,
    answer,
    begin,
    claims,
    context,
    discovery,
    form,
    id_token,
    jwk,
    key,
    log_in,
    query,
    step,
    token_answer,
)


def contrast_with_white(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@pytest.mark.parametrize("row", CATALOGUE)
def test_every_row(row: str) -> None:
    provider = make(row)
    assert isinstance(provider, (OAuth1Provider, OAuth2Provider))
    assert repr(provider) == f"<{type(provider).__name__} {row!r}>"
    assert provider.name
    assert (provider.consumer_key, provider.consumer_secret) == ("app", "s3cret")
    assert provider.docs_url is not None
    assert provider.docs_url.startswith("https://")
    assert provider.checked_on == "2026-11"
    assert provider.email_trust in TRUST
    assert contrast_with_white(provider.colour) >= 4.5
    assert isinstance(provider.scopes, tuple)
    for name in ("issuer", "authorize_url", "access_token_url", "request_token_url", "userinfo_url", "revoke_url"):
        value = getattr(provider, name, None)
        assert value is None or value.startswith("https://"), name
    if row not in NEEDED:
        assert provider.client == f"flask_social.clients.{'twitter' if row == 'x' else row}"
        assert provider.console_url is not None
        assert provider.api_base_url is not None
        assert provider.api_base_url.endswith("/")
    assert type(provider).__doc__
    assert not provider.verify
    assert provider.can_verify is (row == "oidc")


@pytest.mark.parametrize("row", CATALOGUE)
def test_every_option_can_replace_the_class(row: str) -> None:
    values: dict[str, t.Any] = {
        **{name: {"a": "b"} for name in ("authorize_params", "headers", "api_options")},
        **dict.fromkeys(("pkce", "nonce", "verify"), True),
        **dict.fromkeys(("scopes", "extra_scopes", "issuer_aliases", "native_clients", "second_factor"), ("a", "b")),
        "token_login": False,
        "required_claims": {"hd": ("example.com",)},
        "icon": "generic",
        "fields": {"subject": "uid"},
        "id_token_algs": ("ES256",),
        "email_trust": "claimed",
        "token_auth_method": "client_secret_post",
        "token_auth_alg": "ES256",
        "private_key_id": "k1",
        "token_method": "GET",
        "response_mode": "form_post",
        "userinfo": "never",
        "signup": "never",
        "link_by_email": "prove",
    }
    pem = key("P-256").as_pem(private=True).decode()
    for name in sorted(load(row).OPTIONS - {"private_key"}):
        value = values.get(name, f"https://other.example/{name}")
        more = {"private_key": pem} if name == "token_auth_alg" else {}
        found = getattr(make(row, **{name: value}, **more), name)
        assert found == value or (isinstance(found, dict) and found.items() >= value.items())
    with pytest.raises(TypeError, match="colours"):
        make(row, colours="#000000")


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("scopes", "a b,c  a", ("a", "b", "c")),
        ("scopes", ["a", "b"], ("a", "b")),
        ("scopes", "", ()),
        ("token_auth_method", "basic", "client_secret_basic"),
        ("token_method", "get", "GET"),
        ("id_token_algs", "RS256 ES256", ("RS256", "ES256")),
        ("issuer", "http://127.0.0.1:5000/oidc", "http://127.0.0.1:5000/oidc"),
        ("something_of_a_subclass", 5, 5),
    ],
)
def test_good_options(name: str, value: t.Any, kept: t.Any) -> None:
    assert read_option(name, value) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("issuer", value)
            for value in ("sso.example", "ftp://x", "https://", "https://x/#y", "", None, 5, "https://é/")
        ),
        *(
            ("api_base_url", value)  # readers do not agree where these lead
            for value in (
                "https://me@x/",
                "https://x\\@y/",
                " https://x",
                "https://x\t/",
                "https://x/ y",
                "https://x\n/",
            )
        ),
        *(("userinfo_url", value) for value in ("/me", "https://x:99999/", "https://[")),
        *(("authorize_url", value) for value in ("https://a..b/", "https://a\\.b/", "https://127%2e0.0.1/")),
        *(("scopes", value) for value in (5, [5], [""], {"a": 1}, b"a")),
        *(("authorize_params", value) for value in ("a=b", [("a", "b")], {5: "x"})),
        *(("pkce", value) for value in ("yes", 1, 0)),
        *(("token_auth_method", value) for value in ("tls_client_auth", "", 5)),
        *(("headers", value) for value in ({"a": None}, {"a b": "c"}, {"a": "b\r\nc"}, {"a": "é"}, {"": "b"}, "a")),
        *(("private_key", value) for value in ("", 5, {5: 5})),
        *(("token_method", value) for value in ("PUT", 5)),
        *(("id_token_algs", value) for value in ("none", ["RS1"], 5)),
        ("email_trust", "high"),
        ("userinfo", True),
        ("response_mode", "fragment"),
        ("signup", "maybe"),
        ("name", ""),
    ],
)
def test_bad_options_are_named(name: str, value: t.Any) -> None:
    with pytest.raises(ValueError, match=f"'{name}' must"):
        read_option(name, value)


@pytest.mark.parametrize(
    ("row", "missing"),
    [("oidc", "issuer"), ("oauth2", "authorize_url"), ("oauth2", "access_token_url"), ("oauth2", "userinfo_url")],
)
def test_what_must_be_set(row: str, missing: str) -> None:
    options = {name: value for name, value in NEEDED[row].items() if name != missing}
    with pytest.raises(ValueError, match=missing):
        load(row)(id=row, client=CLIENT, **options)


@pytest.mark.parametrize("fields", [{"uid": "id"}, {"subject": 5}, {"subject": None}])
def test_fields_of_the_generic_provider(fields: dict[str, t.Any]) -> None:
    with pytest.raises(ValueError, match="fields"):
        make("oauth2", fields=fields)


# Loading


def test_loading_by_path() -> None:
    assert load("flask_social.providers.x:XProvider") is load("flask_social.providers.x.XProvider") is load("x")


@pytest.mark.parametrize(
    "name",
    [
        *("gogle", "no.such.module:Thing", "flask_social.providers.x:Nothing", "flask_social.values:Token"),
        *("flask_social.providers:CATALOGUE", ":X", "", "os.path", "a..b"),
    ],
)
def test_what_cannot_be_loaded(name: str) -> None:
    with pytest.raises(ConfigurationError):
        load(name)


def test_loading_by_entry_point(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another distribution registers a provider."""
    metadata = tmp_path / "acme_social-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-social\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[flask_social.providers]\nacme = flask_social.providers.x:XProvider\nx = os:path\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert load("acme") is load("x")


def test_a_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(ConfigurationError, match="google"):
        load("gogle")


# What each asks for


def test_twitter() -> None:
    provider, ctx = make("twitter"), context()
    request_token = form({"oauth_token": "rt", "oauth_token_secret": "s", "oauth_callback_confirmed": "true"})
    start, attempt, (first,) = begin(provider, ctx, request_token)
    assert first.url == "https://api.x.com/oauth/request_token"
    assert start.url == "https://api.x.com/oauth/authenticate?oauth_token=rt"
    person = {"id": 5, "id_str": "5", "screen_name": "ada", "name": "Ada", "email": None}
    (exchange, me), grant = step(
        provider.finish(ctx, attempt, {"oauth_token": "rt", "oauth_verifier": "v"}),
        form({"oauth_token": "t", "oauth_token_secret": "ts", "user_id": "5", "screen_name": "ada"}),
        answer(person),
    )
    assert exchange.url == "https://api.x.com/oauth/access_token"
    assert me.url == ("https://api.x.com/1.1/account/verify_credentials.json?include_email=true&skip_status=true")
    assert grant.profile == Profile(
        "5", display_name="@ada", full_name="Ada", profile_url="https://x.com/ada", raw=person
    )


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        (None, "profile_image_url,verified,confirmed_email"),
        ("users.read users.email", "profile_image_url,verified,confirmed_email"),
        ("users.read", "profile_image_url,verified"),
    ],
)
def test_x_asks_for_the_address_where_it_may(scope: str | None, fields: str) -> None:
    token = answer({"access_token": "at", "token_type": "bearer"} | ({"scope": scope} if scope else {}))
    (exchange, me), _ = log_in(make("x"), token, answer({"data": {"id": "5", "username": "ada"}}))
    assert exchange.headers["Authorization"].startswith("Basic ")
    assert me.url.startswith("https://api.x.com/2/users/me?")
    assert query(me.url) == {"user.fields": fields}


def test_facebook_proves_every_call() -> None:
    token = answer({"access_token": "at", "token_type": "bearer", "expires_in": 5000})
    proof = hmac.new(b"s3cret", b"at", hashlib.sha256).hexdigest()
    provider = make("facebook")
    start, _, _ = begin(provider, context())
    assert start.url.startswith(f"https://www.facebook.com/{GRAPH_VERSION}/dialog/oauth?")
    assert query(start.url)["scope"] == "email,public_profile"
    assert "code_challenge" not in query(start.url)
    (exchange, me, longer), grant = log_in(provider, token, answer({"id": "7"}), answer({}, 500))
    assert exchange.url == longer.url == f"https://graph.facebook.com/{GRAPH_VERSION}/oauth/access_token"
    assert grant.token.access_token == "at"
    assert me.url.startswith(f"https://graph.facebook.com/{GRAPH_VERSION}/me?")
    assert query(me.url) == {"fields": "id,name,email,picture.type(large)", "appsecret_proof": proof}
    assert grant.profile == Profile("7", raw={"id": "7"})
    (gone,), _ = step(provider.revoke(context(), Token("at")), answer({"success": True}))
    assert (gone.method, query(gone.url)) == ("DELETE", {"appsecret_proof": proof})
    assert gone.url.startswith(f"https://graph.facebook.com/{GRAPH_VERSION}/me/permissions?")


def test_foursquare_asks_by_get() -> None:
    person = {"meta": {"code": 200}, "response": {"user": {"id": "7", "firstName": "Ada"}}}
    (exchange, me), grant = log_in(make("foursquare"), answer({"access_token": "at"}), answer(person))
    assert (exchange.method, exchange.body) == ("GET", None)
    assert query(exchange.url)["client_secret"] == "s3cret"
    assert me.url.startswith("https://api.foursquare.com/v2/users/self?")
    assert query(me.url)["oauth_token"] == "at"
    assert len(query(me.url)["v"]) == 8
    assert "Authorization" not in me.headers
    assert grant.profile.display_name == "Ada"


@pytest.mark.parametrize("token_iss", ["https://accounts.google.com", "accounts.google.com"])
def test_google_is_one_request_when_keys_are_known(token_iss: str) -> None:
    provider, ctx = make("google"), context()
    issuer = "https://accounts.google.com"
    start, attempt, (asked,) = begin(provider, ctx, answer(discovery(issuer)))
    assert asked.url == "https://accounts.google.com/.well-known/openid-configuration"
    assert set(query(start.url)["scope"].split()) == {"openid", "email", "profile"}
    params = {"state": attempt.state, "code": "c", "iss": issuer}
    for keys in ([answer({"keys": [jwk(kid="1")]})], []):
        token = id_token(claims(iss=token_iss, nonce=VAULT.derive("nonce", attempt.state)), kid="1")
        requests, grant = step(provider.finish(ctx, attempt, params), token_answer(attempt, token), *keys)
        assert grant.issuer == issuer
    assert len(requests) == 1


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row not in ("oidc", "google")])
def test_the_profile_call_follows_the_settings(row: str) -> None:
    base = {"api_base_url": "http://127.0.0.1:5000/api"} if row != "oauth2" else {}
    for options in (base, {**base, "userinfo_url": "http://127.0.0.1:5000/api/whoami?x=1"}):
        if options:
            (request,), _ = step(make(row, **options).fetch_profile(context(), Token("at", "s")), answer({"id": 1}))
            assert request.url.startswith("http://127.0.0.1:5000/api/")
            assert request.configured


def test_google_follows_another_issuer() -> None:
    _, _, (asked,) = begin(
        make("google", issuer="https://g.example"), context(), answer(discovery("https://g.example"))
    )
    assert asked.url == "https://g.example/.well-known/openid-configuration"


def test_families() -> None:
    assert issubclass(load("twitter"), OAuth1Provider)
    assert issubclass(load("google"), OIDCProvider)
    assert not issubclass(load("x"), OIDCProvider)
