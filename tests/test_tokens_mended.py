"""What an attack review found in the tokens: each stays mended."""

from __future__ import annotations

import threading
import time
import typing as t

import flask
import pytest

from .appkit import JSON, Kit, make_kit
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


def test_a_resolver_that_raises_hides_no_connection(social_provider: t.Any, social_login: t.Any) -> None:
    """The page, the JSON, the commands, and whoever deletes a user go on."""

    def resolver(provider_id: str) -> dict[str, t.Any] | None:
        raise RuntimeError("the tenants' database is down")

    kit = make_kit({"x": social_provider.settings("x")}, SOCIAL_PROVIDER_RESOLVER=resolver)
    ada = kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "x", "ada", intent="connect")
    with kit.app.app_context():
        kit.db.session.add(kit.Connection(user_id=ada, provider_id="tenant", provider_user_id="7", access_token="a"))
        kit.db.session.commit()
    found = client.get("/connections", headers=JSON).get_json()["response"]["connections"]
    assert sorted(it["provider_id"] for it in found) == ["tenant", "x"]
    assert client.get("/connections").status_code == 200
    for command in ("connections list", "connections show tenant 7", "export 1", "purge --yes"):
        ran = kit.app.test_cli_runner().invoke(args=["social", *command.split()])
        assert ran.exit_code == 0, ran.output
    assert client.delete("/connect/tenant", headers=JSON).get_json()["response"] == {"removed": 1}
    with kit.app.app_context():
        kit.db.session.delete(kit.users()[0])
        kit.db.session.commit()
        assert kit.rows() == []
