"""Moving the connections of one user to another, in every store."""

from __future__ import annotations

import threading
import types
import typing as t

import pytest

from flask_social.errors import DuplicateConnection
from flask_social.values import ConnectionKey
from flask_social.views.merging import Refused, move

from .kits import STORES, Kit

KEY = ConnectionKey("google", "1")
DATABASES = pytest.mark.parametrize("kit", STORES[1:], indirect=True)


def user(kit: Kit, name: str) -> t.Any:
    return types.SimpleNamespace(id=kit.add_user(name))


def connect(kit: Kit, owner: t.Any, provider_id: str, subject: str, **more: t.Any) -> None:
    kit.store.create_connection(user_id=owner.id, provider_id=provider_id, provider_user_id=subject, **more)
    kit.store.commit()


def owned(kit: Kit, owner: t.Any) -> list[tuple[str, str, int]]:
    return sorted((c.provider_id, c.provider_user_id, c.rank) for c in kit.store.find_connections(user_id=owner.id))


def nothing() -> None:
    pass


def test_everything_moves_and_one_is_primary(kit: Kit) -> None:
    with kit.context():
        keep, other = user(kit, "ada"), user(kit, "grace")
        connect(kit, keep, "google", "3")
        connect(kit, other, "google", "1", access_token="at")
        connect(kit, other, "google", "2")
        connect(kit, other, "facebook", "9", rank=7)
    with kit.context():
        moved = move(kit.store, keep, other, KEY, several=True, still=nothing, then=nothing)
        assert len(moved) == 3
    with kit.context():
        assert owned(kit, other) == []
        assert owned(kit, keep) == [("facebook", "9", 1), ("google", "1", 2), ("google", "2", 3), ("google", "3", 1)]
        first = kit.store.find_connection(user_id=keep.id, provider_id="google")
        assert first is not None
        assert first.provider_user_id == "3"
        found = kit.store.find_by_key(KEY)
        assert found is not None
        assert (str(found.user_id), found.access_token) == (str(keep.id), "at")


REFUSED: list[tuple[str, ConnectionKey, bool, str]] = [
    ("the identity is somebody else's by now", ConnectionKey("google", "3"), True, "nothing_waits"),
    ("there is no such identity", ConnectionKey("google", "17"), True, "nothing_waits"),
    ("both have the provider, which allows only one", KEY, False, "merge_conflict"),
]


@pytest.mark.parametrize(("key", "several", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_moves_nothing(kit: Kit, key: ConnectionKey, several: bool, code: str) -> None:
    with kit.context():
        keep, other = user(kit, "ada"), user(kit, "grace")
        connect(kit, keep, "google", "3")
        connect(kit, other, "google", "1")
        connect(kit, other, "facebook", "9")
        before = [owned(kit, keep), owned(kit, other)]
    with kit.context(), pytest.raises(Refused) as caught:
        move(kit.store, keep, other, key, several=several, still=nothing, then=nothing)
    assert caught.value.code == code
    with kit.context():
        assert [owned(kit, keep), owned(kit, other)] == before


def test_what_is_seen_under_the_locks_counts(kit: Kit) -> None:
    with kit.context():
        keep, other = user(kit, "ada"), user(kit, "grace")
        connect(kit, other, "google", "1")
        with pytest.raises(Refused) as caught:
            move(kit.store, keep, other, KEY, several=True, still=lambda: "session_changed", then=nothing)
    assert caught.value.code == "session_changed"
    with kit.context():
        assert owned(kit, keep) == []


def test_different_providers_may_be_merged_where_one_each_is_allowed(kit: Kit) -> None:
    with kit.context():
        keep, other = user(kit, "ada"), user(kit, "grace")
        connect(kit, keep, "facebook", "9")
        connect(kit, other, "google", "1")
        move(kit.store, keep, other, KEY, several=False, still=nothing, then=nothing)
        assert owned(kit, keep) == [("facebook", "9", 1), ("google", "1", 1)]


def test_a_failure_of_the_application_moves_nothing(kit: Kit) -> None:
    """Where the store has transactions; in the others the connections have moved, all of them."""
    with kit.context():
        keep, other = user(kit, "ada"), user(kit, "grace")
        connect(kit, other, "google", "1")
        connect(kit, other, "google", "2")
    transactional = not type(kit.store).__name__.startswith(("Memory", "Mongo"))

    def fail() -> None:
        raise RuntimeError("an application's mistake")

    with kit.context(), pytest.raises(RuntimeError):
        move(kit.store, keep, other, KEY, several=True, still=nothing, then=fail)
    with kit.context():
        assert [subject for _, subject, _ in owned(kit, other if transactional else keep)] == ["1", "2"]
        assert owned(kit, keep if transactional else other) == []


def test_who_was_interrupted_can_begin_anew(kit: Kit) -> None:
    with kit.context():
        keep, other = user(kit, "ada"), user(kit, "grace")
        for subject in "123":
            connect(kit, other, "google", subject)
        writes = iter(range(3))
        update = kit.store.update_connection

        class Interrupted(type(kit.store)):  # type: ignore[misc]
            def update_connection(self, connection: t.Any, **values: t.Any) -> None:
                if next(writes) == 2:
                    raise KeyboardInterrupt
                update(connection, **values)

        kit.store.__class__ = Interrupted
        with pytest.raises(KeyboardInterrupt):
            move(kit.store, keep, other, KEY, several=True, still=nothing, then=nothing)
        kit.store.__class__ = Interrupted.__base__
    with kit.context():
        assert "1" in {subject for _, subject, _ in owned(kit, other)}
        move(kit.store, keep, other, KEY, several=True, still=nothing, then=nothing)
        assert owned(kit, other) == []
        assert [subject for _, subject, _ in owned(kit, keep)] == ["1", "2", "3"]


@DATABASES
def test_two_merges_in_opposite_directions_lose_nothing(kit: Kit) -> None:
    with kit.context():
        ada, grace = user(kit, "ada"), user(kit, "grace")
        connect(kit, ada, "google", "2")
        connect(kit, grace, "google", "1")
    barrier, ends = threading.Barrier(2), []

    def run(keep: t.Any, other: t.Any, key: ConnectionKey) -> None:
        with kit.context():
            barrier.wait()
            try:
                move(kit.store, keep, other, key, several=True, still=nothing, then=nothing)
                ends.append("moved")
            except Refused as error:
                ends.append(error.code)

    threads = [
        threading.Thread(target=run, args=args)
        for args in ((ada, grace, KEY), (grace, ada, ConnectionKey("google", "2")))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 2
    assert "moved" in ends
    with kit.context():
        assert sorted(subject for _, subject, _ in owned(kit, ada) + owned(kit, grace)) == ["1", "2"]
        with pytest.raises(DuplicateConnection):
            connect(kit, ada, "google", "1")
        kit.store.rollback()
