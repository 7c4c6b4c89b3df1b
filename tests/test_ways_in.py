"""What counts as a way to log in when a connection is taken away: Flask-Security's, ours, and the application's."""

from __future__ import annotations

import threading
import typing as t

import pytest
import sqlalchemy as sa
from flask import render_template_string
from flask_security import hash_password

from flask_social import ConfigurationError, users
from flask_social.settings import Settings

from .appkit import JSON, PASSWORD, Kit, make_kit
from .joinkit import no_address
from .pagekit import KEYS, connect

TWO = {"google": KEYS, "facebook": KEYS}
MAY = "{{ social.can_disconnect(social.connections()[0]) }}"


def signed_in(kit: Kit) -> t.Any:
    """A client of the first user, who loses the password afterwards."""
    client = kit.app.test_client()
    kit.log_in(client)
    with kit.app.app_context():
        kit.db.session.execute(kit.db.select(kit.User).filter_by(id=1)).scalar_one().password = None
        kit.db.session.commit()
    return client


def make(providers: dict[str, t.Any] = TWO, **config: t.Any) -> Kit:
    kit = make_kit(providers, **config)
    kit.add_user()
    kit.app.add_url_rule("/may", "may", lambda: render_template_string(MAY))
    return kit


def shown(client: t.Any) -> bool:
    """What the template function says of the first connection."""
    return {"True": True, "False": False}[client.get("/may").get_data(as_text=True)]


WAYS: list[tuple[t.Any, bool]] = [
    (None, False),
    (lambda user: [], False),
    (lambda user: (), False),
    (lambda user: ["sms"], True),
    (lambda user: (name for name in ["smart card", "sms"]), True),
    (lambda user: ["magic"] if user.email == "ada@example.org" else [], True),
    (lambda user: ["magic"] if user.email == "grace@example.org" else [], False),
]


@pytest.mark.parametrize(("hook", "allowed"), WAYS)
def test_the_applications_own_ways_count(hook: t.Any, allowed: bool) -> None:
    kit = make(SOCIAL_WAYS_IN=hook)
    client = signed_in(kit)
    connect(kit)
    (listed,) = client.get("/connections", headers=JSON).get_json()["response"]["connections"]
    assert listed["can_disconnect"] is allowed
    assert shown(client) is allowed
    answer = client.post("/disconnect/google", headers=JSON)
    assert answer.status_code == (200 if allowed else 409)
    with kit.app.app_context():
        assert len(kit.rows()) == (0 if allowed else 1)


@pytest.mark.parametrize("wrong", ["sms", None, True, 1])
def test_a_hook_that_returns_no_list_removes_nothing(wrong: t.Any) -> None:
    kit = make(SOCIAL_WAYS_IN=lambda user: wrong)
    client = signed_in(kit)
    connect(kit)
    with pytest.raises(ConfigurationError, match="SOCIAL_WAYS_IN"):
        client.post("/disconnect/google", headers=JSON)
    with kit.app.app_context():
        assert len(kit.rows()) == 1


@pytest.mark.parametrize("wrong", ["tests.ways", ["sms"], True])
def test_the_setting_is_a_function(wrong: t.Any) -> None:
    with pytest.raises(ConfigurationError, match="SOCIAL_WAYS_IN"):
        Settings.read({"SOCIAL_WAYS_IN": wrong})


OTHERS: list[tuple[str, bool]] = [("facebook", True), ("switched-off", False)]


@pytest.mark.parametrize(("other", "allowed"), OTHERS)
def test_the_connections_of_a_provider_that_is_off_do_not_count(other: str, allowed: bool) -> None:
    kit = make()
    client = signed_in(kit)
    connect(kit)
    connect(kit, other, "2")
    assert shown(client) is allowed
    assert client.post("/disconnect/google", headers=JSON).status_code == (200 if allowed else 409)


def test_a_connection_whose_tokens_have_ended_is_a_way_in_still() -> None:
    kit = make()
    client = signed_in(kit)
    connect(kit)
    connect(kit, "facebook", "2", status="needs_reconnect")
    assert client.post("/disconnect/google", headers=JSON).status_code == 200


