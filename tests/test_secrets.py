"""Nothing secret is shown: no token, client secret, verifier, state, code or session, on no page and in no log.

What is excepted is the protocol itself: ``state``, ``nonce``, ``code_challenge`` and the request token in the address
that begin sends the browser to, the callback's own address, and the bounce page that repeats it.
"""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import gc
import importlib
import logging
import pkgutil
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask import flash

import flask_social
from flask_social.clients.base import LOGGERS, RedactingFilter, install_filters
from flask_social.datastores.columns import TOKEN_COLUMNS
from flask_social.testing import StandIn
from flask_social.testing.pytest_plugin import SocialLogin
from flask_social.values import OAuthResponse

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit
from .oidfkit import fill
from .secretkit import Hand, Watch, add_calls


@pytest.fixture(autouse=True)
def _only_objects_of_this_test() -> cabc.Iterator[None]:
    """What earlier tests left behind is not looked through: it is much, and the provider's answer is waited for."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


PROVIDERS = ("twitter", "x", "facebook", "google", "foursquare", "oidc", "oauth2")


@pytest.fixture
def kit(social_provider: StandIn, provider: str) -> Kit:
    return make(social_provider, provider)


def make(standin: StandIn, provider: str, **config: t.Any) -> Kit:
    # Errors as in production, where Flask logs them.
    made = make_kit({provider: standin.settings(provider)}, PROPAGATE_EXCEPTIONS=False, **config)
    made.add_user()
    return made


@pytest.fixture
def watch(kit: Kit, social_provider: StandIn, caplog: pytest.LogCaptureFixture) -> Watch:
    return Watch(kit, social_provider, caplog)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_visits(kit: Kit, watch: Watch, social_provider: StandIn, social_login: t.Any, provider: str) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    for intent in ("connect", "connect", "reconnect", "verify"):
        social_login(client, provider, "ada", intent=intent)
        watch.add_objects(intent)
    social_login(client, provider, None, intent="connect")
    subject = social_provider.subject(provider, "ada")
    for page in ("/connections", f"/connect/{provider}/{subject}", "/login", "/verify"):
        client.get(page)
    client.get("/connections", headers=JSON)
    other = kit.app.test_client()
    for person in ("grace", None, "ada"):
        other.get("/login")
        other.post(f"/login/{provider}", headers=JSON)
        other.post(f"/login/{provider}")  # refused: it comes from nowhere
        social_login(other, provider, person)
    assert kit.who(other) == "ada@example.org"
    client.post(f"/disconnect/{provider}", headers=JSON)
    client.post(f"/disconnect/{provider}", headers=SAME_ORIGIN)
    assert {"connection_created", "connection_updated", "login_completed", "connection_removed"} <= {*kit.names()}
    assert watch.leaks() == []


#: What an endpoint can do; ``"ECHO"`` is what the callback held.
FAULTS: dict[str, dict[str, t.Any]] = {
    "it is out of order": {"error": "server_error"},
    "it says no": {"status": 400, "json": {"error": "invalid_grant", "error_description": "ECHO"}},
    "it repeats what it got": {"status": 200, "json": {"error": "ECHO"}},
    "it talks nonsense": {"status": 200, "body": "<p>ECHO"},
    "it leads elsewhere": {"status": 302, "body": "", "headers": {"Location": "/?ECHO"}},
    "it hangs up": {"lost": True, "drop": True},
}

#: The endpoints of a provider in the order of a visit; what is kept from visit to visit fails first.
ENDPOINTS = {"twitter": "request_token token profile", "google": "discovery jwks token userinfo"}
ENDPOINTS["oidc"] = ENDPOINTS["google"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_broken_endpoints(kit: Kit, watch: Watch, social_provider: StandIn, social_login: t.Any, provider: str) -> None:
    social_provider.thin_id_tokens = True
    client = kit.app.test_client()
    for endpoint in ENDPOINTS.get(provider, "token profile").split():
        for name, how in FAULTS.items():
            at_begin = endpoint in ("request_token", "discovery")
            url = "" if at_begin else social_provider.visit(social_login.begin(client, provider).location, "grace").url
            echo = " ".join(value for _, value in parse_qsl(urlsplit(url).query))
            kit.events.clear()
            with social_provider.faults.add(endpoint, provider, **fill(how, ECHO=echo)) as fault:
                answer = social_login.begin(client, provider) if at_begin else client.get(url)
                if at_begin:
                    client.post(f"/login/{provider}", headers=JSON)
            assert answer.location == "/login", (endpoint, name)
            assert {*kit.names()} == {"attempt_refused"}, (endpoint, name)
            assert fault.struck > 0
    client.get("/login")
    assert watch.count("refusal") > len(FAULTS)
    assert watch.leaks() == []


#: Answers of the browser that are not what the provider sent.
CHANGES: list[dict[str, str | None]] = [
    {"state": None, "oauth_token": None},
    {"state": "A" * 43, "oauth_token": "A" * 43},
    {"code": None, "oauth_verifier": None},
    {"code": "a made-up code", "oauth_verifier": "a made-up verifier"},
    {"error": "server_error", "error_description": "ECHO"},
    {"error": "ECHO"},
    {"denied": "ECHO"},
    {"iss": "https://issuer.invalid"},
]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_bad_callbacks(kit: Kit, watch: Watch, social_provider: StandIn, social_login: t.Any, provider: str) -> None:
    client = kit.app.test_client()
    for change in CHANGES:
        url = urlsplit(social_provider.visit(social_login.begin(client, provider).location, "grace").url)
        sent = dict(parse_qsl(url.query))
        changed = {**sent, **fill(change, ECHO=" ".join(sent.values()))}
        query = urlencode({name: value for name, value in changed.items() if value is not None})
        kit.app.test_client().get(f"{url.path}?{query}")
        kit.app.test_client().post(url.path, data=sent)
        client.get(f"{url.path}?{query}&{query}")
        client.get(f"{url.path}?{query}")
        client.get(url.geturl())
    client.get("/login")
    assert watch.count("refusal") > 3
    assert watch.leaks() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_store_that_breaks(kit: Kit, watch: Watch, social_login: t.Any, provider: str) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    with kit.app.app_context():
        kit.Connection.__table__.drop(kit.db.engine)
    assert social_login(client, provider, "ada", intent="connect").status_code == 500
    assert watch.count("exception in a view") > 0
    assert watch.leaks() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_flows_by_hand(kit: Kit, watch: Watch, social_provider: StandIn, provider: str) -> None:
    social_provider.thin_id_tokens = True
    hand = Hand(kit, watch, provider)
    grant = hand.grant(social_provider)
    held = [grant.token, OAuthResponse.of(grant.token, grant.profile, error="not_connected")]
    hand.run("start", hand.provider.start(hand.context(), intent="login"))
    hand.run("refresh", hand.provider.refresh(hand.context(), grant.token))
    with social_provider.faults.server_error("token", times=None):
        hand.run("refresh", hand.provider.refresh(hand.context(), grant.token))
    for _ in range(2):
        hand.run("revoke", hand.provider.revoke(hand.context(), grant.token))
    hand.run("refresh", hand.provider.refresh(hand.context(), grant.token))
    shown = {shown.where.rpartition(" ")[2] for shown in watch.shown}
    assert {"Attempt", "Context", "Grant", "Request", "Response", "Token", "Vault", "SocialState"} <= shown, held
    assert watch.leaks() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_api_clients(kit: Kit, watch: Watch, social_provider: StandIn, social_login: t.Any, provider: str) -> None:
    pages = add_calls(kit, watch, provider)
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, provider, "ada", intent="connect")
    assert [client.get(page).status_code for page in pages] == [200, 200]
    watch.add_objects("API clients")
    for how in ({"error": "server_error"}, {"error": "unauthorized"}, {"drop": True}):
        with social_provider.faults.add("profile", provider, **how):
            assert [client.get(page).status_code for page in pages] == [500, 500]
    social_provider.revoke(provider, "ada")
    assert [client.get(page).status_code for page in pages] == [500, 500]
    with kit.app.app_context():
        (row,) = kit.rows()
        given = {value for name in TOKEN_COLUMNS if (value := getattr(row, name))}
        watch.add("repr of a row", repr(row))
    # What is looked for is what was really given out.
    assert given
    assert given <= social_provider.secrets
    assert watch.count("exception in a view") > 7
    assert watch.leaks() == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_is_gone(caplog: pytest.LogCaptureFixture, provider: str) -> None:
    with StandIn() as standin:
        kit = make(standin, provider)
        watch = Watch(kit, standin, caplog)
        pages, login = add_calls(kit, watch, provider), SocialLogin(standin)
        client = kit.app.test_client()
        kit.log_in(client)
        login(client, provider, "ada", intent="connect")
        url = standin.visit(login.begin(client, provider, intent="reconnect").location, "ada").url
    assert [client.get(page).status_code for page in pages] == [500, 500]
    client.get(url)
    client.post(f"/connect/{provider}", headers=JSON)
    client.get("/connections")
    assert kit.events[1][1]["code"] == "provider_unavailable"
    assert watch.leaks() == []


#: One that signs, one whose token travels in the address, one with a token in the header.
@pytest.mark.parametrize("provider", ["twitter", "foursquare", "oidc"])
def test_a_provider_that_is_slow(
    social_provider: StandIn, social_login: t.Any, caplog: pytest.LogCaptureFixture, provider: str
) -> None:
    kit = make(social_provider, provider, SOCIAL_HTTP_TIMEOUT=(3, 1))
    watch = Watch(kit, social_provider, caplog)
    pages = add_calls(kit, watch, provider)
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, provider, "ada", intent="connect")
    social_provider.faults.slow(1.5, "token")
    social_login(kit.app.test_client(), provider, "grace")
    assert kit.events[-1][1]["code"] == "provider_timeout"
    with social_provider.faults.slow(1.5, "profile"):
        assert [client.get(page).status_code for page in pages] == [500, 500]
    assert watch.leaks() == []


#: Names of fields that hold a secret, or something that holds one.
SECRET_FIELDS = frozenset(
    "access_token refresh_token id_token secret raw data claims state url code code_verifier verifier client_secret"
    " headers params body request_token_secret token_keys".split()
)


def test_fields_with_secrets_do_not_print() -> None:
    printed, hidden = set(), set()
    names = [found.name for found in pkgutil.walk_packages(flask_social.__path__, "flask_social.")]
    modules = [importlib.import_module(name) for name in names if "testing" not in name and "__main__" not in name]
    for value in (value for module in modules for value in vars(module).values() if isinstance(value, type)):
        for field in dc.fields(value) if dc.is_dataclass(value) else ():
            (printed if field.repr else hidden).add((value.__name__, field.name))
    # Their codes are for people.
    codes = {("Refuse", "code"), ("Finding", "code")}
    assert {(name, field) for name, field in printed if field in SECRET_FIELDS} == codes
    assert {("Token", "raw"), ("Answer", "data"), ("Attempt", "state"), ("Settings", "token_keys")} <= hidden


#: Ways to show something.
WAYS: list[t.Callable[[Kit, str], t.Any]] = [
    lambda kit, secret: kit.app.logger.debug("a token: %s", secret) or "",
    lambda kit, secret: logging.getLogger("somebody.else").warning(secret) or "",
    lambda kit, secret: flash(secret) or "",
    lambda kit, secret: f"<p>{secret}",
    lambda kit, secret: {"token": secret},
    lambda kit, secret: ("", 302, {"Location": f"/?{secret}"}),
    lambda kit, secret: int(secret),
]


@pytest.mark.parametrize("provider", ["x"])
@pytest.mark.parametrize("way", WAYS)
def test_a_leak_would_be_found(
    kit: Kit, watch: Watch, social_provider: StandIn, social_login: t.Any, way: t.Any, provider: str
) -> None:
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, provider, "ada", intent="connect")
    assert watch.leaks() == []
    token = social_provider.live_tokens[0].value
    kit.app.view_functions["index"] = lambda: way(kit, token)
    client.get("/")
    assert {found.rpartition(" ")[2] for found in watch.leaks()} == {token}


def test_filters_sit_on_the_named_loggers_only(caplog: pytest.LogCaptureFixture) -> None:
    install_filters()
    install_filters()
    everywhere = {"root": logging.getLogger(), **logging.root.manager.loggerDict}
    filtered = {
        name: sum(isinstance(one, RedactingFilter) for one in getattr(logger, "filters", ()))
        for name, logger in everywhere.items()
    }
    assert {name: count for name, count in filtered.items() if count} == dict.fromkeys(LOGGERS, 1)
    handlers = [handler for logger in everywhere.values() for handler in getattr(logger, "handlers", ())]
    assert not [handler for handler in handlers for one in handler.filters if isinstance(one, RedactingFilter)]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("an.application").debug("access_token=%s", "mine")
        logging.getLogger("tweepy.client").debug("access_token=%s", "mine")
    assert caplog.messages == ["access_token=mine", "access_token=***"]
