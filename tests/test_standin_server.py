"""The server under the stand-in: connections, TLS, log, life."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

import flask_social.testing
from flask_social.testing import PEOPLE, Person, StandIn

from .standinkit import agree, authorization_url, get, tokens


def test_settings_lead_here(social_provider: StandIn) -> None:
    config = social_provider.config()
    assert list(config) == [f"SOCIAL_{name.upper()}" for name in StandIn.providers]
    for name, values in zip(StandIn.providers, config.values(), strict=True):
        assert values["consumer_key"] == f"{name}-app"
        for key, value in values.items():
            if key.endswith("_url") or key == "issuer":
                assert value.startswith(social_provider.url), key
    assert social_provider.settings("google", scope="openid")["scope"] == "openid"
    with pytest.raises(KeyError):
        social_provider.settings("myspace")


def test_connections_stay_open(social_provider: StandIn) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"{social_provider.url}/oidc/jwks", timeout=10).status_code == 200
            assert session.post(f"{social_provider.url}/oauth2/token", {"a": "b"}, timeout=10).status_code == 401
    seen = [entry for entry in social_provider.requests if entry.provider]
    assert len(seen) == 6
    assert len({entry.connection for entry in seen}) == 1
    requests.get(f"{social_provider.url}/oidc/jwks", timeout=10)
    assert social_provider.requests[-1].connection > seen[0].connection


def test_the_log_holds_secrets_and_does_not_print_them(social_provider: StandIn) -> None:
    token = tokens(social_provider, "oauth2")["access_token"]
    get(social_provider, "/oauth2/api/me", token, access="word-of-mouth")
    seen = social_provider.requests[-1]
    assert (seen.method, seen.path, seen.provider, seen.endpoint) == ("GET", "/oauth2/api/me", "oauth2", "profile")
    assert (seen.auth, seen.params["access"]) == ("Bearer", "word-of-mouth")
    assert "Authorization" not in seen.headers
    assert "word-of-mouth" not in repr(seen)
    assert [entry.endpoint for entry in social_provider.requests] == ["authorize", "choice", "token", "profile"]
    assert (social_provider.count(), social_provider.count("token"), social_provider.count("authorize")) == (2, 1, 1)
    assert social_provider.count(provider="x") == 0
    social_provider.forget_requests()
    assert social_provider.requests == ()


def test_nothing_secret_in_repr(social_provider: StandIn) -> None:
    back = agree(social_provider, "oauth2")
    tokens(social_provider, "oauth2")
    assert back.params["code"] not in repr(back)
    for item in social_provider.live_tokens:
        assert item.value not in repr(item)


def test_unknown_paths(social_provider: StandIn) -> None:
    for path, provider in (("/nowhere", ""), ("/x/nowhere", "x")):
        assert get(social_provider, path).json()["error"] == "not_found"
        assert (social_provider.requests[-1].provider, social_provider.requests[-1].endpoint) == (provider, "unknown")
    assert requests.delete(f"{social_provider.url}/oauth2/token", timeout=10).status_code == 405


def test_home_and_pictures(social_provider: StandIn) -> None:
    assert "Grace Hopper" in get(social_provider, "/").text
    social_provider.add_person(Person("odd", "<b> &c", "odd", picture="https://img.example/odd.png"))
    for name in ("ada", "odd"):
        picture = get(social_provider, f"/pictures/{name}.svg")
        assert picture.headers["Content-Type"].startswith("image/svg+xml")
        assert "<b>" not in picture.text
    assert get(social_provider, "/pictures/nobody.svg").status_code == 404
    assert "https://img.example/odd.png" in requests.get(authorization_url(social_provider, "x"), timeout=10).text


def test_reset(social_provider: StandIn) -> None:
    social_provider.auto = "ada"
    social_provider.faults.server_error()
    social_provider.add_person(Person("eve", "Eve", "eve"))
    social_provider.reset()
    assert social_provider.auto is None
    assert list(social_provider.people) == [person.id for person in PEOPLE]
    assert social_provider.faults.take("token", "x") is None


def raw(standin: StandIn, request: bytes) -> bytes:
    address = standin.url.removeprefix("http://").partition(":")
    with socket.create_connection((address[0], int(address[2])), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 99999999", b"413"),
        (b"Content-Length: -1", b"413"),
        (b"Transfer-Encoding: chunked", b"413"),
    ],
)
def test_bodies_have_a_length(social_provider: StandIn, head: bytes, status: bytes) -> None:
    answer = raw(social_provider, b"POST /oauth2/token HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)


def test_repeated_headers_and_head(social_provider: StandIn) -> None:
    head = b"HEAD /oidc/jwks HTTP/1.1\r\nHost: a\r\nAccept: a\r\nAccept: b\r\nConnection: close\r\n\r\n"
    answer = raw(social_provider, head)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")
    assert social_provider.requests[-1].headers["Accept"] == "a,b"


def test_a_peer_that_goes_away_is_no_error(social_provider: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    address = social_provider.url.removeprefix("http://").partition(":")
    social_provider.faults.huge(1 << 24, "jwks")
    with socket.create_connection((address[0], int(address[2])), timeout=10) as connection:
        connection.sendall(b"GET /oidc/jwks HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.recv(10)
    assert get(social_provider, "/oidc/jwks").status_code == 200
    assert not caplog.records


def test_a_failure_of_its_own_is_logged(social_provider: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    social_provider.faults.add("jwks", json=object())
    with pytest.raises(requests.ConnectionError):
        get(social_provider, "/oidc/jwks")
    assert "the stand-in failed" in caplog.text


def test_many_at_once(social_provider: StandIn) -> None:
    refresh = tokens(social_provider, "x")["refresh_token"]
    answers: list[int] = []

    def use() -> None:
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        url = social_provider.settings("x")["access_token_url"]
        answers.append(requests.post(url, form, auth=("x-app", "x-app-secret"), timeout=10).status_code)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7


def test_https() -> None:
    with StandIn(https=True) as standin:
        assert standin.url.startswith("https://127.0.0.1:")
        assert standin.ca_file is not None
        ca_file = standin.ca_file
        port = standin.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            url = f"https://{host}:{port}/oidc/.well-known/openid-configuration"
            assert requests.get(url, verify=ca_file, timeout=10).json()["issuer"] == f"{standin.url}/oidc"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(standin.url, timeout=10)
        assert agree(standin, "oidc").params["code"]
    assert standin.ca_file is None
    assert not pathlib.Path(ca_file).exists()


def test_a_silent_peer_does_not_hold_up_the_others() -> None:
    with StandIn(https=True) as standin:
        port = int(standin.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            assert requests.get(standin.url, verify=standin.ca_file, timeout=5).status_code == 200


def test_start_and_stop() -> None:
    standin = StandIn()
    standin.stop()
    standin.start()
    port = int(standin.url.rpartition(":")[2])
    with pytest.raises(RuntimeError):
        standin.start()
    with pytest.raises(OSError, match="in use"):
        StandIn(port=port).start()
    with requests.Session() as session:
        session.get(standin.url, timeout=10)
        standin.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(standin.url, timeout=10)
    with StandIn(port=port) as again:
        assert again.url == standin.url


@pytest.mark.parametrize("how", [{"slow": 60}, {"drip": 60}])
def test_stopping_does_not_wait_for_slow_answers(how: dict[str, float]) -> None:
    standin = StandIn().start()
    standin.faults.add("jwks", **how)
    failed = threading.Event()

    def fetch() -> None:
        try:
            requests.get(f"{standin.url}/oidc/jwks", timeout=30)
        except requests.RequestException:
            failed.set()

    thread = threading.Thread(target=fetch)
    thread.start()
    while not standin.count("jwks"):
        time.sleep(0.01)
    began = time.monotonic()
    standin.stop()
    thread.join()
    assert time.monotonic() - began < 5
    assert failed.is_set()


def test_public_names() -> None:
    for name in flask_social.testing.__all__:
        assert getattr(flask_social.testing, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        flask_social.testing.nothing  # noqa: B018


def test_command_line() -> None:
    command = [sys.executable, "-m", "flask_social.testing", "--https"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3)]
        assert lines[0].startswith("Stand-in provider at https://127.0.0.1:")
        assert lines[1].startswith("Certificate to trust: ")
        assert lines[2].startswith("SOCIAL_TWITTER = {")
        url, ca_file = lines[0].rpartition(" ")[2], lines[1].rpartition(" ")[2]
        assert requests.get(url, verify=ca_file, timeout=10).status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0
