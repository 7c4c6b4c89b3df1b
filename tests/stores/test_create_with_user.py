"""A new user and the first connection: both or neither, in every store, on real servers."""

from __future__ import annotations

import threading
import typing as t

import pytest

from flask_social.datastores.base import CLAIMED
from flask_social.errors import DuplicateConnection, StoreError
from flask_social.values import ConnectionKey

from .kits import STORES, Kit

KEY = ConnectionKey("google", "1")

#: Those whose users have a database with unique keys.
DATABASES = pytest.mark.parametrize("kit", STORES[1:], indirect=True)

MONGO = pytest.mark.parametrize("kit", ["mongoengine on mongod"], indirect=True)


class People:
    """The users of a kit, made as Flask-Security's datastore of that ORM makes them; their names are unique."""

    def __init__(self, kit: Kit) -> None:
        self.kit: t.Any = kit
        self.sql = kit.transactional
        self.made: list[t.Any] = []
        with kit.context():
            if self.sql:
                import sqlalchemy as sa

                with self.kit.engine.begin() as connection:
                    connection.execute(sa.text('CREATE UNIQUE INDEX one_name ON "user" (name)'))
            elif hasattr(kit, "db"):
                self.kit.db.execute_sql('CREATE UNIQUE INDEX one_name ON "user" (name)')
            elif hasattr(kit, "User"):
                self.kit.User._get_collection().create_index("name", unique=True)

    def add(self, name: str, **fixed: t.Any) -> t.Any:
        """Makes a user; in SQL it is written with the next flush."""
        if self.sql:
            user = self.kit.User(name=name, **fixed)
            self.kit.session.add(user)
        elif hasattr(self.kit, "db"):
            user = self.kit.User.create(name=name, **fixed)
        elif hasattr(self.kit, "User"):
            user = self.kit.User(name=name, **fixed).save()
        else:
            user = type("User", (), {"id": len(self.made) + 100, "name": name})()
            self.made.append(user)
        return user

    def commit(self) -> None:
        if self.sql:
            self.kit.session.commit()

    def remove(self, user: t.Any) -> None:
        if hasattr(self.kit, "User"):
            self.kit.delete_user(user.id)
        else:
            self.made.remove(user)

    def names(self) -> list[str]:
        if self.sql:
            import sqlalchemy as sa

            with self.kit.engine.connect() as connection:
                return sorted(connection.execute(sa.text('SELECT name FROM "user"')).scalars())
        if hasattr(self.kit, "db"):
            return sorted(user.name for user in self.kit.User.select())
        return sorted(user.name for user in (self.kit.User.objects if hasattr(self.kit, "User") else self.made))


class Draft:
    """One user who is about to be made; ``before`` and ``after`` are called around it."""

    def __init__(self, people: People, name: str = "ada", before: t.Any = None, after: t.Any = None) -> None:
        self.people, self.name, self.before, self.after = people, name, before, after

    def make(self, **fixed: t.Any) -> t.Any:
        if self.before:
            self.before()
        user = self.people.add(self.name, **fixed)
        if self.after:
            self.after()
        return user

    def commit(self) -> None:
        self.people.commit()

    def undo(self, user: t.Any) -> None:
        self.people.remove(user)


@pytest.fixture
def people(kit: Kit) -> People:
    return People(kit)


def make(kit: Kit, draft: Draft, subject: str = "1", **values: t.Any) -> tuple[t.Any, t.Any]:
    return kit.store.create_with_user(draft, provider_id="google", provider_user_id=subject, **values)


def connections(kit: Kit) -> list[tuple[str, str]]:
    with kit.context():
        found = kit.store.find_connections(provider_id="google")
        return sorted((connection.provider_user_id, connection.status) for connection in found)


def names(kit: Kit, people: People) -> list[str]:
    with kit.context():
        return people.names()


def test_both_are_made(kit: Kit, people: People) -> None:
    with kit.context():
        user, connection = make(kit, Draft(people), access_token="token", display_name="Ada")
        assert connection.user_id == user.id
        assert user.name == "ada"
    assert names(kit, people) == ["ada"]
    assert connections(kit) == [("1", "active")]
    with kit.context():
        found = kit.store.find_by_key(KEY)
        assert (found.access_token, found.display_name) == ("token", "Ada")


def test_the_status_that_was_wanted(kit: Kit, people: People) -> None:
    """A claim is completed with it."""
    with kit.context():
        make(kit, Draft(people), status="needs_reconnect")
    assert connections(kit) == [("1", "needs_reconnect")]


def test_a_key_that_is_taken(kit: Kit, people: People) -> None:
    with kit.context():
        make(kit, Draft(people))
        with pytest.raises(DuplicateConnection):
            make(kit, Draft(people, "grace"))
        make(kit, Draft(people, "alan"), "2")
    assert names(kit, people) == ["ada", "alan"]
    assert connections(kit) == [("1", "active"), ("2", "active")]


@DATABASES
def test_a_name_that_is_taken(kit: Kit, people: People) -> None:
    with kit.context():
        make(kit, Draft(people))
        with pytest.raises(StoreError) as refused:
            make(kit, Draft(people), "2", access_token="a secret token")
        assert refused.value.code == "user_refused"
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__
        assert "ada" not in str(refused.value)
        make(kit, Draft(people, "grace"), "2")
    assert names(kit, people) == ["ada", "grace"]
    assert connections(kit) == [("1", "active"), ("2", "active")]


UNFIT = [
    ("flask-sqlalchemy on postgresql", "x" * 51),
    ("session on postgresql", "a\0b"),
    ("lite on sqlite", "\ud800"),
    ("peewee on postgresql", "x" * 256),
    ("peewee on sqlite", "\ud800"),
    ("mongoengine on mongod", "\ud800"),
    ("mongoengine on mongod", 1),
]


