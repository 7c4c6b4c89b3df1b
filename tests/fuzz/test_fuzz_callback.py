"""The callback of a running application with anything in it: nobody gets in who should not, and nothing breaks."""

from __future__ import annotations

import html
import re
import typing as t
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from ..appkit import JSON, SAME_ORIGIN, Kit, make_kit
from . import strategies as some

PROVIDERS = ["google", "twitter", "oauth2", "facebook"]
OWNER = "ada@example.org"
SPOKEN = {
    *("code", "state", "iss", "error", "error_description", "error_uri", "error_code", "error_reason", "error_message"),
    *("oauth_token", "oauth_verifier", "oauth_problem", "denied", "social_bounced", "session_state", "scope", "next"),
}
#: Parameters that are part of what a callback says; another value of one of them is another answer.
MEANT = SPOKEN - {"error_description", "error_uri", "social_bounced", "session_state", "scope", "next"}
REFRESH = re.compile(r'content="0;\s*url=([^"]+)"')


@pytest.fixture
def kit(social_provider: t.Any, social_login: t.Any) -> Kit:
    """An application in which ada's accounts belong to a user."""
    made = make_kit({name: social_provider.settings(name) for name in PROVIDERS})
    made.add_user(OWNER)
    client = made.app.test_client()
    made.log_in(client, OWNER)
    for name in PROVIDERS:
        social_login(client, name, "ada", intent="connect")
    return made


def keys(kit: Kit) -> list[tuple[str, str, str]]:
    """Who has which account. The signals so far are forgotten: Hypothesis prints the kit when a test fails."""
    kit.events.clear()
    with kit.app.app_context():
        return [(row.user.email, row.provider_id, row.provider_user_id) for row in kit.rows()]


def arrive(client: t.Any, path: str, pairs: list[tuple[str, str]], method: str) -> t.Any:
    """Opens a callback, and follows its bounce page as a browser does."""
    if method == "POST":
        answer = client.post(path, data=urlencode(pairs), content_type="application/x-www-form-urlencoded")
    else:
        answer = client.get(f"{path}?{urlencode(pairs)}")
    if answer.status_code == 200:
        (target,) = REFRESH.findall(answer.text)
        target = html.unescape(target)
        assert target.startswith(f"{path}?")
        answer = client.get(target)
    assert answer.status_code == 302
    assert answer.location.startswith("/")
    assert not answer.location.startswith("//")
    return answer


# Nobody began anything ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/callback/", "/login/", "/connect/"])
@some.examples(0.6)
@given(
    provider=st.sampled_from([*PROVIDERS, "nobody"]),
    pairs=some.pairs(SPOKEN),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    cookie=st.booleans(),
)
def test_an_answer_that_nobody_asked_for(
    kit: Kit, place: str, provider: str, pairs: list[tuple[str, str]], method: str, cookie: bool
) -> None:
    before, client = keys(kit), kit.app.test_client()
    if cookie:
        client.get("/token")
    method = "GET" if method == "POST" and place != "/callback/" else method
    answer = client.open(f"{place}{provider}?{urlencode(pairs)}", method=method)
    event(f"{answer.status_code}")
    assert answer.status_code == 404 if provider == "nobody" else answer.status_code in (200, 302)
    if provider != "nobody" and method == "GET":
        arrive(client, place + provider, pairs, "GET")
    assert kit.who(client) is None
    assert keys(kit) == before


# An answer is changed on its way ------------------------------------------------------------------------------

edits = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "drop", "change", "twice", "case"]),
        st.sampled_from(sorted(SPOKEN)),
        some.carried,
    ),
    max_size=3,
)


