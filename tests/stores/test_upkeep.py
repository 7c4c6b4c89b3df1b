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


def test_keys_are_rotated(many: Kit) -> None:
    if not many.store.seals_tokens:
        pytest.skip("it keeps tokens as they are")
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
