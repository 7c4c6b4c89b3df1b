"""A visit in a popup ends on a page that tells its opener, however it ends."""

from __future__ import annotations

import html.parser
import re
import typing as t

import pytest

from flask_social.testing.browser import visit

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit
from .joinkit import TWO_FACTOR
from .test_spa import set_up_second_factor


class End(html.parser.HTMLParser):
    """What a popup's last page tells: its code, its provider, where to go on; and the scripts that it loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.told: dict[str, str | None] = {}
        self.scripts: list[str | None] = []
        self.links: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id") == "social-end":
            self.told = {name[5:]: value for name, value in attrs if name.startswith("data-")}
        elif tag == "script":
            self.scripts.append(values.get("src"))
        elif tag == "a":
            self.links.append(values.get("href"))


def told(answer: t.Any) -> dict[str, str | None]:
    """What the last page of a popup tells; it is one, and it has what a page of ours has."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "same-origin")
    end = End(answer.get_data(as_text=True))
    assert end.scripts == ["/social-static/popup.js"]
    assert end.links == [end.told["next"]]
    return end.told


@pytest.fixture
def make(social_provider: t.Any) -> t.Any:
    def make(**options: t.Any) -> Kit:
        names = ("google", "twitter", "oidc")
        kit = make_kit({name: social_provider.settings(name, verify=True) for name in names}, **options)
        kit.add_user()
        return kit

    return make


@pytest.fixture
def walk(social_begin: t.Any) -> t.Any:
    """A whole visit, up to the answer of the callback."""

    def walk(client: t.Any, provider_id: str, person: str | None, **options: t.Any) -> t.Any:
        return client.get(social_begin(client, provider_id, person, **{"display": "popup", **options}))

    return walk


def connected(kit: Kit, social_login: t.Any) -> t.Any:
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    return client


# intent, person, connected before -> code, next
ENDS: list[t.Any] = [
    ("login", "ada", True, "logged_in", "/inbox"),
    ("login", "ada", False, "not_connected", "/login"),
    ("login", None, False, "access_denied", "/login"),
    ("connect", "ada", False, "connected", "/inbox"),
    ("connect", "ada", True, "already_connected", "/inbox"),
    ("connect", None, False, "access_denied", "/denied"),
    ("reconnect", "ada", True, "reconnected", "/inbox"),
    ("reconnect", "grace", True, "reconnect_mismatch", "/denied"),
    ("verify", "ada", True, "verified", "/inbox"),
    ("verify", "grace", True, "verify_mismatch", "/denied"),
]


@pytest.mark.parametrize(("intent", "person", "before", "code", "next_url"), ENDS)
def test_every_end_is_told(
    make: t.Any,
    social_login: t.Any,
    walk: t.Any,
    intent: str,
    person: str | None,
    before: bool,
    code: str,
    next_url: str,
) -> None:
    kit = make(SOCIAL_CONNECT_DENY_VIEW="/denied")
    client = connected(kit, social_login) if before else kit.app.test_client()
    if intent == "login":
        client = kit.app.test_client()
    elif not before:
        kit.log_in(client)
    answer = walk(client, "google", person, intent=intent, next="/inbox")
    assert told(answer) == {"code": code, "provider": "google", "next": next_url}
    assert kit.who(client) == ("ada@example.org" if code in ("logged_in", "connected") or intent != "login" else None)


@pytest.mark.parametrize("provider", ["twitter", "oidc"])
def test_every_family_of_providers(make: t.Any, walk: t.Any, provider: str) -> None:
    client = make().app.test_client()
    assert told(walk(client, provider, "ada"))["code"] == "not_connected"


def test_sign_up_link_and_second_factor_are_told_with_the_page_to_go_on(
    make: t.Any, social_login: t.Any, walk: t.Any
) -> None:
    kit = make(SOCIAL_SIGNUP="ask", **TWO_FACTOR)
    kit.add_user("ada@example.com")
    ends = {}
    for person in "grace", "ada":
        answer = walk(kit.app.test_client(), "google", person)
        end = told(answer)
        ends[end["code"]] = end["next"]
    assert ends == {"signup": "/signup/google", "link": "/link"}
    other = make(**TWO_FACTOR)
    connected(other, social_login)
    set_up_second_factor(other)
    end = told(walk(other.app.test_client(), "google", "ada", next="/inbox"))
    assert end == {"code": "second_factor", "provider": "google", "next": "/tf-validate?next=/inbox"}