def edited(pairs: list[tuple[str, str]], changes: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """The parameters after some edits; each edit but ``add`` is of a parameter that is there, if one is left."""
    for how, name, value in changes:
        place = len(name) % len(pairs) if pairs else 0
        if how == "add" or not pairs:
            pairs = [*pairs, (name, value)]
        elif how == "drop":
            pairs = pairs[:place] + pairs[place + 1 :]
        elif how == "change":
            pairs = [*pairs[:place], (pairs[place][0], value), *pairs[place + 1 :]]
        elif how == "twice":
            pairs = [*pairs, pairs[place]]
        else:
            pairs = [*pairs[:place], (pairs[place][0], pairs[place][1].swapcase()), *pairs[place + 1 :]]
    return pairs


def says_the_same(pairs: list[tuple[str, str]], original: list[tuple[str, str]], provider: str) -> bool:
    """Whether parameters are still the provider's answer (RFC 6749 sections 3.1 and 4.1.2, RFC 9207, RFC 5849).

    An unknown parameter is ignored; none may come twice. Each provider speaks one protocol only.
    """
    pairs = [pair for pair in pairs if pair[0] != "social_bounced"]
    if len(dict(pairs)) != len(pairs):
        return False
    oauth_1 = {"oauth_token", "oauth_verifier", "oauth_problem", "denied"}
    spoken = MEANT & oauth_1 if provider == "twitter" else MEANT - oauth_1
    # Only OpenID Connect providers have a name that iss could be compared with.
    spoken -= {"iss"} if provider != "google" else set()
    return {k: v for k, v in pairs if k in spoken} == {k: v for k, v in original if k in spoken}


def handle(pairs: list[tuple[str, str]], provider: str) -> str | None:
    """What names the visit: it is over as soon as an answer names it, whatever else the answer says."""
    first = dict(reversed(pairs))
    return (first.get("oauth_token") or first.get("denied")) if provider == "twitter" else first.get("state")


@pytest.mark.parametrize("provider", PROVIDERS)
@some.examples(0.3)
@given(changes=edits, method=st.sampled_from(["GET", "GET", "POST"]), cookie=some.mostly(True, [False]))
@example([], "GET", True)
@example([], "POST", True)
@example([("twice", "a", "")], "GET", True)
def test_a_changed_answer(
    kit: Kit, social_begin: t.Any, provider: str, changes: t.Any, method: str, cookie: bool
) -> None:
    """Whoever changes one word of an answer is not let in; whoever changes none is."""
    before, client = keys(kit), kit.app.test_client()
    url = urlsplit(social_begin(client, provider, "ada"))
    original = parse_qsl(url.query, keep_blank_values=True)
    pairs = edited(original, changes)
    if not cookie:
        client = kit.app.test_client()
    arrive(client, url.path, pairs, method)
    same = cookie and says_the_same(pairs, original, provider)
    event(f"the same: {same}")
    assert kit.who(client) == (OWNER if same else None)
    assert keys(kit) == before
    again = client.get(f"{url.path}?{url.query}")
    assert again.status_code in (200, 302)
    used = not cookie or handle(pairs, provider) == handle(original, provider)
    if used and kit.who(client) is None:
        event("a second use")
    assert kit.who(client) == (OWNER if same or not used else None)


# Request tokens of OAuth 1.0a stand in the cookie -------------------------------------------------------------

long_tokens = st.builds(lambda char, size: char * size, st.sampled_from("aZ9~"), st.integers(1, 20_000))


@some.examples(0.2)
@given(token=some.carried | long_tokens, secret=some.carried | long_tokens)
@example("a" * 9000, "b")
def test_a_request_token_of_any_kind(kit: Kit, social_provider: t.Any, token: str, secret: str) -> None:
    """Whatever one provider gives, the next visit to another one goes well."""
    client = kit.app.test_client()
    given_fields = {"oauth_token": token, "oauth_token_secret": secret}
    with social_provider.faults.add("request_token", "twitter", merge=given_fields):
        begun = client.post("/login/twitter", headers=JSON)
    event(f"{begun.status_code}")
    assert begun.status_code in (200, 502)
    arrive(client, "/callback/twitter", [("oauth_token", token), ("oauth_verifier", "v")], "GET")
    assert client.post("/login/google", headers=JSON).status_code == 200
    assert kit.who(client) is None


# Other requests -----------------------------------------------------------------------------------------------

hosts = st.sampled_from(["localhost", "a:99999", "a:b", "[", "[::1]:80", "a b", "é", "", "evil.example", "a:0", "a@b"])
origins = st.sampled_from(["null", "http://localhost", "https://localhost", "http://a:99999", "http://[", "", "é"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Host": hosts,
        "Origin": origins,
        "Referer": origins | st.sampled_from(["http://localhost/a?b", "http://localhost//evil.example", "http://a:b/"]),
        "Sec-Fetch-Site": st.sampled_from(["same-origin", "same-origin", "cross-site", "none", "é"]),
        "Accept": st.sampled_from(["application/json", "*/*", "text/html", ";;q=x"]),
        "Content-Type": st.sampled_from(["application/json", "multipart/form-data", "text/plain; charset=utf-7", "é"]),
        "X-CSRFToken": st.sampled_from(["", "a.b.c", "é"]),
    },
)
METHODS = ["GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS"]
names = st.sampled_from([*PROVIDERS, "nobody", "google/1", "twitter/a/b", "google/%00", "x" * 300]) | some.carried.map(
    quote
)
forms = some.pairs(["provider_user_id", "next", "csrf_token"]).map(lambda found: urlencode(found).encode())
bodies = st.one_of(
    forms,
    some.objects(["provider_user_id", "next"]).map(some.dumped),
    some.json_values().map(some.dumped),
    st.binary(max_size=20),
)


@pytest.mark.parametrize("logged_in", [False, True])
@some.examples(1.5)
@given(
    route=st.sampled_from("login connect reconnect verify callback disconnect connections".split()),
    name=names,
    method=st.sampled_from(METHODS),
    headers=HEADERS,
    body=bodies,
)
@example("login", "google", "POST", {"Host": "a:99999"}, b"")
@example("login", "google", "POST", {"Host": "a:b"}, b"")
@example("disconnect", "google", "POST", {"Host": "[", **SAME_ORIGIN}, b"")
@example("connect", "google", "POST", {"Referer": "http://localhost:99999/", **SAME_ORIGIN}, b"")
def test_any_request(
    kit: Kit, logged_in: bool, route: str, name: str, method: str, headers: dict[str, str], body: bytes
) -> None:
    before, client = keys(kit), kit.app.test_client()
    if logged_in:
        kit.log_in(client, OWNER)
    who = kit.who(client)
    path = "/connections" if route == "connections" else f"/{route}/{name}"
    sent = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    answer = client.open(path, method=method, headers=sent, data=body)
    event(f"{answer.status_code}")
    assert answer.status_code < 500
    assert kit.who(client) == who
    after = keys(kit)
    trusted = headers.get("Sec-Fetch-Site") == "same-origin" or headers.get("Origin") == "http://localhost"
    if logged_in and trusted and method in ("POST", "DELETE"):
        assert set(after) <= set(before)
        for email, provider, subject in set(before) - set(after):
            event("disconnected")
            reconnect(kit, email, provider, subject)
    else:
        assert after == before


def reconnect(kit: Kit, email: str, provider: str, subject: str) -> None:
    """Puts a connection back that an example took away."""
    with kit.app.app_context():
        user = kit.security.datastore.find_user(email=email)
        kit.db.session.add(kit.Connection(user_id=user.id, provider_id=provider, provider_user_id=subject))
        kit.db.session.commit()


def test_a_json_caller_is_told_the_same(kit: Kit) -> None:
    """The one known answer of each family, so that the tests above cannot pass by refusing everything."""
    client = kit.app.test_client()
    for provider in PROVIDERS:
        answer = client.post(f"/login/{provider}", headers=JSON)
        assert answer.status_code == 200
        assert urlsplit(answer.get_json()["response"]["authorization_url"]).hostname == "127.0.0.1"
