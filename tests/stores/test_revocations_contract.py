"""The queue of grants that are still to be ended, and users who leave some behind, in every store."""

from __future__ import annotations

import contextlib
import dataclasses as dc
import datetime as dt
import threading
import typing as t
import uuid

import pytest

from flask_social.datastores.base import Revocation
from flask_social.values import ConnectionKey

from .kits import STORES, Kit
from .test_contract import DATABASES, KEY, create, run_all, values
from .test_tokens_contract import SQL, SQLALCHEMY

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)


def revocation(n: int = 0, fingerprint: str = "ada", due_at: dt.datetime = NOW) -> Revocation:
    return Revocation(f"{n:032x}", "google", fingerprint, f"fs2$sealed{n}", 0, due_at, NOW)


def queue(kit: Kit, *revocations: Revocation) -> None:
    for it in revocations:
        assert kit.store.queue_revocation(it) is True
    kit.store.commit()


# The queue --------------------------------------------------------------------------------------------------------


def test_what_is_queued_comes_back_when_it_is_due(kit: Kit) -> None:
    first, second, third = revocation(3), revocation(2, due_at=LATER), revocation(1, due_at=LATER)
    with kit.context():
        assert kit.store.has_revocation_queue() is True
        assert list(kit.store.due_revocations(LATER)) == []
        queue(kit, second, first, third)
    with kit.context():
        assert list(kit.store.due_revocations(NOW - dt.timedelta(seconds=1))) == []
        assert list(kit.store.due_revocations(NOW)) == [first]
        assert list(kit.store.due_revocations(LATER)) == [first, third, second]
        assert list(kit.store.due_revocations(LATER, limit=2)) == [first, third]
        (found,) = kit.store.due_revocations(NOW)
        assert found.due_at.tzinfo is dt.UTC
        assert found.created_at.tzinfo is dt.UTC
        assert "sealed" not in repr(found)


def test_one_worker_claims_and_drops(kit: Kit) -> None:
    with kit.context():
        queue(kit, revocation(1), revocation(2))
        mine = revocation(1)
        assert kit.store.postpone_revocation(mine, attempts=1, due_at=LATER) is True
        assert kit.store.postpone_revocation(mine, attempts=1, due_at=LATER) is False
        assert list(kit.store.due_revocations(NOW)) == [revocation(2)]
        assert kit.store.due_revocations(LATER)[1] == dc.replace(mine, attempts=1, due_at=LATER)
        kit.store.drop_revocation(mine)
        kit.store.drop_revocation(mine)
        assert kit.store.postpone_revocation(mine, attempts=2, due_at=NOW) is False
        assert list(kit.store.due_revocations(LATER)) == [revocation(2)]


def test_of_many_workers_one_claims(kit: Kit) -> None:
    with kit.context():
        queue(kit, revocation())
    barrier, outcomes = threading.Barrier(6), []

    def claim() -> None:
        with kit.context():
            (found,) = kit.store.due_revocations(NOW)
            barrier.wait()
            outcomes.append(kit.store.postpone_revocation(found, attempts=1, due_at=LATER))

    run_all(claim, 6)
    assert sorted(outcomes) == [False] * 5 + [True]


def test_a_new_grant_forgets_the_old_ones_of_its_account(kit: Kit) -> None:
    with kit.context():
        queue(kit, revocation(1), revocation(2), revocation(3, "grace"), revocation(4, "ADA"))
        kit.store.forget_revocations("ada")
        kit.store.forget_revocations("nobody")
        kit.store.commit()
    with kit.context():
        assert [it.fingerprint for it in kit.store.due_revocations(NOW)] == ["grace", "ADA"]


@SQL
def test_the_queue_is_written_in_the_transaction_of_the_caller(kit: t.Any) -> None:
    with kit.context():
        create(kit, kit.add_user())
        queue(kit, revocation(1))
        with caller(kit) as roll_back:
            kit.store.queue_revocation(revocation(2))
            kit.store.forget_revocations("ada")
            kit.store.delete_connection(provider_user_id="1")
            roll_back()
        assert list(kit.store.due_revocations(NOW)) == [revocation(1)]
        assert kit.store.find_by_key(KEY) is not None


@SQL
def test_without_a_table_nothing_is_queued_and_nothing_is_broken(kit: t.Any) -> None:
    with kit.context():
        user = kit.add_user()
        create(kit, user)
        kit.drop_queue()
        with caller(kit):
            kit.store.delete_connection(provider_user_id="1")
            assert kit.store.queue_revocation(revocation()) is False
            kit.store.forget_revocations("ada")
            kit.store.create_connection(**values(user, "2"))
        assert kit.store.has_revocation_queue() is False
        assert list(kit.store.due_revocations(NOW)) == []
        assert kit.store.postpone_revocation(revocation(), attempts=1, due_at=LATER) is False
        kit.store.drop_revocation(revocation())
    with kit.context():
        assert [row.provider_user_id for row in kit.store.find_connections(user_id=user)] == ["2"]


