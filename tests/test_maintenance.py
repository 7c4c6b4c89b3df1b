"""Work on all connections at once: renewing, sealing anew, removing what nobody needs."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import gc
import threading
import tracemalloc
import typing as t

import pytest
from cryptography.fernet import Fernet

from flask_social import MemoryConnectionDatastore, Social, maintenance
from flask_social.datastores.base import CLAIM_LIFETIME, CLAIMED, StoredToken
from flask_social.errors import ConfigurationError
from flask_social.maintenance.renewing import PATIENCE
from flask_social.values import ConnectionKey
from flask_social.vault import Vault, is_sealed

from .appkit import Kit
from .maintenancekit import Near, add, make_many, opened, raw, soon

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def kit() -> Kit:
    return make_many()


def renew(kit: Kit, **options: t.Any) -> dict[str, int]:
    """Renews, and tells what came of it, zeros left out."""
    with kit.app.app_context():
        return {name: number for name, number in maintenance.renew_tokens(**options).items() if number}


# Renewing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"expires_at": soon()}, "renewed"),
        ({"expires_at": soon(hours=-5)}, "renewed"),
        ({"expires_at": soon(hours=2)}, None),
        ({"expires_at": None}, None),
        ({"expires_at": soon(), "refresh_token": None}, None),
        ({"expires_at": soon(), "refresh_token": ""}, None),
        ({"expires_at": soon(), "status": "needs_reconnect"}, None),
        ({"expires_at": soon(), "status": "revoked"}, None),
        ({"expires_at": soon(), "status": CLAIMED}, None),
        ({"expires_at": soon(), "refresh_token": "dead"}, "dead"),
        ({"expires_at": soon(), "refresh_token": "down"}, "failed"),
        ({"expires_at": soon(hours=-1), "refresh_token": "down"}, "failed"),
        ({"expires_at": soon(), "refresh_token": "odd"}, "refused"),
        ({"expires_at": soon(hours=-1), "refresh_token": "odd"}, "refused"),
        ({"expires_at": soon(), "refresh_token": "stranger"}, "failed"),
        ({"expires_at": soon(hours=-1), "refresh_token": "stranger"}, "failed"),
        ({"expires_at": soon(), "access_token": "raw:fs2$lost"}, "unreadable"),
        ({"expires_at": soon(), "access_token": None}, "dead"),
        ({"expires_at": soon(), "access_token": "raw:plain"}, "renewed"),
        ({"expires_at": soon(), "lease_until": soon(minutes=5)}, "busy"),
        ({"expires_at": soon(), "lease_until": soon(minutes=-5)}, "renewed"),
        ({"expires_at": soon(), "provider_id": "gone"}, "off"),
        ({"expires_at": soon(days=9), "provider_id": "far", "refresh_token": None}, "renewed"),
        ({"expires_at": soon(days=11), "provider_id": "far", "refresh_token": None}, None),
        ({"expires_at": soon(days=9)}, None),
    ],
)
def test_what_becomes_of_a_row(kit: Kit, row: dict[str, t.Any], outcome: str | None) -> None:
    add(kit, row)
    assert renew(kit) == ({outcome: 1} if outcome else {})
    if outcome == "renewed":
        assert opened(kit)[0] == "new " + str(row.get("access_token", "access-0")).removeprefix("raw:")
        assert all(is_sealed(text) for text in raw(kit, "access_token"))
        assert kit.names() == ["token_refreshed"]


def test_each_is_renewed_once_in_a_run_however_short_its_life(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Near, "lifetime", 60)
    add(kit, *({"expires_at": soon(minutes=-number)} for number in range(30)))
    assert renew(kit, batch=7) == {"renewed": 30}
    assert len(Near.asked) == len(set(Near.asked)) == 30


def test_a_limit(kit: Kit) -> None:
    add(kit, *({"expires_at": soon(), "provider_id": it} for it in ["near", "gone"] * 10))
    assert renew(kit, limit=4).get("renewed") == 4
    assert len(Near.asked) == 4


def test_a_dry_run_asks_nobody(kit: Kit) -> None:
    add(kit, {"expires_at": soon()}, {"expires_at": soon(hours=3)})
    before = raw(kit, "access_token")
    assert renew(kit, dry_run=True) == {"due": 1}
    assert renew(kit, dry_run=True, within=dt.timedelta(days=1)) == {"due": 2}
    assert (raw(kit, "access_token"), Near.asked) == (before, [])


def test_a_provider_that_is_down_is_left_alone_after_a_while(kit: Kit) -> None:
    add(kit, *({"expires_at": soon(), "refresh_token": f"down {number}"} for number in range(PATIENCE + 5)))
    add(kit, {"expires_at": soon(minutes=50), "provider_id": "far"})
    assert renew(kit) == {"failed": PATIENCE, "skipped": 5, "renewed": 1}
    assert len(Near.asked) == PATIENCE + 1


@pytest.mark.parametrize("how", ["odd", "raw:fs2$lost"])
def test_what_one_grant_is_refused_for_stops_no_other(kit: Kit, how: str) -> None:
    add(kit, *({"expires_at": soon(), "refresh_token": how} for _ in range(PATIENCE + 5)))
    add(kit, {"expires_at": soon(minutes=50)}, start=100)
    assert renew(kit, batch=5).get("renewed") == 1
    with kit.app.app_context():
        assert {row.status for row in kit.rows()} == {"active"}


def test_what_says_nothing_of_the_provider_does_not_call_it_well(kit: Kit) -> None:
    tokens = ["down" if number % 2 else "raw:fs2$lost" for number in range(60)]
    add(kit, *({"expires_at": soon(seconds=number), "refresh_token": it} for number, it in enumerate(tokens)))
    assert renew(kit, batch=1) == {"failed": PATIENCE, "unreadable": PATIENCE, "skipped": 60 - 2 * PATIENCE}


def test_a_resolver_that_raises_stops_no_other_provider(caplog: pytest.LogCaptureFixture) -> None:
    def resolver(provider_id: str) -> dict[str, t.Any] | None:
        raise RuntimeError("the tenants' database is down")

    kit = make_many(SOCIAL_PROVIDER_RESOLVER=resolver)
    add(kit, *({"expires_at": soon(), "provider_id": it} for it in ("tenant", "near")))
    assert renew(kit) == {"failed": 1, "renewed": 1}
    assert "'tenant' could not be found out" in caplog.text


def test_one_success_between_failures_is_enough(kit: Kit) -> None:
    tokens = [f"down {number}" if number % 4 else f"up {number}" for number in range(60)]
    add(kit, *({"expires_at": soon(seconds=number), "refresh_token": it} for number, it in enumerate(tokens)))
    assert renew(kit, batch=1) == {"failed": 45, "renewed": 15}


def test_workers_share_the_rows(postgres_uri: str) -> None:
    kit = make_many(SQLALCHEMY_DATABASE_URI=postgres_uri)
    add(kit, *({"expires_at": soon()} for _ in range(200)))
    found: list[dict[str, int]] = []
    workers = [threading.Thread(target=lambda: found.append(renew(kit, batch=50))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(counts.get("renewed", 0) for counts in found) == 200
    assert sorted(Near.asked) == sorted(f"refresh-{number}" for number in range(200))
    assert all(set(counts) <= {"renewed", "busy", "fresh"} for counts in found)
    with kit.app.app_context():
        kit.db.engine.dispose()


def test_jitter_waits_at_random(kit: Kit) -> None:
    add(kit, {"expires_at": soon()})
    assert renew(kit, jitter=0.01) == {"renewed": 1}


# Sealing anew -------------------------------------------------------------------------------------------------


def rotate(kit: Kit, *keys: str, **options: t.Any) -> dict[str, int]:
    """Seals anew with a ring of keys, the newest first; zeros left out."""
    use(kit, *keys)
    with kit.app.app_context():
        return {name: number for name, number in maintenance.rotate_keys(**options).items() if number}


def use(kit: Kit, *keys: str) -> None:
    """Gives the application another ring of keys, as a restart does."""
    state = kit.app.extensions["social"]
    kit.app.extensions["social"] = dc.replace(state, vault=Vault(["secret"], keys))


def sealed_with(kit: Kit, key: str) -> list[bool]:
    """Which rows are sealed with a key alone."""
    vault = Vault(["secret"], [key])
    return [vault.is_current(text) for text in raw(kit, "access_token")]


def test_every_row_is_sealed_with_the_newest_key(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, *({"id_token": "i", "secret": "s"} for _ in range(5)), {"access_token": "raw:plain"})
    before = opened(kit)
    assert rotate(kit, NEW, OLD, batch=2) == {"resealed": 5, "sealed": 1}
    assert sealed_with(kit, NEW) == [True] * 6
    use(kit, NEW)
    assert opened(kit) == before
    assert opened(kit, "id_token") == ["i"] * 5 + [None]
    assert opened(kit, "refresh_token") == [f"refresh-{number}" for number in range(6)]


def test_what_is_current_is_not_written_again(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, {}, {}, {"access_token": None, "refresh_token": None}, {"access_token": "", "refresh_token": None})
    assert rotate(kit, NEW, OLD) == {"resealed": 2, "current": 2}
    before = raw(kit, "access_token"), raw(kit, "refresh_token"), raw(kit, "updated_at")
    assert rotate(kit, NEW, OLD) == {"current": 4}
    assert (raw(kit, "access_token"), raw(kit, "refresh_token"), raw(kit, "updated_at")) == before


def test_a_lost_key(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, {}, {"status": "revoked"})
    use(kit, NEW)
    add(kit, {}, start=2)
    lost: list[ConnectionKey] = []
    assert rotate(kit, NEW, unreadable=lost.append) == {"unreadable": 2, "current": 1}
    assert lost == [ConnectionKey("near", "0"), ConnectionKey("near", "1")]
    assert raw(kit, "status") == ["active", "revoked", "active"]
    assert rotate(kit, NEW, mark=True, dry_run=True) == {"unreadable": 2, "current": 1}
    assert raw(kit, "status") == ["active", "revoked", "active"]
    assert rotate(kit, NEW, mark=True) == {"unreadable": 2, "current": 1}
    assert raw(kit, "status") == ["needs_reconnect", "revoked", "active"]
    assert rotate(kit, NEW, OLD) == {"resealed": 2, "current": 1}


def test_what_can_be_opened_of_a_row_is_sealed_anew(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, {"id_token": "raw:fs2$lost"})
    assert rotate(kit, NEW, OLD) == {"unreadable": 1}
    assert sealed_with(kit, NEW) == [True]
    assert raw(kit, "id_token") == ["fs2$lost"]


def test_a_token_of_another_row_is_not_sealed_for_this_one(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, {})
    add(kit, {"access_token": "raw:" + raw(kit, "access_token")[0]}, start=1)
    assert rotate(kit, NEW, OLD) == {"resealed": 1, "unreadable": 1}


def test_a_dry_run_of_sealing_writes_nothing(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, {}, {"access_token": "raw:plain"})
    before = raw(kit, "access_token")
    assert rotate(kit, NEW, OLD, dry_run=True) == {"resealed": 1, "sealed": 1}
    assert raw(kit, "access_token") == before


def test_a_leased_row_is_sealed_anew_and_its_holder_loses_nothing(kit: Kit) -> None:
    use(kit, OLD)
    add(kit, {"lease_until": soon(minutes=1), "expires_at": soon()})
    store = kit.app.extensions["social"].datastore
    with kit.app.app_context():
        (held,) = store.page_tokens()
        assert rotate(kit, NEW, OLD) == {"resealed": 1}
        assert store.swap_tokens(held, {"granted_scope": "written by the holder", "lease_until": None})


def test_what_a_login_writes_meanwhile_stays(social_provider: t.Any, social_login: t.Any) -> None:
    """Between the page and the write somebody logs in: the row is theirs, and is looked at again."""
    kit = make_many({"google": social_provider.settings("google")})
    use(kit, OLD)
    add(kit, {"access_token": "raw:fs2$lost"})
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    before = opened_of(kit, "google")

    def log_in(lost: ConnectionKey) -> None:
        social_login(kit.app.test_client(), "google", "ada")

    use(kit, NEW, OLD)
    with kit.app.app_context():
        counts = maintenance.rotate_keys(unreadable=log_in)
    assert (counts["unreadable"], counts["left"]) == (1, 0)
    assert opened_of(kit, "google") != before


def test_a_model_with_plain_tokens_is_refused(kit: Kit) -> None:
    app = type(kit.app)("tests.memory")
    app.config["SECRET_KEY"] = "a secret for tests only, thirty-two bytes"
    Social(app, MemoryConnectionDatastore())
    with app.app_context(), pytest.raises(ConfigurationError, match="plain"):
        maintenance.rotate_keys()


def opened_of(kit: Kit, provider_id: str) -> str:
    """The access token of the only connection of a provider."""
    with kit.app.app_context():
        return str(next(row.access_token for row in kit.rows() if row.provider_id == provider_id))


# Removing -----------------------------------------------------------------------------------------------------


def purge(kit: Kit, **options: t.Any) -> dict[str, int]:
    with kit.app.app_context():
        return {name: number for name, number in maintenance.purge(**options).items() if number}


def left(kit: Kit) -> list[str]:
    return raw(kit, "provider_user_id")


def test_what_nobody_owns_is_removed(kit: Kit) -> None:
    long_ago, just_now = soon(seconds=-10 * CLAIM_LIFETIME), dt.datetime.now(dt.UTC)
    add(
        kit,
        {},
        {"user_id": 77},
        {"user_id": 78, "status": CLAIMED, "created_at": long_ago},
        {"user_id": 79, "status": CLAIMED, "created_at": just_now},
        {"status": CLAIMED, "created_at": long_ago},
        {"provider_id": "gone"},
    )
    expected = {"seen": 6, "of_nobody": 1, "claims": 1}
    assert purge(kit, dry_run=True) == expected
    assert len(left(kit)) == 6
    assert purge(kit, batch=2) == expected
    assert left(kit) == ["0", "3", "4", "5"]
    assert purge(kit) == {"seen": 4}
    assert kit.names() == []


def test_a_provider_that_is_switched_off(kit: Kit) -> None:
    add(kit, {}, {"provider_id": "gone"}, {"provider_id": "gone"})
    assert purge(kit, provider_id="gone") == {"seen": 3, "of_provider": 2}
    assert left(kit) == ["0"]
    assert [(name, sent["provider_id"]) for name, sent in kit.events] == [("connection_removed", "gone")] * 2


def test_a_provider_that_is_switched_on_is_refused(kit: Kit) -> None:
    add(kit, {}, {"provider_id": "far"})
    with pytest.raises(ConfigurationError, match="SOCIAL_FAR"):
        purge(kit, provider_id="far")
    assert purge(kit, provider_id="far", while_on=True) == {"seen": 2, "of_provider": 1}
    assert left(kit) == ["0"]


# Scale --------------------------------------------------------------------------------------------------------

ROWS, DUE, BATCH = 3000, 600, 100


def test_no_table_is_held_in_memory(kit: Kit) -> None:
    """Of 3,000 rows never more than a page and the next one are there, and the memory is that of a page."""
    use(kit, OLD)
    add(kit, *({"expires_at": soon(days=number >= DUE), "secret": "x" * 2000} for number in range(ROWS)))
    use(kit, NEW, OLD)
    pages: list[int] = []
    alive: list[int] = []

    def progress(rows: int) -> None:
        pages.append(rows)
        alive.append(sum(type(it) is StoredToken for it in gc.get_objects()))
        kit.events.clear()

    def megabytes(work: t.Callable[..., t.Any], **options: t.Any) -> float:
        tracemalloc.start()
        try:
            work(batch=BATCH, dry_run=True, **options)
            return tracemalloc.get_traced_memory()[1] / 1e6
        finally:
            tracemalloc.stop()

    with kit.app.app_context():
        for work in maintenance.rotate_keys, maintenance.renew_tokens, maintenance.purge:
            assert megabytes(work) < 10, work  # the tokens alone are 12, the map of what was seen is 8
        assert maintenance.rotate_keys(batch=BATCH, progress=progress)["resealed"] == ROWS
        assert maintenance.renew_tokens(batch=BATCH, progress=progress)["renewed"] == DUE
        assert maintenance.purge(batch=BATCH, progress=progress)["seen"] == ROWS
    assert max(pages) == BATCH
    assert max(alive) <= 2 * BATCH + 10
