"""Stored tokens in use: live, missing, unreadable."""

from __future__ import annotations

import typing as t

import pytest

from flask_social import ReconnectRequired
from flask_social.errors import TokenUnreadable

from .appkit import Kit, make_kit


@pytest.fixture
def kit(social_provider: t.Any, social_login: t.Any) -> Kit:
    made = make_kit({name: social_provider.settings(name) for name in ("google", "x", "oauth2")})
    made.add_user()
    client = made.app.test_client()
    made.log_in(client)
    for provider in ("google", "x", "oauth2"):
        social_login(client, provider, "ada", intent="connect")
    return made


def row(kit: Kit, provider: str = "google") -> t.Any:
    return next(found for found in kit.rows() if found.provider_id == provider)


def test_a_client_outside_a_request(kit: Kit) -> None:
    with kit.app.app_context():
        user_id = row(kit).user_id
        assert kit.social.google.get_api(user=user_id).userinfo().get().execute()["name"] == "Ada Lovelace"
        assert kit.social.x.get_api(connection=row(kit, "x")).get_me().data.username == "ada_lovelace"
        session = kit.social.oauth2.get_session(user=user_id)
        assert session.get("userinfo").status_code in (200, 404)


def test_a_client_within_a_request(kit: Kit) -> None:
    with kit.app.test_client() as client:
        kit.log_in(client)
        client.get("/whoami")
        assert kit.social.google.get_api().userinfo().get().execute()["name"] == "Ada Lovelace"


def test_a_missing_token_asks_to_reconnect(kit: Kit) -> None:
    with kit.app.app_context():
        row(kit).access_token = None
        kit.db.session.commit()
        with pytest.raises(ReconnectRequired, match="connect it again"):
            kit.social.google.get_api(connection=row(kit))
        assert row(kit).status == "needs_reconnect"


def test_a_lost_key_asks_to_reconnect_and_never_blocks_a_login(kit: Kit, social_login: t.Any) -> None:
    with kit.app.app_context():
        row(kit).sealed_access_token = row(kit, "x").sealed_access_token
        kit.db.session.commit()
        with pytest.raises(ReconnectRequired) as caught:
            kit.social.google.get_session(connection=row(kit))
        assert isinstance(caught.value.__cause__, TokenUnreadable)
        assert row(kit).status == "needs_reconnect"
    client = kit.app.test_client()
    social_login(client, "google", "ada")
    assert kit.who(client) == "ada@example.org"
    with kit.app.app_context():
        assert row(kit).status == "active"
        assert kit.social.google.get_session(connection=row(kit)) is not None
