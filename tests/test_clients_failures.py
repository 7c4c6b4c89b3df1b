"""Errors of APIs: what they mean, in the client library's family and in ours at once, and no token in them."""

from __future__ import annotations

import copy
import io
import json
import pickle
import random
import typing as t

import facebook
import foursquare
import pytest
import requests
import tweepy
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

import flask_social
from flask_social import ApiError, PermissionMissing, RateLimited, SocialError, TokenRejected
from flask_social.clients import build_api, build_session
from flask_social.clients.failures import classify
from flask_social.testing import StandIn

from .clientkit import make_context, with_token
from .test_clients import CALLS

NOW = 1_800_000_000.0
GOOGLE = "https://www.googleapis.com/auth/"


def graph(code: int, kind: str = "OAuthException") -> dict[str, t.Any]:
    return {"error": {"message": "m", "type": kind, "code": code, "fbtrace_id": "A"}}


def google(status: int, reason: str, *, new: bool = False) -> dict[str, t.Any]:
    reasons = {"details": [{"@type": "…ErrorInfo", "reason": reason}]} if new else {"errors": [{"reason": reason}]}
    return {"error": {"code": status, "message": "m", "status": "S", **reasons}}


def meta(kind: str) -> dict[str, t.Any]:
    return {"meta": {"code": 403, "errorType": kind, "errorDetail": "d"}, "response": {}}


