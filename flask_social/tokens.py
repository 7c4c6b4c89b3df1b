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
from .errors import ProviderError, ProviderRefused, ReconnectRequired, StoreError, TokenStoreBusy, TokenUnreadable
from .flow import run
from .providers.base import Context, Provider
from .state import SocialState
from .stored_tokens import open_stored, sealed_values
from .values import ConnectionKey, Token

#: Seconds that a lease lasts beyond the time that the provider has to answer: for writing the answer down.
LEASE_MARGIN = 10

#: Seconds for which nobody asks a provider that could not renew.
COOL_DOWN = 5

#: What a provider calls a grant that is dead: RFC 6749 section 5.2, GitHub, Facebook.
DEAD = frozenset({"invalid_grant", "bad_refresh_token", "190"})

#: What is said of the application itself, and so to every grant: RFC 6749 section 5.2.
NOT_THE_GRANT = frozenset({"invalid_client", "unauthorized_client"})

_A_DAY = 24 * 3600

logger = logging.getLogger("flask_social")

Outcome = t.Literal["renewed", "fresh", "busy", "failed", "refused", "dead", "unable", "unreadable"]


class Renewal:
    """The renewal of one connection's token.

    :param owner: the user whose connection it is; another one's is not looked at. ``None``: whoever's.
    :param url: where its owner may connect again, for :class:`~flask_social.errors.ReconnectRequired`.
    :param leeway: how long before its end a token is renewed; instead of the provider's and the application's.
    :param marks: whether a connection whose tokens do not open is marked; else that is an error of its own.
    """

    def __init__(
        self,
        state: SocialState,
        provider: Provider,
        key: ConnectionKey,
        *,
        owner: t.Any = None,
        url: str | None = None,
        leeway: dt.timedelta | None = None,
        marks: bool = True,
    ) -> None:
        self.state = state
        self.provider = provider
        self.key = key
        self.owner = owner
        self.url = url
        if leeway is None:
            leeway = provider.renew_before or dt.timedelta(seconds=state.settings.refresh_leeway)
        self.leeway = leeway
        self.marks = marks

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
        :raises TokenUnreadable: when no key opens it, and it is not to be marked.
        """
        end, asked_for = time.monotonic() + self._seconds + COOL_DOWN, False
        while True:
            stored = self._read()
            token = self._opened(stored)
            if token.access_token != rejected and not self.is_due(token):
                return "fresh", token, stored
            lives = token.access_token != rejected and (token.expires_at is None or token.expires_at > utcnow())
            able = self.state.datastore.keeps_versions and self.provider.can_renew(token)
            if token.access_token == rejected and not asked_for and not self.is_due(token):
                asked_for = True
                if self._is_taken(token, unless_told=not able):
                    return "fresh", token, stored
            if not able:
                if lives:
                    return "unable", token, stored
                raise self._end(stored, "needs_reconnect" if rejected is None else "revoked")
            left = (stored.lease_until - utcnow()).total_seconds() if stored.lease_until is not None else 0
            if left > 0 and lives:
                return "busy", token, stored
            # A longer one is nobody at work, but a pause after a renewal, or a clock that was wrong.
            if 0 < left <= self._seconds + 1:
                if not wait:
                    return "busy", token, stored
                if time.monotonic() > end:
                    raise TokenStoreBusy("Somebody else is renewing this token and does not come to an end; try again.")
                time.sleep(0.05)
                continue
            try:
                held = self._lease(stored)
            except TokenStoreBusy:
                if not lives:
                    raise
                return "busy", token, stored
            renewed = self._ask(held, token, lives=lives) if held is not None else None
            if renewed is not None:
                return renewed

    @property
    def _seconds(self) -> float:
        return self.state.settings.http_deadline + LEASE_MARGIN

    def _read(self) -> StoredToken:
        """What is stored, if it is still the connection that this is about.

        :raises ReconnectRequired: when it is gone, is somebody else's by now, or comes from another issuer.
        """
        stored = self.state.datastore.read_tokens(self.key)
        if stored is None or (self.owner is not None and str(stored.user_id) != str(self.owner)):
            raise ReconnectRequired(f"The {self.key.provider_id} connection is gone.", url=self.url)
        if not self.provider.is_issuer(stored.issuer):
            raise self._reconnect()
        return stored

    def _opened(self, stored: StoredToken) -> Token:
        """The stored token, if there is one and it is not known to be dead.

        :raises ReconnectRequired: when there is none, or it does not open.
        """
        if stored.status in ("needs_reconnect", "revoked"):
            raise self._reconnect()
        try:
            token = open_stored(self.state.vault, stored)
        except TokenUnreadable as error:
            if not self.marks:
                raise
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
        settled = False
        try:
            new = run(self.provider.refresh(self._context(), token), self.state.exchange())
            settled = True
            return self._write(held, new)
        except ProviderError as error:
            settled = True
            if self._is_dead(error, token):
                # Whoever was faster has rotated it away: it is no longer what is stored.
                if not self._put(held, {"lease_until": None, "status": "needs_reconnect"}, leased=True):
                    return None
                raise self._reconnect() from error
            logger.warning("a token of %s could not be renewed: %s", self.provider.id, error.code)
            self._pause(held, token, error if lives else None)
            if not lives:
                raise
            return why(error), token, held
        finally:
            if not settled:
                self._pause(held, token, None)

    def _is_dead(self, error: ProviderError, token: Token) -> bool:
        """Whether an error says that the grant cannot be renewed any more."""
        if not isinstance(error, ProviderRefused):
            return False
        suspect = error.error in self.provider.dead_refresh_errors
        return error.error in DEAD or (suspect and not self._is_taken(token, unless_told=True))

    def _pause(self, held: StoredToken, token: Token, error: ProviderError | None) -> None:
        """Gives the lease back: at once, or after an error when the provider may be asked again.

        The pause ends with the token at the latest: it serves meanwhile, and nobody has to wait.
        """
        until = None
        if error is not None and token.expires_at is not None:
            wished = _after(min(getattr(error, "retry_after", None) or COOL_DOWN, 60))
            until = min(wished, token.expires_at.replace(microsecond=0))
        with contextlib.suppress(TokenStoreBusy, StoreError):  # then it ends by itself
            self.state.datastore.swap_tokens(held, {"lease_until": until})

    def _is_taken(self, token: Token, *, unless_told: bool) -> bool:
        """Whether the provider still shows the profile for a token that one API did not take.

        That API's word is not enough: it may answer so to any token, and each answer would cost a renewal.

        :param unless_told: what is said when the provider does not tell.
        """
        try:
            run(self.provider.fetch_profile(self._context(), token), self.state.exchange())
        except ProviderError as error:
            refused = isinstance(error, ProviderRefused) and error
            if refused and (refused.status == 401 or refused.error in self.provider.dead_token_errors):
                return False
            return unless_told
        return True

    def _write(self, held: StoredToken, new: Token) -> tuple[Outcome, Token, StoredToken] | None:
        """Writes a new token down, before anybody uses it."""
        values = {**token_values(new), "token_version": held.version + 1, "updated_at": utcnow(), "lease_until": None}
        if self.is_due(new) and new.expires_at is not None:
            # The provider gives none that lasts longer: nobody asks for another one before half of its life is over.
            values["lease_until"] = _after(min((new.expires_at - utcnow()).total_seconds() / 2, _A_DAY))
        raw = sealed_values(self.state.vault, self.key, values, seals=self.state.datastore.seals_tokens)
        if not self._put(held, raw):
            return None
        written = {name: raw[name] for name in ("lease_until", "status", "expires_at", "granted_scope") if name in raw}
        columns = {**held.raw, **{name: raw[name] for name in TOKEN_COLUMNS if name in raw}}
        return "renewed", new, dc.replace(held, version=held.version + 1, raw=columns, **written)

    def _put(self, held: StoredToken, values: cabc.Mapping[str, t.Any], *, leased: bool = False) -> bool:
        """Writes what came of a lease, as long as it lasts: if it is not written, the grant is lost.

        A row that changed is written even so when it holds the same token: it was given to another user, or somebody
        took the lease for ended.

        :param leased: only if nobody took it.
        :returns: ``False`` when there is another token, or none any more.
        """
        store, row = self.state.datastore, held
        while True:
            try:
                if store.swap_tokens(row, values):
                    return True
                found = store.read_tokens(self.key)
                if found is None or found.version != held.version:
                    return False
                if leased and found.lease_until != held.lease_until:
                    return False
                row = found
            except (TokenStoreBusy, StoreError):
                if held.lease_until is None or utcnow() > held.lease_until:
                    raise
            time.sleep(0.05)

    def _end(self, stored: StoredToken, status: str) -> ReconnectRequired:
        """Marks the connection; a store that is locked at this moment hears of it the next time."""
        if self.state.datastore.keeps_versions:
            with contextlib.suppress(TokenStoreBusy, StoreError):
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


def why(error: ProviderError) -> Outcome:
    """What a provider's error is called: ``refused`` is this one grant, ``failed`` may be all of them."""
    about_us = not isinstance(error, ProviderRefused) or error.error in NOT_THE_GRANT
    return "failed" if about_us else "refused"


def _after(seconds: float) -> dt.datetime:
    """A moment in whole seconds: not every database keeps fractions."""
    return dt.datetime.fromtimestamp(math.ceil(time.time() + seconds), dt.UTC)
