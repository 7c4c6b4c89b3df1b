"""Work on all connections at once, in every store."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import typing as t

import pytest
from cryptography.fernet import Fernet

from flask_social import Social, doctor, maintenance
from flask_social.datastores.columns import utcnow
from flask_social.state import EXTENSION
from flask_social.vault import Vault

from ..maintenancekit import CLIENT, Near
from .kits import Kit
from .test_contract import DATABASES
from .test_tokens_contract import SQL

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ROWS = 7


@pytest.fixture
def many(kit: Kit) -> Kit:
    """A store with connections of one user, whose tokens end soon, sealed with the older key."""
    del kit.app.extensions[EXTENSION]
    kit.app.config.update(
        SECRET_KEY="a secret for tests only, thirty-two bytes",
        SOCIAL_TOKEN_KEYS=[OLD],
        SOCIAL_NEAR={"class": Near, **CLIENT},
        TESTING=True,
    )
    with kit.context():
        state = Social().init_app(kit.app, kit.store)
        user_id = kit.add_user()
        for number in range(ROWS):
            kit.store.create_connection(
                user_id=user_id,
                provider_id="near",
                provider_user_id=f"subject-{number}",
                access_token=f"access-{number}",
                refresh_token=f"refresh-{number}",
                expires_at=utcnow() + dt.timedelta(minutes=number),
            )
        kit.store.commit()
    kit.app.extensions[EXTENSION] = dc.replace(state, vault=Vault(["secret"], [NEW, OLD]))
    Near.asked.clear()
    return kit


def tokens(kit: Kit) -> list[str]:
    """The access tokens, opened."""
    with kit.context():
        return sorted(row.access_token for row in kit.store.find_connections(provider_id="near"))


def done(counts: dict[str, int]) -> dict[str, int]:
    """Counts without the zeros."""
    return {name: number for name, number in counts.items() if number}


@DATABASES  # the store in memory keeps tokens as they are
def test_keys_are_rotated(many: Kit) -> None:
    before = tokens(many)
    with many.context():
        assert done(maintenance.rotate_keys(batch=3, dry_run=True)) == {"resealed": ROWS}
        assert done(maintenance.rotate_keys(batch=3)) == {"resealed": ROWS}
        assert done(maintenance.rotate_keys(batch=3)) == {"current": ROWS}
    many.app.extensions[EXTENSION] = dc.replace(many.app.extensions[EXTENSION], vault=Vault(["secret"], [NEW]))
    assert tokens(many) == before


def test_tokens_are_renewed(many: Kit) -> None:
    with many.context():
        assert done(maintenance.renew_tokens(batch=3, within=dt.timedelta(minutes=3, seconds=30))) == {"renewed": 4}
        assert done(maintenance.renew_tokens(batch=3)) == {"renewed": ROWS - 4}
        assert done(maintenance.renew_tokens(batch=3)) == {}
    assert tokens(many) == sorted(f"new access-{number}" for number in range(ROWS))
    assert sorted(Near.asked) == sorted(f"refresh-{number}" for number in range(ROWS))


def test_the_doctor_finds_nothing_wrong_with_the_store(many: Kit) -> None:
    with many.context():
        if many.store.seals_tokens:
            maintenance.rotate_keys()
        found: list[t.Any] = list(doctor.examine(offline=True))
    about = ("model", "store", "token", "unique", "index", "revocation")
    wrong = [it.code for it in found if it.level != "ok" and it.code.startswith(about)]
    assert wrong == ([] if many.store.seals_tokens else ["store_forgets"])
    assert ("schema" in {it.code for it in found}) is many.store.seals_tokens


def of_the_schema(kit: Kit) -> list[doctor.Finding]:
    """What the database is found to lack."""
    with kit.context():
        found = list(doctor.examine(offline=True))
    return [it for it in found if it.code.startswith(("index", "unique", "column", "schema", "store"))]


@DATABASES
def test_indexes_that_the_database_lacks(many: Kit) -> None:
    with many.context():
        many.forget_indexes()
    found = of_the_schema(many)
    texts = [it.text for it in found if it.code == "index_missing"]
    assert [any(f" {name}" in text for text in texts) for name in ("user_id", "expires_at")] == [True, True]
    keys = [it.text for it in found if it.code == "unique_key_missing" and "provider_user_id" in it.text]
    assert len(keys) == 1
    assert {it.level for it in found if it.code != "store"} == {"warning"}
    assert all("Migrate" in it.cure for it in found if it.code != "store")


@SQL
def test_columns_that_the_database_lacks(many: t.Any) -> None:
    with many.context():
        many.run_raw("ALTER TABLE connection DROP COLUMN full_name", "ALTER TABLE connection DROP COLUMN issuer")
    missing, unreachable = of_the_schema(many)
    assert (missing.level, missing.code, unreachable.code) == ("error", "column_missing", "store_unreachable")
    assert missing.text.startswith("The database has no issuer, full_name in the table of connections")


@SQL
def test_a_look_at_the_schema_leaves_the_transaction_of_the_caller(kit: t.Any) -> None:
    with kit.context():
        user = kit.add_user()
        kit.store.create_connection(user_id=user, provider_id="near", provider_user_id="1")
        kit.store.commit()
        with kit.locked_by_another():
            model, there = kit.store.schemas()
    assert set(model[0]) == set(there[0])
    assert {names for names, _ in model[1]} <= {names for names, _ in there[1]}
