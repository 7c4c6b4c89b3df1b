"""What an attack review found in the stores: each stays mended."""

from __future__ import annotations

from .kits import Kit
from .test_contract import KEY, create
from .test_tokens_contract import LEASE, read


def test_what_is_given_is_written_even_if_the_object_has_it_already(kit: Kit) -> None:
    """Between the reading of a login and its writing somebody else marks the connection, and takes a lease."""
    with kit.context():
        create(kit, kit.add_user(), access_token="old", granted_scope="a")
    with kit.context():
        row = kit.store.find_by_key(KEY)
        assert row is not None
        assert (row.status, row.lease_until, row.granted_scope) == ("active", None, "a")
        theirs = {"status": "needs_reconnect", "lease_until": LEASE, "granted_scope": "", "token_version": 1}
        assert kit.store.swap_tokens(read(kit), theirs) is True
        ours = {"access_token": "new", "status": "active", "lease_until": None, "granted_scope": "a"}
        kit.store.update_connection(row, token_version=2, **ours)
        kit.store.commit()
    with kit.context():
        found = read(kit)
        assert (found.status, found.lease_until, found.granted_scope) == ("active", None, "a")
        assert found.version == 2
