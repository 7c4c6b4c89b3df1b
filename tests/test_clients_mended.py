"""What an attack review found in the API clients: each stays mended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import typing as t
from urllib.parse import urlsplit

import pytest
import requests

from flask_social.clients import build_api, build_session
from flask_social.clients.google import GoogleSession
from flask_social.clients.session import ApiSession, origin
from flask_social.testing import StandIn

from .appkit import Kit
from .clientkit import make_context, real_context
from .test_renewal import asked, change, in_seconds, kit, stored

__all__ = ["kit"]

HOST = "graph.facebook.com"

#: What a caller may hand over, where it leads, and whether that is home.
ADDRESSES: list[tuple[str, str, bool]] = [
    ("me", HOST, True),
    (f"HTTPS://{HOST.upper()}:443/me", HOST, True),
    (f"https://{HOST}:0443?a=b@c\\d", HOST, True),
    ("https:evil.example/", HOST, True),
    (f"https://evil.example\\@{HOST}/", "evil.example", False),
    (f"https://evil.example/\\@{HOST}/", "evil.example", False),
    (f"https://{HOST}\\.evil.example/", HOST, True),
    (f"https://{HOST}@evil.example/", "evil.example", False),
    (f"https://{HOST}:443@evil.example/", "evil.example", False),
    (f"https://evil.example;@{HOST}/", HOST, False),
    (f"https://@{HOST}/", HOST, True),
    (f"https://{HOST}\t.evil.example/", f"{HOST}.evil.example", False),
    ("https://evil\n.example/", "evil.example", False),
    (" https://evil.example/", "evil.example", False),
    (f"https://evil.example#@{HOST}/", "evil.example", False),
    (f"https://evil.example?@{HOST}/", "evil.example", False),
    (f"https://{HOST}./", f"{HOST}.", False),
]


@pytest.mark.parametrize(("url", "host", "home"), ADDRESSES)
def test_what_is_ours_goes_where_the_request_goes(url: str, host: str, home: bool) -> None:
    session = build_session(real_context("facebook", headers={"X-Key": "k"}))
    sent = session.prepare_request(requests.Request("GET", url))
    assert urlsplit(str(sent.url)).hostname == host
    assert ("X-Key" in sent.headers, "Authorization" in sent.headers, "proof" in str(sent.url)) == (home, home, home)


STRANGE = [
    *("https://a.example@b.example/", "https://@a.example/", "https://a.example\\b.example/", "https://a.example\t/"),
    *(" https://a.example/", "https://a.example\n", "https://a%2eexample/", "http\u017f://a.example/", "//a.example/"),
    *("https://a.example:x/", "https://a.example:123456/", "https://[::1", "https://[::1]x/", "https:///", "me", ""),
]


@pytest.mark.parametrize("url", STRANGE)
def test_an_address_that_is_read_in_two_ways_is_nobodys(url: str) -> None:
    assert origin(url) is None
    session = ApiSession("https://a.example", 1)
    assert not session.owns(url)
    assert session.should_strip_auth(url, url)
    assert not ApiSession(url, 1).owns(url)


@pytest.mark.parametrize("url", ["https://evil.example\\.googleapis.com/", "https://a@www.googleapis.com/"])
def test_google_does_not_trust_it_either(url: str) -> None:
    assert not GoogleSession("https://www.googleapis.com/", 1).owns(url)


def test_a_redirect_to_such_an_address_takes_nothing_along(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2", headers={"X-Key": "k"}))
    target = social_provider.url.replace("://", "://somebody@") + "/"
    social_provider.faults.redirect(target, "profile")
    session.get("me")
    first, second = social_provider.requests[-2:]
    assert (first.auth, first.headers.get("X-Key")) == ("Bearer", "k")
    assert (second.auth, second.headers.get("X-Key")) == (None, None)


@pytest.mark.parametrize("provider_id", ["oauth2", "facebook"])
def test_a_request_of_the_callers_can_go_to_another_person(social_provider: StandIn, provider_id: str) -> None:
    """Nothing of the first session stays in it."""
    request = requests.Request("GET", "me", params={"access_token": "token"})
    before = {**vars(request)}
    context = make_context(social_provider, provider_id, headers={"X-Key": "k"})
    api = build_api(context)
    for session in (getattr(api, "session", api), build_session(context)):
        assert session.prepare_request(request).url.startswith(social_provider.url)
        assert vars(request) == before
    sent = ApiSession("https://elsewhere.example", 1).prepare_request(request)
    assert sent.url == "https://elsewhere.example/me?access_token=token"
    assert not {"X-Key", "Authorization"} & sent.headers.keys()


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_there_is_no_proof(secret: str | None) -> None:
    from flask_social.providers import load
    from flask_social.values import Client, Token

    provider = load("facebook")(id="facebook", client=Client("id", secret))
    request = provider.api_request(t.cast("t.Any", None), "GET", "https://graph.facebook.com/me", Token("at"))
    assert request.url == "https://graph.facebook.com/me"
    assert request.headers["Authorization"] == "Bearer at"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_a_thread_renews_leaves_the_child_free(kit: Kit, social_provider: StandIn) -> None:
    with kit.app.app_context():
        keeper = kit.social.x.get_session(connection=stored(kit))._context.keeper
        kit.db.session.remove()
    change(kit, expires_at=in_seconds(-1))
    with kit.app.app_context():
        kit.db.engine.dispose()
    fault = social_provider.faults.slow(1.0, "token", "x")
    rejected = keeper.token().access_token
    thread = threading.Thread(target=keeper.renewed, args=(rejected,))
    thread.start()
    while thread.is_alive() and not fault.struck:
        time.sleep(0.01)
    assert fault.struck
    child = os.fork()
    if child == 0:
        os._exit(_renewed_in_time(keeper, rejected))
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asked(social_provider) == 1


def _renewed_in_time(keeper: t.Any, rejected: str) -> int:
    """The exit status of the child, which must not come back into the tests."""
    import signal

    signal.alarm(20)
    try:
        keeper.renewed(rejected)
    except BaseException:
        return 1
    return 0


def test_sessions_work_where_nothing_forks() -> None:
    """Windows has no ``os.register_at_fork``."""
    code = "import asyncio, logging, os, random, requests; del os.register_at_fork; import flask_social.clients.session"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
