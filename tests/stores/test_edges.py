"""What the contract leaves to each store: refusals of the database, odd values, users who go in other ways."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social.errors import DuplicateConnection, StoreError
from flask_social.values import ConnectionKey

from .kits import STORES, Kit
from .test_contract import DATABASES, KEY, create, run_all, values

SQL = pytest.mark.parametrize(
    "kit", [store for store in STORES if "sqlite" in store or "postgresql" in store], indirect=True
)
ODD = ["a\0b", "\ud800"]


def test_rank_and_then_age(kit: Kit) -> None:
    now = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    with kit.context():
        user = kit.add_user()
        for subject, rank, days in (("new", 1, 2), ("last", 2, 0), ("old", 1, 1), ("first", 0, 3), ("unborn", 1, None)):
            made = now + dt.timedelta(days=days) if days is not None else None
            create(kit, user, subject, rank=rank, created_at=made)
        order = [row.provider_user_id for row in kit.store.find_connections(user_id=user)]
        assert order == ["first", "unborn", "old", "new", "last"]


def test_a_new_row_knows_its_age(kit: Kit) -> None:
    with kit.context():
        row = create(kit, kit.add_user())
        assert abs(row.created_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


@DATABASES
@pytest.mark.parametrize("odd", ODD)
def test_a_text_that_no_database_takes(kit: Kit, odd: str) -> None:
    with kit.context():
        user = kit.add_user()
        assert list(kit.store.find_connections(user_id=user, provider_user_id=odd)) == []
        assert kit.store.find_by_key(ConnectionKey("google", odd)) is None
        assert kit.store.delete_connection(provider_user_id=odd) is False
        with pytest.raises(StoreError, match="provider_user_id"):
            kit.store.create_connection(**values(user, odd))
        row = create(kit, user, display_name=odd, full_name="Ada")
        assert (row.display_name, row.full_name) == (None, "Ada")
        kit.store.update_connection(row, full_name=odd)
        kit.store.commit()
        assert row.full_name is None


def test_an_update_of_a_removed_row(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        row = create(kit, user)
        str(row.provider_user_id)
        run_all(lambda: remove(kit, user), 1)
        with pytest.raises(StoreError) as caught:
            kit.store.update_connection(row, display_name="Ada")
        assert caught.value.code == "connection_gone"
    with kit.context():
        assert list(kit.store.find_connections(provider_id="google")) == []
        create(kit, user)


def remove(kit: Kit, user_id: t.Any) -> None:
    """Another request at the same time."""
    with kit.context():
        kit.store.delete_connection(user_id=user_id)
        kit.store.commit()


def test_put_obeys_the_unique_key(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        row = create(kit, user)
        row.display_name = "Ada"
        assert kit.store.put(row) is row
        with pytest.raises(DuplicateConnection):
            kit.store.put(kit.store.connection_model(**values(user)))
        kit.store.commit()
    with kit.context():
        (found,) = kit.store.find_owned(KEY)
        assert found.display_name == "Ada"


@DATABASES
def test_a_refusal_of_the_database_tells_no_token(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        with pytest.raises(StoreError) as caught:
            kit.store.create_connection(**values(None), access_token="s3cr3t")
        assert not isinstance(caught.value, DuplicateConnection)
        assert caught.value.__suppress_context__
        assert "s3cr3t" not in str(caught.value)
        create(kit, user)


@SQL
def test_a_lock_within_a_transaction_that_only_read(kit: Kit) -> None:
    with kit.context():
        user = kit.add_user()
        create(kit, user)
        kit.store.find_by_key(KEY)
        with kit.store.lock_user(user), kit.store.lock_user(user):
            kit.store.delete_connection(user_id=user)
            kit.store.commit()
    with kit.context():
        assert kit.store.find_by_key(KEY) is None
