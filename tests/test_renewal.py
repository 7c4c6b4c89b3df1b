"""A token that is renewed when somebody uses it: when, by whom, and what is left when it goes wrong."""

from __future__ import annotations

import datetime as dt
import threading
import time
import typing as t

import pytest

from flask_social.errors import ProviderUnavailable, ReconnectRequired, TokenStoreBusy

from .appkit import Kit, make_kit

X = "x"


@pytest.fixture
def kit(social_provider: t.Any, social_login: t.Any, tmp_path: t.Any) -> Kit:
    """Ada, connected with X, whose refresh tokens work once."""
    social_provider.strict_refresh = True
    settings = {name: social_provider.settings(name) for name in (X, "oauth2", "twitter")}
    made = make_kit(settings, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'test.db'}", SOCIAL_HTTP_DEADLINE=2)
    made.add_user()
    client = made.app.test_client()
    made.log_in(client)
    for name in settings:
        social_login(client, name, "ada", intent="connect")
    made.events.clear()
    social_provider.forget_requests()
    return made


def change(kit: Kit, provider: str = X, **values: t.Any) -> None:
    with kit.app.app_context():
        row = stored(kit, provider)
        for name, value in values.items():
            setattr(row, name, value)
        kit.db.session.commit()


def stored(kit: Kit, provider: str = X) -> t.Any:
    return next(row for row in kit.rows() if row.provider_id == provider)


