"""How a connection is doing, in one word: what a page, the JSON and the command line show of it."""

from __future__ import annotations

import datetime as dt
import typing as t

from .providers.base import Provider

Health = t.Literal["active", "expiring", "needs_reconnect", "revoked", "missing_scope"]

#: A token that nobody can renew counts as near its end for this long before it.
NEAR = dt.timedelta(days=1)


def health(connection: t.Any, provider: Provider | None, now: dt.datetime) -> Health:
    """The first of these that fits. No token is opened for it.

    ``revoked``, ``needs_reconnect``: an API or the provider's token endpoint has refused; only the owner can help.
    ``missing_scope``: less was granted than the settings ask for.
    ``expiring``: the token ends within a day, or has ended, and only a login or a reconnect brings another one.
    ``active``: all else.

    :param connection: an object with the columns of a connection; those that it lacks count as unknown.
    :param provider: ``None`` when it is switched off; then only the status counts.
    :param now: aware UTC time.
    """
    status = getattr(connection, "status", None)
    if status in ("revoked", "needs_reconnect"):
        return t.cast("Health", status)
    if provider is None:
        return "active"
    granted = getattr(connection, "granted_scope", None)
    if granted is not None and provider.missing_scopes(provider.scopes, granted.split()):
        return "missing_scope"
    ends = getattr(connection, "expires_at", None)
    if ends is None or utc(ends) - now > NEAR:
        return "active"
    renewed_alone = provider.renews_without_refresh_token and utc(ends) > now
    return "active" if renewed_alone or _has_refresh_token(connection) else "expiring"


def utc(moment: dt.datetime) -> dt.datetime:
    """A time of a connection, aware; an application's own model may keep naive ones, which are UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def _has_refresh_token(connection: t.Any) -> bool:
    if hasattr(connection, "sealed_refresh_token"):
        return bool(connection.sealed_refresh_token)
    return bool(getattr(connection, "refresh_token", None))
