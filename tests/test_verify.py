"""Proving through a provider that it is still oneself, for users without any password above all."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social import ConfigurationError
from flask_social.testing.faults import REMOVE

from .appkit import JSON, SAME_ORIGIN, Kit, make_kit
from .pagekit import Page

NAMES = ("oidc", "google", "twitter")
TOTP = {"SECURITY_TOTP_SECRETS": {"1": "TjQ9Qa31VOrfEzuPy4VHQWPCTmRzCnFzMKLxXYiZu9B"}, "SECURITY_TOTP_ISSUER": "tests"}
BY_MAIL = {"SECURITY_UNIFIED_SIGNIN": True, "SECURITY_US_ENABLED_METHODS": ["email"], **TOTP}


def make(social_provider: t.Any, *, verify: bool | None = None, **config: t.Any) -> Kit:
    """An application whose one user, ada, has no password; ``verify`` is set at every provider."""
    more = {} if verify is None else {"verify": verify}
    kit = make_kit({name: {**social_provider.settings(name), **more} for name in NAMES}, **config)
    kit.add_user(password=None)
    return kit


def signed_in(kit: Kit, social_login: t.Any, provider_id: str = "oidc") -> t.Any:
    """A client in which ada logged in through the one provider that she is connected with, long ago."""
    with kit.app.app_context():
        subject = social_login.standin.subject(provider_id, "ada")
        kit.db.session.add(kit.Connection(user_id=1, provider_id=provider_id, provider_user_id=subject))
        kit.db.session.commit()
    client = kit.app.test_client()
    social_login(client, provider_id, "ada")
    assert kit.who(client) == "ada@example.org"
    grow_stale(client)
    return client


def grow_stale(client: t.Any) -> None:
    with client.session_transaction() as session:
        session["fs_paa"] = 1.0
        session.pop("fs_gexp", None)


def fresh(client: t.Any) -> bool:
    """Whether the session would do for a connect."""
    with client.session_transaction() as session:
        return bool(session["fs_paa"] > 1.0)


ACTIONS = [("connect/google", "connects one more"), ("disconnect/oidc", "disconnects"), ("reconnect/oidc", "renews")]


@pytest.mark.parametrize("config", [{}, BY_MAIL], ids=["verify", "us_verify"])
@pytest.mark.parametrize("path", [path for path, _ in ACTIONS], ids=[what for _, what in ACTIONS])
def test_from_a_stale_session_over_the_button_back_to_the_page(
    social_provider: t.Any, social_login: t.Any, path: str, config: dict[str, t.Any]
) -> None:
    kit = make(social_provider, **config)
    client = signed_in(kit, social_login)
    asked = client.post(f"/{path}", headers={**SAME_ORIGIN, "Referer": "http://localhost/me"})
    assert asked.status_code == 302
    page = client.get(asked.location)
    assert page.status_code == 200
    buttons = Page(page.get_data(as_text=True)).buttons
    (button,) = (button for button in buttons if button.action.startswith("/verify/"))
    begun = client.post(button.action, data=button.fields)
    assert begun.status_code == 303
    assert "prompt=login" in begun.location
    assert "max_age=0" in begun.location
    back = social_login.finish(client, begun.location, "ada")
    assert back.location == "/me"
    assert fresh(client)
    again = client.post(f"/{path}", headers={**SAME_ORIGIN, "Referer": "http://localhost/me"})
    assert not again.location.startswith(("/verify", "/us-verify"))


def test_json_is_told_and_goes_on_after_it(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit, social_login)
    refused = client.post("/connect/google", headers=JSON)
    assert refused.status_code == 401
    assert refused.get_json()["response"]["reauth_required"] is True
    social_login(client, "oidc", "ada", intent="verify")
    assert client.post("/connect/google", headers=JSON).status_code == 200


def refused(kit: Kit, client: t.Any, code: str) -> bool:
    """Whether a visit came to nothing: the code, no row more, no freshness, the same user."""
    with kit.app.app_context():
        rows = len(kit.rows())
    return (kit.events[-1][1].get("code"), rows, fresh(client)) == (code, 1, False)


def test_another_person_with_the_same_address_is_not_the_user(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit, social_login)
    social_provider.faults.add("id_token", claims={"email": "ada@example.org", "email_verified": True})
    social_login(client, "oidc", "grace", intent="verify")
    assert refused(kit, client, "verify_mismatch")
    assert kit.who(client) == "ada@example.org"


def test_the_identity_of_another_user_here_is_not_the_user(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit, social_login)
    other = kit.add_user("grace@example.org")
    with kit.app.app_context():
        subject = social_provider.subject("oidc", "grace")
        kit.db.session.add(kit.Connection(user_id=other, provider_id="oidc", provider_user_id=subject))
        kit.db.session.commit()
    social_login(client, "oidc", "grace", intent="verify")
    assert kit.events[-1][1]["code"] == "verify_mismatch"
    assert not fresh(client)
    assert kit.who(client) == "ada@example.org"


def test_the_address_at_the_provider_may_have_changed(social_provider: t.Any, social_login: t.Any) -> None:
    client = signed_in(make(social_provider), social_login)
    social_provider.faults.add("id_token", claims={"email": "elsewhere@example.net", "email_verified": False})
    social_login(client, "oidc", "ada", intent="verify")
    assert fresh(client)


def test_whoever_logs_in_meanwhile_gets_no_freshness(
    social_provider: t.Any, social_login: t.Any, social_begin: t.Any
) -> None:
    kit = make(social_provider)
    client = signed_in(kit, social_login)
    url = social_begin(client, "oidc", "ada", intent="verify")
    kit.log_out(client)
    kit.add_user("grace@example.org")
    kit.log_in(client, "grace@example.org")
    grow_stale(client)
    client.get(url)
    assert refused(kit, client, "session_changed")


LIES: list[tuple[str, dict[str, t.Any]]] = [
    ("nothing about the time", {"auth_time": REMOVE}),
    ("an old login", {"auth_time": 1}),
    ("a text", {"auth_time": "now"}),
    ("a truth value", {"auth_time": True}),
    ("null", {"auth_time": None}),
    ("a list", {"auth_time": [9999999999]}),
]


@pytest.mark.parametrize("claims", [claims for _, claims in LIES], ids=[name for name, _ in LIES])
def test_the_provider_must_prove_that_it_asked_again(
    social_provider: t.Any, social_login: t.Any, claims: dict[str, t.Any]
) -> None:
    kit = make(social_provider)
    client = signed_in(kit, social_login)
    social_provider.faults.add("id_token", claims=claims)
    social_login(client, "oidc", "ada", intent="verify")
    assert refused(kit, client, "id_token_invalid")


@pytest.mark.parametrize("provider_id", ["google", "twitter"])
@pytest.mark.parametrize("verify", [None, True])
def test_providers_that_prove_nothing_only_where_the_setting_says_so(
    social_provider: t.Any, social_login: t.Any, provider_id: str, verify: bool | None
) -> None:
    kit = make(social_provider, verify=verify)
    client = signed_in(kit, social_login, provider_id)
    shown = Page(client.get("/verify").get_data(as_text=True)).texts()
    assert any(text.startswith("Confirm with") for text in shown) is (verify is True)
    if verify:
        social_login(client, provider_id, "ada", intent="verify")
        assert fresh(client)
        grow_stale(client)
        social_login(client, provider_id, "grace", intent="verify")
        assert kit.events[-1][1]["code"] == "verify_mismatch"
    else:
        assert client.post(f"/verify/{provider_id}", headers=JSON).get_json()["response"]["code"] == "cannot_verify"
    assert not fresh(client)


def test_a_setting_can_switch_it_off(social_provider: t.Any, social_login: t.Any) -> None:
    client = signed_in(make(social_provider, verify=False), social_login)
    assert client.post("/verify/oidc", headers=JSON).get_json()["response"]["code"] == "cannot_verify"


def test_a_user_without_a_way_to_verify_logs_in_again(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make(social_provider)
    client = signed_in(kit, social_login, "google")
    assert client.post("/connect/oidc", headers=SAME_ORIGIN).location.startswith("/verify")
    kit.log_out(client)
    social_login(client, "google", "ada")
    assert client.post("/connect/oidc", headers=JSON).status_code == 200


def test_without_a_page_of_flask_security_the_setting_is_named(social_provider: t.Any, social_login: t.Any) -> None:
    never, soon = dt.timedelta(seconds=-1), dt.timedelta(minutes=1)
    kit = make(social_provider, SECURITY_FRESHNESS=never, SOCIAL_FRESHNESS=soon)
    client = signed_in(kit, social_login)
    with pytest.raises(ConfigurationError, match="SECURITY_FRESHNESS"):
        client.post("/connect/google", headers=SAME_ORIGIN)
    assert client.post("/connect/google", headers=JSON).status_code == 401
    social_login(client, "oidc", "ada", intent="verify")
    assert client.post("/connect/google", headers=SAME_ORIGIN).status_code == 303
