"""Connecting, renewing, verifying, listing and disconnecting."""

from __future__ import annotations

import datetime as dt
import io
import threading
import typing as t

import pytest

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit


@pytest.fixture
def kit(social_provider: t.Any) -> Kit:
    made = make_kit({name: social_provider.settings(name) for name in ("google", "facebook", "twitter", "oidc")})
    made.add_user()
    return made


@pytest.fixture
def client(kit: Kit) -> t.Any:
    made = kit.app.test_client()
    kit.log_in(made)
    return made


def flashes(client: t.Any) -> list[str]:
    with client.session_transaction() as session:
        return [text for _, text in session.pop("_flashes", [])]


def test_the_texts_of_1x(kit: Kit, client: t.Any, social_login: t.Any, social_provider: t.Any) -> None:
    flashes(client)
    social_login(client, "twitter", "ada", intent="connect")
    assert flashes(client) == ["Connection established to Twitter"]
    social_login(client, "twitter", "ada", intent="connect")
    assert flashes(client) == ["A connection is already established with Twitter to your account"]
    client.post("/disconnect/twitter", headers=SAME_ORIGIN)
    assert flashes(client) == ["Connection to Twitter removed"]
    social_provider.deny_next()
    social_login(client, "twitter", "ada", intent="connect")
    assert flashes(client) == ["Access was denied by Twitter"]
    stranger = kit.app.test_client()
    social_login(stranger, "twitter", "grace")
    assert flashes(stranger) == ["Twitter account not associated with an existing user"]
    assert kit.names() == [
        "connection_created",
        "connection_updated",
        "connection_failed",
        "connection_removed",
        "attempt_refused",
        "login_failed",
        "attempt_refused",
    ]


