"""The token of a connection, kept alive: renewed once, however many threads, processes and machines want it.

Whoever finds a token near its end takes a lease on the row, in a transaction of the store's own, asks the provider,
and writes the answer before anybody uses it. All others wait and read again. A holder that dies frees the lease by
its time; what it lost is only a grant that the provider rotated and nobody could write down any more. The next one
then hears ``invalid_grant``, and the connection needs its owner.
"""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import dataclasses as dc
import datetime as dt
import logging
import math
import secrets
import time
import typing as t

from .datastores.base import StoredToken
from .datastores.columns import TOKEN_COLUMNS, token_values, utcnow
from .errors import ProviderError, ProviderRefused, ReconnectRequired, TokenStoreBusy, TokenUnreadable
from .flow import run
from .providers.base import Context, Provider
from .state import SocialState
from .values import ConnectionKey, Token
from .vault import Vault

#: Seconds that a lease lasts beyond the time that the provider has to answer: for writing the answer down.
LEASE_MARGIN = 10

#: Seconds for which nobody asks a provider that could not renew.
COOL_DOWN = 5

#: What a provider calls a grant that is dead: RFC 6749 section 5.2, GitHub, Facebook.
DEAD = frozenset({"invalid_grant", "bad_refresh_token", "190"})

_A_DAY = dt.timedelta(days=1)

logger = logging.getLogger("flask_social")

Outcome = t.Literal["renewed", "fresh", "busy", "failed", "dead", "unable"]


def open_stored(vault: Vault, stored: StoredToken) -> Token:
    """The token of a stored row.

    :raises TokenUnreadable: when a column of it opens with no key of ours.
    """
    opened = {
        name: vault.open_token(text, column=name, key=stored.key)
        for name in TOKEN_COLUMNS
        if (text := stored.raw.get(name))
    }
    return Token(
        access_token=opened.get("access_token", ""),
        secret=opened.get("secret"),
        refresh_token=opened.get("refresh_token"),
        id_token=opened.get("id_token"),
        expires_at=stored.expires_at,
        scope=tuple(stored.granted_scope.split()) if stored.granted_scope else None,
    )


def sealed_values(
    vault: Vault, key: ConnectionKey, values: cabc.Mapping[str, t.Any], *, seals: bool
) -> dict[str, t.Any]:
    """Column values as a store keeps them: its token columns sealed, if it seals them."""
    return {
        name: vault.seal_token(value, column=name, key=key) if seals and value and name in TOKEN_COLUMNS else value
        for name, value in values.items()
    }


