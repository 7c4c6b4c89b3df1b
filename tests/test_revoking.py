"""Grants end at the provider when their connection goes: at once, later, or not at all."""

from __future__ import annotations

import datetime as dt
import logging
import typing as t

import pytest
import sqlalchemy as sa

from flask_social import revoking
from flask_social.datastores.base import Revocation
from flask_social.datastores.columns import utcnow
from flask_social.providers.base import Context, OAuth2Provider
from flask_social.signals import connection_removed
from flask_social.testing.browser import visit
from flask_social.values import Client, Flow, Request, Token

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit

NAMES = ("google", "facebook", "x", "twitter", "oauth2", "oidc")
FACTS: dict[str, dict[str, t.Any]] = {
    "google": {"authorize_params": {"access_type": "offline"}},
    "oidc": {"scope": "openid email offline_access"},
}

#: Method, path, and names of parameters, of each provider's own request.
REQUESTS = {
    "google": ("POST", "/google/revoke", {"token", "token_type_hint"}),
    "facebook": ("DELETE", "/facebook/v25.0/me/permissions", {"appsecret_proof"}),
    "x": ("POST", "/x/2/oauth2/revoke", {"token", "token_type_hint"}),
    "twitter": ("POST", "/twitter/1.1/oauth/invalidate_token", set()),
    "oauth2": ("POST", "/oauth2/revoke", {"token", "token_type_hint"}),
    "oidc": ("POST", "/oidc/revoke", {"token", "token_type_hint"}),
}


@pytest.fixture
def ada(social_provider: t.Any, social_login: t.Any) -> t.Any:
    def prepare(*names: str, **config: t.Any) -> tuple[Kit, t.Any]:
        kit = make_kit({name: social_provider.settings(name, **FACTS.get(name, {})) for name in names}, **config)
        kit.add_user()
        client = kit.app.test_client()
        kit.log_in(client)
        for name in names:
            assert social_login(client, name, "ada", intent="connect").location == "/"
        return kit, client

    return prepare


def queued(kit: Kit) -> list[Revocation]:
    """All that is noted, whenever it is due."""
    with kit.app.app_context():
        store = kit.app.extensions["social"].datastore
        return list(store.due_revocations(utcnow() + dt.timedelta(days=2), 100))


def asked(standin: t.Any, name: str | None = None) -> list[t.Any]:
    return [seen for seen in standin.requests if seen.endpoint == "revoke" and name in (None, seen.provider)]


def retry(kit: Kit) -> dict[str, int]:
    with kit.app.app_context():
        return revoking.retry_revocations(kit.app.extensions["social"])


def make_due(kit: Kit, **values: t.Any) -> None:
    """Moves what is noted to this moment."""
    table = kit.db.metadata.tables["social_revocations"]
    with kit.app.app_context():
        past = utcnow().replace(microsecond=0) - dt.timedelta(seconds=1)
        kit.db.session.execute(sa.update(table).values(due_at=past, **values))
        kit.db.session.commit()


# At once


@pytest.mark.parametrize("name", NAMES)
def test_a_disconnect_ends_the_grant_by_the_providers_own_request(
    ada: t.Any, social_provider: t.Any, name: str
) -> None:
    kit, client = ada(name)
    alive = social_provider.live_tokens
    assert alive
    answer = client.post(f"/disconnect/{name}", headers=JSON)
    assert answer.get_json()["response"] == {"removed": 1}
    (seen,) = asked(social_provider)
    method, path, params = REQUESTS[name]
    assert (seen.method, seen.path) == (method, path)
    assert {*seen.params} - {"client_id", "client_secret"} == params
    assert {item.value for item in alive} - social_provider.revoked == set()
    assert queued(kit) == []
    if "token_type_hint" in params:
        assert seen.params["token_type_hint"] == "refresh_token"


def test_google_asks_for_no_client_authentication(ada: t.Any, social_provider: t.Any) -> None:
    _, client = ada("google")
    client.post("/disconnect/google", headers=JSON)
    (seen,) = asked(social_provider)
    assert seen.auth is None
    assert "client_secret" not in seen.params


