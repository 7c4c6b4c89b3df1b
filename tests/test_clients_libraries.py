"""tweepy, facebook-sdk and foursquare, each over HTTP against the stand-in."""

from __future__ import annotations

import dataclasses as dc
import typing as t

import facebook
import foursquare
import pytest
import requests
import tweepy

from flask_social.clients import build_api
from flask_social.errors import ConfigurationError
from flask_social.testing import StandIn

from .clientkit import TIMEOUT, make_context, real_context, with_token

# tweepy


@pytest.mark.parametrize(("provider_id", "scheme"), [("twitter", "OAuth"), ("x", "Bearer")])
def test_tweepy_v2_needs_no_user_auth(social_provider: StandIn, provider_id: str, scheme: str) -> None:
    api = build_api(make_context(social_provider, provider_id))
    assert isinstance(api, tweepy.Client)
    assert api.get_me().data.username == "ada_lovelace"
    # One whose default is to go without a user, and one that needs the user's id.
    for call in (lambda: api.get_user(id=1), lambda: api.like(20)):
        with pytest.raises(tweepy.NotFound):
            call()
    me, user, likes = social_provider.requests[-3:]
    subject = social_provider.subject(provider_id, "ada")
    paths = [f"/{provider_id}/2/users/{rest}" for rest in ("me", "1", f"{subject}/likes")]
    assert [seen.path for seen in (me, user, likes)] == paths
    assert {seen.auth for seen in (me, user, likes)} == {scheme}


def test_tweepy_options(social_provider: StandIn) -> None:
    api = build_api(make_context(social_provider, "x"), version=2, return_type=dict)
    assert api.get_me()["data"]["id"] == social_provider.subject("x", "ada")
    api = build_api(make_context(social_provider, "twitter"), version=1.1, timeout=2, wait_on_rate_limit=True)
    assert (api.timeout, api.wait_on_rate_limit) == (2, True)


def test_tweepy_v1(social_provider: StandIn) -> None:
    api = build_api(make_context(social_provider, "twitter"), version="1.1")
    assert isinstance(api, tweepy.API)
    assert api.verify_credentials(include_email=True).email == "ada@example.com"
    assert [status.id for status in api.home_timeline()] == [20]
    with pytest.raises(tweepy.NotFound):
        api.get_media_upload_status(1)
    assert social_provider.requests[-1].path == "/twitter/1.1/media/upload.json"


def test_tweepy_reports_a_dead_token(social_provider: StandIn) -> None:
    for provider_id in ("twitter", "x"):
        context = with_token(make_context(social_provider, provider_id), "dead")
        with pytest.raises(tweepy.Unauthorized):
            build_api(context).get_me()


@pytest.mark.parametrize(
    ("base", "route", "upload"),
    [
        ({}, "https://api.x.com/2/users/me", "https://upload.twitter.com/1.1/a"),
        (
            {"api_base_url": "https://api.twitter.com/1.1"},
            "https://api.twitter.com/2/users/me",
            "https://upload.twitter.com/1.1/a",
        ),
        ({"api_base_url": "https://p.example/x/2/"}, "https://p.example/x/2/users/me", "https://p.example/x/1.1/a"),
    ],
)
def test_tweepy_addresses(base: dict[str, str], route: str, upload: str) -> None:
    session = build_api(real_context("twitter", "secret", **base)).session
    assert session.resolve("https://api.twitter.com/2/users/me") == route
    assert session.resolve("https://upload.twitter.com/1.1/a") == upload


