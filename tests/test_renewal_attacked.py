"""What an attack on renewals must not get: a lost grant, somebody else's token, callers that hang."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest

from flask_social.errors import ProviderError, ProviderUnavailable, ReconnectRequired

from .appkit import Kit
from .test_renewal import X, asked, change, in_seconds, kit, stored, token_of, use

__all__ = ["kit"]


def during(kit: Kit, standin: t.Any, act: t.Callable[[], object], seconds: float = 0.6) -> list[str]:
    """The token that somebody gets while the provider takes its time, in which something else happens."""
    fault = standin.faults.slow(seconds, "token", X)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(use(kit)))
    thread.start()
    while not fault.struck:
        time.sleep(0.01)
    act()
    thread.join()
    return found


def test_a_connection_that_is_merged_meanwhile_keeps_its_grant(kit: Kit, social_provider: t.Any) -> None:
    other = kit.add_user("grace@example.org")
    change(kit, expires_at=in_seconds(-1))
    found = during(kit, social_provider, lambda: change(kit, user_id=other))
    with kit.app.app_context():
        row = stored(kit)
        assert (row.user_id, row.status, row.lease_until) == (other, "active", None)
        assert found == [row.access_token]
    assert asked(social_provider) == 1


def test_one_that_somebody_took_the_lease_of_is_written_even_so(kit: Kit, social_provider: t.Any) -> None:
    """A holder that slept too long: the next one has heard ``invalid_grant``, and marked the row."""
    change(kit, expires_at=in_seconds(-1))
    found = during(kit, social_provider, lambda: change(kit, lease_until=None, status="needs_reconnect"))
    with kit.app.app_context():
        assert stored(kit).status == "active"
        assert found == [stored(kit).access_token]


def test_a_client_does_not_follow_the_account_to_another_owner(kit: Kit, social_provider: t.Any) -> None:
    with kit.app.app_context():
        session = kit.social.x.get_session(connection=stored(kit))
    change(kit, user_id=kit.add_user("grace@example.org"))
    social_provider.advance(7201)
    with pytest.raises(ReconnectRequired, match="gone"):
        session.get("users/me")
    assert asked(social_provider) == 0


def test_nor_to_another_issuer(kit: Kit, social_provider: t.Any) -> None:
    google = {**social_provider.settings("google")}
    from .appkit import make_kit

    made = make_kit({"google": google})
    made.add_user()
    with made.app.app_context():
        row = made.Connection(user_id=1, provider_id="google", provider_user_id="1", issuer="https://old.example")
        row.access_token, row.refresh_token, row.expires_at = "at", "rt", in_seconds(0)
        made.db.session.add(row)
        made.db.session.commit()
        with pytest.raises(ReconnectRequired):
            made.social.google.get_session(connection=row)
    assert asked(social_provider, "google") == 0


@pytest.mark.parametrize("seconds", [-1, 1.5])
def test_nobody_waits_for_a_provider_that_is_down(kit: Kit, social_provider: t.Any, seconds: float) -> None:
    change(kit, expires_at=in_seconds(seconds))
    with social_provider.faults.add("token", X, None, status=503, headers={"Retry-After": "60"}):
        if seconds > 0:
            assert use(kit)
            time.sleep(seconds + 1)
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(ProviderUnavailable):
                use(kit)
        assert time.monotonic() - began < 5
    assert use(kit)


def test_tokens_that_live_shorter_than_the_leeway(kit: Kit, social_provider: t.Any) -> None:
    """They are renewed at half of their lives, and not at each call."""
    change(kit, expires_at=in_seconds(0))
    social_provider.faults.add("token", X, None, merge={"expires_in": 45})
    tokens = {use(kit) for _ in range(5)}
    assert len(tokens) == 1
    assert asked(social_provider) == 1


ERRORS: list[tuple[dict[str, t.Any], bool]] = [
    ({"status": 400, "json": {"error": "invalid_request"}}, True),
    ({"status": 400, "json": {"error": "invalid_grant"}}, True),
    ({"status": 401, "json": {"error": "invalid_client"}}, False),
    ({"status": 400, "json": {"error": "unauthorized_client"}}, False),
    ({"status": 400, "body": b"nonsense"}, False),
    ({"status": 429}, False),
    ({"status": 200, "json": {}}, False),
]


@pytest.mark.parametrize(("how", "dead"), ERRORS)
def test_which_errors_end_a_grant(kit: Kit, social_provider: t.Any, how: dict[str, t.Any], dead: bool) -> None:
    """``invalid_request`` does at X, when it does not take the present token either."""
    change(kit, expires_at=in_seconds(-1))
    social_provider.advance(7201)
    social_provider.faults.add("token", X, 1, **how)
    with pytest.raises(ReconnectRequired if dead else ProviderError):
        use(kit)
    with kit.app.app_context():
        assert stored(kit).status == ("needs_reconnect" if dead else "active")
        assert stored(kit).lease_until is None
    assert kit.names() == (["token_refresh_failed"] if dead else [])


def test_invalid_request_does_not_while_the_token_is_good(kit: Kit, social_provider: t.Any) -> None:
    change(kit, expires_at=in_seconds(-1))
    social_provider.faults.add("token", X, 1, status=400, json={"error": "invalid_request"})
    with pytest.raises(ProviderError):
        use(kit)
    with kit.app.app_context():
        assert stored(kit).status == "active"


PROFILES: list[tuple[dict[str, t.Any], str]] = [
    ({"status": 401}, "revoked"),
    ({"status": 400, "json": {"error": "invalid_token"}}, "revoked"),
    ({"status": 403}, "active"),
    ({"status": 404}, "active"),
    ({"status": 429}, "active"),
    ({"status": 500}, "active"),
    ({"body": b"nonsense"}, "active"),
]


@pytest.mark.parametrize(("how", "status"), PROFILES)
def test_which_answers_say_that_a_token_is_revoked(
    kit: Kit, social_provider: t.Any, how: dict[str, t.Any], status: str
) -> None:
    change(kit, "oauth2", refresh_token=None, expires_at=None)
    with kit.app.app_context():
        session = kit.social.oauth2.get_session(connection=stored(kit, "oauth2"))
        social_provider.faults.add("profile", "oauth2", 1, status=401)
        social_provider.faults.add("profile", "oauth2", 1, **how)
        if status == "revoked":
            with pytest.raises(ReconnectRequired):
                session.get("me")
        else:
            assert session.get("me").status_code == 401
        kit.db.session.expire_all()
        assert stored(kit, "oauth2").status == status


def test_receivers_see_the_new_token(kit: Kit) -> None:
    from flask_social import signals

    seen: list[str] = []

    def look(sender: t.Any, connection: t.Any) -> None:
        seen.append(connection.access_token)

    change(kit, expires_at=in_seconds(0))
    with kit.app.app_context(), signals.token_refreshed.connected_to(look, kit.app):
        session = kit.social.x.get_session(connection=stored(kit))
        assert seen == [token_of(session)]


def test_a_token_that_lives_serves_while_the_store_is_locked(kit: Kit, social_provider: t.Any) -> None:
    change(kit, expires_at=in_seconds(50))
    with kit.app.app_context():
        row = stored(kit)
        kit.users()[0].email = "new@example.org"
        kit.db.session.flush()
        assert token_of(kit.social.x.get_session(connection=row))
    assert asked(social_provider) == 0