def test_without_a_refresh_token_the_access_token_is_sent(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    with kit.app.app_context():
        kit.rows()[0].refresh_token = None
        kit.db.session.commit()
    client.post("/disconnect/oauth2", headers=JSON)
    assert asked(social_provider)[0].params["token_type_hint"] == "access_token"


def test_a_browser_gets_the_usual_answer(ada: t.Any, social_provider: t.Any) -> None:
    _, client = ada("google")
    answer = client.post("/disconnect/google", headers=SAME_ORIGIN)
    assert (answer.status_code, answer.location) == (303, "/")
    assert len(asked(social_provider)) == 1


def nothing_to_ask(kit: Kit, client: t.Any, standin: t.Any, name: str) -> None:
    assert client.post(f"/disconnect/{name}", headers=JSON).status_code == 200
    assert asked(standin) == []
    assert queued(kit) == []


def test_nothing_is_asked_where_the_setting_says_so(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("google", SOCIAL_REVOKE_ON_DISCONNECT=False)
    nothing_to_ask(kit, client, social_provider, "google")


def test_nothing_is_asked_where_there_is_no_endpoint(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("foursquare")
    assert not kit.app.extensions["social"].providers["foursquare"].can_revoke
    nothing_to_ask(kit, client, social_provider, "foursquare")


@pytest.mark.parametrize(
    "values",
    [
        {"access_token": None},
        {"sealed_access_token": "fs2$nonsense"},
        {"refresh_token": None, "expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
    ],
)
def test_nothing_is_asked_without_a_token_that_lives(
    ada: t.Any, social_provider: t.Any, values: dict[str, t.Any]
) -> None:
    kit, client = ada("oauth2")
    with kit.app.app_context():
        for name, value in values.items():
            setattr(kit.rows()[0], name, value)
            kit.db.session.commit()
    nothing_to_ask(kit, client, social_provider, "oauth2")


def test_nothing_is_asked_of_a_provider_that_is_switched_off(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    with kit.app.app_context():
        kit.rows()[0].provider_id = "gone"
        kit.db.session.commit()
    nothing_to_ask(kit, client, social_provider, "gone")


def test_what_may_not_go_is_not_revoked(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    with kit.app.app_context():
        kit.users()[0].password = None
        kit.db.session.commit()
    assert client.post("/disconnect/oauth2", headers=JSON).status_code == 409
    assert asked(social_provider) == []
    assert queued(kit) == []


# Later


DOWN: list[dict[str, t.Any]] = [
    {"error": "server_error"},
    {"error": "rate_limited"},
    {"drop": True},
    {"status": 401, "json": {"error": "invalid_client"}},
    {"status": 302, "headers": {"Location": "https://elsewhere.invalid/"}},
]


@pytest.mark.parametrize("how", DOWN, ids=["500", "429", "dropped", "refused", "redirected"])
def test_a_provider_that_is_down_is_asked_again(ada: t.Any, social_provider: t.Any, how: dict[str, t.Any]) -> None:
    kit, client = ada("oauth2")
    with social_provider.faults.add("revoke", "oauth2", **how):
        answer = client.post("/disconnect/oauth2", headers=JSON)
        assert answer.get_json()["response"] == {"removed": 1}
        with kit.app.app_context():
            assert kit.rows() == []
        (waiting,) = queued(kit)
        assert waiting.attempts == 1
        assert 50 < (waiting.due_at - utcnow()).total_seconds() <= 61
        assert retry(kit) == {}  # its time has not come
    make_due(kit)
    assert retry(kit) == {"revoked": 1}
    assert queued(kit) == []
    assert social_provider.live_tokens == ()
    assert retry(kit) == {}


def test_a_slow_provider_holds_nobody_longer_than_the_limit(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2", "google", SOCIAL_HTTP_TIMEOUT=(1, 0.3))
    social_provider.faults.slow(5, "revoke", "oauth2")
    began = utcnow()
    assert client.post("/disconnect/oauth2", headers=JSON).status_code == 200
    assert (utcnow() - began).total_seconds() < 3
    assert len(queued(kit)) == 1


def test_the_pause_doubles_up_to_six_hours_and_ends(
    ada: t.Any, social_provider: t.Any, caplog: pytest.LogCaptureFixture
) -> None:
    kit, client = ada("oauth2")
    with social_provider.faults.server_error("revoke"):
        client.post("/disconnect/oauth2", headers=JSON)
        pauses = []
        for _ in range(8):
            make_due(kit)
            assert retry(kit) == {"postponed": 1}
            pauses.append(round((queued(kit)[0].due_at - utcnow()).total_seconds() / 60))
        assert pauses == [2, 4, 8, 16, 32, 64, 128, 256]
        make_due(kit)
        with caplog.at_level(logging.WARNING, "flask_social"):
            assert retry(kit) == {"given_up": 1}
    assert "a grant of oauth2 was not revoked" in caplog.text
    assert queued(kit) == []
    for secret in social_provider.ledger.secrets():
        assert secret not in caplog.text


def test_the_longest_pause() -> None:
    assert [revoking._pause(tried).total_seconds() for tried in (0, 1, 8, 9, 50)] == [60, 120, 15360, 21600, 21600]


@pytest.mark.parametrize("name", NAMES)
def test_a_token_that_is_dead_already_is_done(ada: t.Any, social_provider: t.Any, name: str) -> None:
    kit, client = ada(name)
    social_provider.revoke(name, "ada")
    client.post(f"/disconnect/{name}", headers=JSON)
    assert len(asked(social_provider)) == 1
    assert queued(kit) == []


def test_what_is_noted_names_nobody_and_tells_nothing(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    social_provider.faults.server_error("revoke")
    client.post("/disconnect/oauth2", headers=JSON)
    table = kit.db.metadata.tables["social_revocations"]
    with kit.app.app_context():
        (row,) = kit.db.session.execute(sa.select(table)).all()
    text = repr(tuple(row))
    named = [social_provider.subject("oauth2", "ada"), "ada@example.org", *social_provider.ledger.secrets()]
    assert [value for value in named if value in text] == []
    assert row.sealed not in repr(queued(kit))


def test_what_was_copied_to_another_row_does_not_open(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    social_provider.faults.server_error("revoke")
    client.post("/disconnect/oauth2", headers=JSON)
    make_due(kit, id="0" * 32)
    social_provider.forget_requests()
    assert retry(kit) == {"postponed": 1}
    assert asked(social_provider) == []


@pytest.mark.parametrize(
    "damaged",
    [
        {"sealed": "not sealed"},
        {"sealed": '{"access_token": "chosen by whoever writes to the database"}'},
        {"sealed": ""},
        {"sealed": "fs2$"},
        {"attempts": -5},
        {"attempts": 2**31 - 1},
    ],
)
def test_what_is_damaged_stops_no_other_and_is_sent_nowhere(
    ada: t.Any, social_provider: t.Any, damaged: dict[str, t.Any]
) -> None:
    kit, client = ada("oauth2", "x")
    with social_provider.faults.server_error("revoke"):
        for name in ("oauth2", "x"):
            client.post(f"/disconnect/{name}", headers=JSON)
    make_due(kit)
    table = kit.db.metadata.tables["social_revocations"]
    with kit.app.app_context():
        past = utcnow().replace(microsecond=0) - dt.timedelta(days=1)  # the oldest is the first
        changed = sa.update(table).where(table.c.provider_id == "x").values(due_at=past, **damaged)
        kit.db.session.execute(changed)
        kit.db.session.commit()
    social_provider.forget_requests()
    assert retry(kit)["revoked"] == (1 if "sealed" in damaged else 2)
    assert len(asked(social_provider, "x")) == (0 if "sealed" in damaged else 1)


def test_of_two_workers_one_asks(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    social_provider.faults.server_error("revoke")
    client.post("/disconnect/oauth2", headers=JSON)
    make_due(kit)
    (noted,) = queued(kit)
    social_provider.forget_requests()
    with kit.app.app_context():
        state = kit.app.extensions["social"]
        assert [revoking.attempt(state, noted) for _ in range(2)] == ["revoked", "taken"]
    assert len(asked(social_provider)) == 1


def test_a_provider_that_was_switched_off_meanwhile(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    social_provider.faults.server_error("revoke")
    client.post("/disconnect/oauth2", headers=JSON)
    make_due(kit, provider_id="gone")
    assert retry(kit) == {"postponed": 1}


# Together with what is stored


def test_the_lock_is_not_held_while_the_provider_is_asked(
    social_provider: t.Any, social_login: t.Any, tmp_path: t.Any
) -> None:
    path = tmp_path / "lock.db"
    kit = make_kit({"oauth2": social_provider.settings("oauth2")}, SQLALCHEMY_DATABASE_URI=f"sqlite:///{path}")
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "oauth2", "ada", intent="connect")
    engine, seen = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0}), []

    class Noting:
        """Stands where the stand-in's request is answered, and writes to the same file."""

        def __init__(self, send: t.Any) -> None:
            self.send = send

        def __call__(self, request: t.Any) -> t.Any:
            with engine.begin() as connection:
                connection.execute(sa.text("UPDATE user SET username = 'written'"))
            seen.append(str(request))
            return self.send(request)

    with kit.app.app_context():
        state = kit.app.extensions["social"]
        with state.datastore.lock_user(1):
            (row,) = state.datastore.find_connections(user_id=1)
            noted = revoking.queue(state, row)
            state.datastore.delete_connection(user_id=1, provider_id="oauth2")
            state.datastore.commit()
            assert revoking.revoke_now(state, noted, Noting(state.exchange()))
    assert len(seen) == 1
    engine.dispose()


def test_a_store_that_is_locked_leaves_it_for_later(
    social_provider: t.Any, social_login: t.Any, tmp_path: t.Any
) -> None:
    uri = f"sqlite:///{tmp_path / 'locked.db'}"
    kit = make_kit({"oauth2": social_provider.settings("oauth2")}, SQLALCHEMY_DATABASE_URI=uri)
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "oauth2", "ada", intent="connect")
    engine = sa.create_engine(uri)

    def lock(sender: t.Any, **values: t.Any) -> None:
        held.append(engine.connect())
        held[0].execute(sa.text("BEGIN IMMEDIATE"))

    held: list[t.Any] = []
    connection_removed.connect(lock, sender=kit.app)
    assert client.post("/disconnect/oauth2", headers=JSON).get_json()["response"] == {"removed": 1}
    held[0].close()
    engine.dispose()
    assert asked(social_provider) == []
    assert retry(kit) == {"revoked": 1}


def test_a_rollback_takes_the_note_along(ada: t.Any, social_provider: t.Any) -> None:
    kit, _ = ada("oauth2")
    with kit.app.app_context():
        state = kit.app.extensions["social"]
        assert revoking.queue(state, kit.rows()[0]) is not None
        state.datastore.rollback()
    assert queued(kit) == []


def test_without_the_table_the_grant_gets_one_try(
    ada: t.Any, social_provider: t.Any, caplog: pytest.LogCaptureFixture
) -> None:
    kit, client = ada("oauth2", "google")
    with kit.app.app_context():
        kit.db.session.execute(sa.text("DROP TABLE social_revocations"))
        kit.db.session.commit()
    assert client.post("/disconnect/oauth2", headers=JSON).status_code == 200
    assert len(asked(social_provider, "oauth2")) == 1
    with social_provider.faults.server_error("revoke"), caplog.at_level(logging.WARNING, "flask_social"):
        assert client.post("/disconnect/google", headers=JSON).status_code == 200
    assert "there is no table social_revocations" in caplog.text
    assert "a grant of google was not revoked" in caplog.text
    with kit.app.app_context():
        assert kit.rows() == []


# Connected anew


@pytest.mark.parametrize("intent", ["connect", "login"])
def test_a_new_connection_of_the_account_forgets_what_was_noted(
    ada: t.Any, social_provider: t.Any, social_login: t.Any, intent: str
) -> None:
    kit, client = ada("google", SOCIAL_SIGNUP="auto", SOCIAL_LINK_BY_EMAIL="never")
    with social_provider.faults.server_error("revoke"):
        client.post("/disconnect/google", headers=JSON)
    assert len(queued(kit)) == 1
    if intent == "login":
        with kit.app.app_context():
            kit.users()[0].email = "other@example.org"  # so that Ada is new here
            kit.db.session.commit()
        client = kit.app.test_client()
    social_login(client, "google", "ada", intent=intent)
    with kit.app.app_context():
        assert len(kit.rows()) == 1
    assert queued(kit) == []


def test_another_account_forgets_nothing(ada: t.Any, social_provider: t.Any, social_login: t.Any) -> None:
    kit, client = ada("oauth2")
    with social_provider.faults.server_error("revoke"):
        client.post("/disconnect/oauth2", headers=JSON)
    social_login(client, "oauth2", "grace", intent="connect")
    assert len(queued(kit)) == 1


def test_a_new_secret_key_still_forgets(social_provider: t.Any, social_login: t.Any, tmp_path: t.Any) -> None:
    def open_kit(**config: t.Any) -> tuple[Kit, t.Any]:
        uri = f"sqlite:///{tmp_path / 'keys.db'}"
        kit = make_kit({"oauth2": social_provider.settings("oauth2")}, SQLALCHEMY_DATABASE_URI=uri, **config)
        if not config:
            kit.add_user()
        client = kit.app.test_client()
        kit.log_in(client)
        social_login(client, "oauth2", "ada", intent="connect")
        return kit, client

    kit, client = open_kit()
    with social_provider.faults.server_error("revoke"):
        client.post("/disconnect/oauth2", headers=JSON)
    assert len(queued(kit)) == 1
    old = [kit.app.config["SECRET_KEY"]]
    kit, _ = open_kit(SECRET_KEY="a new secret, thirty-two bytes long", SECRET_KEY_FALLBACKS=old)
    assert queued(kit) == []


def test_a_reconnect_is_not_disturbed(ada: t.Any, social_provider: t.Any) -> None:
    kit, client = ada("oauth2")
    begun = client.post("/reconnect/oauth2", headers=JSON).get_json()["response"]["authorization_url"]
    client.get(visit(begun, "ada").url)
    assert asked(social_provider) == []
    assert queued(kit) == []


# Users that go


def test_the_grants_of_a_deleted_user_are_noted_and_ended_later(ada: t.Any, social_provider: t.Any) -> None:
    kit, _ = ada("oauth2", "foursquare", "twitter")
    with kit.app.app_context():
        kit.db.session.delete(kit.users()[0])
        kit.db.session.commit()
        assert kit.rows() == []
    assert asked(social_provider) == []
    assert sorted(noted.provider_id for noted in queued(kit)) == ["oauth2", "twitter"]
    make_due(kit)
    assert retry(kit) == {"revoked": 2}
    assert {item.grant.provider for item in social_provider.live_tokens} == {"foursquare"}


def test_a_deletion_that_is_rolled_back_ends_nothing(ada: t.Any) -> None:
    kit, _ = ada("oauth2")
    with kit.app.app_context():
        kit.db.session.delete(kit.users()[0])
        kit.db.session.flush()
        kit.db.session.rollback()
        assert len(kit.rows()) == 1
    assert queued(kit) == []


def test_a_deletion_notes_nothing_where_the_setting_says_so(ada: t.Any) -> None:
    kit, _ = ada("oauth2", SOCIAL_REVOKE_ON_DISCONNECT=False)
    with kit.app.app_context():
        kit.db.session.delete(kit.users()[0])
        kit.db.session.commit()
    assert queued(kit) == []


def test_a_merge_ends_nothing(ada: t.Any, social_provider: t.Any) -> None:
    kit, _ = ada("oauth2")
    with kit.app.app_context():
        other = kit.add_user("grace@example.com")
        kit.rows()[0].user_id = other
        kit.db.session.commit()
    assert asked(social_provider) == []
    assert queued(kit) == []


def test_a_provider_with_a_revocation_of_its_own_can_revoke() -> None:
    class Own(OAuth2Provider):
        authorize_url = access_token_url = "https://own.example/"

        def revoke(self, context: Context, token: Token) -> Flow[None]:
            yield Request("POST", "https://own.example/end")

    class Without(OAuth2Provider):
        authorize_url = access_token_url = "https://own.example/"

    client = Client("id", "secret")
    assert Own(id="own", client=client).can_revoke
    assert not Without(id="own", client=client).can_revoke
    assert Without(id="own", client=client, revoke_url="https://own.example/end").can_revoke
