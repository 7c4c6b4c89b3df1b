"""The one contract that every store keeps."""

from __future__ import annotations

import datetime as dt
import pathlib
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from flask_social.datastores.columns import COLUMNS, LEGACY_COLUMNS, profile_values, token_values
from flask_social.errors import AmbiguousConnection, DuplicateConnection, StoreError, TokenUnreadable
from flask_social.values import ConnectionKey, Profile, Token
from flask_social.vault import is_sealed

from .kits import STORES, Kit, legacy_columns

DATABASES = pytest.mark.parametrize("kit", STORES[1:], indirect=True)
ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = ConnectionKey("google", "1")
WHEN = dt.datetime(2030, 5, 6, 7, 8, 9, tzinfo=dt.UTC)


def values(user_id: t.Any, subject: str = "1", **more: t.Any) -> dict[str, t.Any]:
    return {"user_id": user_id, "provider_id": "google", "provider_user_id": subject, **more}


def create(kit: Kit, user_id: t.Any, subject: str = "1", **more: t.Any) -> t.Any:
    made = kit.store.create_connection(**values(user_id, subject, **more))
    kit.store.commit()
    return made


def test_create_and_find(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        made = create(kit, user, access_token="at", display_name="Ada", expires_at=WHEN)
        assert (made.provider_id, made.provider_user_id) == ("google", "1")
    with kit.context():
        found = kit.store.find_connection(provider_id="google", provider_user_id="1")
        assert found is not None
        assert str(found.user_id) == str(user)
        assert found.access_token == "at"
        assert found.display_name == "Ada"
        assert found.secret is None
        assert found.expires_at == WHEN
        assert found.expires_at.tzinfo is not None
        assert (found.rank, found.status, found.token_version) == (1, "active", 0)
        assert kit.store.find_connection(user_id=user) is not None


@pytest.mark.parametrize(
    "by", [{"provider_id": "Google"}, {"provider_user_id": "2"}, {"provider_id": "goo"}, {"provider_user_id": "1 "}]
)
def test_find_nothing(kit: Kit, by: dict[str, str]) -> None:
    with kit.context():
        create(kit, kit.add_user())
        assert kit.store.find_connection(**by) is None
        assert list(kit.store.find_connections(**by)) == []
        assert kit.store.delete_connection(**by) is False
        assert kit.store.delete_connections(**by) is False


@pytest.mark.parametrize("subject", ["a", "A", "é", "ё", "名前", "a/b?c#d", "x" * 255, "'; DROP TABLE connection; --"])
def test_subjects_to_the_letter(kit: Kit, subject: str) -> None:
    with kit.context():
        create(kit, kit.add_user(), subject)
        key = ConnectionKey("google", subject)
        found = kit.store.find_by_key(key)
        assert found is not None
        assert found.provider_user_id == subject
        assert kit.store.find_by_key(ConnectionKey("google", subject.swapcase() + ".")) is None


def test_the_list_is_by_rank_and_age(kit: Kit) -> None:
    with kit.context():
        user, other = kit.add_user(), kit.add_user("grace")
        for subject, rank in (("b", 2), ("c", 1), ("a", 1)):
            create(kit, user, subject, rank=rank)
        create(kit, other, "d")
        assert [row.provider_user_id for row in kit.store.find_connections(user_id=user)] == ["c", "a", "b"]
        assert kit.store.find_connection(user_id=user).provider_user_id == "c"
        assert kit.store.find_connections(user_id=user, provider_id="facebook") == []


@DATABASES
def test_the_owner_comes_with_the_connection(kit: Kit) -> None:
    with kit.context():
        create(kit, kit.add_user("ada"))
    with kit.context():
        found = kit.store.find_by_key(KEY)
        assert found is not None
        assert found.user.name == "ada"


def test_update(kit: Kit) -> None:
    with kit.context():
        row = create(kit, kit.add_user(), access_token="old", refresh_token="keep")
        token = token_values(Token("new", expires_at=WHEN, scope=("a", "b")))
        kit.store.update_connection(row, **token, **profile_values(Profile("1", full_name="Ada", email="a@b.example")))
        kit.store.update_connection(row, no_such_column=1)
        kit.store.commit()
    with kit.context():
        found = kit.store.find_by_key(KEY)
        assert found is not None
        assert (found.access_token, found.refresh_token) == ("new", "keep")
        assert (found.granted_scope, found.full_name, found.email) == ("a b", "Ada", "a@b.example")
        assert found.expires_at == WHEN


def test_delete_one_and_all(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        for subject in "abc":
            create(kit, user, subject)
        assert kit.store.delete_connection(user_id=user, provider_id="google", provider_user_id="b") is True
        kit.store.commit()
        assert len(kit.store.find_connections(user_id=user)) == 2
        assert kit.store.delete_connections(user_id=user, provider_id="google") is True
        kit.store.commit()
    with kit.context():
        assert list(kit.store.find_connections(user_id=user)) == []


def test_put(kit: Kit) -> None:
    with kit.context():
        row = kit.store.connection_model(**values(kit.add_user(), access_token="at"))
        assert kit.store.put(row) is row
        kit.store.commit()
        assert kit.store.find_by_key(KEY) is not None


def test_a_key_is_unique_and_the_transaction_goes_on(kit: Kit) -> None:
    with kit.context():
        user, other = kit.add_user(), kit.add_user("grace")
        create(kit, user)
        for owner in (user, other):
            with pytest.raises(DuplicateConnection) as caught:
                kit.store.create_connection(**values(owner))
            assert caught.value.key == KEY
        create(kit, other, "2")
    with kit.context():
        assert len(kit.store.find_connections(provider_id="google")) == 2


def test_rollback(kit: Kit) -> None:
    if not kit.transactional:
        kit.store.rollback()
        return
    with kit.context():
        user = kit.add_user()
        kit.store.create_connection(**values(user))
        kit.store.rollback()
        assert kit.store.find_by_key(KEY) is None
        create(kit, user)
        kit.store.delete_connection(user_id=user)
        kit.store.rollback()
        assert kit.store.find_by_key(KEY) is not None


def test_a_race_of_threads_ends_in_one_row(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
    barrier, outcomes = threading.Barrier(6), []

    def race() -> None:
        with kit.context():
            kit.store.find_by_key(KEY)
            barrier.wait()
            try:
                create(kit, user)
            except DuplicateConnection:
                assert kit.store.find_by_key(KEY) is not None
                outcomes.append("lost")
            else:
                outcomes.append("won")

    run_all(race, 6)
    assert sorted(outcomes) == ["lost"] * 5 + ["won"]
    with kit.context():
        assert len(kit.store.find_owned(KEY)) == 1


@DATABASES
def test_a_race_of_processes_ends_in_one_row(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
    assert run_processes(kit, "connect", user) == ["lost", "won"]
    with kit.context():
        assert len(kit.store.find_owned(KEY)) == 1


def run_processes(kit: Kit, what: str, user: t.Any) -> list[str]:
    """How two processes of their own end that race for something."""
    command = [sys.executable, "-m", "tests.stores.racer", what, *kit.spec, str(user), str(time.time() + 3)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    return sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)


def run_all(target: t.Callable[..., None], count: int) -> None:
    threads = [threading.Thread(target=target) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_a_lock_on_a_user_lets_one_at_a_time_in(kit: Kit) -> None:
    """Two disconnects at once, each of which leaves the other's connection: the last one must stay."""
    with kit.context():
        user = kit.add_user()
        for subject in "ab":
            create(kit, user, subject)
    barrier = threading.Barrier(2)

    def disconnect() -> None:
        with kit.context():
            barrier.wait()
            with kit.store.lock_user(user):
                mine = kit.store.find_connections(user_id=user)
                time.sleep(0.1)
                if len(mine) > 1:
                    kit.store.delete_connection(user_id=user, provider_user_id=mine[0].provider_user_id)
                kit.store.commit()

    run_all(disconnect, 2)
    with kit.context():
        assert len(kit.store.find_connections(user_id=user)) == 1


@DATABASES
def test_a_deleted_user_takes_the_connections_along(kit: Kit) -> None:
    with kit.context():
        user, other = kit.add_user(), kit.add_user("grace")
        create(kit, user, access_token="at")
        create(kit, user, "2")
        create(kit, other, "3")
        kit.legacy.create_connection(**values(user))
        kit.legacy.commit()
        kit.delete_user(user)
    with kit.context():
        again = kit.add_user("somebody else", id=user)
        assert again == user
        assert list(kit.store.find_connections(user_id=again)) == []
        assert list(kit.legacy.find_connections(user_id=again)) == []
        assert kit.store.find_by_key(KEY) is None
        assert len(kit.store.find_connections(user_id=other)) == 1


TOKENS = ("access_token", "secret", "refresh_token", "id_token")


@DATABASES
class TestSealing:
    """Tokens at rest; the memory store has none."""

    @pytest.mark.parametrize("column", TOKENS)
    def test_tokens_are_sealed(self, kit: Kit, column: str) -> None:
        with kit.context():
            create(kit, kit.add_user(), **{column: "s3cr3t-token"})
            (stored,) = kit.raw(column)
            assert is_sealed(stored)
            assert "s3cr3t" not in stored
            assert getattr(kit.store.find_by_key(KEY), column) == "s3cr3t-token"

    def test_a_seal_is_of_one_row_and_column(self, kit: Kit) -> None:
        with kit.context():
            user = kit.add_user()
            create(kit, user, access_token="at")
            create(kit, user, "2", access_token="at2")
            stolen = kit.raw("access_token")[0]
            kit.write_raw("access_token", stolen)
            kit.write_raw("secret", stolen)
        with kit.context():
            assert kit.store.find_by_key(KEY).access_token == "at"  # type: ignore[union-attr]
            for row, column in ((kit.store.find_by_key(ConnectionKey("google", "2")), "access_token"),
                                (kit.store.find_by_key(KEY), "secret")):  # fmt: skip
                with pytest.raises(TokenUnreadable):
                    getattr(row, column)

    def test_key_ring(self, kit: Kit) -> None:
        with kit.context():
            create(kit, kit.add_user(), access_token="at")
            kit.use_keys("new", "secret")
            assert kit.store.find_by_key(KEY).access_token == "at"  # type: ignore[union-attr]
            kit.use_keys("new")
            row = kit.store.find_by_key(KEY)
            with pytest.raises(TokenUnreadable):
                row.access_token  # type: ignore[union-attr]  # noqa: B018
            kit.store.update_connection(row, access_token="new")
            kit.store.commit()
        with kit.context():
            assert kit.store.find_by_key(KEY).access_token == "new"  # type: ignore[union-attr]

    def test_a_plain_token_is_read_and_sealed_on_the_next_write(self, kit: Kit) -> None:
        with kit.context():
            create(kit, kit.add_user(), access_token="at")
            kit.write_raw("access_token", "plain")
        with kit.context():
            row = kit.store.find_by_key(KEY)
            assert row is not None
            assert row.access_token == "plain"
            kit.store.update_connection(row, access_token="plain")
            kit.store.commit()
            assert is_sealed(kit.raw("access_token")[0])

    def test_a_token_needs_its_key_first(self, kit: Kit) -> None:
        with kit.context():
            user = kit.add_user()
            row = kit.store.connection_model(access_token="at", **values(user))
            assert row.access_token == "at"
            bare = kit.store.connection_model()
            with pytest.raises(ValueError, match="provider_id"):
                bare.access_token = "at"

    def test_long_tokens_fit(self, kit: Kit) -> None:
        with kit.context():
            create(kit, kit.add_user(), access_token="t" * 10_000)
            assert kit.store.find_by_key(KEY).access_token == "t" * 10_000  # type: ignore[union-attr]

    def test_a_value_too_long_is_left_out(self, kit: Kit) -> None:
        with kit.context():
            user = kit.add_user()
            row = create(kit, user, display_name="d" * 300, email="e" * 321, full_name="short")
            assert (row.display_name, row.email, row.full_name) == (None, None, "short")
            with pytest.raises(StoreError, match="too short"):
                kit.store.create_connection(**values(user, "s" * 256))
            with pytest.raises(StoreError):
                kit.store.create_connection(**{**values(user), "provider_id": "p" * 65})


@DATABASES
class TestNineColumns:
    """The model of Flask-Social 1.x, which is one of a database."""

    def test_what_it_lacks_is_left_out(self, kit: Kit) -> None:
        assert kit.legacy.columns == frozenset(LEGACY_COLUMNS)
        assert kit.store.columns == frozenset(COLUMNS)
        assert kit.store.has_unique_key
        assert not kit.legacy.has_unique_key
        with kit.context():
            user = kit.add_user()
            more = token_values(Token("at", refresh_token="rt")) | profile_values(Profile("1", display_name="Ada"))
            made = kit.legacy.create_connection(**values(user), **more)
            kit.legacy.commit()
            assert {column: getattr(made, column) for column in legacy_columns()} == {
                "provider_id": "google",
                "provider_user_id": "1",
                "access_token": "at",
                "secret": None,
                "display_name": "Ada",
                "profile_url": None,
                "image_url": None,
                "rank": None,
            }

    def test_a_token_too_long_is_left_out(self, kit: Kit) -> None:
        with kit.context():
            made = kit.legacy.create_connection(**values(kit.add_user()), access_token="t" * 41)
            kit.legacy.commit()
            assert made.access_token is None

    def test_two_owners(self, kit: Kit) -> None:
        with kit.context():
            first, second = kit.add_user(), kit.add_user("grace")
            for user in (first, first):
                kit.legacy.create_connection(**values(user))
            kit.legacy.commit()
            assert str(kit.legacy.find_by_key(KEY).user_id) == str(first)  # type: ignore[union-attr]
            kit.legacy.create_connection(**values(second))
            kit.legacy.commit()
            with pytest.raises(AmbiguousConnection):
                kit.legacy.find_by_key(KEY)
