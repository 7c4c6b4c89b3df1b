"""Reading all connections, and those that end soon, page by page."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from flask_social.datastores.base import StoredToken

from .kits import Kit
from .test_contract import create

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
MANY = 1050


def hours(number: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=number)


def rows(user: t.Any, count: int, **more: t.Any) -> list[dict[str, t.Any]]:
    """Connections as they stand in the database; several end at one moment."""
    fixed = {"user_id": user, "provider_id": "google", "status": "active", "token_version": 0, "rank": 1}
    return [
        {**fixed, "provider_user_id": str(n), "refresh_token": "rt", "expires_at": hours(n // 7), **more}
        for n in range(count)
    ]


def pages(kit: Kit, limit: int, **options: t.Any) -> t.Iterator[list[StoredToken]]:
    after = None
    while page := list(kit.store.page_tokens(after=after, limit=limit, **options)):
        assert len(page) <= limit
        yield page
        after = page[-1].cursor


@pytest.mark.parametrize("options", [{}, {"due_before": hours(10_000)}], ids=["all", "due"])
def test_each_row_is_seen_once_while_rows_change(kit: Kit, options: dict[str, t.Any]) -> None:
    with kit.context():
        kit.fill(rows(kit.add_user(), MANY))
        seen: list[str] = []
        for page in pages(kit, 100, **options):
            seen += [stored.key.provider_user_id for stored in page]
            # What was seen is renewed or removed, and is not there when the next page is read.
            assert kit.store.swap_tokens(page[0], {"token_version": 1, "expires_at": hours(20_000)}) is True
            last = page[-1].key
            kit.store.delete_connection(provider_id=last.provider_id, provider_user_id=last.provider_user_id)
            kit.store.commit()
        assert len(seen) == MANY
        assert len(set(seen)) == MANY


def test_what_ends_soon_comes_in_the_order_of_its_end(kit: Kit) -> None:
    with kit.context():
        kit.fill(list(reversed(rows(kit.add_user(), 100))))
        found = [stored for page in pages(kit, 9, due_before=hours(5)) for stored in page]
        assert {stored.key.provider_user_id for stored in found} == {str(n) for n in range(35)}
        ends = [stored.expires_at for stored in found]
        assert ends == sorted(ends, key=str)
        assert ends[0] == NOW
        assert list(kit.store.page_tokens(due_before=NOW)) == []


#: What a row is like, and which providers renew without a refresh token -> whether it is due.
DUE: list[tuple[str, dict[str, t.Any], tuple[str, ...], bool]] = [
    ("it can be renewed", {}, (), True),
    ("it needs its owner", {"status": "needs_reconnect"}, (), False),
    ("its end is not known", {"expires_at": None}, (), False),
    ("it has no refresh token", {"refresh_token": None}, (), False),
    ("its refresh token is empty", {"refresh_token": ""}, (), False),
    ("its provider needs none", {"refresh_token": None}, ("facebook", "google"), True),
    ("another provider needs none", {"refresh_token": None}, ("facebook",), False),
]


@pytest.mark.parametrize(("change", "without", "due"), [row[1:] for row in DUE], ids=[row[0] for row in DUE])
def test_what_is_due(kit: Kit, change: dict[str, t.Any], without: tuple[str, ...], due: bool) -> None:
    with kit.context():
        kit.fill(rows(kit.add_user(), 1, **change))
        found = kit.store.page_tokens(due_before=hours(1), without_refresh_token=without)
        assert [stored.key.provider_user_id for stored in found] == (["0"] if due else [])


def test_an_empty_store_has_no_page(kit: Kit) -> None:
    with kit.context():
        assert list(kit.store.page_tokens()) == []
        create(kit, kit.add_user())
        (only,) = kit.store.page_tokens(limit=1)
        assert list(kit.store.page_tokens(after=only.cursor)) == []
