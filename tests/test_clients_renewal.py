"""A token that the API refuses: one renewal, one more try, and only where that is right."""

from __future__ import annotations

import collections.abc as cabc
import concurrent.futures
import dataclasses as dc
import datetime as dt
import io
import threading
import typing as t

import facebook
import foursquare
import pytest
import requests
import tweepy

from flask_social import ProviderError, ReconnectRequired, TokenRejected, TokenStoreBusy
from flask_social.clients import build_api, build_session
from flask_social.testing import StandIn
from flask_social.values import Token

from .clientkit import kept_context, make_context, with_token
from .test_clients import CALLS, Call

#: The clients whose token can be renewed.
RENEWING = {name: row for name, row in CALLS.items() if row[0] != "twitter"}
EACH = pytest.mark.parametrize(("provider_id", "options", "call"), RENEWING.values(), ids=RENEWING)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def elsewhere() -> cabc.Iterator[StandIn]:
    with StandIn() as standin:
        yield standin


@EACH
def test_a_dead_token_is_followed_by_another(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call
) -> None:
    context, keeper = kept_context(social_provider, provider_id)
    api = build_api(context, **options)
    social_provider.revoke(provider_id, "ada")
    call(api)
    assert (social_provider.count("profile"), keeper.renewals) == (2, 1)
    assert keeper.rejected == [context.token.access_token]
    call(api)
    assert (social_provider.count("profile"), keeper.renewals) == (3, 1)


@EACH
def test_every_call_takes_the_present_token(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call
) -> None:
    context, keeper = kept_context(social_provider, provider_id)
    api = build_api(context, **options)
    social_provider.revoke(provider_id, "ada")
    keeper.present = make_context(social_provider, provider_id).token
    call(api)
    assert (social_provider.count("profile"), keeper.rejected) == (1, [])


@EACH
def test_a_second_refusal_is_the_callers(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call
) -> None:
    context, keeper = kept_context(social_provider, provider_id)
    api = build_api(context, **options)
    social_provider.faults.add("profile", error="unauthorized", times=None)
    with pytest.raises(TokenRejected):
        call(api)
    assert (social_provider.count("profile"), keeper.renewals) == (2, 1)


@EACH
@pytest.mark.parametrize(
    "error", [ReconnectRequired("Connect again.", url="/r"), ProviderError("It is down."), TokenStoreBusy("Busy.")]
)
def test_what_the_keeper_raises_reaches_the_caller(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call, error: Exception
) -> None:
    context, keeper = kept_context(social_provider, provider_id)
    keeper.error = error
    social_provider.faults.add("profile", error="unauthorized")
    with pytest.raises(type(error)) as raised:
        call(build_api(context, **options))
    assert raised.value is error
    assert social_provider.count("profile") == 1


@EACH
def test_without_a_keeper_nothing_is_renewed(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call
) -> None:
    api = build_api(make_context(social_provider, provider_id), **options)
    social_provider.revoke(provider_id, "ada")
    with pytest.raises(TokenRejected):
        call(api)
    assert social_provider.count("profile") == 1


@EACH
def test_many_threads_cause_one_renewal(
    social_provider: StandIn, provider_id: str, options: dict[str, t.Any], call: Call
) -> None:
    context, keeper = kept_context(social_provider, provider_id)
    api = build_api(context, **options)
    social_provider.revoke(provider_id, "ada")
    together = threading.Barrier(6)

    def work(_: int) -> None:
        together.wait(10)
        call(api)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert keeper.renewals == 1
    assert set(keeper.rejected) == {context.token.access_token}


@pytest.mark.parametrize("version", ["2", "1.1", None])
def test_oauth1_is_not_renewed(social_provider: StandIn, version: str | None) -> None:
    context, keeper = kept_context(social_provider, "twitter")
    social_provider.faults.add("profile", error="unauthorized", times=None)
    session = build_session(context)
    calls: dict[str | None, cabc.Callable[[], t.Any]] = {
        "2": lambda: build_api(context).get_me(),
        "1.1": lambda: build_api(context, version="1.1").verify_credentials(),
        None: lambda: session.get("1.1/account/verify_credentials.json").raise_for_status(),
    }
    with pytest.raises(TokenRejected):
        calls[version]()
    assert (social_provider.count("profile"), keeper.rejected) == (1, [])


# What counts as a refusal of the token


