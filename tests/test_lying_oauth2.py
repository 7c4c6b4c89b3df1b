"""OAuth 2 providers that lie or stumble at the token endpoint and in their errors: whole visits, and what is left."""

from __future__ import annotations

import collections.abc as cabc
import datetime as dt
import html
import json
import re
import string
import typing as t
from urllib.parse import urlencode

import pytest

from flask_social.testing.faults import REMOVE

from .appkit import Kit
from .lyingkit import DETAILS, HOSTILE, OAUTH2, Refusals, Told, connected, lying_kit, rows, says, user_client

#: The providers whose profile comes from an address of its own.
WITH_PROFILE = [provider for provider in OAUTH2 if provider != "google"]

JSON_TYPE, FORM_TYPE = "application/json", "application/x-www-form-urlencoded"

everywhere = pytest.mark.parametrize("provider", OAUTH2)


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    return lying_kit(social_provider, OAUTH2)


# The token answer


@pytest.mark.parametrize("provider", WITH_PROFILE)
@pytest.mark.parametrize(
    ("content_type", "write"),
    [(JSON_TYPE, json.dumps), ("text/html", json.dumps), (FORM_TYPE, urlencode), ("text/plain", urlencode)],
)
def test_a_token_in_json_or_as_a_form(
    kit: Kit, social_login: t.Any, social_provider: t.Any,
    provider: str, content_type: str, write: cabc.Callable[[t.Any], str],
) -> None:  # fmt: skip
    token = {"access_token": "a/token+", "token_type": "bearer", "expires_in": "60"}
    social_provider.faults.add("token", status=200, body=write(token), headers={"Content-Type": content_type})
    says(social_provider.faults, provider)
    row = connected(kit, user_client(kit), social_login, provider)
    assert (row["access_token"], row["provider_user_id"]) == ("a/token+", "7")
    assert 0 < (row["expires_at"] - dt.datetime.now(dt.UTC)).total_seconds() <= 60


def form(body: str) -> dict[str, t.Any]:
    return {"status": 200, "body": body, "headers": {"Content-Type": FORM_TYPE}}


#: Faults of the token endpoint after which there is no token.
NONSENSE: list[dict[str, t.Any]] = [
    *(
        {"merge": {"access_token": value}}
        for value in (REMOVE, None, "", "  ", 17, 1.5, True, [], ["at"], {}, {"a": "b"}, "a\nb", "a\0", "\ud800", "é")
    ),
    *({"status": 200, "json": value} for value in ({}, [], ["at"], "at", 5, True)),
    *({"merge": {"expires_in": float(name)}} for name in ("nan", "inf")),
    *({"merge": {"token_type": value}} for value in ("mac", 5, None)),
    *(form(body) for body in ("", "access_token=", "access_token=a&access_token=b", "at", "%ff=%ff")),
    {"status": 201, "body": ""},
    {"status": 302, "headers": {"Location": "https://evil.example/"}},
]

#: Faults in which the provider says no, some of them with HTTP 200 or beside a token.
ERRORS: list[dict[str, t.Any]] = [
    *({"merge": {"error": value}} for value in ("invalid_grant", ["invalid_grant"], {}, 5, True, False)),
    *({"status": 200, "json": {"error": value}} for value in ("expired", {"type": "OAuthException", "code": 100})),
    *({"status": 400, "json": value} for value in ({"error": {"code": {"x": 1}}}, {}, [], "no")),
    *(form(body) for body in ("error=expired", "access_token=a&token_type=bearer&error=x")),
]


@everywhere
@pytest.mark.parametrize(
    ("answers", "code"),
    [(NONSENSE, "provider_answer_invalid"), (ERRORS, "provider_refused")],
    ids=["nonsense", "errors"],
)
def test_a_token_answer_without_a_token(
    kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str, answers: list[dict[str, t.Any]], code: str
) -> None:
    refusals = Refusals(kit, social_login, provider)
    found = {}
    for answer in answers:
        with social_provider.faults.add("token", **answer):
            found[repr(answer)] = refusals.codes()
    assert found == {repr(answer): {code} for answer in answers}
    assert social_provider.count("profile") == 0


def test_a_form_without_an_id_token_is_no_openid_answer(kit: Kit, social_login: t.Any, social_provider: t.Any) -> None:
    with social_provider.faults.add("token", **form("access_token=at&token_type=bearer")):
        assert Refusals(kit, social_login, "google").codes() == {"id_token_invalid"}


