"""What a finished exchange writes to a connection."""

from __future__ import annotations

import secrets
import typing as t

from .. import revoking
from ..datastores.base import CLAIMED
from ..datastores.columns import profile_values, token_values, utcnow
from ..errors import TokenUnreadable
from ..health import utc
from ..providers.base import Grant, Provider
from ..state import SocialState
from ..values import Attempt, ConnectionKey


def of_new(state: SocialState, key: ConnectionKey, grant: Grant) -> dict[str, t.Any]:
    """The columns of a connection that is made within this transaction, but for its user."""
    revoking.forget(state, key)
    now = utcnow()
    row: dict[str, t.Any] = {
        "provider_id": key.provider_id,
        "provider_user_id": key.provider_user_id,
        "issuer": grant.issuer,
        # Not 0: whoever still works on a row of this account that was removed shall not take this one for it.
        "token_version": secrets.randbelow(2**30),
        "created_at": now,
        "updated_at": now,
    }
    return row | token_values(grant.token) | profile_values(grant.profile)


def update(
    state: SocialState, provider: Provider, connection: t.Any, grant: Grant, attempt: Attempt, *, login: bool
) -> tuple[frozenset[str], bool]:
    """Writes tokens and profile; returns the profile columns that changed, and whether the tokens were written.

    An identity that came without an access token (only an ID token, or one that waited in a cookie too small for
    tokens) leaves what it lacks as it is. So does a grant that allows less than the one that is there.
    """
    store, now = state.datastore, utcnow()
    profile = {k: v for k, v in profile_values(grant.profile).items() if k in store.columns}
    if not grant.token.access_token:
        known = {name for name, value in profile.items() if value is not None}
        known |= {"email_verified"} if "email" in known else set()  # that is a word about this address
        profile = {name: value for name, value in profile.items() if name in known}
    changed = frozenset(name for name, value in profile.items() if getattr(connection, name) != value)
    values = {name: profile[name] for name in changed} | {"updated_at": now}
    serves = attempt.intent == "reconnect" or not _allows_less(provider, connection, grant)
    renewed = bool(grant.token.access_token) and serves
    if renewed:
        # Whoever is renewing the old token at this moment loses against this one. By two, because somebody may have
        # renewed it, and counted up by one, since the row was read.
        version = (getattr(connection, "token_version", None) or 0) + 2
        values |= token_values(grant.token) | {"token_version": version, "lease_until": None}
    elif getattr(connection, "status", None) == CLAIMED:
        values["status"] = "active"
    if login:
        values["last_login_at"] = now
    store.update_connection(connection, **values)
    return changed, renewed


def _allows_less(provider: Provider, connection: t.Any, grant: Grant) -> bool:
    """Whether the tokens that are there still serve, and for scopes that the new ones lack.

    A login asks for the provider's own scopes only; what was granted for more is not lost by it. What the settings
    do not name any more is no loss.
    """
    granted, new = (getattr(connection, "granted_scope", None) or "").split(), grant.token.scope
    loss = new is not None and not provider.allowed_scopes.isdisjoint(provider.missing_scopes(granted, new))
    if not loss or getattr(connection, "status", "active") != "active":
        return False
    ends = getattr(connection, "expires_at", None)
    try:
        if not connection.access_token:
            return False
        return bool(getattr(connection, "refresh_token", None)) or ends is None or utc(ends) > utcnow()
    except TokenUnreadable:
        return False