@pytest.mark.parametrize(
    ("status", "headers", "body", "tries"),
    [
        (401, {}, None, 2),
        (400, {"WWW-Authenticate": 'Bearer realm="r", error="invalid_token"'}, None, 2),
        (403, {"WWW-Authenticate": "Bearer error=invalid_token"}, None, 2),
        (400, {}, {"error": {"type": "OAuthException", "code": 190, "message": "m"}}, 2),
        (400, {}, None, 1),
        (400, {}, {"error": {"type": "OAuthException", "code": 100, "message": "m"}}, 1),
        (403, {}, None, 1),
        (403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, None, 1),
        (401, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, None, 1),
        (404, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, None, 1),
        (429, {}, None, 1),
        (500, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, None, 1),
    ],
)
def test_which_answers_cause_a_renewal(
    social_provider: StandIn, status: int, headers: dict[str, str], body: t.Any, tries: int
) -> None:
    context, keeper = kept_context(social_provider, "oauth2")
    social_provider.faults.add("profile", status=status, headers=headers, json=body, body=None if body else b"no")
    answer = build_session(context).get("me")
    assert answer.status_code == (200 if tries == 2 else status)
    assert (social_provider.count("profile"), keeper.renewals) == (tries, tries - 1)


def test_a_stream_is_asked_for_again_on_the_same_connection(social_provider: StandIn) -> None:
    context, _ = kept_context(social_provider, "oauth2")
    social_provider.faults.add("profile", error="unauthorized")
    with build_session(context).get("me", stream=True) as answer:
        assert answer.status_code == 200
        assert b"Ada" in answer.raw.read()
    assert social_provider.count("profile") == 2


def test_a_prepared_request_is_sent_again_too(social_provider: StandIn) -> None:
    context, keeper = kept_context(social_provider, "foursquare")
    session = build_session(context)
    prepared = session.prepare_request(requests.Request("GET", "users/self", params={"v": "20260101"}))
    social_provider.revoke("foursquare", "ada")
    assert session.send(prepared).status_code == 200
    assert [list(seen.params) for seen in social_provider.requests if seen.endpoint == "profile"] == [
        ["v", "oauth_token"],
        ["v", "oauth_token"],
    ]
    prepared.url = str(prepared.url) + "&changed=1"
    assert session.send(prepared).status_code == 401
    assert keeper.renewals == 1


# Bodies


@pytest.mark.parametrize(
    "body",
    [{"fields": "id"}, b"fields=id", "fields=id", io.BytesIO(b"fields=id")],
    ids=["form", "bytes", "text", "file"],
)
def test_a_body_is_sent_again_from_its_beginning(social_provider: StandIn, body: t.Any) -> None:
    context, _ = kept_context(social_provider, "facebook")
    social_provider.faults.add("profile", error="unauthorized")
    answer = build_session(context).post("me", data=body, headers=FORM)
    assert list(answer.json()) == ["id"]
    first, second = [seen.params["fields"] for seen in social_provider.requests if seen.endpoint == "profile"]
    assert first == second == "id"


def test_a_file_is_wound_back_to_where_it_was(social_provider: StandIn) -> None:
    context, _ = kept_context(social_provider, "facebook")
    social_provider.faults.add("profile", error="unauthorized")
    file = io.BytesIO(b"not=this&fields=id")
    file.seek(9)
    build_session(context).post("me", data=file, headers=FORM)
    sent = [seen.params for seen in social_provider.requests if seen.endpoint == "profile"]
    assert [("fields" in params, "not" in params) for params in sent] == [(True, False)] * 2


class Once:
    """A body of a known length that can be read once."""

    def __len__(self) -> int:
        return len(b"fields=id")

    def __iter__(self) -> cabc.Iterator[bytes]:
        yield from (b"fields", b"=id")


class Pipe(Once, io.BytesIO):
    """A file that cannot be wound back, and says so late."""

    def seek(self, *args: int) -> int:
        raise OSError("a pipe")


@pytest.mark.parametrize("body", [Once(), Pipe(b"fields=id")], ids=["iterator", "pipe"])
def test_a_body_that_is_gone_is_not_sent_again_and_the_next_call_succeeds(
    social_provider: StandIn, body: t.Any
) -> None:
    context, keeper = kept_context(social_provider, "facebook")
    session = build_session(context)
    social_provider.revoke("facebook", "ada")
    assert session.post("me", data=body, headers=FORM).status_code == 400
    assert (social_provider.count("profile"), keeper.renewals) == (1, 1)
    assert session.get("me").status_code == 200
    assert social_provider.count("profile") == 2


# Other places


def test_another_origins_refusal_is_none_of_ours(social_provider: StandIn, elsewhere: StandIn) -> None:
    context, keeper = kept_context(social_provider, "oauth2")
    session = build_session(context)
    assert session.get(f"{elsewhere.url}/oauth2/api/me").status_code == 401
    for target in (f"{elsewhere.url}/oauth2/api/me", f"{elsewhere.url}/x/2/users/me"):
        social_provider.faults.redirect(target, "profile")
        assert session.get("me").status_code == 401
    # There and back again.
    social_provider.faults.redirect(f"{elsewhere.url}/oauth2/api/me", "profile")
    elsewhere.faults.redirect(f"{social_provider.url}/oauth2/api/me", "profile")
    assert session.get("me").status_code == 401
    assert keeper.rejected == []


