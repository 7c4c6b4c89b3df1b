"""google-api-python-client over HTTP against the stand-in."""

from __future__ import annotations

import concurrent.futures
import io

import pytest
from googleapiclient.errors import HttpError, UnknownApiNameOrVersion
from googleapiclient.http import MediaIoBaseUpload

from flask_social.clients import build_api
from flask_social.clients.google import GoogleSession
from flask_social.testing import StandIn

from .clientkit import make_context, real_context, with_token


def test_google(social_provider: StandIn) -> None:
    context = make_context(social_provider, "google")
    with build_api(context) as service:
        found = service.userinfo().get().execute()
    assert (found["id"], found["verified_email"]) == (context.key.provider_user_id, True)
    drive = build_api(context, "drive", "v3")
    assert drive.about().get(fields="user").execute()["user"]["emailAddress"] == "ada@example.com"
    assert social_provider.requests[-1].path == "/google/drive/v3/about"
    with pytest.raises(HttpError, match="'fields' parameter is required"):
        drive.about().get().execute()
    named = build_api(context, service="drive", version="v3")
    assert named.about().get(fields="user").uri == drive.about().get(fields="user").uri


def test_google_reports_a_dead_token(social_provider: StandIn) -> None:
    service = build_api(with_token(make_context(social_provider, "google"), "dead"))
    with pytest.raises(HttpError) as error:
        service.userinfo().get().execute()
    assert (error.value.status_code, error.value.resp.reason.lower()) == (401, "unauthorized")
    assert social_provider.count("profile") == 1


def test_google_uploads_go_below_the_base_url(social_provider: StandIn) -> None:
    drive = build_api(make_context(social_provider, "google"), "drive", "v3")
    media = MediaIoBaseUpload(io.BytesIO("ü".encode()), "text/plain")
    request = drive.files().create(body={"name": "ü"}, media_body=media)
    with pytest.raises(HttpError):
        request.execute()
    assert social_provider.requests[-1].path == "/google/upload/drive/v3/files"
    with pytest.raises(HttpError):
        drive.files().create(body={"name": "ü"}).execute()
    assert social_provider.requests[-1].auth == "Bearer"


def test_google_addresses() -> None:
    context = real_context("google")
    assert build_api(context).userinfo().get().uri.startswith("https://www.googleapis.com/oauth2/v2/userinfo")
    gmail = build_api(context, "gmail", "v1")
    assert gmail.users().getProfile(userId="me").uri.startswith("https://gmail.googleapis.com/gmail/v1/users/me/")


@pytest.mark.parametrize(
    ("base", "uri", "trusted"),
    [
        ("https://www.googleapis.com/", "https://www.googleapis.com/drive/v3/files", True),
        ("https://www.googleapis.com/", "https://gmail.googleapis.com/gmail/v1", True),
        ("https://www.googleapis.com/", "http://gmail.googleapis.com/gmail/v1", False),
        ("https://www.googleapis.com/", "https://googleapis.com.evil.example/", False),
        ("https://www.googleapis.com/", "https://evilgoogleapis.com/", False),
        ("https://p.example/google/", "https://p.example/google/drive/v3/files", True),
        ("https://p.example/google/", "https://gmail.googleapis.com/gmail/v1", False),
    ],
)
def test_google_trusts(base: str, uri: str, trusted: bool) -> None:
    assert GoogleSession(base, 1).owns(uri) is trusted


def test_google_token_stays_at_google(social_provider: StandIn) -> None:
    service = build_api(make_context(social_provider, "google"))
    with StandIn() as elsewhere:
        assert service._http.request(elsewhere.url)[0].status == 200
        social_provider.faults.redirect(f"{elsewhere.url}/", "profile")
        service._http.request(f"{social_provider.url}/google/oauth2/v2/userinfo")
        assert [seen.auth for seen in elsewhere.requests] == [None, None]


@pytest.mark.parametrize("args", [("drive",), ("drive", "v3", "v4")])
def test_google_wants_a_service_and_its_version(args: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match="name a service and its version"):
        build_api(real_context("google"), *args)


def test_google_unknown_service() -> None:
    with pytest.raises(UnknownApiNameOrVersion, match="nothing"):
        build_api(real_context("google"), "nothing", "v1")


def test_google_documents_serve_many_threads(social_provider: StandIn) -> None:
    context = make_context(social_provider, "google")

    def call(_: int) -> str:
        drive = build_api(context, "drive", "v3")
        assert drive.files().list(q="x").uri
        return str(drive.about().get(fields="user").execute()["user"]["displayName"])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(40))) == {"Ada Lovelace"}