def problem(detail: str, kind: str = "about:blank") -> dict[str, t.Any]:
    return {"title": "Forbidden", "type": kind, "status": 403, "detail": detail}


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        # RFC 6750 section 3.1
        (401, {}, None, TokenRejected),
        (400, {"WWW-Authenticate": 'Bearer realm="a", error="invalid_token"'}, None, TokenRejected),
        (403, {"www-authenticate": "bearer error=insufficient_scope"}, None, PermissionMissing),
        (401, {"WWW-Authenticate": 'Basic realm="b", Bearer error="insufficient_scope"'}, None, PermissionMissing),
        (403, {"WWW-Authenticate": 'Basic realm="error=invalid_token"'}, None, ApiError),
        (403, {}, {"error": "insufficient_scope"}, PermissionMissing),
        (400, {}, {"error": "invalid_token"}, TokenRejected),
        (500, {}, {"error": "invalid_token"}, ApiError),
        (403, {}, None, ApiError),
        (404, {}, None, ApiError),
        (503, {"Retry-After": "5"}, None, ApiError),
        (429, {}, None, RateLimited),
        (420, {}, None, RateLimited),
        (403, {"Retry-After": "60"}, None, RateLimited),
        (403, {"X-RateLimit-Remaining": "0"}, None, RateLimited),
        (403, {"X-RateLimit-Remaining": "1"}, None, ApiError),
        # Facebook
        *[(400, {}, graph(code), TokenRejected) for code in (102, 190)],
        *[(400, {}, graph(code), RateLimited) for code in (4, 17, 32, 613, 80_001, 80_014)],
        *[(403, {}, graph(code), PermissionMissing) for code in (10, 200, 299)],
        (400, {}, graph(100, "GraphMethodException"), ApiError),
        (400, {}, {"error": {"type": "https://p.example/4", "code": 4}}, ApiError),
        # Google
        *[(403, {}, google(403, reason), RateLimited) for reason in ("rateLimitExceeded", "userRateLimitExceeded")],
        (403, {}, google(403, "RATE_LIMIT_EXCEEDED", new=True), RateLimited),
        (403, {}, google(403, "insufficientPermissions"), PermissionMissing),
        (403, {}, google(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", new=True), PermissionMissing),
        (403, {}, google(403, "insufficientFilePermissions"), ApiError),
        (403, {}, google(403, "accessNotConfigured"), ApiError),
        # X
        (403, {}, problem("Forbidden"), PermissionMissing),
        (403, {}, problem("Not this.", "https://api.twitter.com/2/problems/oauth1-permissions"), PermissionMissing),
        (403, {}, problem("You are not allowed to create a Tweet with duplicate content."), ApiError),
        (403, {}, {"errors": [{"code": 220, "message": "m"}]}, PermissionMissing),
        (403, {}, {"errors": [{"code": 187, "message": "Status is a duplicate."}]}, ApiError),
        (403, {"x-rate-limit-remaining": "0"}, problem("No."), ApiError),
        # foursquare
        (401, {}, meta("invalid_auth"), TokenRejected),
        (403, {"X-RateLimit-Remaining": "0"}, meta("not_authorized"), PermissionMissing),
        *[(403, {}, meta(kind), RateLimited) for kind in ("rate_limit_exceeded", "quota_exceeded")],
        (400, {}, meta("param_error"), ApiError),
    ],
)
def test_what_an_error_means(status: int, headers: dict[str, str], body: t.Any, kind: type[ApiError]) -> None:
    found = classify(status, headers, json.dumps(body).encode(), NOW)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "Fri, 15 Jan 2027 08:02:00 GMT"}, 120),
        ({"Retry-After": "Fri, 15 Jan 2027 08:02:00"}, 120),
        ({"Retry-After": "Friday, 15-Jan-27 08:02:00 GMT"}, 120),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "later"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "١٢"}, None),
        ({"x-rate-limit-reset": str(int(NOW) + 900)}, 900),
        ({"x-rate-limit-reset": str(int(NOW) - 900)}, 0),
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"Retry-After": "later", "X-RateLimit-Reset": "30"}, 30),
        ({"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 19}, {}], "2": []}'}, 1140),
        ({"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 0}]}'}, None),
        ({"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 1e999}]}'}, None),
        ({"X-Business-Use-Case-Usage": '{"1": ["no"]}'}, None),
        ({"X-Business-Use-Case-Usage": "[1]"}, None),
        ({"X-Business-Use-Case-Usage": "{"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert classify(429, headers, b"", NOW).retry_after == seconds
    assert classify(404, headers, b"", NOW).retry_after is None


@pytest.mark.parametrize(
    ("header", "scopes"),
    [
        ("", ()),
        ('Bearer error="insufficient_scope", scope="one  two"', ("one", "two")),
        ("Bearer scope=one, error=insufficient_scope", ("one",)),
        ('Bearer error="insufficient_scope"', ()),
    ],
)
def test_which_scopes_are_missing(header: str, scopes: tuple[str, ...]) -> None:
    found = classify(403, {"WWW-Authenticate": header}, b'{"error": "insufficient_scope"}', NOW)
    assert (found.kind, found.scopes) == (PermissionMissing, scopes)


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (graph(4), {"message": "m", "type": "OAuthException", "code": 4}),
        (google(403, "quotaExceeded"), {"message": "m", "code": 403, "status": "S", "reason": "quotaExceeded"}),
        (meta("other"), {"code": 403, "errorType": "other", "errorDetail": "d"}),
        (problem("No."), {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": "No."}),
        (
            {"error": "slow_down", "error_description": "x" * 999},
            {"error": "slow_down", "error_description": "x" * 200},
        ),
        ({"message": "access_token=abc is\nbad", "access_token": "abc"}, {"message": "access_token=*** is bad"}),
        ({"message": "\ud800", "code": None, "errors": "e", "error": ["a"]}, {}),
        ([{"error": "a list"}], {}),
        ("text", {}),
    ],
)
def test_the_providers_own_words(body: t.Any, details: dict[str, t.Any]) -> None:
    assert classify(400, {}, json.dumps(body).encode(), NOW).details == details


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b'{"code": ' + b"9" * 5000 + b"}"])
def test_a_body_that_cannot_be_read_says_nothing(body: bytes) -> None:
    found = classify(429, {"WWW-Authenticate": "Bearer"}, body, NOW)
    assert (found.kind, found.details) == (RateLimited, {})


def test_nothing_makes_the_classifier_fail() -> None:
    dice = random.Random(7)
    words: list[t.Any] = [None, True, 1, 4, 1.5, -1, "a", "", "OAuthException", [], {}, [[]], [None], "ü" * 300, "\x00"]
    names = ["error", "errors", "meta", "code", "type", "status", "details", "reason", "errorType", "detail"]
    heads = ["Retry-After", "x-rate-limit-reset", "WWW-Authenticate", "X-Business-Use-Case-Usage"]
    texts = [
        "",
        "Bearer",
        'Bearer error="',
        "Mon, 99 Foo 99999 99:99:99 +9999",
        "1 Jan 0001 00:00:00 +2359",
        "[]",
        '{"a":1}',
    ]

    def value(depth: int) -> t.Any:
        if depth and dice.random() < 0.6:
            made = {dice.choice(names): value(depth - 1) for _ in range(3)}
            return made if dice.random() < 0.7 else [made]
        return dice.choice(words)

    for _ in range(3000):
        headers = {dice.choice(heads): dice.choice(texts)}
        found = classify(dice.choice([400, 401, 403, 429, 500]), headers, json.dumps(value(3)).encode(), NOW)
        assert found.retry_after is None or 0 <= found.retry_after < 10**11
        assert all(isinstance(said, str | int) for said in found.details.values())


# Over HTTP, with the real libraries

THEIRS: dict[str, type[Exception]] = {
    "twitter v2": tweepy.HTTPException,
    "twitter v1.1": tweepy.HTTPException,
    "x": tweepy.HTTPException,
    "facebook": facebook.GraphAPIError,
    "google": HttpError,
    "foursquare": foursquare.FoursquareException,
    "oauth2": requests.HTTPError,
}

#: The exact classes that the libraries have for it.
EXACT: dict[tuple[str, str], type[Exception]] = {
    ("x", "unauthorized"): tweepy.Unauthorized,
    ("x", "forbidden"): tweepy.Forbidden,
    ("x", "rate_limited"): tweepy.TooManyRequests,
    ("twitter v1.1", "rate_limited"): tweepy.TooManyRequests,
    ("x", "server_error"): tweepy.TwitterServerError,
    ("foursquare", "unauthorized"): foursquare.InvalidAuth,
    ("foursquare", "forbidden"): foursquare.NotAuthorized,
    ("foursquare", "rate_limited"): foursquare.RateLimitExceeded,
    ("foursquare", "server_error"): foursquare.ServerError,
}

OURS: dict[str, type[ApiError]] = {
    "unauthorized": TokenRejected,
    "forbidden": PermissionMissing,
    "rate_limited": RateLimited,
    "server_error": ApiError,
}


STATUSES = {"unauthorized": (400, 401), "forbidden": (403,), "rate_limited": (403, 429), "server_error": (500,)}


def failure_of(standin: StandIn, client: str, **fault: t.Any) -> ApiError:
    """What a client's call raises when the endpoint ``profile`` answers with the fault."""
    provider_id, options, call = CALLS[client]
    api = build_api(make_context(standin, provider_id), **options)
    standin.faults.add("profile", **fault)
    with pytest.raises(ApiError) as raised:
        call(api)
    assert raised.value.__suppress_context__
    return raised.value


@pytest.mark.parametrize("error", OURS)
@pytest.mark.parametrize("client", CALLS)
def test_one_exception_of_both_families(social_provider: StandIn, client: str, error: str) -> None:
    found = failure_of(social_provider, client, error=error)
    kind = OURS[error]
    assert isinstance(found, kind)
    assert not isinstance(found, tuple({TokenRejected, PermissionMissing, RateLimited} - {kind}))
    assert isinstance(found, EXACT.get((client, error), THEIRS[client]))
    assert (type(found).__name__, type(found).__module__) == (kind.__name__, "flask_social.errors")
    assert type(found).code == kind.code
    assert found.status in STATUSES[error]
    assert found.details
    assert str(found)


@pytest.mark.parametrize("client", CALLS)
def test_when_to_come_back(social_provider: StandIn, client: str) -> None:
    found = failure_of(social_provider, client, error="rate_limited", headers={"Retry-After": "7"})
    assert isinstance(found, RateLimited)
    assert found.retry_after == 7


def test_when_to_come_back_in_each_providers_own_way(social_provider: StandIn) -> None:
    found = failure_of(social_provider, "x", error="rate_limited")
    assert isinstance(found, RateLimited)
    assert 0 <= (found.retry_after or 0) <= 900
    assert isinstance(found, tweepy.TooManyRequests)
    assert found.reset_time is not None
    usage = {"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 2}]}'}
    found = failure_of(social_provider, "facebook", error="rate_limited", headers=usage)
    assert isinstance(found, RateLimited)
    assert found.retry_after == 120


@pytest.mark.parametrize("client", ["google", "oauth2"])
def test_the_scopes_that_are_missing(social_provider: StandIn, client: str) -> None:
    found = failure_of(social_provider, client, error="forbidden")
    assert isinstance(found, PermissionMissing)
    assert (
        found.scopes
        == {"google": (f"{GOOGLE}drive", f"{GOOGLE}drive.readonly"), "oauth2": ("profile", "email")}[client]
    )


def test_what_the_libraries_say_is_still_there(social_provider: StandIn) -> None:
    found: t.Any = failure_of(social_provider, "facebook", error="unauthorized")
    assert (found.code, found.type, found.result["error"]["error_subcode"]) == (190, "OAuthException", 463)
    found = failure_of(social_provider, "twitter v2", error="rate_limited")
    assert (found.api_codes, found.api_messages) == ([88], ["Rate limit exceeded"])
    assert (found.response.status_code, found.response.json()["errors"][0]["code"]) == (429, 88)
    found = failure_of(social_provider, "google", error="forbidden")
    assert (found.status_code, found.error_details[0]["reason"]) == (403, "insufficientPermissions")
    assert json.loads(found.content)["error"]["status"] == "PERMISSION_DENIED"
    found = failure_of(social_provider, "oauth2", error="forbidden")
    assert str(found).startswith("403 Client Error: Forbidden for url: http")
    assert found.response.json()["error"] == "insufficient_scope"


@pytest.mark.parametrize("client", CALLS)
def test_a_token_shows_nowhere(social_provider: StandIn, client: str) -> None:
    provider_id, options, call = CALLS[client]
    context = make_context(social_provider, provider_id)
    token = context.token.access_token
    said = f"The token {token} is not valid."
    bodies: dict[str, t.Any] = {
        "facebook": {"error": {"message": said, "type": "OAuthException", "code": 190}},
        "google": {"error": {"message": said, "code": 401, "errors": [{"message": said}]}},
        "foursquare": {"meta": {"code": 401, "errorType": "invalid_auth", "errorDetail": said}},
        "x": {"title": "Unauthorized", "detail": said},
        "oauth2": {"error": "invalid_token", "error_description": said},
    }
    body = bodies.get(provider_id, {"errors": [{"code": 89, "message": said}]})
    headers = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{said}"'}
    social_provider.faults.add("profile", status=401, json=body, headers=headers)
    with pytest.raises(TokenRejected) as raised:
        call(build_api(context, **options))
    found = raised.value
    assert "The token *** is not valid." in str(found.details)
    for shown in (str(found), repr(found), repr(found.args), repr(vars(found))):
        assert token not in shown
    for secret in filter(None, (token, context.token.secret, context.provider.consumer_secret)):
        assert secret.encode() not in pickle.dumps(found)


@pytest.mark.parametrize("error", OURS)
@pytest.mark.parametrize("client", CALLS)
def test_exceptions_travel(social_provider: StandIn, client: str, error: str) -> None:
    """As they do between the processes of a job queue."""
    found = failure_of(social_provider, client, error=error)
    for made in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert type(made) is type(found)
        assert (str(made), repr(made), repr(made.args)) == (str(found), repr(found), repr(found.args))
        assert (made.status, made.details, vars(made).keys()) == (found.status, found.details, vars(found).keys())
        assert getattr(made, "retry_after", None) == getattr(found, "retry_after", None)


@pytest.mark.parametrize("kind", [ApiError, TokenRejected, RateLimited, PermissionMissing])
def test_plain_exceptions_are_made_of_their_text(kind: type[ApiError]) -> None:
    made = kind("No.")
    assert (made.status, made.details) == (None, {})
    assert getattr(made, "retry_after", None) is None
    assert getattr(made, "scopes", ()) == ()
    assert isinstance(made, SocialError)
    assert str(pickle.loads(pickle.dumps(made))) == str(copy.copy(made)) == "No."
    assert RateLimited("No.", retry_after=3, status=429).retry_after == 3
    assert PermissionMissing("No.", scopes=["a"], details={"code": 3}).scopes == ("a",)
    assert getattr(flask_social, kind.__name__) is kind


# The session


def test_a_session_returns_answers_as_requests_does(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2"))
    social_provider.faults.add("profile", error="forbidden")
    answer = session.get("me")
    assert isinstance(answer, requests.Response)
    assert (answer.status_code, answer.ok, bool(answer)) == (403, False, False)
    assert answer.json()["error"] == "insufficient_scope"
    assert "Authorization" in answer.request.headers
    with pytest.raises(requests.HTTPError) as raised:
        answer.raise_for_status()
    kept = raised.value.request
    assert kept is not None
    assert (kept.method, kept.url) == ("GET", answer.request.url)
    assert set(kept.headers) == {"User-Agent", "Accept"}
    assert pickle.loads(pickle.dumps(session.get("me"))).raise_for_status() is None
    assert session.get("me").ok


def test_the_body_of_a_stream_is_left_to_the_caller(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2"))
    social_provider.faults.add("profile", status=429, body=b"slow " * 1000)
    answer = session.get("me", stream=True)
    assert not answer.ok
    with pytest.raises(RateLimited) as raised:
        answer.raise_for_status()
    assert isinstance(raised.value, requests.HTTPError)
    assert b"".join(raised.value.response.iter_content()) == b"slow " * 1000


def test_errors_after_a_redirect_keep_the_way_without_tokens(social_provider: StandIn) -> None:
    context = make_context(social_provider, "foursquare")
    social_provider.faults.redirect("/foursquare/v2/users/self?v=20260101", "profile")
    answer = build_session(context).get("users/self", params={"v": "20260101"})
    with pytest.raises(TokenRejected) as raised:
        answer.raise_for_status()
    assert isinstance(raised.value, requests.HTTPError)
    (first,) = raised.value.response.history
    assert (first.status_code, first.request.url) == (302, f"{first.url}")
    assert "oauth_token=***" in str(first.request.url)


def test_a_short_token_does_not_spoil_the_words_of_others(social_provider: StandIn) -> None:
    session = build_session(with_token(make_context(social_provider, "oauth2"), "token"))
    assert session.get("me").json()["error"] == "invalid_token"


def test_uploads_in_pieces_to_google_raise_both_too(social_provider: StandIn) -> None:
    drive = build_api(make_context(social_provider, "google"), "drive", "v3")
    media = MediaIoBaseUpload(io.BytesIO(b"text"), "text/plain", resumable=True)
    for call in (lambda request: request.next_chunk(), lambda request: request.execute()):
        with pytest.raises(ApiError) as raised:
            call(drive.files().create(body={}, media_body=media))
        assert isinstance(raised.value, HttpError)
        assert raised.value.status == 404


def test_errors_that_have_no_answer_stay_the_librarys(social_provider: StandIn) -> None:
    graph_api = build_api(make_context(social_provider, "facebook"))
    social_provider.faults.add("profile", status=502, body=b"Bad gateway")
    with pytest.raises(facebook.GraphAPIError, match="Maintype") as raised:
        graph_api.get_object("me")
    assert isinstance(raised.value, ApiError)
    assert raised.value.status == 502
    social_provider.faults.add("profile", drop=True)
    with pytest.raises(requests.ConnectionError) as lost:
        graph_api.get_object("me")
    assert not isinstance(lost.value, SocialError)