def test_googles_client_takes_no_notice_of_others(social_provider: StandIn, elsewhere: StandIn) -> None:
    context, keeper = kept_context(social_provider, "google")
    service = build_api(context)
    assert service._http.request(f"{elsewhere.url}/google/oauth2/v2/userinfo")[0].status == 401
    assert [seen.auth for seen in elsewhere.requests] == [None]
    assert keeper.rejected == []


def test_a_redirect_within_the_origin_is_followed_anew(social_provider: StandIn) -> None:
    context, keeper = kept_context(social_provider, "oauth2")
    for _ in range(2):
        social_provider.faults.redirect("/oauth2/api/me?again", "profile")
        social_provider.faults.add("profile", error="unauthorized")
    answer = build_session(context).get("me")
    assert (answer.status_code, social_provider.count("profile"), keeper.renewals) == (401, 4, 1)


def test_work_that_was_done_is_not_done_again(social_provider: StandIn) -> None:
    context, keeper = kept_context(social_provider, "facebook")
    target = {"Location": "/facebook/v25.0/me/permissions"}
    social_provider.faults.add("profile", status=303, body=b"", headers=target)
    social_provider.faults.add("api", error="unauthorized")
    assert build_session(context).post("me", data={"message": "once"}).status_code == 400
    assert (social_provider.count("profile"), social_provider.count("api"), keeper.rejected) == (1, 1, [])


@pytest.mark.parametrize("how", [{"headers": {"Authorization": "Bearer mine"}}, {"auth": ("me", "mine")}])
def test_a_callers_own_credentials_are_not_replaced(social_provider: StandIn, how: dict[str, t.Any]) -> None:
    context, keeper = kept_context(social_provider, "oauth2")
    assert build_session(context).get("me", **how).status_code == 401
    assert (social_provider.count("profile"), keeper.rejected) == (1, [])


def test_a_token_that_the_client_was_given_since_is_not_replaced(social_provider: StandIn) -> None:
    for provider_id, attribute, kind in (
        ("x", "bearer_token", tweepy.Unauthorized),
        ("facebook", "access_token", facebook.GraphAPIError),
        ("foursquare", "", foursquare.InvalidAuth),
    ):
        context, keeper = kept_context(social_provider, provider_id)
        api = build_api(context)
        if attribute:
            setattr(api, attribute, "another")
        else:
            api.set_access_token("another")
        with pytest.raises(kind):
            RENEWING[provider_id][2](api)
        assert (keeper.asked, keeper.rejected) == (0, [])


def test_a_renewal_that_brings_the_same_token_is_no_reason_to_try_again(social_provider: StandIn) -> None:
    context, keeper = kept_context(social_provider, "oauth2")
    same = dc.replace(context, keeper=t.cast("t.Any", _Stubborn(keeper.present)))
    social_provider.faults.add("profile", error="unauthorized", times=None)
    assert build_session(same).get("me").status_code == 401
    assert social_provider.count("profile") == 1


@dc.dataclass
class _Stubborn:
    held: Token

    def token(self) -> Token:
        return self.held

    def renewed(self, rejected: str) -> Token:
        return self.held


# Google's credentials


def in_seconds(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("left", [None, -5, 30, 100, 230, 4000])
def test_googles_library_asks_the_keeper_whatever_time_is_left(social_provider: StandIn, left: float | None) -> None:
    context, keeper = kept_context(social_provider, "google")
    keeper.present = dc.replace(keeper.present, expires_at=in_seconds(left))
    service = build_api(dc.replace(context, token=keeper.present))
    credentials = service._http.credentials
    assert credentials.refresh_token is None
    assert left is None or credentials.expiry.tzinfo is None
    for _ in range(2):
        assert service.userinfo().get().execute()["name"] == "Ada Lovelace"
    assert (social_provider.count("profile"), keeper.renewals) == (2, 0)


def test_googles_library_holds_no_token_for_long(social_provider: StandIn) -> None:
    context, keeper = kept_context(social_provider, "google")
    credentials = build_api(context)._http.credentials
    credentials.refresh(None)
    assert keeper.rejected == [context.token.access_token]
    assert credentials.token == keeper.present.access_token != context.token.access_token
    assert credentials.expiry - dt.datetime.now(dt.UTC).replace(tzinfo=None) < dt.timedelta(minutes=6)
    keeper.present = dc.replace(make_context(social_provider, "google").token, expires_at=in_seconds(3600))
    credentials.expiry = dt.datetime(2020, 1, 1)
    credentials.before_request(None, "GET", "https://www.googleapis.com/", headers := {})
    assert headers["authorization"] == f"Bearer {keeper.present.access_token}"
    assert len(keeper.rejected) == 1


def test_a_refresh_that_googles_library_asks_for_tells_the_refused_token(social_provider: StandIn) -> None:
    """As its batches do after a 401 within."""
    context, keeper = kept_context(social_provider, "google")
    service = build_api(with_token(context, "dead"))
    service._http.credentials.refresh(service._http._request)
    assert keeper.rejected == ["dead"]
    assert service._http.credentials.token == context.token.access_token
