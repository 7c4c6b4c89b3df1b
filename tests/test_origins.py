"""Where a request that changes something may come from: every route, by origin and by token."""

from __future__ import annotations

import typing as t

import pytest

from .appkit import SAME_ORIGIN
from .originkit import ROUTES, World, with_and_without_csrf

REMOVALS = ("disconnect", "remove_all_connections", "remove_connection")

every_route = pytest.mark.parametrize("route", ROUTES)

MISMATCH, MISSING = "origin_mismatch", "csrf_required"
Headers = tuple[tuple[str, str], ...]

REFUSED: dict[Headers, str] = {
    (): MISSING,
    (("Sec-Fetch-Site", "cross-site"),): MISMATCH,
    (("Sec-Fetch-Site", "same-site"),): MISMATCH,
    (("Sec-Fetch-Site", "none"),): MISSING,
    (("Sec-Fetch-Site", ""),): MISSING,
    (("Sec-Fetch-Site", "Same-Origin"),): MISSING,
    (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")): MISSING,
    (("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost")): MISMATCH,
    (("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost")): MISMATCH,
    (("Sec-Fetch-Site", "same-origin"), ("Origin", "http://evil.example")): MISMATCH,
    (("Sec-Fetch-Site", "same-origin"), ("Origin", "")): MISMATCH,
    (("Origin", "null"),): MISSING,
    (("Origin", "http://localhost"), ("Origin", "http://evil.example")): MISMATCH,
    (("Origin", "http://localhost"), ("Origin", "http://localhost")): MISMATCH,
    **{
        (("Origin", value),): MISMATCH
        for value in (
            "", " ", "https://localhost", "ws://localhost", "file://", "http://localhost:8080", "http://localhost:80",
            "http://localhost:0", "http://localhost:", "http://evil.example", "http://localhost.evil.example",
            "http://evil-localhost", "http://www.localhost", "http://127.0.0.1", "http://[::1]", "http://localhost/",
            "http://localhost/login", "HTTP://LOCALHOST", "http://user@localhost", "localhost", "//localhost", "NULL",
            "http://localhost http://evil.example", "http://localhost,http://evil.example", "javascript:alert(1)",
            "http://[", "\xff", "None",
        )
    },
    (("Referer", "http://localhost/connections"),): MISSING,
    (("Host", "localhost"), ("X-Forwarded-Host", "evil.example"), ("Origin", "http://evil.example")): MISMATCH,
    (("X-Forwarded-Proto", "https"), ("Origin", "https://localhost")): MISMATCH,
    (("X-CSRFToken", "made-up"),): MISSING,
    (("X-CSRFToken", ""),): MISSING,
    (("X-Requested-With", "XMLHttpRequest"),): MISSING,
}  # fmt: skip


@every_route
@with_and_without_csrf
def test_where_nothing_may_come_from(social_provider: t.Any, route: str, protect: str) -> None:
    world = World(social_provider, protect)
    client = world.client(route)
    own, theirs = client.get("/token").text, world.kit.app.test_client().get("/token").text
    before, found, expected = world.trace(client), {}, {}
    for headers, code in REFUSED.items():
        # Our own token is evidence, but not against the name of another origin.
        for token in ("", theirs, own)[: 3 if code == MISMATCH else 2]:
            for place in ("header", "form"):
                more: dict[str, t.Any] = {"data": {"csrf_token": token}} if place == "form" else {}
                sent = (*headers, ("X-CSRF-Token", token)) if place == "header" and token else headers
                answer = world.send(client, route, sent, **more)
                found[headers, token, place] = answer.status_code, answer.get_json()["response"]["code"]
                expected[headers, token, place] = 400, code
    assert found == expected
    assert world.trace(client) == before


@with_and_without_csrf
def test_the_rest_of_the_application_is_flask_wtfs(social_provider: t.Any, protect: str) -> None:
    world = World(social_provider, protect)
    client = world.kit.app.test_client()
    assert client.post("/own", headers=SAME_ORIGIN).status_code == (200 if protect == "never" else 400)
    world.send(client, "login", SAME_ORIGIN)
    assert client.post("/own", headers=SAME_ORIGIN).status_code == (200 if protect == "never" else 400)


#: Evidence that is enough; ``TOKEN`` stands for the browser's own, ``FORM`` puts it into the form.
ACCEPTED: list[Headers] = [
    (("Sec-Fetch-Site", "same-origin"),),
    (("Sec-Fetch-Site", "same-origin"), ("Origin", "null")),
    (("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost")),
    (("Origin", "http://localhost"),),
    (("Origin", "http://localhost"), ("Sec-Fetch-Site", "none")),
    (("X-CSRFToken", "TOKEN"),),
    (("X-CSRF-Token", "TOKEN"),),
    (("X-CSRFToken", "TOKEN"), ("Origin", "null")),
    (("X-CSRFToken", "TOKEN"), ("Sec-Fetch-Site", "none")),
    (("FORM", "TOKEN"),),
    (("FORM", "TOKEN"), ("Origin", "null"), ("Sec-Fetch-Site", "none")),
]


def effect(world: World, client: t.Any, route: str, answer: t.Any) -> bool:
    """Whether a request did what its route is for."""
    if route not in REMOVALS:
        with client.session_transaction() as session:
            begun = session.pop("social_attempts", None) is not None
        return begun and answer.get_json()["response"]["authorization_url"].startswith(world.standin.url)
    with world.kit.app.app_context():
        return [row.provider_id for row in world.kit.rows()] == ["oidc"]


@every_route
@with_and_without_csrf
def test_where_something_may_come_from(social_provider: t.Any, route: str, protect: str) -> None:
    world = World(social_provider, protect)
    client = world.client(route)
    token, found = client.get("/token").text, {}
    for evidence in ACCEPTED:
        form = {"csrf_token": token} if ("FORM", "TOKEN") in evidence else {}
        headers = [(name, value.replace("TOKEN", token)) for name, value in evidence if name != "FORM"]
        answer = world.send(client, route, headers, data=form)
        found[evidence] = answer.status_code, effect(world, client, route, answer)
        world.connect()
    assert found == dict.fromkeys(ACCEPTED, (200, True))


@every_route
def test_the_names_of_flask_wtf_are_kept(social_provider: t.Any, route: str) -> None:
    world = World(social_provider, WTF_CSRF_FIELD_NAME="proof", WTF_CSRF_HEADERS=["X-Proof"])
    client = world.client(route)
    token = client.get("/token").text
    assert world.send(client, route, {"X-CSRFToken": token}, data={"csrf_token": token}).status_code == 400
    assert world.send(client, route, {"X-Proof": token}).status_code == 200
    world.connect()
    assert world.send(client, route, data={"proof": token}).status_code == 200
