"""Tokens in transactions of the store's own: the part of the contract that every store keeps beside its caller."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import threading
import time
import typing as t

import pytest

from flask_social.datastores.base import StoredToken
from flask_social.errors import TokenStoreBusy
from flask_social.values import ConnectionKey
from flask_social.vault import is_sealed

from .kits import STORES, Kit
from .test_contract import DATABASES, KEY, WHEN, create, run_all, run_processes, values

#: Those with transactions and locks.
SQL = pytest.mark.parametrize(
    "kit", [store for store in STORES if "sqlite" in store or "postgresql" in store], indirect=True
)
SQLALCHEMY = pytest.mark.parametrize(
    "kit", [s for s in STORES[1:] if "mongo" not in s and "peewee" not in s], indirect=True
)
LEASE = dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def read(kit: Kit, key: ConnectionKey = KEY) -> StoredToken:
    found = kit.store.read_tokens(key)
    assert found is not None
    return found


# Reading and writing ----------------------------------------------------------------------------------------------


def test_what_is_stored_is_read(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        row = {"access_token": "at", "refresh_token": "rt", "expires_at": WHEN, "granted_scope": "a b", "issuer": "me"}
        create(kit, user, **row)
        found = read(kit)
        assert (found.key, str(found.user_id), found.version, found.lease_until) == (KEY, str(user), 0, None)
        assert (found.status, found.expires_at, found.granted_scope, found.issuer) == ("active", WHEN, "a b", "me")
        assert found.expires_at is not None
        assert found.expires_at.tzinfo is dt.UTC
        assert set(found.raw) == {"access_token", "secret", "refresh_token", "id_token"}
        assert found.raw["secret"] is None
        assert is_sealed(found.raw["access_token"] or "") is kit.store.seals_tokens
        assert kit.store.keeps_versions


@pytest.mark.parametrize("subject", ["2", "1 ", "", "a\0b", "\ud800"])
def test_nothing_is_read_of_another_key(kit: Kit, subject: str) -> None:
    with kit.context():
        create(kit, kit.add_user())
        assert kit.store.read_tokens(ConnectionKey("google", subject)) is None
        assert kit.store.read_tokens(ConnectionKey("Google", "1")) is None


def test_a_swap_writes_every_kind_of_column(kit: Kit) -> None:
    with kit.context():
        create(kit, kit.add_user(), access_token="old", refresh_token="keep")
        new = {"access_token": "plain", "token_version": 1, "lease_until": LEASE, "status": "needs_reconnect"}
        more = {"expires_at": WHEN, "granted_scope": "x", "updated_at": WHEN, "no_such_column": 1}
        assert kit.store.swap_tokens(read(kit), new | more) is True
        found = read(kit)
        assert (found.version, found.lease_until, found.status) == (1, LEASE, "needs_reconnect")
        assert (found.expires_at, found.granted_scope, found.raw["access_token"]) == (WHEN, "x", "plain")
        assert kit.store.swap_tokens(found, {"lease_until": None, "expires_at": None}) is True
    with kit.context():
        row = kit.store.find_by_key(KEY)
        assert row is not None
        assert (row.access_token, row.refresh_token, row.token_version) == ("plain", "keep", 1)
        assert (row.lease_until, row.expires_at, row.updated_at) == (None, None, WHEN)


STALE: list[tuple[str, dict[str, t.Any]]] = [
    ("another version", {"version": 3}),
    ("a lease that there is not", {"lease_until": LEASE}),
    ("another account", {"key": ConnectionKey("google", "2")}),
    ("another provider", {"key": ConnectionKey("facebook", "1")}),
]


@pytest.mark.parametrize("change", [row[1] for row in STALE], ids=[row[0] for row in STALE])
def test_what_is_not_stored_any_more_is_not_swapped(kit: Kit, change: dict[str, t.Any]) -> None:
    with kit.context():
        create(kit, kit.add_user(), access_token="at")
        before = read(kit)
        assert kit.store.swap_tokens(dc.replace(before, **change), {"token_version": 9}) is False
        assert read(kit) == before


def test_a_swap_is_of_one_owner_and_of_a_row_that_is_there(kit: Kit) -> None:
    with kit.context():
        user, other = kit.add_user(), kit.add_user("grace")
        create(kit, user)
        create(kit, user, "2")
        before = read(kit)
        assert kit.store.swap_tokens(dc.replace(before, user_id=other), {"token_version": 9}) is False
        assert kit.store.swap_tokens(before, {"token_version": 1}) is True
        assert kit.store.swap_tokens(before, {"token_version": 2}) is False
        assert read(kit, ConnectionKey("google", "2")).version == 0
        gone = read(kit)
        kit.store.delete_connection(provider_user_id="1")
        kit.store.commit()
        assert kit.store.swap_tokens(gone, {"token_version": 3}) is False
        assert kit.store.read_tokens(KEY) is None


@DATABASES
def test_the_nine_columns_are_read_and_never_swapped(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        kit.legacy.create_connection(**values(user), access_token="at", secret="s")
        kit.legacy.commit()
        assert (kit.legacy.keeps_versions, kit.legacy.seals_tokens) == (False, False)
        found = kit.legacy.read_tokens(KEY)
        assert found is not None
        assert (found.version, found.status, found.expires_at) == (0, None, None)
        assert found.raw == {"access_token": "at", "secret": "s", "refresh_token": None, "id_token": None}
        assert kit.legacy.swap_tokens(found, {"access_token": "new"}) is False
        assert [stored.key for stored in kit.legacy.page_tokens()] == [KEY]
        assert list(kit.legacy.page_tokens(due_before=WHEN)) == []
        row = kit.legacy.find_by_key(KEY)
        kit.legacy.adopt_tokens(row, dc.replace(found, raw={"access_token": "adopted"}))
        assert row is not None
        assert row.access_token == "adopted"


def test_of_many_threads_one_wins(kit: Kit) -> None:
    with kit.context():
        create(kit, kit.add_user())
    barrier, outcomes = threading.Barrier(6), []

    def race() -> None:
        with kit.context():
            stored = read(kit)
            barrier.wait()
            outcomes.append(kit.store.swap_tokens(stored, {"token_version": 1}))

    run_all(race, 6)
    assert sorted(outcomes) == [False] * 5 + [True]
    with kit.context():
        assert read(kit).version == 1


@DATABASES
def test_of_two_processes_one_wins(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        create(kit, user)
    assert run_processes(kit, "renew", user) == ["lost", "won"]


# The caller -------------------------------------------------------------------------------------------------------


def test_what_is_adopted_is_shown_and_is_no_change(kit: Kit) -> None:
    with kit.context():
        create(kit, kit.add_user(), access_token="old", expires_at=LEASE)
        row = kit.store.find_by_key(KEY)
        assert row is not None
        stored = read(kit)
        other = kit.store.connection_model(provider_id="google", provider_user_id="1", access_token="new")
        sealed = getattr(other, "sealed_access_token", "new")
        new = {"access_token": sealed, "token_version": 1, "expires_at": WHEN, "status": "needs_reconnect"}
        assert kit.store.swap_tokens(stored, new) is True
        kit.store.adopt_tokens(row, read(kit))
        assert (row.access_token, row.expires_at, row.token_version) == ("new", WHEN, 1)
        assert (row.status, row.lease_until, row.refresh_token) == ("needs_reconnect", None, None)
        assert not changes_of(kit, row)


@DATABASES  # in memory the caller's object is the row itself
def test_what_is_adopted_leaves_a_change_of_the_caller(kit: Kit) -> None:
    with kit.context():
        create(kit, kit.add_user(), access_token="old")
        row = kit.store.find_by_key(KEY)
        assert row is not None
        row.status, row.display_name = "mine", "Ada"
        kit.store.adopt_tokens(row, dc.replace(read(kit), version=7, status="theirs"))
        assert (row.status, row.display_name, row.token_version) == ("mine", "Ada", 7)
        assert changes_of(kit, row) == {"status", "display_name"}


def changes_of(kit: Kit, row: t.Any) -> set[str]:
    """What an object would write."""
    if kit.transactional:
        import sqlalchemy as sa

        state = sa.inspect(row)
        changed = {name for name, attribute in state.attrs.items() if attribute.history.has_changes()}
        assert (row in kit.session.dirty) is bool(changed)  # type: ignore[attr-defined]
        return changed
    if hasattr(row, "dirty_fields"):
        return {field.name for field in row.dirty_fields}
    return set(row._get_changed_fields()) if hasattr(row, "_get_changed_fields") else set()


@SQLALCHEMY
@pytest.mark.parametrize("savepoint", [False, True], ids=["", "in a savepoint"])
def test_what_the_caller_has_not_written_stays_with_the_caller(kit: t.Any, savepoint: bool) -> None:
    with kit.context():
        user = kit.add_user()
        create(kit, user, access_token="at")
        session, row = kit.session, kit.store.find_by_key(KEY)
        inner = session.begin_nested() if savepoint and "sqlite" not in kit.spec[1] else None
        row.display_name = "dirty"
        pending = kit.store.connection_model(**values(user, "pending"))
        session.add(pending)
        stored = read(kit)
        assert kit.store.swap_tokens(stored, {"token_version": 1}) is True
        kit.store.adopt_tokens(row, read(kit))
        assert len(kit.store.page_tokens()) == 1
        assert kit.store.has_revocation_queue()
        assert pending in session.new
        assert row in session.dirty
        assert kit.raw("display_name") == [None]
        if inner is not None:
            assert inner.is_active
            inner.commit()
        session.commit()
        assert sorted(kit.raw("provider_user_id")) == ["1", "pending"]
        assert kit.raw("display_name")[0] == "dirty"
        assert kit.raw("token_version")[0] == 1


@SQLALCHEMY
def test_what_the_caller_rolls_back_is_not_ours(kit: t.Any) -> None:
    with kit.context():
        create(kit, kit.add_user())
        row = kit.store.find_by_key(KEY)
        row.display_name = "dirty"
        assert kit.store.swap_tokens(read(kit), {"token_version": 1}) is True
        kit.session.rollback()
        assert (row.display_name, row.token_version) == (None, 1)


# Locks ------------------------------------------------------------------------------------------------------------


@SQL
@pytest.mark.parametrize("by", ["locked_by_another", "locked_by_the_caller"])
def test_a_locked_store_says_so_soon_and_nothing_is_written(kit: t.Any, by: str) -> None:
    with kit.context():
        create(kit, kit.add_user(), access_token="s3cr3t")
        stored = read(kit)
        with getattr(kit, by)():
            begun = time.monotonic()
            with pytest.raises(TokenStoreBusy) as caught:
                kit.store.swap_tokens(stored, {"token_version": 1, "access_token": "s3cr3t"})
            assert time.monotonic() - begun < 2
            assert caught.value.__context__ is None or caught.value.__suppress_context__
            assert "s3cr3t" not in str(caught.value)
            if by == "locked_by_another" or kit.transactional:
                assert read(kit) == stored, "a read does not wait for a writer"
        assert read(kit) == stored
        assert kit.store.swap_tokens(stored, {"token_version": 1}) is True