LIFETIMES: list[tuple[t.Any, int | None]] = [
    *((7200, 7200), ("7200", 7200), (7200.5, 7200), ("7200.5", 7200), (99 * 365 * 86400, 99 * 365 * 86400)),
    *((value, None) for value in (REMOVE, None, "", "soon", 0, -1, "-5", -0.5, 10**10, 10**30, 10**400, "1e999")),
    *((value, None) for value in (True, False, [], [3600], {}, "nan", "-inf", "0x10", "3600 seconds")),
]


@everywhere
def test_the_stored_lifetime(kit: Kit, social_login: t.Any, social_provider: t.Any, provider: str) -> None:
    client, found = user_client(kit), {}
    social_provider.faults.add("exchange", times=None, status=500)  # Facebook's: the first token stays
    for value, _ in LIFETIMES:
        social_provider.faults.add("token", merge={"expires_in": value})
        begun = dt.datetime.now(dt.UTC)
        ends = connected(kit, client, social_login, provider)["expires_at"]
        # Whole minutes, because the visit takes a moment.
        found[repr(value)] = None if ends is None else int((ends - begun).total_seconds()) // 60 * 60
    assert found == {repr(value): seconds and seconds // 60 * 60 for value, seconds in LIFETIMES}


# What a provider says about its errors


@everywhere
@pytest.mark.parametrize("intent", ["login", "connect"])
def test_nothing_of_a_callbacks_error_is_told(
    kit: Kit, social_login: t.Any, social_provider: t.Any, caplog: pytest.LogCaptureFixture, provider: str, intent: str
) -> None:
    told, found = Told(kit, caplog), {}
    codes = dict.fromkeys(
        ("zq9zq9", HOSTILE, "zq9zq9 " * 999, "zq9zq9\0", "access_denied zq9zq9", ""), "provider_refused"
    )
    codes |= {"access_denied": "access_denied"}
    for error in codes:
        social_provider.faults.add("callback", params={"code": REMOVE, "error": error, **DETAILS})
        found[error] = told.after(social_login, provider, intent)
    assert found == {error: (code, False) for error, code in codes.items()}
    assert rows(kit) == []


@everywhere
@pytest.mark.parametrize("endpoint", ["token", "profile"])
def test_nothing_of_an_answers_error_is_told(
    kit: Kit, social_login: t.Any, social_provider: t.Any, caplog: pytest.LogCaptureFixture,
    provider: str, endpoint: str,
) -> None:  # fmt: skip
    social_provider.thin_id_tokens = True
    codes = {200: "provider_refused", 400: "provider_refused", 403: "provider_refused", 503: "provider_unavailable"}
    if endpoint == "profile":
        codes[200] = "id_token_invalid" if provider == "google" else "provider_answer_invalid"
    told, found = Told(kit, caplog), {}
    errors = ("zq9zq9", HOSTILE, {"code": HOSTILE, "type": "zq9zq9", "message": HOSTILE}, [HOSTILE])
    headers = {"X-Zq9zq9": "zq9zq9", "Set-Cookie": "zq9zq9=1", "WWW-Authenticate": 'Bearer error="zq9zq9"'}
    for status in codes:
        for error in errors:
            social_provider.faults.add(endpoint, status=status, json={"error": error, **DETAILS}, headers=headers)
            found[status, str(error)] = told.after(social_login, provider, "login")
    assert found == {(status, str(error)): (code, False) for status, code in codes.items() for error in errors}
    assert rows(kit) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bounced_error_stands_in_the_next_address_only(kit: Kit, method: str) -> None:
    """Without our cookie, the answer has to be carried on to the second arrival, where it is refused."""
    client = kit.app.test_client()
    params = {"state": "zq9zq9", "error": HOSTILE, **DETAILS}
    sent = {"query_string": params} if method == "GET" else {"data": params}
    page = client.open("/callback/google", method=method, **sent)
    assert (page.status_code, "zq9zq9" in str(page.headers)) == (200, False)
    assert "<script" not in page.text
    (address,) = re.findall(r'content="0; url=([^"]*)"', page.text)
    assert set(address) <= set(string.ascii_letters + string.digits + "/?=&%_+.;-")
    assert "zq9zq9" not in page.text.replace(address, "")
    assert client.get(html.unescape(address)).location == "/login"
    assert kit.events[-1][1]["code"] == "state_unknown"
    assert "zq9zq9" not in client.get("/login").text
