"""How a request that changes something may come: by a session login only, and by its own method only."""

from __future__ import annotations

import base64
import typing as t

import pytest
from flask import request
from flask_security import auth_required

from .appkit import PASSWORD, SAME_ORIGIN
from .originkit import ROUTES, World, with_and_without_csrf

FOR_USERS = [name for name in ROUTES if name != "login"]

# Callers without a session login


def credentials(world: World) -> dict[str, dict[str, t.Any]]:
    """Ways to be the user without a session, as arguments of a request."""
    token = world.kit.log_in(world.kit.app.test_client())
    basic = base64.b64encode(f"ada@example.org:{PASSWORD}".encode()).decode()
    return {
        "token in a header": {"headers": {"Authentication-Token": token}},
        "token in the query": {"query_string": {"auth_token": token}},
        "Basic": {"headers": {"Authorization": f"Basic {basic}"}},
        "all at once": {
            "headers": {"Authentication-Token": token, "Authorization": f"Basic {basic}"},
            "query_string": {"auth_token": token},
        },
    }


@pytest.mark.parametrize("route", FOR_USERS)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize("guarded", [False, True], ids=["plain", "behind a guard"])
def test_only_a_session_login_counts(social_provider: t.Any, route: str, accept: str, guarded: bool) -> None:
    """A guard of the application that lets tokens and Basic in makes them the current user of our routes too."""
    world = World(social_provider)
    app, found = world.kit.app, {}

    @auth_required("token", "basic", "session")
    def user_of_any_kind() -> None:
        return None

    @app.before_request
    def guard() -> t.Any:
        return user_of_any_kind() if guarded and request.blueprint == "social" else None

    @app.post("/mine")
    @auth_required("session")
    def mine() -> str:
        return "mine"

    @app.get("/api")
    @auth_required("token", "basic", "session")
    def api() -> str:
        return "yes"

    ways = credentials(world)
    anonymous = app.test_client().post("/mine", headers={"Accept": accept})
    refused = anonymous.status_code, (anonymous.location or "").partition("?")[0], anonymous.get_json(silent=True)
    assert refused[0] == (401 if accept == "application/json" else 302)
    for name, sent in ways.items():
        client = app.test_client()
        before = world.trace(client)
        assert app.test_client().get("/api", **sent).text == "yes"
        headers = {**SAME_ORIGIN, "Accept": accept, **sent.get("headers", {})}
        answer = world.send(client, route, headers, query_string=sent.get("query_string"))
        found[name] = answer.status_code, (answer.location or "").partition("?")[0], answer.get_json(silent=True)
        assert world.trace(app.test_client()) == before
    assert found == dict.fromkeys(ways, refused)


# Methods


#: Every path of the blueprint with its methods. ``GET`` on the paths of a begin is the callback of 1.x.
PATHS: dict[str, set[str]] = {
    "/login/google": {"GET", "POST"},
    "/connect/google": {"GET", "POST", "DELETE"},
    "/connect/google/SUBJECT": {"GET", "DELETE"},
    "/reconnect/google": {"POST"},
    "/verify/google": {"POST"},
    "/callback/google": {"GET", "POST"},
    "/disconnect/google": {"POST"},
    "/connections": {"GET"},
    "/signup/google": {"GET", "POST"},
    "/link": {"GET", "POST"},
    "/merge": {"GET", "POST"},
    "/token/google": {"POST"},
}


def paths(world: World) -> dict[str, set[str]]:
    """The paths, for Ada's account, with the methods that Flask adds."""
    subject = world.standin.subject("google", "ada")
    added = {path: {"OPTIONS", "HEAD"} if "GET" in methods else {"OPTIONS"} for path, methods in PATHS.items()}
    return {path.replace("SUBJECT", subject): methods | added[path] for path, methods in PATHS.items()}


def test_every_path_is_in_the_table(social_provider: t.Any) -> None:
    found: dict[str, set[str]] = {}
    for rule in World(social_provider).kit.app.url_map.iter_rules():
        if rule.endpoint.startswith("social.") and not rule.endpoint.endswith(".static"):
            path = rule.rule.replace("<provider_id>", "google").replace("<path:provider_user_id>", "SUBJECT")
            found.setdefault(path, set()).update((rule.methods or set()) - {"HEAD", "OPTIONS"})
    assert found == PATHS


@pytest.mark.parametrize("logged_in", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@with_and_without_csrf
def test_reading_begins_nothing(social_provider: t.Any, logged_in: bool, method: str, protect: str) -> None:
    """What a reading request may leave is a hint for the next page: "use the button", "log in first"."""
    world = World(social_provider, protect)
    client = world.client("connect" if logged_in else "login")
    before, found = world.trace(client), {}
    for path, allowed in paths(world).items():
        for headers in (SAME_ORIGIN, {"Accept": "application/json"}):
            fresh = world.kit.app.test_client()
            for browser in (client, fresh):
                answer = browser.open(path, method=method, headers=headers)
                # 400: no identity waits for a form here.
                assert answer.status_code in (200, 302, 400, 401) if method in allowed else answer.status_code == 405
                assert social_provider.url not in str(answer.headers)
            with fresh.session_transaction() as session:
                found[path] = set(session) - {"_flashes"}
    assert set(map(len, found.values())) == {0}
    assert world.trace(client) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_without_that_hint_no_cookie_is_set(social_provider: t.Any, method: str) -> None:
    world = World(social_provider, SOCIAL_FLASH_MESSAGES=False)
    for path in ("/login/google", "/connect/google", "/reconnect/google", "/verify/oidc", "/disconnect/google"):
        answer = world.kit.app.test_client().open(path, method=method, headers=SAME_ORIGIN)
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("logged_in", [False, True])
@with_and_without_csrf
def test_other_methods_are_not_allowed(social_provider: t.Any, logged_in: bool, protect: str) -> None:
    world = World(social_provider, protect)
    client = world.client("connect" if logged_in else "login")
    token = client.get("/token").text
    before, found = world.trace(client), {}
    for path, allowed in paths(world).items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - allowed:
            answer = client.open(path, method=method, headers={**SAME_ORIGIN, "X-CSRFToken": token})
            found[path, method] = answer.status_code
    assert set(found.values()) == {405}
    assert len(found) > 30
    assert world.trace(client) == before
