"""What all API clients have in common: loading, time limits, pooled connections, silence about secrets."""

from __future__ import annotations

import collections.abc as cabc
import logging
import subprocess
import sys
import textwrap
import typing as t

import facebook
import foursquare
import pytest
import requests
import tweepy

from flask_social.clients import build_api, build_session
from flask_social.clients.base import RedactingFilter, redact
from flask_social.testing import StandIn

from .clientkit import make_context

Call = cabc.Callable[[t.Any], t.Any]

#: One call of each client's API, which ends at the endpoint "profile".
CALLS: dict[str, tuple[str, dict[str, t.Any], Call]] = {
    "twitter v2": ("twitter", {}, lambda api: api.get_me()),
    "twitter v1.1": ("twitter", {"version": "1.1"}, lambda api: api.verify_credentials()),
    "x": ("x", {}, lambda api: api.get_me()),
    "facebook": ("facebook", {}, lambda api: api.get_object("me")),
    "google": ("google", {}, lambda api: api.userinfo().get().execute()),
    "foursquare": ("foursquare", {}, lambda api: api.users()),
    "oauth2": ("oauth2", {}, lambda api: api.get("me").raise_for_status()),
}
ALL = pytest.mark.parametrize(("provider_id", "options", "call"), CALLS.values(), ids=CALLS)

FAILURES = (requests.RequestException, tweepy.TweepyException, foursquare.FoursquareException, facebook.GraphAPIError)


@ALL
def test_connections_are_used_again(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call
) -> None:
    context = make_context(social_provider, provider_id)
    call(build_api(context, **options))
    social_provider.forget_requests()
    for _ in range(3):
        call(build_api(context, **options))
    build_session(context).get(str(context.provider.userinfo_url))
    assert len(social_provider.requests) == 4
    assert len({seen.connection for seen in social_provider.requests}) == 1


@ALL
def test_time_limit(social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call) -> None:
    api = build_api(make_context(social_provider, provider_id, timeout=(1, 0.2)), **options)
    with social_provider.faults.slow(1.5, "profile", provider_id), pytest.raises(FAILURES, match=r"timed out"):
        call(api)
    assert social_provider.count("profile") == 1


@ALL
def test_no_secret_in_logs_and_errors(
    social_provider: StandIn,
    provider_id: str,
    options: dict[str, t.Any],
    call: Call,
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = make_context(social_provider, provider_id)
    with StandIn() as gone:
        away = make_context(gone, provider_id)
    caplog.set_level(logging.DEBUG)
    call(build_api(context, **options))
    if provider_id != "oauth2":
        build_session(context).get(str(context.provider.userinfo_url))
    with pytest.raises(FAILURES) as failure:
        call(build_api(away, **options))
    assert failure.value.__suppress_context__ or isinstance(failure.value, tweepy.TweepyException)
    told = caplog.text + str(failure.value) + repr(context) + repr(build_session(context))
    for secret in (context.token.access_token, context.token.secret, away.token.access_token, away.token.secret):
        assert secret is None or secret not in told
    assert str(context.provider.consumer_secret) not in told
    assert "urllib3" in caplog.text
    assert ("***" in caplog.text) is (provider_id not in ("google", "oauth2"))


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("GET /v2/users/self?v=20260101&oauth_token=A%2BB&x=1", "GET /v2/users/self?v=20260101&oauth_token=***&x=1"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ***'}"),
        ("Authorization: Basic YTpi", "Authorization: Basic ***"),
        (
            """{b'Authorization': b'OAuth oauth_nonce="1", oauth_token="A-b", oauth_signature="c%3D"'}""",
            """{b'Authorization': b'OAuth ***"1", oauth_token="***", oauth_signature="***"'}""",
        ),
        ("[('oauth_token', 'abc'), ('n', '1')]", "[('oauth_token', '***'), ('n', '1')]"),
        ("GET&http%3A%2F%2Fa&oauth_token%3Dabc%252Bd%26v%3D1", "GET&http%3A%2F%2Fa&oauth_token%3D***%26v%3D1"),
        ("requests%3Dusers%253Faccess_token%253Dabc%2526v", "requests%3Dusers%253Faccess_token%253D***%2526v"),
        ('{"refresh_token": "a", "id_token":"b"}', '{"refresh_token": "***", "id_token":"***"}'),
        (r"{\"access_token\": \"b\"}", r"{\"access_token\": \"***\"}"),
        ("<Client resource_owner_key=bob, nonce=None>", "<Client resource_owner_key=***, nonce=None>"),
        ("the access_token is missing", "the access_token is missing"),
    ],
)
def test_redaction(text: str, redacted: str) -> None:
    assert redact(text) == redacted
    record = logging.LogRecord("tweepy.client", logging.DEBUG, __file__, 1, "%s", (text,), None)
    assert RedactingFilter().filter(record) is True
    assert record.getMessage() == redacted


def test_a_message_that_cannot_be_made_is_dropped() -> None:
    record = logging.LogRecord("tweepy.client", logging.DEBUG, __file__, 1, "%d", ("no number",), None)
    assert RedactingFilter().filter(record) is False


def test_options_of_the_setting_stand_behind_those_of_the_call(social_provider: StandIn) -> None:
    context = make_context(social_provider, "facebook", api={"version": "23.0", "timeout": 3})
    assert (build_api(context).version, build_api(context).timeout) == ("v23.0", 3)
    assert (build_api(context, version="24.0").version, build_api(context).timeout) == ("v24.0", 3)


def test_a_provider_without_client_gets_the_session(social_provider: StandIn) -> None:
    session = build_api(make_context(social_provider, "oauth2"), timeout=2)
    assert session.timeout == 2
    assert session.get("me").json()["user"]["login"] == "ada_lovelace"


MISSING = """
import sys

import flask_social.clients
assert not any(name.startswith("flask_social.clients.") and not name.endswith(".base") for name in sys.modules)

for library in ("tweepy", "facebook", "googleapiclient", "foursquare"):
    assert library not in sys.modules, library
    sys.modules[library] = None  # what Python does with a name that must not be imported

from flask_social import ConnectionKey, MissingLibrary, Token
from flask_social.providers import load
from flask_social.values import Client

for provider_id in ("twitter", "x", "facebook", "google", "foursquare"):
    provider = load(provider_id)(id=provider_id, client=Client("id", "secret"))
    key = ConnectionKey(provider_id, "1")
    context = flask_social.clients.ApiContext(provider, Token("token"), key, (1, 1))
    for _ in range(2):
        try:
            flask_social.clients.build_api(context)
        except MissingLibrary as error:
            print(error)
    assert flask_social.clients.build_session(context).base_url
"""


def test_missing_library_names_what_to_install() -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(MISSING)], capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stderr
    lines = [
        f'{library} is not installed. Install it with: pip install "Flask-Social[{extra}]"'
        for library, extra in (
            ("tweepy", "twitter"),
            ("tweepy", "twitter"),
            ("facebook-sdk", "facebook"),
            ("google-api-python-client", "google"),
            ("foursquare", "foursquare"),
        )
        for _ in range(2)
    ]
    assert found.stdout.splitlines() == lines


def test_facebook_sdk_is_imported_without_a_warning(tmp_path: t.Any) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-X",
            f"pycache_prefix={tmp_path}",
            "-c",
            "import flask_social.clients.facebook",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