def in_seconds(seconds: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


def use(kit: Kit, provider: str = X) -> str:
    """The token that a client sends."""
    with kit.app.app_context():
        return token_of(kit.social[provider].get_session(connection=stored(kit, provider)))


def token_of(session: t.Any) -> str:
    import requests

    sent = session.prepare_request(requests.Request("GET", "users/me"))
    return str(sent.headers["Authorization"].removeprefix("Bearer "))


def asked(standin: t.Any, provider: str = X) -> int:
    return int(standin.count("token", provider))


LEFT: list[tuple[float | None, int]] = [(3600, 0), (61, 0), (59, 1), (0, 1), (-9999, 1), (None, 0)]


@pytest.mark.parametrize(("seconds", "times"), LEFT)
def test_it_is_renewed_near_its_end(kit: Kit, social_provider: t.Any, seconds: float | None, times: int) -> None:
    change(kit, token_version=0, expires_at=None if seconds is None else in_seconds(seconds))
    first = use(kit)
    assert asked(social_provider) == times
    assert use(kit) == first
    assert asked(social_provider) == times
    assert kit.names() == ["token_refreshed"] * times
    with kit.app.app_context():
        row = stored(kit)
        assert (row.access_token, row.token_version, row.lease_until, row.status) == (first, times, None, "active")
        assert row.expires_at is None if seconds is None else row.expires_at > in_seconds(60)


def test_a_good_token_asks_nobody(kit: Kit, social_provider: t.Any) -> None:
    from sqlalchemy import event

    with kit.app.app_context():
        row = stored(kit)
        statements: list[str] = []
        event.listen(kit.db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        api = kit.social.x.get_api(connection=row)
        assert statements == []
        assert api.get_me().data.username == "ada_lovelace"
        assert statements == []
    assert asked(social_provider) == 0


def test_an_answer_without_a_refresh_token_keeps_the_old_one(kit: Kit, social_provider: t.Any) -> None:
    social_provider.rotate_refresh_tokens = False
    with kit.app.app_context():
        before, made = stored(kit).refresh_token, stored(kit).token_version
    for version in (made + 1, made + 2):
        change(kit, expires_at=in_seconds(0))
        use(kit)
        with kit.app.app_context():
            assert stored(kit).refresh_token == before
            assert stored(kit).token_version == version


def test_the_callers_object_shows_the_new_token_and_is_not_changed(kit: Kit) -> None:
    change(kit, expires_at=in_seconds(0))
    with kit.app.app_context():
        row = stored(kit)
        old = row.access_token
        session = kit.social.x.get_session(connection=row)
        assert token_of(session) == row.access_token != old
        assert not kit.db.session.dirty
        kit.db.session.commit()
    with kit.app.app_context():
        assert stored(kit).access_token == token_of(session)


def test_what_the_caller_has_read_and_changed_is_left_alone(kit: Kit, social_provider: t.Any) -> None:
    """SQLite has one writer: before a flush it is free, after it the renewal gives up at once, and asks nobody."""
    change(kit, expires_at=in_seconds(0))
    with kit.app.app_context():
        row = stored(kit)
        user = kit.users()[0]
        user.email = "new@example.org"
        with kit.db.session.no_autoflush:
            kit.social.x.get_session(connection=row)
        assert user in kit.db.session.dirty
        assert asked(social_provider) == 1
        kit.db.session.rollback()
        assert kit.users()[0].email == "ada@example.org"
    change(kit, expires_at=in_seconds(0))
    with kit.app.app_context():
        row = stored(kit)
        kit.users()[0].email = "new@example.org"
        kit.db.session.flush()
        began = time.monotonic()
        with pytest.raises(TokenStoreBusy):
            kit.social.x.get_session(connection=row)
        assert time.monotonic() - began < 3
        assert asked(social_provider) == 1
        kit.db.session.commit()
        assert kit.users()[0].email == "new@example.org"


def test_a_dead_grant_asks_for_its_owner(kit: Kit, social_provider: t.Any, social_login: t.Any) -> None:
    social_provider.revoke(X, "ada")
    change(kit, expires_at=in_seconds(0))
    for _ in range(2):
        with kit.app.test_request_context(), pytest.raises(ReconnectRequired) as caught:
            kit.social.x.get_session(connection=stored(kit))
        assert caught.value.url == "http://localhost/reconnect/x"
    assert asked(social_provider) == 1
    assert kit.names() == ["token_refresh_failed"]
    assert isinstance(kit.events[0][1]["error"], ReconnectRequired)
    with kit.app.app_context():
        assert (stored(kit).status, stored(kit).lease_until) == ("needs_reconnect", None)
    client = kit.app.test_client()
    social_login(client, X, "ada")
    assert kit.who(client) == "ada@example.org"
    assert use(kit)


URLS: list[tuple[dict[str, t.Any], str | None]] = [
    ({}, None),
    ({"SOCIAL_APP_URL": "https://www.example.org/shop"}, "https://www.example.org/shop/reconnect/oauth2"),
    ({"SOCIAL_APP_URL": "https://a.example", "SOCIAL_URL_PREFIX": "/s"}, "https://a.example/s/reconnect/oauth2"),
]


@pytest.mark.parametrize(("config", "url"), URLS)
def test_where_to_reconnect_outside_a_request(
    social_provider: t.Any, config: dict[str, t.Any], url: str | None
) -> None:
    kit = make_kit({"oauth2": social_provider.settings("oauth2")}, **config)
    kit.add_user()
    with kit.app.app_context():
        kit.db.session.add(kit.Connection(user_id=1, provider_id="oauth2", provider_user_id="1"))
        kit.db.session.commit()
        with pytest.raises(ReconnectRequired) as caught:
            kit.social.oauth2.get_session(user=1)
    assert caught.value.url == url


def test_one_that_another_process_rotated_away(kit: Kit, social_provider: t.Any) -> None:
    """The object is old: the grant is not dead, only what this process knew of it."""
    change(kit, expires_at=in_seconds(0))
    with kit.app.app_context():
        old = stored(kit)
        old.refresh_token  # noqa: B018  # read, so that it is the object's
        newest = []
        thread = threading.Thread(target=lambda: newest.append(use(kit)))
        thread.start()
        thread.join()
        assert token_of(kit.social.x.get_session(connection=old)) == newest[0]
    assert asked(social_provider) == 1


DOWN: list[tuple[float, bool]] = [(30, True), (-1, False)]


@pytest.mark.parametrize(("seconds", "lives"), DOWN)
def test_a_provider_that_is_down(kit: Kit, social_provider: t.Any, seconds: float, lives: bool) -> None:
    """A token that lives serves on, and nobody asks again at once."""
    change(kit, expires_at=in_seconds(seconds))
    with social_provider.faults.server_error("token", times=None) as fault:
        for _ in range(2):
            if lives:
                assert use(kit)
            else:
                with pytest.raises((ProviderUnavailable, TokenStoreBusy)):
                    use(kit)
    assert fault.struck == 1 if lives else fault.struck <= 2
    assert kit.names() == []
    change(kit, lease_until=None)
    assert use(kit)
    assert kit.names() == ["token_refreshed"]


def test_a_lease_of_somebody_else(kit: Kit, social_provider: t.Any) -> None:
    """While the token lives it serves; a dead holder's lease ends by its time."""
    change(kit, expires_at=in_seconds(30), lease_until=in_seconds(20).replace(microsecond=0))
    use(kit)
    assert asked(social_provider) == 0
    change(kit, expires_at=in_seconds(-1), lease_until=in_seconds(2).replace(microsecond=0))
    use(kit)
    assert asked(social_provider) == 1


def test_threads_of_one_client_renew_once(kit: Kit, social_provider: t.Any) -> None:
    social_provider.faults.slow(0.3, "token", X)
    with kit.app.app_context():
        session = kit.social.x.get_session(connection=stored(kit))
    social_provider.advance(7201)  # the provider takes it no more
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(session.get("users/me").status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 6
    assert asked(social_provider) == 1


def test_a_client_that_a_worker_keeps(kit: Kit, social_provider: t.Any) -> None:
    """Outside any context, when the token ends."""
    change(kit, expires_at=in_seconds(61.5))
    with kit.app.app_context():
        session = kit.social.x.get_session(connection=stored(kit))
    assert session.get("users/me").status_code == 200
    assert asked(social_provider) == 0
    time.sleep(2)
    assert session.get("users/me").status_code == 200
    assert asked(social_provider) == 1


def test_what_cannot_be_renewed_is_looked_at_before_it_counts_as_revoked(kit: Kit, social_provider: t.Any) -> None:
    change(kit, "oauth2", refresh_token=None, expires_at=None)
    with kit.app.app_context():
        session = kit.social.oauth2.get_session(connection=stored(kit, "oauth2"))
        social_provider.faults.add("profile", "oauth2", 1, status=401)
        # One page says no, and the next time the profile is there: the token is good.
        assert session.get("me").status_code in (200, 401)
        assert stored(kit, "oauth2").status == "active"
        social_provider.revoke("oauth2", "ada")
        with pytest.raises(ReconnectRequired):
            session.get("me")
        kit.db.session.expire_all()
        assert stored(kit, "oauth2").status == "revoked"
        with pytest.raises(ReconnectRequired):
            kit.social.oauth2.get_session(connection=stored(kit, "oauth2"))


def test_an_api_that_refuses_every_token_costs_no_renewal(kit: Kit, social_provider: t.Any) -> None:
    with kit.app.app_context():
        for _ in range(3):
            session = kit.social.x.get_session(connection=stored(kit))
            social_provider.faults.add("profile", X, 1, status=401)
            assert session.get("users/me").status_code == 401
        assert stored(kit).status == "active"
    assert asked(social_provider) == 0


def test_a_login_wins_against_a_renewal_under_way(kit: Kit, social_provider: t.Any, social_login: t.Any) -> None:
    change(kit, expires_at=in_seconds(-1))
    fault = social_provider.faults.slow(1.0, "token", X)
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(use(kit)))
    thread.start()
    while not fault.struck:
        time.sleep(0.01)
    client = kit.app.test_client()
    social_login(client, X, "ada")
    thread.join()
    with kit.app.app_context():
        row = stored(kit)
        assert row.status == "active"
        assert results == [row.access_token]
        assert row.lease_until is None


def test_an_expired_token_without_any_means_asks_for_its_owner(kit: Kit, social_provider: t.Any) -> None:
    change(kit, refresh_token=None, expires_at=in_seconds(30))
    assert use(kit)
    change(kit, expires_at=in_seconds(-1))
    with pytest.raises(ReconnectRequired):
        use(kit)
    assert asked(social_provider) == 0
    assert kit.names() == []
    with kit.app.app_context():
        assert stored(kit).status == "needs_reconnect"


def test_tokens_of_oauth_1_have_no_end(kit: Kit, social_provider: t.Any) -> None:
    with kit.app.app_context():
        assert kit.social.twitter.get_api(connection=stored(kit, "twitter")).get_me().data.username == "ada_lovelace"
    assert social_provider.count("token", "twitter") == 0