def test_in_front_of_a_front_end(make: t.Any, walk: t.Any) -> None:
    kit = make(SECURITY_REDIRECT_BEHAVIOR="spa", SECURITY_LOGIN_ERROR_VIEW="/app/login")
    end = told(walk(kit.app.test_client(), "google", None, next="/inbox"))
    assert end["next"] == "/app/login?code=access_denied&provider=google&next=%2Finbox"


def test_a_begin_that_fails_is_told(make: t.Any, social_provider: t.Any) -> None:
    social_provider.faults.add("request_token", status=503)
    answer = make().app.test_client().post("/login/twitter", headers=SAME_ORIGIN, data={"display": "popup"})
    assert told(answer)["code"] == "provider_unavailable"


@pytest.mark.parametrize("form", [True, False])
def test_the_wish_stands_in_the_body_of_the_begin(make: t.Any, form: bool) -> None:
    client = make().app.test_client()
    sent = {"data" if form else "json": {"display": "popup", "next": "/inbox"}}
    url = client.post("/login/google", headers=JSON, **sent).get_json()["response"]["authorization_url"]
    assert "popup" not in url
    assert told(client.get(visit(url, None).url))["code"] == "access_denied"


@pytest.mark.parametrize("value", ["", "page", "POPUP", "popup ", "1"])
def test_any_other_display_is_none(make: t.Any, walk: t.Any, value: str) -> None:
    assert walk(make().app.test_client(), "google", None, display=value).status_code == 302


def test_an_address_cannot_ask_for_it(make: t.Any) -> None:
    client = make().app.test_client()
    answer = client.post("/login/google?display=popup", headers=JSON)
    back = visit(answer.get_json()["response"]["authorization_url"], None)
    assert client.get(back.url + "&display=popup").status_code == 302
    assert client.get("/callback/google?state=wrong&code=x&display=popup").status_code == 302


def test_after_the_bounce(make: t.Any, social_begin: t.Any) -> None:
    client = make().app.test_client()
    url = social_begin(client, "google", None, display="popup")
    cookie = client.get_cookie("session").value
    client.delete_cookie("session")
    bounce = client.get(url)
    assert bounce.status_code == 200
    client.set_cookie("session", cookie)
    refresh = re.search(r'content="0; url=([^"]+)"', bounce.get_data(as_text=True))
    assert refresh is not None
    assert told(client.get(refresh[1].replace("&amp;", "&")))["code"] == "access_denied"


def test_the_page_shows_what_it_tells_and_nothing_secret(make: t.Any, social_login: t.Any, walk: t.Any) -> None:
    kit = make()
    connected(kit, social_login)
    page = walk(kit.app.test_client(), "google", "ada").get_data(as_text=True)
    assert "You are logged in with Google." in page
    with kit.app.app_context():
        (row,) = kit.rows()
        for secret in (row.access_token, row.provider_user_id, row.email):
            assert secret
            assert secret not in page


def test_what_stands_in_the_page_is_escaped(make: t.Any, walk: t.Any) -> None:
    kit = make(SOCIAL_MSG_ACCESS_DENIED="<b>%(provider)s</b>", SOCIAL_ACCESS_DENIED_VIEW='/x?"><script>')
    answer = walk(kit.app.test_client(), "google", None)
    assert "<b>" not in answer.get_data(as_text=True)
    assert told(answer)["next"] == '/x?"><script>'


def test_the_message_waits_for_the_opener(make: t.Any, walk: t.Any) -> None:
    client = make().app.test_client()
    walk(client, "google", None)
    with client.session_transaction() as session:
        assert session["_flashes"] == [("error", "Access was denied by Google")]