def test_an_account_has_one_owner(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    kit.add_user("grace@example.org")
    other = kit.app.test_client()
    kit.log_in(other, "grace@example.org")
    social_login(other, "google", "ada", intent="connect")
    assert kit.names()[-2:] == ["connection_failed", "attempt_refused"]
    assert kit.events[-1][1]["code"] == "connected_elsewhere"
    with kit.app.app_context():
        (row,) = kit.rows()
        assert row.user.email == "ada@example.org"


def test_several_accounts_of_one_provider(kit: Kit, client: t.Any, social_login: t.Any, social_provider: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    social_login(client, "google", "alan", intent="connect")
    with kit.app.app_context():
        assert len(kit.rows()) == 2
    subject = social_provider.subject("google", "alan")
    client.post("/disconnect/google", headers=SAME_ORIGIN, data={"provider_user_id": subject})
    with kit.app.app_context():
        assert [row.provider_user_id for row in kit.rows()] == [social_provider.subject("google", "ada")]


def test_the_user_who_began_must_be_there(kit: Kit, client: t.Any, social_begin: t.Any) -> None:
    answer_url = social_begin(client, "google", "ada", intent="connect")
    kit.log_out(client)
    kit.add_user("grace@example.org")
    kit.log_in(client, "grace@example.org")
    client.get(answer_url)
    assert kit.events[-1][1]["code"] == "session_changed"
    with kit.app.app_context():
        assert kit.rows() == []


@pytest.mark.parametrize(("person", "code"), [("ada", None), ("grace", "reconnect_mismatch")])
def test_reconnect(kit: Kit, client: t.Any, social_login: t.Any, person: str, code: str | None) -> None:
    social_login(client, "google", "ada", intent="connect")
    kit.events.clear()
    social_login(client, "google", person, intent="reconnect")
    if code is None:
        assert kit.names() == ["connection_updated"]
        assert flashes(client)[-1] == "Connection to Google renewed"
    else:
        assert kit.events[-1][1]["code"] == code
    assert kit.who(client) == "ada@example.org"


def test_reconnect_of_nothing(client: t.Any) -> None:
    assert client.post("/reconnect/google", headers=JSON).status_code == 404
    assert client.post("/reconnect/google", headers=JSON, data={"provider_user_id": "1"}).status_code == 404


@pytest.mark.parametrize(("person", "code"), [("ada", None), ("grace", "verify_mismatch")])
def test_verify(kit: Kit, client: t.Any, social_login: t.Any, person: str, code: str | None) -> None:
    social_login(client, "oidc", "ada", intent="connect")
    with client.session_transaction() as session:
        session["fs_paa"] = 1.0
    social_login(client, "oidc", person, intent="verify")
    with client.session_transaction() as session:
        assert (session["fs_paa"] > 1.0) is (code is None)
    assert code is None or kit.events[-1][1]["code"] == code


def test_verify_needs_a_provider_that_can(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "twitter", "ada", intent="connect")
    assert client.post("/verify/twitter", headers=JSON).get_json()["response"]["code"] == "cannot_verify"
    assert client.post("/verify/oidc", headers=JSON).status_code == 404


def test_stale_sessions_are_asked_again(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    for path in ("connect/google", "reconnect/google", "disconnect/google"):
        with client.session_transaction() as session:
            session["fs_paa"] = 1.0
            session.pop("fs_gexp", None)
        answer = client.post(f"/{path}", headers={**SAME_ORIGIN, "Referer": "http://localhost/me"})
        assert answer.location == "/verify?next=/me"
        assert client.post(f"/{path}", headers=JSON).status_code == 401
    with kit.app.app_context():
        assert len(kit.rows()) == 1


def test_freshness_can_be_ours(social_provider: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_FRESHNESS=dt.timedelta(seconds=-1))
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    with client.session_transaction() as session:
        session["fs_paa"] = 1.0
    assert client.post("/connect/google", headers=SAME_ORIGIN).status_code == 303


def test_the_list(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    page = client.get("/connections").get_data(as_text=True)
    assert "Google" in page
    assert "Facebook" in page
    (shown,) = client.get("/connections", headers=JSON).get_json()["response"]["connections"]
    assert shown["provider_id"] == "google"
    assert shown["can_disconnect"] is True
    with kit.app.app_context():
        (row,) = kit.rows()
        assert row.access_token not in str(shown)
    assert "access_token" not in shown
    assert kit.app.test_client().get("/connections").status_code == 302


REMOVALS = [
    ("post", "/disconnect/google", {}),
    ("post", "/disconnect/google", {"data": {"provider_user_id": "SUBJECT"}}),
    ("post", "/disconnect/google", {"json": {"provider_user_id": "SUBJECT"}}),
    ("delete", "/connect/google", {}),
    ("delete", "/connect/google/SUBJECT", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), REMOVALS)
@pytest.mark.parametrize("headers", [SAME_ORIGIN, JSON])
def test_disconnect(
    kit: Kit, client: t.Any, social_login: t.Any, social_provider: t.Any,
    method: str, path: str, body: dict[str, dict[str, str]], headers: dict[str, str],
) -> None:  # fmt: skip
    social_login(client, "google", "ada", intent="connect")
    subject = social_provider.subject("google", "ada")
    filled = {kind: dict.fromkeys(values, subject) for kind, values in body.items()}
    answer = getattr(client, method)(path.replace("SUBJECT", subject), headers=headers, **filled)
    assert answer.status_code == (200 if headers is JSON or "json" in body else 303)
    assert kit.events[-1][0] == "connection_removed"
    assert kit.events[-1][1]["provider_id"] == "google"
    with kit.app.app_context():
        assert kit.rows() == []


def test_a_view_for_an_outcome(social_provider: t.Any, social_login: t.Any) -> None:
    views = {"SOCIAL_CONNECTED_VIEW": "/welcome", "SOCIAL_DISCONNECTED_VIEW": "/bye"}
    kit = make_kit({"google": social_provider.settings("google")}, **views)
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    assert social_login(client, "google", "ada", intent="connect").location == "/welcome"
    assert client.post("/disconnect/google", headers=SAME_ORIGIN).location == "/bye"


@pytest.mark.parametrize(("method", "path"), [("post", "/disconnect/google"), ("delete", "/connect/google/1")])
def test_what_is_not_mine_looks_like_what_is_not_there(
    kit: Kit, client: t.Any, social_login: t.Any, social_provider: t.Any, method: str, path: str
) -> None:
    kit.add_user("grace@example.org")
    other = kit.app.test_client()
    kit.log_in(other, "grace@example.org")
    social_login(other, "google", "grace", intent="connect")
    subject = social_provider.subject("google", "grace")
    theirs = getattr(client, method)(path.replace("/1", f"/{subject}"), headers=JSON)
    nobodys = getattr(client, method)(path.replace("/1", "/nobody"), headers=JSON)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.get_json() == nobodys.get_json()
    with kit.app.app_context():
        assert len(kit.rows()) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"provider_user_id": ["1"]}},
        {"json": {"provider_user_id": ""}},
        {"json": {"provider_user_id": True}},
        {"json": {"provider_user_id": 17}},
        {"json": ["1"]},
        {"data": "{", "content_type": "application/json"},
        {"data": {"provider_user_id": ""}},
        {"data": {"provider_user_id": "\x00"}},
        {"data": '{"provider_user_id": "1"}', "content_type": "text/plain"},
        {"data": "provider_user_id=1", "content_type": ""},
        {"data": "--x\r\nname=provider_user_id\r\n\r\n1", "content_type": "multipart/form-data; boundary=y"},
        {"data": "[" * 200_000, "content_type": "application/json"},
        {"query_string": "provider_user_id=1"},
        {
            "input_stream": io.BytesIO(b'{"provider_user_id": "1"}'),
            "content_type": "application/json",
            "environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        },
    ],
)
def test_nonsense_does_not_mean_all(kit: Kit, client: t.Any, social_login: t.Any, body: dict[str, t.Any]) -> None:
    social_login(client, "google", "ada", intent="connect")
    assert client.post("/disconnect/google", headers=JSON, **body).status_code == 404
    with kit.app.app_context():
        assert len(kit.rows()) == 1


@pytest.mark.parametrize("body", [{}, {"content_type": "application/json"}, {"json": {}}, {"json": {"other": 1}}])
def test_no_name_means_all(kit: Kit, client: t.Any, social_login: t.Any, body: dict[str, t.Any]) -> None:
    for person in ("ada", "grace"):
        social_login(client, "google", person, intent="connect")
    assert client.post("/disconnect/google", headers=JSON, **body).get_json()["response"]["removed"] == 2
    with kit.app.app_context():
        assert kit.rows() == []


def test_a_number_names_an_account(kit: Kit, client: t.Any) -> None:
    with kit.app.app_context():
        kit.db.session.add(kit.Connection(user_id=1, provider_id="google", provider_user_id="17"))
        kit.db.session.commit()
    assert client.post("/disconnect/google", headers=JSON, json={"provider_user_id": 17}).status_code == 200


def test_disconnecting_needs_evidence_of_origin(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    assert client.delete("/connect/google").status_code == 400
    assert client.post("/disconnect/google", headers={"Origin": "https://evil.example"}).status_code == 400
    assert kit.app.test_client().post("/disconnect/google", headers=JSON).status_code == 401
    with kit.app.app_context():
        assert len(kit.rows()) == 1


def test_the_disconnect_page(client: t.Any, social_login: t.Any, social_provider: t.Any, kit: Kit) -> None:
    social_login(client, "google", "ada", intent="connect")
    subject = social_provider.subject("google", "ada")
    page = client.get(f"/connect/google/{subject}")
    assert page.status_code == 200
    assert "disconnect" in page.get_data(as_text=True).lower()
    assert client.get("/connect/google/nobody").status_code == 404
    assert kit.app.test_client().get(f"/connect/google/{subject}").status_code == 302


def without_password(kit: Kit) -> None:
    with kit.app.app_context():
        kit.db.session.execute(kit.db.select(kit.User)).scalar_one().password = None
        kit.db.session.commit()


def test_the_last_way_in_stays(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    social_login(client, "facebook", "ada", intent="connect")
    without_password(kit)
    assert client.post("/disconnect/google", headers=JSON).status_code == 200
    answer = client.post("/disconnect/facebook", headers=JSON)
    assert answer.status_code == 409
    assert answer.get_json()["response"]["code"] == "last_login_method"
    with kit.app.app_context():
        assert [row.provider_id for row in kit.rows()] == ["facebook"]


def test_a_switched_off_provider_is_no_way_in(kit: Kit, client: t.Any, social_login: t.Any) -> None:
    social_login(client, "google", "ada", intent="connect")
    without_password(kit)
    with kit.app.app_context():
        row = kit.rows()[0]
        kit.db.session.add(kit.Connection(user_id=row.user_id, provider_id="gone", provider_user_id="1"))
        kit.db.session.commit()
    assert client.post("/disconnect/google", headers=JSON).status_code == 409
    assert "gone" in client.get("/connections").get_data(as_text=True)
    assert client.post("/disconnect/gone", headers=JSON).status_code == 200
    assert client.post("/disconnect/gone", headers=JSON).status_code == 404


def test_two_callbacks_of_one_identity_end_in_one_row(
    social_provider: t.Any, social_begin: t.Any, tmp_path: t.Any
) -> None:
    kit = make_kit(
        {"google": social_provider.settings("google")}, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'race.db'}"
    )
    kit.add_user()
    visits = []
    for _ in range(4):
        client = kit.app.test_client()
        kit.log_in(client)
        visits.append((client, social_begin(client, "google", "ada", intent="connect")))
    barrier, answers = threading.Barrier(len(visits)), []

    def finish(client: t.Any, url: str) -> None:
        barrier.wait()
        answers.append(client.get(url).status_code)

    threads = [threading.Thread(target=finish, args=visit) for visit in visits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [302] * len(visits)
    with kit.app.app_context():
        assert len(kit.rows()) == 1
    assert kit.names().count("connection_created") == 1