def test_the_other_account_of_one_provider_counts_but_not_when_both_go() -> None:
    kit = make()
    client = signed_in(kit)
    connect(kit)
    connect(kit, "google", "2")
    assert client.post("/disconnect/google", headers=JSON).status_code == 409
    assert client.post("/disconnect/google", headers=JSON, json={"provider_user_id": "2"}).status_code == 200
    assert client.post("/disconnect/google", headers=JSON, json={"provider_user_id": "1"}).status_code == 409


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("headers", [JSON, {}], ids=["json", "page"])
def test_a_password_that_nobody_knows_is_asked_for_once_in_a_request(known: bool, headers: dict[str, str]) -> None:
    """Each question takes as long as a login, and a page has one for each connection."""
    kit = make(columns={"password": sa.Column(sa.String(255), nullable=False)})
    client = kit.app.test_client()
    kit.log_in(client)
    for number in range(4):
        connect(kit, "google", str(number))
    asked: list[str] = []

    class Counting:
        """Flask-Security's context of hashes, which counts."""

        def __getattr__(self, name: str) -> t.Any:
            return getattr(context, name)

        def verify(self, password: str, stored: str) -> bool:
            asked.append(stored)
            return bool(context.verify(password, stored))

    context, kit.security.pwd_context = kit.security.pwd_context, Counting()
    with kit.app.app_context():
        user = kit.users()[0]
        user.password = user.password if known else users.no_password()
        kit.db.session.commit()
        assert users.has_password(user) is known
    del asked[:]
    for count in (1, 2):
        assert client.get("/connections", headers=headers).status_code == 200
        assert len(asked) == count
    with kit.app.app_context():
        for stored, counts in ((users.no_password(), False), (hash_password(PASSWORD), True), (None, False)):
            user.password = stored
            assert users.has_password(user) is counts, "a password that changed is asked for anew"


def test_two_disconnects_at_once_leave_one_way_in(tmp_path: t.Any) -> None:
    for run in range(5):
        kit = make(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / f'{run}.db'}")
        signed_in(kit)
        connect(kit)
        connect(kit, "facebook", "2")
        with kit.app.app_context():
            name = kit.db.session.execute(kit.db.select(kit.User)).scalar_one().fs_uniquifier
        barrier, codes = threading.Barrier(2), []

        def remove(path: str, kit: Kit, name: str, barrier: threading.Barrier, codes: list[int]) -> None:
            client = kit.app.test_client()
            with client.session_transaction() as session:
                session.update({"_user_id": name, "_fresh": True, "fs_cc": "set", "fs_paa": 9e9})
                session["fs_gexp"] = 9e9
            barrier.wait()
            codes.append(client.post(path, headers=JSON).status_code)

        threads = [
            threading.Thread(target=remove, args=(path, kit, name, barrier, codes))
            for path in ("/disconnect/google", "/disconnect/facebook")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) == [200, 409]
        with kit.app.app_context():
            assert len(kit.rows()) == 1


ISSUERS = [("https://accounts.google.com", True), ("accounts.google.com", True), ("https://old.example", False)]


@pytest.mark.parametrize(("issuer", "allowed"), ISSUERS)
def test_a_connection_of_a_former_issuer_lets_nobody_in(issuer: str, allowed: bool) -> None:
    kit = make()
    client = signed_in(kit)
    connect(kit, "facebook", "2")
    connect(kit, issuer=issuer)
    assert client.post("/disconnect/facebook", headers=JSON).status_code == (200 if allowed else 409)


@pytest.mark.parametrize(("address", "allowed"), [("ada@example.org", True), (None, False)])
@pytest.mark.parametrize("way", ["password", "mail link"])
def test_without_an_address_neither_a_password_nor_a_mail_leads_in(
    way: str, address: str | None, allowed: bool
) -> None:
    kit = make(columns=no_address())
    kit.app.config["SECURITY_PASSWORDLESS"] = way == "mail link"  # deprecated: warned of when Flask-Security starts
    client = kit.app.test_client()
    kit.log_in(client)
    connect(kit)
    with kit.app.app_context():
        (user,) = kit.users()
        user.email, user.password = address, (user.password if way == "password" else None)
        kit.db.session.commit()
    assert client.post("/disconnect/google", headers=JSON).status_code == (200 if allowed else 409)
