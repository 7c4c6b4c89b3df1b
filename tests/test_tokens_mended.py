"""What an attack review found in the tokens: each stays mended."""

from __future__ import annotations

import threading
import time
import typing as t

import flask
import pytest

from .appkit import JSON, Kit
from .test_renewal import change, in_seconds, kit, stored, use

__all__ = ["kit"]


def test_a_connection_that_is_made_anew_is_not_the_one_before(kit: Kit, social_login: t.Any) -> None:
    """Whoever still works on the row of before finds that it is gone."""
    client = kit.app.test_client()
    kit.log_in(client)
    store = kit.app.extensions["social"].datastore
    with kit.app.app_context():
        (before,) = (it for it in store.page_tokens() if it.key.provider_id == "oauth2")
    assert client.delete("/connect/oauth2", headers=JSON).status_code == 200
    social_login(client, "oauth2", "ada", intent="connect")
    with kit.app.app_context():
        assert store.read_tokens(before.key).user_id == before.user_id
        assert store.swap_tokens(before, {"status": "revoked", "access_token": "old"}) is False
        assert stored(kit, "oauth2").status == "active"


def test_a_reconnect_counts_though_a_renewal_meanwhile_found_the_grant_dead(
    kit: Kit, social_provider: t.Any, social_login: t.Any
) -> None:
    """The application has read the row before the reconnect did."""
    client = kit.app.test_client()
    kit.log_in(client)
    read: list[t.Any] = []

    def read_it(sender: t.Any) -> None:
        read.append(stored(kit))

    change(kit, expires_at=in_seconds(-1))
    fault = social_provider.faults.slow(1.0, "profile", "x")
    with flask.request_started.connected_to(read_it, kit.app):
        thread = threading.Thread(target=lambda: social_login(client, "x", "ada", intent="reconnect"))
        thread.start()
        while not fault.struck:
            time.sleep(0.01)
        change(kit, status="needs_reconnect", lease_until=None)
        thread.join()
    assert use(kit)
    with kit.app.app_context():
        assert stored(kit).status == "active"


def test_a_token_goes_to_no_other_provider(kit: Kit, social_provider: t.Any) -> None:
    with kit.app.app_context():
        for of_x in (kit.social.oauth2.get_api, kit.social.oauth2.get_session):
            with pytest.raises(ValueError, match="no connection to 'oauth2'"):
                of_x(connection=stored(kit, "x"))
        assert kit.social.x.get_session(connection=stored(kit, "x")) is not None
    assert social_provider.count("token") == 0
