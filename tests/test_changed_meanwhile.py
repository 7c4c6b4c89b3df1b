"""What somebody else changes between the look at the facts and the lock under which they count."""

from __future__ import annotations

import typing as t

import pytest
from sqlalchemy import event

from .appkit import JSON, Kit
from .joinkit import ADA, CONFIRM, TWO_FACTOR, connected, join_kit
from .test_merge import AFTER, BEFORE, make, offered, owners, signed_in

END_SESSIONS = "UPDATE user SET fs_uniquifier = 'ended' WHERE id = 1"
CONNECT = (
    "INSERT INTO connection (user_id, provider_id, provider_user_id, token_version, status, rank)"
    " VALUES (1, 'google', 'of another tab', 0, 'active', 1)"
)


def at_the_lock(kit: Kit, change: str) -> None:
    """Makes a change right before a user is locked."""

    changes = [change] if change else []

    def look(connection: t.Any, cursor: t.Any, text: str, *more: t.Any) -> None:
        if changes and text.startswith("UPDATE connection") and text.endswith("WHERE 0 = 1"):
            cursor.execute(changes.pop())

    with kit.app.app_context():
        engine = kit.db.engine
        event.listen(engine, "before_cursor_execute", look)


MERGES = [
    ("", None),
    (END_SESSIONS, "session_changed"),
    ("DELETE FROM user WHERE id = 1", "session_changed"),
    ("UPDATE user SET active = 0 WHERE id = 2", "connected_elsewhere"),
    ("UPDATE user SET tf_primary_method = 'authenticator', tf_totp_secret = '{}' WHERE id = 2", "connected_elsewhere"),
    ("DELETE FROM user WHERE id = 2", "connected_elsewhere"),
]


@pytest.mark.parametrize(("change", "code"), MERGES)
def test_a_merge(social_provider: t.Any, social_login: t.Any, change: str, code: str | None) -> None:
    kit = make(social_provider, **TWO_FACTOR)
    client = signed_in(kit)
    nonce = offered(kit, client, social_login)
    at_the_lock(kit, change)
    answer = client.post("/merge", json={"identity": nonce}, headers=JSON)
    assert answer.get_json()["response"].get("code") in (code, "merged")
    if "DELETE" not in change:
        assert owners(kit) == (BEFORE if code else AFTER)
    assert ("connection_created" in kit.names()) is (code is None)


LINKS = [
    ("", None),
    ("UPDATE user SET email = 'new@example.com' WHERE id = 1", "not_connected"),
    ("UPDATE user SET confirmed_at = NULL WHERE id = 1", "not_connected"),
    ("UPDATE user SET tf_primary_method = 'authenticator', tf_totp_secret = '{}' WHERE id = 1", "not_connected"),
    ("UPDATE user SET active = 0 WHERE id = 1", "user_inactive"),
    ("DELETE FROM user WHERE id = 1", "not_connected"),
]


@pytest.mark.parametrize(("change", "code"), LINKS)
def test_a_link_by_address(social_provider: t.Any, social_login: t.Any, change: str, code: str | None) -> None:
    kit = join_kit(social_provider, SOCIAL_LINK_BY_EMAIL="verified", **CONFIRM, **TWO_FACTOR)
    kit.add_user(ADA, confirmed_at=kit.security.datetime_factory())
    at_the_lock(kit, change)
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    refused = [values["code"] for name, values in kit.events if name == "attempt_refused"]
    assert refused == ([code] if code else [])
    assert connected(kit) == ([] if code else [(1, "google")])
    assert kit.who(client) == (None if code else ADA)


CONNECTS = [("", None), (END_SESSIONS, "session_changed"), (CONNECT, "one_per_provider")]


@pytest.mark.parametrize(("change", "code"), CONNECTS)
def test_a_connect(social_provider: t.Any, social_login: t.Any, change: str, code: str | None) -> None:
    kit = join_kit(social_provider, SOCIAL_SEVERAL_PER_PROVIDER=False)
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    at_the_lock(kit, change)
    social_login(client, "google", "ada", intent="connect")
    assert [values["code"] for name, values in kit.events if name == "attempt_refused"] == ([code] if code else [])
    assert len(connected(kit)) == (0 if code else 1)
    assert ("connection_created" in kit.names()) is (code is None)