@pytest.mark.parametrize(("kit", "name"), UNFIT, indirect=["kit"])
def test_a_name_that_no_column_takes(kit: Kit, people: People, name: t.Any) -> None:
    """A person can type it, and the mapping can find it in a profile: that is no error of the application."""
    with kit.context():
        with pytest.raises(StoreError) as refused:
            make(kit, Draft(people, name))
        assert refused.value.code == "user_refused"
        make(kit, Draft(people, "grace"))
    assert names(kit, people) == ["grace"]
    assert connections(kit) == [("1", "active")]


class Stop(BaseException):
    """As a worker's time limit or Ctrl-C."""


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Stop])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_user_that_cannot_be_made(kit: Kit, people: People, error: type[BaseException], when: str) -> None:
    def fail() -> None:
        raise error

    with kit.context():
        with pytest.raises(error):
            make(kit, Draft(people, **{when: fail}))
        if kit.transactional:
            kit.store.commit()
    assert connections(kit) == []
    if when == "before" or kit.transactional or "Peewee" in type(kit).__name__:
        assert names(kit, people) == []
    with kit.context():
        make(kit, Draft(people, "grace"))
    assert connections(kit) == [("1", "active")]


REFUSED = [{"provider_user_id": "x" * 256}, {"provider_user_id": "x\0"}]


@DATABASES
@pytest.mark.parametrize("values", REFUSED, ids=["long", "NUL"])
def test_a_connection_that_cannot_be_made(kit: Kit, people: People, values: dict[str, str]) -> None:
    with kit.context():
        with pytest.raises(StoreError):
            kit.store.create_with_user(Draft(people), **{"provider_id": "google", **values})
        kit.store.commit()
    assert names(kit, people) == connections(kit) == []


# Races ----------------------------------------------------------------------------------------------------------

#: The name and subject of racer ``n`` -> what the losers get.
RACES = [
    pytest.param(lambda n: (f"name {n}", "1"), {"duplicate_connection"}, id="same identity"),
    pytest.param(lambda n: ("ada", f"{n}"), {"user_refused"}, id="same address"),
    pytest.param(lambda n: ("ada", "1"), {"duplicate_connection", "user_refused"}, id="same person"),
]


@DATABASES
@pytest.mark.parametrize(("racer", "codes"), RACES)
def test_a_race_of_threads_makes_one_of_each(kit: Kit, people: People, racer: t.Any, codes: set[str]) -> None:
    count = 6
    for _ in range(3):
        barrier = threading.Barrier(count)
        outcomes: list[str] = []

        def race(n: int, barrier: threading.Barrier = barrier, outcomes: list[str] = outcomes) -> None:
            name, subject = racer(n)
            with kit.context():
                kit.store.find_by_key(ConnectionKey("google", subject))
                barrier.wait(20)
                try:
                    make(kit, Draft(people, name), subject)
                except StoreError as error:
                    outcomes.append(error.code)
                else:
                    outcomes.append("won")

        threads = [threading.Thread(target=race, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert outcomes.count("won") == 1
        assert len(outcomes) == count
        assert set(outcomes) <= codes | {"won"}
        assert len(names(kit, people)) == 1
        ((_, status),) = connections(kit)
        assert status == "active"
        with kit.context():
            (connection,) = kit.store.find_connections(provider_id="google")
            owner = connection.user
            kit.store.delete_connections(provider_id="google")
            kit.store.commit()
            people.remove(owner)


# The claim of MongoDB -------------------------------------------------------------------------------------------


@MONGO
def test_the_claim_comes_first_and_belongs_to_nobody(kit: Kit, people: People) -> None:
    seen = []

    def look() -> None:
        claim = kit.store.find_by_key(KEY)
        seen.append((claim.status, claim.user, people.names()))

    with kit.context():
        user, connection = make(kit, Draft(people, before=look))
        assert connection.user.id == user.id
    assert seen == [(CLAIMED, None, [])]


@MONGO
def test_a_claim_that_somebody_removed_meanwhile(kit: Kit, people: People) -> None:
    """It was taken for an abandoned one: the user of whoever was so slow is taken back."""
    with kit.context():
        with pytest.raises(StoreError) as gone:
            make(kit, Draft(people, after=lambda: kit.store.delete_connection(provider_id="google")))
        assert gone.value.code == "connection_gone"
    assert names(kit, people) == connections(kit) == []


@MONGO
def test_a_claim_that_somebody_replaced_meanwhile(kit: Kit, people: People) -> None:
    def replace() -> None:
        kit.store.delete_connection(provider_id="google")
        make(kit, Draft(people, "grace"))

    with kit.context(), pytest.raises(StoreError):
        make(kit, Draft(people, after=replace))
    assert names(kit, people) == ["grace"]
    assert connections(kit) == [("1", "active")]


@MONGO
def test_a_user_that_was_written_but_not_answered_for(kit: Kit, people: People) -> None:
    """A listener of the application raises after the write, or the answer is lost: the user is taken back as well."""

    def fail() -> None:
        raise ConnectionError

    with kit.context(), pytest.raises(ConnectionError):
        make(kit, Draft(people, after=fail))
    assert names(kit, people) == connections(kit) == []


@DATABASES
def test_a_model_of_1_x(kit: Kit, people: People) -> None:
    """Without a status there is no claim, and the user comes first."""
    with kit.context():
        user, connection = kit.legacy.create_with_user(Draft(people), provider_id="google", provider_user_id="1")
        assert connection.user_id == user.id
        assert kit.legacy.find_by_key(KEY) is not None
    assert names(kit, people) == ["ada"]