@SQLALCHEMY
def test_what_the_caller_has_not_written_is_not_written_for_the_queue(kit: t.Any) -> None:
    with kit.context():
        user = kit.add_user()
        create(kit, user)
        kit.session.add(kit.store.connection_model(**values(user, "pending")))
        assert kit.store.queue_revocation(revocation()) is True
        kit.store.forget_revocations("nobody")
        assert len(kit.session.new) == 1
        kit.session.rollback()
        assert list(kit.store.due_revocations(NOW)) == []


@contextlib.contextmanager
def caller(kit: t.Any) -> t.Iterator[t.Any]:
    """A transaction of the caller; gives what rolls it back."""
    if kit.transactional:
        yield kit.session.rollback
        kit.session.commit()
    else:
        with kit.db.atomic() as transaction:
            yield transaction.rollback


# Users who go -----------------------------------------------------------------------------------------------------


class Leaving:
    """Queues a revocation for each connection that goes, as an application's record does."""

    def __init__(self, kit: Kit) -> None:
        self.kit, self.told, self.failing = kit, [], False
        kit.store.install(kit.User, self)  # type: ignore[attr-defined]

    def __call__(self, connection: t.Any) -> None:
        assert connection.access_token == "at"
        key = ConnectionKey("google", connection.provider_user_id)
        assert self.kit.store.find_owned(key), "it is still there"
        self.told.append(connection.provider_user_id)
        number = uuid.uuid5(uuid.NAMESPACE_OID, connection.provider_user_id).int
        self.kit.store.queue_revocation(revocation(number, connection.provider_user_id))
        if self.failing:
            raise RuntimeError("an application's mistake")


def people(kit: Kit) -> tuple[t.Any, t.Any]:
    user, other = kit.add_user(), kit.add_user("grace")
    for subject in "12":
        create(kit, user, subject, access_token="at")
    create(kit, other, "3", access_token="at")
    return user, other


def queued(kit: Kit) -> list[str]:
    with kit.context():
        return sorted(it.fingerprint for it in kit.store.due_revocations(NOW))


@pytest.mark.parametrize(
    ("kit", "table"),
    # MongoDB makes a collection by itself.
    [(store, table) for store in STORES[1:] for table in (True, False) if table or "mongo" not in store],
    indirect=["kit"],
)
def test_a_deleted_user_leaves_its_grants_to_be_ended(kit: t.Any, table: bool) -> None:
    leaving = Leaving(kit)
    with kit.context():
        user, other = people(kit)
        if not table:
            kit.drop_queue()
        kit.delete_user(user)
    assert sorted(leaving.told) == ["1", "2"]
    assert queued(kit) == (["1", "2"] if table else [])
    with kit.context():
        assert list(kit.store.find_connections(user_id=user)) == []
        assert len(kit.store.find_connections(user_id=other)) == 1


@SQL
def test_a_deletion_that_is_taken_back_takes_its_revocations_back(kit: t.Any) -> None:
    leaving = Leaving(kit)
    with kit.context():
        user, _ = people(kit)
        with caller(kit) as roll_back:
            if kit.transactional:
                kit.session.delete(kit.session.get(kit.User, user))
                kit.session.flush()
            else:
                kit.delete_user(user)
            roll_back()
    assert len(leaving.told) == 2
    assert queued(kit) == []
    with kit.context():
        assert len(kit.store.find_connections(user_id=user)) == 2


@DATABASES
def test_a_mistake_of_the_application_is_not_hidden(kit: t.Any) -> None:
    leaving = Leaving(kit)
    with kit.context():
        user, _ = people(kit)
        leaving.failing = True
        with pytest.raises(RuntimeError, match="mistake"):
            kit.delete_user(user)
        kit.store.rollback()


@SQLALCHEMY
def test_many_users_deleted_by_one_statement(kit: t.Any) -> None:
    import sqlalchemy as sa

    leaving = Leaving(kit)
    with kit.context():
        user, other = people(kit)
        more = {"access_token": "at", "token_version": 0, "status": "active", "rank": 1}
        kit.fill([{**values(user, f"x{n}"), **more} for n in range(510)])
        kit.session.execute(sa.delete(kit.User).where(kit.User.name == sa.bindparam("who")), {"who": "ada"})
        kit.session.commit()
    assert len(leaving.told) == len(set(leaving.told)) == 512
    with kit.context():
        assert [row.user_id for row in kit.store.find_connections(provider_id="google")] == [other]


@SQLALCHEMY
def test_a_user_deleted_in_another_session_takes_its_revocations_with_it(kit: t.Any) -> None:
    from sqlalchemy import orm

    Leaving(kit)
    with kit.context():
        user, _ = people(kit)
        kit.session.commit()
        with orm.Session(kit.engine) as other:
            other.delete(other.get(kit.User, user))
            other.flush()
            other.rollback()
            assert list(kit.store.due_revocations(NOW)) == []
            other.delete(other.get(kit.User, user))
            other.commit()
    assert queued(kit) == ["1", "2"]


@pytest.mark.parametrize("kit", ["memory"], indirect=True)
def test_memory_hears_of_no_user(kit: Kit) -> None:
    kit.store.install(object, pytest.fail)
    create(kit, 1)
    assert kit.store.delete_connections(user_id=1) is True