@pytest.mark.parametrize(("version", "message"), [("1.1", "OAuth 1.0a only"), ("3", "'3' is no version")])
def test_tweepy_versions_that_cannot_be(version: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build_api(real_context("x"), version=version)


# facebook-sdk


def test_facebook(social_provider: StandIn) -> None:
    social_provider.require_appsecret_proof = True
    context = make_context(social_provider, "facebook")
    graph = build_api(context)
    assert isinstance(graph, facebook.GraphAPI)
    me = graph.get_object("me", fields="id,name,email")
    assert me == {"id": context.key.provider_user_id, "name": "Ada Lovelace", "email": "ada@example.com"}
    assert graph.get_permissions("me") == {"email", "public_profile"}
    for seen in social_provider.requests[-2:]:
        assert seen.path.startswith("/facebook/v25.0/")
        assert seen.auth == "Bearer"
        assert "access_token" not in seen.params
    picture = graph.get_connections(me["id"], "picture")
    assert picture["mime-type"] == "image/svg+xml"
    assert social_provider.requests[-1].provider == ""
    assert graph.request("v25.0/me/permissions", post_args={"method": "delete"}) == {"success": True}
    assert "access_token" not in social_provider.requests[-1].params
    with pytest.raises(facebook.GraphAPIError, match="Error validating access token"):
        graph.get_object("me")


def test_facebook_app_tokens_stay_where_they_are_read(social_provider: StandIn) -> None:
    context = make_context(social_provider, "facebook")
    app = (context.provider.consumer_key, context.provider.consumer_secret)
    graph = build_api(context)
    assert graph.debug_access_token(context.token.access_token, *app)["data"]["is_valid"] is True
    assert "|" in social_provider.requests[-1].params["access_token"]
    longer = graph.extend_access_token(*app)
    assert build_api(with_token(context, longer["access_token"])).get_object("me")["name"] == "Ada Lovelace"


def test_facebook_pages_without_a_token_in_their_address(social_provider: StandIn) -> None:
    graph = build_api(make_context(social_provider, "facebook"))
    for following in ("?after=1&limit=1", "?after=2&limit=1&access_token=t"):
        page = {"data": [following], "paging": {"next": f"https://graph.facebook.com/v25.0/me/permissions{following}"}}
        social_provider.faults.add("api", "facebook", json=page)
    *pages, first, second = graph.get_all_connections("me", "permissions", limit=1)
    assert [*pages] == ["?after=1&limit=1", "?after=2&limit=1&access_token=t"]
    assert {first["permission"], second["permission"]} == {"email", "public_profile"}
    assert social_provider.requests[-1].params["after"] == "2"
    assert social_provider.requests[-1].auth == "Bearer"


def test_facebook_without_a_secret_or_a_token(social_provider: StandIn) -> None:
    context = make_context(social_provider, "facebook")
    context.provider.credentials = dc.replace(context.provider.credentials, client_secret=None)
    graph = build_api(context)
    assert graph.get_object("me")["name"] == "Ada Lovelace"
    assert "appsecret_proof" not in social_provider.requests[-1].params
    assert graph.session.post("v25.0/me", data="no form").status_code == 400
    assert graph.session.post("v25.0/me", data="raw", params={"access_token": context.token.access_token}).ok


@pytest.mark.parametrize(
    ("base", "options", "version", "address"),
    [
        ({}, {}, "v25.0", "https://graph.facebook.com/v25.0/me"),
        ({}, {"version": 24.0}, "v24.0", "https://graph.facebook.com/v24.0/me"),
        ({"api_base_url": "https://p.example/fb/v19.0"}, {}, "v19.0", "https://p.example/fb/v19.0/me"),
        ({"api_base_url": "https://p.example/fb/"}, {"version": "v9.0"}, "v9.0", "https://p.example/fb/v9.0/me"),
    ],
)
def test_facebook_versions(base: dict[str, str], options: dict[str, t.Any], version: str, address: str) -> None:
    graph = build_api(real_context("facebook", **base), **options)
    assert graph.version == version
    assert graph.session.resolve(f"https://graph.facebook.com/{graph.version}/me") == address


# foursquare


def test_foursquare(social_provider: StandIn) -> None:
    context = make_context(social_provider, "foursquare")
    api = build_api(context, lang="de")
    assert isinstance(api, foursquare.Foursquare)
    assert api.users()["user"]["id"] == context.key.provider_user_id
    assert (api.rate_limit, api.base_requester.get_timeout) == ("500", TIMEOUT)
    seen = social_provider.requests[-1]
    assert (seen.params["v"], seen.headers["Accept-Language"]) == ("20260101", "de")
    build_api(context, version="20200130", get_timeout=2).users()
    assert social_provider.requests[-1].params["v"] == "20200130"


def test_foursquare_posts(social_provider: StandIn) -> None:
    api = build_api(make_context(social_provider, "foursquare"))
    with pytest.raises(foursquare.FoursquareException, match="Response format invalid"):
        api.users.update({"a": "b"})
    assert social_provider.requests[-1].method == "POST"
    assert {"oauth_token", "v"} <= set(social_provider.requests[-1].params)
    assert api.users(multi=True) == 1
    assert api.venues("1", multi=True) == 2
    with pytest.raises(foursquare.FoursquareException):
        list(api.multi())
    assert social_provider.requests[-1].params["requests"] == "/users/self,/venues/1"


def test_foursquare_asks_once(social_provider: StandIn) -> None:
    api = build_api(make_context(social_provider, "foursquare"))
    social_provider.faults.server_error("profile", times=None)
    with pytest.raises(foursquare.ServerError):
        api.users()
    assert social_provider.count("profile") == 1
    social_provider.faults.clear()
    api.set_access_token("dead")
    with pytest.raises(foursquare.InvalidAuth):
        api.users()


def test_errors_of_the_network_are_of_one_kind_each(social_provider: StandIn) -> None:
    for provider_id, kind in (("x", requests.ConnectionError), ("foursquare", foursquare.FoursquareException)):
        context = make_context(social_provider, provider_id)
        api = build_api(context)
        with social_provider.faults.add("profile", drop=True, times=None), pytest.raises(kind):
            (api.get_me if provider_id == "x" else api.users)()
