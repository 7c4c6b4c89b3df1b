"""Scopes: what was granted is stored, more can be asked for, and a view can require it."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from flask_social import ConfigurationError, MemoryConnectionDatastore, Social
from flask_social.datastores.columns import utcnow
from flask_social.testing import REMOVE
from flask_social.testing.browser import visit

from .appkit import CONFIG, JSON, SAME_ORIGIN, Kit, make_kit
from .pagekit import Page

EXTRA = {
    "google": "https://www.googleapis.com/auth/calendar.readonly",
    "x": "like.read",
    "facebook": "user_posts",
    "oauth2": "photos",
    "oidc": "phone",
}

#: Made where a module of views makes it: before there is an application.
early = Social()


@early.google.require_scope(EXTRA["google"])
def calendar() -> str:
    return "the calendar"


def make(standin: t.Any, *names: str, **config: t.Any) -> Kit:
    providers = {name: standin.settings(name, extra_scopes=[EXTRA[name]]) for name in names}
    kit = make_kit(providers, **config)
    kit.add_user()

    def view() -> str:
        return "shown"

    for name in names:
        wanted = kit.social.require_scope(name, EXTRA[name])
        kit.app.add_url_rule(f"/needs/{name}", f"needs_{name}", wanted(view), methods=["GET", "POST"])
    kit.app.add_url_rule("/calendar", view_func=calendar)

    async def later() -> str:
        return "later"

    kit.app.add_url_rule("/later", "later", kit.social.require_scope("oauth2", "email")(later))
    kit.app.add_url_rule("/drive", "drive", kit.social.require_scope("oauth2", "drive")(view))
    if "oauth2" in names:
        with kit.app.app_context():
            kit.app.add_url_rule("/seen", "seen", kit.social.oauth2.require_scope("profile", "email")(view))
    return kit


@pytest.fixture
def ada(social_provider: t.Any, social_login: t.Any) -> t.Any:
    def prepare(*names: str, **config: t.Any) -> tuple[Kit, t.Any]:
        kit = make(social_provider, *names, **config)
        client = kit.app.test_client()
        kit.log_in(client)
        for name in names:
            assert social_login(client, name, "ada", intent="connect").status_code == 302
        return kit, client

    return prepare


def granted(kit: Kit) -> list[set[str] | None]:
    with kit.app.app_context():
        found = [row.granted_scope for row in kit.rows()]
    return [None if scope is None else set(scope.split()) for scope in found]


def asked(url: str) -> set[str]:
    return set(parse_qs(urlsplit(url).query)["scope"][0].replace(",", " ").split())


# What is stored


@pytest.mark.parametrize("name", EXTRA)
def test_what_was_granted_is_stored(ada: t.Any, name: str) -> None:
    kit, _ = ada(name)
    assert granted(kit) == [set(kit.app.extensions["social"].providers[name].scopes)]


@pytest.mark.parametrize("name", ["oauth2", "x", "facebook"])
def test_less_than_was_asked_is_stored_as_it_is(social_provider: t.Any, social_login: t.Any, name: str) -> None:
    kit = make(social_provider, name)
    client = kit.app.test_client()
    kit.log_in(client)
    asked_for = set(kit.app.extensions["social"].providers[name].scopes)
    withheld = {"oauth2": "email", "x": "users.email", "facebook": "email"}[name]
    social_provider.withheld_scopes = (withheld,)
    social_login(client, name, "ada", intent="connect")
    assert granted(kit) == [asked_for - {withheld}]
    found = client.get("/connections", headers=JSON).get_json()["response"]["connections"]
    assert [connection["health"] for connection in found] == ["missing_scope"]


def test_an_answer_without_scope_means_all_that_was_asked(ada: t.Any, social_provider: t.Any) -> None:
    with social_provider.faults.add("token", "oauth2", merge={"scope": REMOVE}):
        kit, client = ada("oauth2")
        assert granted(kit) == [{"profile", "email"}]
        reconnect(client, "oauth2", scope="photos")
        assert granted(kit) == [{"profile", "email", "photos"}]


def test_a_provider_without_scopes_has_none(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({name: social_provider.settings(name) for name in ("twitter", "foursquare")})
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    for name in ("twitter", "foursquare"):
        social_login(client, name, "ada", intent="connect")
    assert granted(kit) == [None, None]


# Asking for more


def reconnect(client: t.Any, name: str, person: str | None = "ada", **body: t.Any) -> t.Any:
    answer = client.post(f"/reconnect/{name}", headers=JSON, json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    url = answer.get_json()["response"]["authorization_url"]
    return url, client.get(visit(url, person).url)


@pytest.mark.parametrize("name", EXTRA)
def test_more_is_asked_for_and_what_was_granted_stays(ada: t.Any, name: str) -> None:
    kit, client = ada(name)
    (before,) = granted(kit)
    url, answer = reconnect(client, name, scope=EXTRA[name])
    assert answer.status_code == 302
    assert asked(url) >= before | {EXTRA[name]}
    assert granted(kit) == [before | {EXTRA[name]}]
    # The next reconnect asks for as much, and a login takes nothing away.
    url, _ = reconnect(client, name)
    assert asked(url) >= before | {EXTRA[name]}


@pytest.mark.parametrize("name", EXTRA)
def test_a_login_takes_nothing_away(ada: t.Any, social_login: t.Any, name: str) -> None:
    kit, client = ada(name)
    reconnect(client, name, scope=EXTRA[name])
    (wide,) = granted(kit)
    social_login(kit.app.test_client(), name, "ada")
    assert granted(kit) == [wide]
    with kit.app.app_context():
        assert kit.rows()[0].last_login_at is not None


@pytest.mark.parametrize(
    ("granted_before", "scopes", "kept"),
    [
        ("profile email photos", "profile email", True),
        ("profile photos", "profile email", True),  # something new does not make up for what is lost
        ("profile email", "profile email", False),
        ("profile", "profile email", False),
        ("profile email dropped", "profile email", False),  # the settings do not name it any more
        ("", "profile email", False),
        (None, "profile email", False),
    ],
)
def test_a_login_keeps_the_tokens_that_allow_what_its_own_do_not(
    ada: t.Any, social_login: t.Any, granted_before: str | None, scopes: str, kept: bool
) -> None:
    kit, _ = ada("oauth2")
    with kit.app.app_context():
        row = kit.rows()[0]
        row.granted_scope, row.access_token = granted_before, "before"
        kit.db.session.commit()
    social_login(kit.app.test_client(), "oauth2", "ada")
    with kit.app.app_context():
        assert (kit.rows()[0].access_token == "before") is kept
    if not kept:
        assert granted(kit) == [set(scopes.split())]


def test_what_only_an_answer_named_is_not_asked_for(ada: t.Any) -> None:
    kit, client = ada("oauth2")
    with kit.app.app_context():
        kit.rows()[0].granted_scope = "profile email photos admin delete_everything"
        kit.db.session.commit()
    url, _ = reconnect(client, "oauth2")
    assert asked(url) == {"profile", "email", "photos"}


def test_a_login_renews_what_has_ended_though_it_allows_less(ada: t.Any, social_login: t.Any) -> None:
    kit, client = ada("oauth2")
    reconnect(client, "oauth2", scope="photos")
    with kit.app.app_context():
        kit.rows()[0].status = "needs_reconnect"
        kit.db.session.commit()
    social_login(kit.app.test_client(), "oauth2", "ada")
    assert granted(kit) == [{"profile", "email"}]
    with kit.app.app_context():
        assert kit.rows()[0].status == "active"


def test_new_tokens_count_the_version_up_and_end_the_lease(ada: t.Any, social_login: t.Any) -> None:
    kit, _ = ada("oauth2")
    with kit.app.app_context():
        row = kit.rows()[0]
        row.lease_until = utcnow()
        kit.db.session.commit()
        before = row.token_version
    social_login(kit.app.test_client(), "oauth2", "ada")
    with kit.app.app_context():
        row = kit.rows()[0]
        assert (row.token_version, row.lease_until) == (before + 2, None)


@pytest.mark.parametrize(
    "scope",
    ["drive", "photos drive", "PHOTOS", ["photos"], {"photos": 1}, 5, True, "photos,email", "a" * 100_000, "\x00"],
)
def test_only_what_the_settings_name_may_be_asked_for(ada: t.Any, social_provider: t.Any, scope: t.Any) -> None:
    kit, client = ada("oauth2")
    social_provider.forget_requests()
    for intent in ("reconnect", "connect"):
        answer = client.post(f"/{intent}/oauth2", headers=JSON, json={"scope": scope})
        assert (answer.status_code, answer.get_json()["response"]["code"]) == (400, "scope_not_allowed")
    assert granted(kit) == [{"profile", "email"}]
    assert social_provider.requests == ()
    with client.session_transaction() as session:
        assert "social_attempts" not in session


@pytest.mark.parametrize(
    ("body", "query", "more"),
    [
        ({"scope": "photos"}, "", {"photos"}),
        ({}, "?scope=photos", {"photos"}),
        ({"scope": " photos  photos email "}, "", {"photos"}),
        ({"scope": ""}, "?scope=photos", set()),
        ({"scope": None}, "", set()),
        ({}, "", set()),
    ],
)
def test_where_the_scope_may_stand(ada: t.Any, body: t.Any, query: str, more: set[str]) -> None:
    _, client = ada("oauth2")
    answer = client.post(f"/reconnect/oauth2{query}", headers=JSON, json=body)
    assert asked(answer.get_json()["response"]["authorization_url"]) == {"profile", "email"} | more
    if None not in body.values():
        answer = client.post(f"/reconnect/oauth2{query}", headers=SAME_ORIGIN, data=body)
        assert asked(answer.location) == {"profile", "email"} | more


def test_a_login_asks_for_nothing_more(social_provider: t.Any) -> None:
    kit = make(social_provider, "oauth2")
    answer = kit.app.test_client().post("/login/oauth2", headers=JSON, json={"scope": "photos"})
    assert asked(answer.get_json()["response"]["authorization_url"]) == {"profile", "email"}


def test_a_stranger_asks_for_nothing(social_provider: t.Any) -> None:
    kit = make(social_provider, "oauth2")
    assert kit.app.test_client().post("/reconnect/oauth2", headers=JSON, json={"scope": "photos"}).status_code == 401
    assert kit.app.test_client().post("/reconnect/oauth2", json={"scope": "photos"}).status_code == 400


def test_google_is_told_to_add_to_what_it_granted(ada: t.Any) -> None:
    _, client = ada("google")
    url, _ = reconnect(client, "google", scope=EXTRA["google"])
    assert parse_qs(urlsplit(url).query)["include_granted_scopes"] == ["true"]


def test_facebooks_callback_cannot_say_more_than_was_asked(ada: t.Any, social_provider: t.Any) -> None:
    with social_provider.faults.add("callback", "facebook", params={"granted_scopes": "email,ads_management"}):
        kit, _ = ada("facebook")
    assert granted(kit) == [{"email"}]


def test_two_names_of_one_scope_are_one(ada: t.Any) -> None:
    kit, client = ada("google")
    with kit.app.app_context():
        kit.rows()[
            0
        ].granted_scope = (
            "https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile"
        )
        kit.db.session.commit()
    (found,) = client.get("/connections", headers=JSON).get_json()["response"]["connections"]
    assert found["health"] != "missing_scope"


# Views that require a scope


@pytest.mark.parametrize("name", EXTRA)
def test_a_view_sends_to_consent_and_the_person_comes_back(ada: t.Any, name: str) -> None:
    kit, client = ada(name)
    answer = client.get(f"/needs/{name}?page=2&x=%2Fa")
    assert answer.status_code == 403
    assert answer.headers["Cache-Control"] == "no-store"
    (button,) = Page(answer.text).buttons
    assert (button.method, button.action) == ("post", f"/reconnect/{name}")
    assert button.text == f"Continue to {kit.app.extensions['social'].providers[name].name}"
    assert button.fields["scope"] == EXTRA[name]
    assert button.fields["next"] == f"/needs/{name}?page=2&x=%2Fa"
    begun = client.post(button.action, data=button.fields)
    assert begun.status_code == 303
    back = client.get(visit(begun.location, "ada").url)
    assert back.location == f"/needs/{name}?page=2&x=%2Fa"
    assert client.get(back.location).text == "shown"


def test_a_view_of_somebody_without_a_connection_begins_one(ada: t.Any) -> None:
    kit, client = ada("oauth2")
    with kit.app.app_context():
        kit.db.session.execute(kit.db.delete(kit.Connection))
        kit.db.session.commit()
    (button,) = Page(client.get("/needs/oauth2").text).buttons
    assert button.action == "/connect/oauth2"
    assert "provider_user_id" not in button.fields
    begun = client.post(button.action, data=button.fields)
    back = client.get(visit(begun.location, "ada").url)
    assert back.location == "/needs/oauth2"
    assert client.get("/needs/oauth2").text == "shown"
    assert granted(kit) == [{"profile", "email", "photos"}]


def test_whoever_declines_gets_the_page_again_and_no_loop(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    for person in (None, "ada"):
        social_provider.withheld_scopes = ("photos",)
        (button,) = Page(client.get("/needs/oauth2").text).buttons
        begun = client.post(button.action, data=button.fields)
        back = client.get(visit(begun.location, person).url)
        # Who agrees to less comes back to the page, which explains it once more.
        assert back.location == ("/" if person is None else "/needs/oauth2")
        again = client.get("/needs/oauth2")
        assert (again.status_code, again.location) == (403, None)
    assert granted(kit) == [{"profile", "email"}]


def test_an_anonymous_visitor_gets_flask_securitys_answer(social_provider: t.Any) -> None:
    client = make(social_provider, "oauth2").app.test_client()
    assert client.get("/needs/oauth2", headers=JSON).status_code == 401
    assert client.get("/needs/oauth2").location.startswith("/login?next=")


def test_json_callers_are_told_where_to_post(ada: t.Any) -> None:
    _, client = ada("google")
    answer = client.get("/needs/google", headers=JSON)
    assert answer.status_code == 403
    told = answer.get_json()["response"]
    assert told == {
        "errors": ["Google has to be asked for more access first. Please allow it there."],
        "code": "scope_missing",
        "scopes": [EXTRA["google"]],
        "url": told["url"],
    }
    begun = client.post(told["url"], headers=JSON).get_json()["response"]["authorization_url"]
    client.get(visit(begun, "ada").url)
    assert client.get("/needs/google", headers=JSON).text == "shown"


@pytest.mark.parametrize("status", ["needs_reconnect", "revoked"])
def test_a_grant_that_has_ended_is_good_for_nothing(ada: t.Any, status: str) -> None:
    kit, client = ada("oauth2")
    reconnect(client, "oauth2", scope="photos")
    assert client.get("/needs/oauth2").status_code == 200
    with kit.app.app_context():
        kit.rows()[0].status = status
        kit.db.session.commit()
    assert client.get("/needs/oauth2").status_code == 403


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("http://localhost/form?a=b", "/form?a=b"),
        ("https://evil.example/", None),
        (None, None),
    ],
)
def test_after_a_post_the_person_comes_back_to_the_form(ada: t.Any, referrer: str | None, expected: str | None) -> None:
    _, client = ada("oauth2")
    answer = client.post("/needs/oauth2", headers={"Referer": referrer} if referrer else {})
    (button,) = Page(answer.text).buttons
    assert button.fields.get("next") == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/needs/oauth2?q=" + "a" * 300, "/needs/oauth2"),
        ("/needs/oauth2?q=%C3%BC", "/needs/oauth2?q=%C3%BC"),
        ('/needs/oauth2?q="><script>', '/needs/oauth2?q="><script>'),
        ("/needs/oauth2?q=a\\b", "/needs/oauth2"),
    ],
)
def test_only_a_safe_address_is_come_back_to(ada: t.Any, path: str, expected: str) -> None:
    _, client = ada("oauth2")
    page = client.get(path).text
    (button,) = Page(page).buttons
    assert button.fields["next"] == expected
    assert "<script>" not in page


def test_a_decorator_made_before_there_is_an_application(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider, "google")
    client = kit.app.test_client()
    kit.log_in(client)
    assert client.get("/calendar").status_code == 403
    social_login(client, "google", "ada", intent="connect")
    reconnect(client, "google", scope=EXTRA["google"])
    assert client.get("/calendar").text == "the calendar"


def test_one_decorated_view_serves_several_applications(social_provider: t.Any) -> None:
    one, other = make(social_provider, "google"), make_kit()
    for kit, status in ((one, 401), (other, 404)):
        if kit is other:
            kit.app.add_url_rule("/calendar", view_func=calendar)
        assert kit.app.test_client().get("/calendar", headers=JSON).status_code == status


def test_within_a_context_the_provider_has_it_too(ada: t.Any) -> None:
    _, client = ada("oauth2")
    assert client.get("/seen").text == "shown"


def test_a_coroutine_is_run(ada: t.Any) -> None:
    pytest.importorskip("asgiref")
    _, client = ada("oauth2")
    assert client.get("/later").text == "later"


def test_what_is_made_early_is_good_for_nothing_else() -> None:
    with pytest.raises(AttributeError, match="application context"):
        early.google.get_api()
    assert not hasattr(early.google, "get_connection")
    assert "google" in repr(early.google)
    app = Flask("tests.scopes")
    app.config.update(CONFIG)
    Social(app, MemoryConnectionDatastore())
    google = early.google
    with app.app_context(), pytest.raises(AttributeError, match="ask for it again"):
        google.get_api()


@pytest.mark.parametrize("scopes", [(), ("",), ("a b",), (" a",), ("a\n",)])
def test_scopes_are_named_one_by_one(scopes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one by one"):
        early.require_scope("google", *scopes)


def test_a_scope_that_the_settings_lack_is_named(ada: t.Any) -> None:
    _, client = ada("oauth2")
    with pytest.raises(ConfigurationError, match=r"SOCIAL_OAUTH2\['extra_scopes'\].*'drive'"):
        client.get("/drive")


@pytest.mark.parametrize("value", [5, [""], [None], {"a": "b"}])
def test_extra_scopes_must_be_a_list_of_names(value: t.Any) -> None:
    app = Flask("tests.scopes")
    app.config.update(CONFIG)
    app.config["SOCIAL_GOOGLE"] = {"client_id": "i", "client_secret": "s", "extra_scopes": value}
    with pytest.raises(ConfigurationError, match="extra_scopes"):
        Social(app, MemoryConnectionDatastore())


def test_a_long_list_of_scopes_fits_into_no_cookie_and_stops_nothing(
    social_provider: t.Any, social_login: t.Any
) -> None:
    many = [f"scope-{number}-{number * 7919 % 10007:05}" for number in range(300)]
    kit = make_kit({"oauth2": social_provider.settings("oauth2", extra_scopes=many)})
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "oauth2", "ada", intent="connect")
    reconnect(client, "oauth2", scope=" ".join(many))
    assert granted(kit) == [{"profile", "email", *many}]
    assert len(client.get_cookie("session").value) < 1500