class Renewal:
    """The renewal of one connection's token.

    :param url: where its owner may connect again, for :class:`~flask_social.errors.ReconnectRequired`.
    :param leeway: how long before its end a token is renewed; instead of the provider's and the application's.
    """

    def __init__(
        self,
        state: SocialState,
        provider: Provider,
        key: ConnectionKey,
        *,
        url: str | None = None,
        leeway: dt.timedelta | None = None,
    ) -> None:
        self.state = state
        self.provider = provider
        self.key = key
        self.url = url
        if leeway is None:
            leeway = provider.renew_before or dt.timedelta(seconds=state.settings.refresh_leeway)
        self.leeway = leeway

    def is_due(self, token: Token) -> bool:
        """Whether a token is near its end, or past it."""
        return token.expires_at is not None and token.expires_at - utcnow() <= self.leeway

    def run(self, rejected: str | None = None, *, wait: bool = True) -> tuple[Outcome, Token, StoredToken]:
        """A live token, renewed if it has to be.

        :param rejected: an access token that an API did not take.
        :param wait: whether to wait for somebody else who is renewing it; else the outcome is ``busy``.
        :raises ReconnectRequired: when the grant is dead, or the connection is gone.
        :raises ProviderError: when the provider failed, and the present token does not live any more.
        :raises TokenStoreBusy: when the store is locked, or somebody else takes too long.
        """
        store, end = self.state.datastore, time.monotonic() + self._seconds + COOL_DOWN
        taken: bool | None = None
        while True:
            stored = store.read_tokens(self.key)
            if stored is None:
                raise ReconnectRequired(f"The {self.key.provider_id} connection is gone.", url=self.url)
            token = self._opened(stored)
            if token.access_token != rejected and not self.is_due(token):
                return "fresh", token, stored
            lives = token.access_token != rejected and (token.expires_at is None or token.expires_at > utcnow())
            able = store.keeps_versions and self.provider.can_renew(token)
            if token.access_token == rejected and taken is None and not self.is_due(token):
                taken = self._is_taken(token, unless_told=not able)
                if taken:
                    return "fresh", token, stored
            if not able:
                if lives:
                    return "unable", token, stored
                raise self._end(stored, "needs_reconnect" if rejected is None else "revoked")
            if stored.lease_until is not None and stored.lease_until > utcnow():
                if lives or not wait:
                    return "busy", token, stored
                if time.monotonic() > end:
                    raise TokenStoreBusy("Somebody else is renewing this token and does not come to an end; try again.")
                time.sleep(0.05)
                continue
            held = self._lease(stored)
            renewed = self._ask(held, token, lives=lives) if held is not None else None
            if renewed is not None:
                return renewed

    @property
    def _seconds(self) -> float:
        return self.state.settings.http_deadline + LEASE_MARGIN

    def _opened(self, stored: StoredToken) -> Token:
        """The stored token, if there is one and it is not known to be dead.

        :raises ReconnectRequired: when there is none, or it does not open.
        """
        if stored.status in ("needs_reconnect", "revoked"):
            raise self._reconnect()
        try:
            token = open_stored(self.state.vault, stored)
        except TokenUnreadable as error:
            raise self._end(stored, "needs_reconnect") from error
        if not token.access_token:
            raise self._end(stored, "needs_reconnect")
        return token

    def _lease(self, stored: StoredToken, seconds: float | None = None) -> StoredToken | None:
        until = _after(self._seconds if seconds is None else seconds)
        if not self.state.datastore.swap_tokens(stored, {"lease_until": until}):
            return None
        return dc.replace(stored, lease_until=until)

    def _ask(self, held: StoredToken, token: Token, *, lives: bool) -> tuple[Outcome, Token, StoredToken] | None:
        """Asks the provider, under the lease. ``None``: somebody else wrote meanwhile, so look again."""
        store, settled = self.state.datastore, False
        try:
            try:
                new = run(self.provider.refresh(self._context(), token), self.state.exchange())
            except ProviderRefused as error:
                if error.error not in DEAD:
                    raise
                settled = True
                # Whoever was faster has rotated it away: it is no longer what is stored.
                if not store.swap_tokens(held, {"lease_until": None, "status": "needs_reconnect"}):
                    return None
                raise self._reconnect() from error
            settled = True
            return self._write(held, new)
        except ProviderError as error:
            settled = True
            pause = getattr(error, "retry_after", None) or COOL_DOWN
            self._lease(held, min(pause, 60))
            logger.warning("a token of %s could not be renewed: %s", self.provider.id, error.code)
            if not lives:
                raise
            return "failed", token, held
        finally:
            if not settled:
                store.swap_tokens(held, {"lease_until": None})

    def _is_taken(self, token: Token, *, unless_told: bool) -> bool:
        """Whether the provider still shows the profile for a token that one API did not take.

        That API's word is not enough: it may answer so to any token, and each answer would cost a renewal.

        :param unless_told: what is said when the provider does not tell.
        """
        try:
            run(self.provider.fetch_profile(self._context(), token), self.state.exchange())
        except ProviderRefused:
            return False
        except ProviderError:
            return unless_told
        return True

    def _write(self, held: StoredToken, new: Token) -> tuple[Outcome, Token, StoredToken] | None:
        """Writes a new token down. As long as the lease lasts it is tried, for without it the grant is lost."""
        values = {**token_values(new), "token_version": held.version + 1, "updated_at": utcnow(), "lease_until": None}
        if self.is_due(new) and new.expires_at is not None and new.expires_at - utcnow() > _A_DAY:
            values["lease_until"] = _after(_A_DAY.total_seconds())  # the provider gives no longer one for now
        raw = sealed_values(self.state.vault, self.key, values, seals=self.state.datastore.seals_tokens)
        while True:
            try:
                if not self.state.datastore.swap_tokens(held, raw):
                    return None
                break
            except TokenStoreBusy:
                if held.lease_until is None or utcnow() > held.lease_until:
                    raise
                time.sleep(0.05)
        written = {name: raw[name] for name in ("lease_until", "status", "expires_at", "granted_scope") if name in raw}
        columns = {**held.raw, **{name: raw[name] for name in TOKEN_COLUMNS if name in raw}}
        return "renewed", new, dc.replace(held, version=held.version + 1, raw=columns, **written)

    def _end(self, stored: StoredToken, status: str) -> ReconnectRequired:
        """Marks the connection; a store that is locked at this moment hears of it the next time."""
        if self.state.datastore.keeps_versions:
            with contextlib.suppress(TokenStoreBusy):
                self.state.datastore.swap_tokens(stored, {"lease_until": None, "status": status})
        return self._reconnect()

    def _reconnect(self) -> ReconnectRequired:
        text = f"The {self.key.provider_id} connection holds no token that works. Its owner has to connect it again."
        return ReconnectRequired(text, url=self.url)

    def _context(self) -> Context:
        return Context(
            redirect_uri="",
            now=utcnow(),
            vault=self.state.vault,
            documents=self.state.documents,
            random=secrets.token_bytes,
        )


def _after(seconds: float) -> dt.datetime:
    """A moment in whole seconds: not every database keeps fractions."""
    return dt.datetime.fromtimestamp(math.ceil(time.time() + seconds), dt.UTC)
