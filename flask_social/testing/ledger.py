"""What the stand-in remembers: who agreed to what, and the codes and tokens that came of it."""

from __future__ import annotations

import dataclasses as dc
import secrets

#: Seconds that an authorization code lives (X's documented limit, the shortest of the four).
CODE_LIFETIME = 30.0


@dc.dataclass(frozen=True, slots=True)
class RegisteredClient:
    """An application registered at one provider.

    :param client_secret: ``None`` makes it a public client, which must use PKCE.
    :param redirect_uris: the only redirect URIs it may use, compared as text; none given: any.
    """

    provider: str
    client_id: str
    client_secret: str | None = dc.field(default=None, repr=False)
    redirect_uris: tuple[str, ...] = ()


@dc.dataclass(eq=False, slots=True)
class Grant:
    """What one person agreed to for one application. Its tokens die with it.

    :param params: the parameters of the authorization request.
    :param auth_time: when the person logged in, in seconds since the epoch.
    """

    provider: str
    client_id: str
    person_id: str
    scope: tuple[str, ...] = ()
    params: dict[str, str] = dc.field(default_factory=dict, repr=False)
    auth_time: float = 0
    first: bool = True
    alive: bool = True


@dc.dataclass(eq=False, slots=True)
class Issued:
    """A code or a token. ``kind`` is ``code``, ``access``, ``refresh``, ``request`` or ``app``."""

    kind: str
    value: str = dc.field(repr=False)
    grant: Grant
    expires_at: float | None = None
    secret: str | None = dc.field(default=None, repr=False)
    verifier: str | None = dc.field(default=None, repr=False)
    issued_at: float = 0
    revoked: bool = False
    used: bool = False

    def is_live(self, now: float) -> bool:
        """Whether it is worth anything at ``now`` (seconds since the epoch)."""
        in_time = self.expires_at is None or now < self.expires_at
        return in_time and self.grant.alive and not self.revoked and not self.used


class Ledger:
    """Every code and token the stand-in gave out. Not locked: its owner is."""

    def __init__(self) -> None:
        self._issued: dict[str, Issued] = {}
        self._noted: set[str] = set()
        self.consents: set[tuple[str, str, str]] = set()

    def issue(
        self, kind: str, grant: Grant, now: float, lifetime: float | None = None, *, value: str | None = None
    ) -> Issued:
        """A new code or token that lives ``lifetime`` seconds, or for ever."""
        item = Issued(
            kind,
            value or f"{grant.provider}-{kind}-{secrets.token_urlsafe(24)}",
            grant,
            expires_at=None if lifetime is None else now + lifetime,
            secret=secrets.token_urlsafe(24) if kind == "request" or grant.provider == "twitter" else None,
            issued_at=now,
        )
        self._issued[item.value] = item
        return item

    def find(self, value: str | None, *kinds: str) -> Issued | None:
        """What was issued under this value, dead or alive; ``None`` when it is unknown or of another kind."""
        item = self._issued.get(value or "")
        return item if item is not None and item.kind in kinds else None

    def note(self, *values: str) -> None:
        """Remember secrets that are neither codes nor tokens."""
        self._noted.update(values)

    def secrets(self) -> frozenset[str]:
        """What was noted, and every code and token with its secret and its verifier."""
        of_items = {value for item in self._issued.values() for value in (item.value, item.secret, item.verifier)}
        return frozenset(value for value in self._noted | of_items if value)

    def revoke(self, item: Issued) -> None:
        """RFC 7009 section 2.1: a refresh token takes its grant and so its access tokens along."""
        item.revoked = True
        if item.kind == "refresh":
            item.grant.alive = False

    def end_grants(self, provider: str, person_id: str, client_id: str | None = None) -> None:
        """Every grant of a person at a provider dies (of one application, or of all), and the consent is forgotten."""
        for item in self._issued.values():
            grant = item.grant
            if (grant.provider, grant.person_id) == (provider, person_id) and client_id in (None, grant.client_id):
                grant.alive = False
        self.consents = {
            consent
            for consent in self.consents
            if consent[0] != provider or consent[2] != person_id or client_id not in (None, consent[1])
        }

    def granted(self, provider: str, client_id: str, person_id: str) -> tuple[str, ...]:
        """Every scope of the living grants of a person to an application, in the order of granting."""
        grants = dict.fromkeys(item.grant for item in self._issued.values() if item.grant.alive)
        mine = [it for it in grants if (it.provider, it.client_id, it.person_id) == (provider, client_id, person_id)]
        return tuple(dict.fromkeys(scope for grant in mine for scope in grant.scope))

    def dead(self) -> frozenset[str]:
        """The values of all access and refresh tokens that were revoked, alone or with their grant."""
        return frozenset(
            item.value
            for item in self._issued.values()
            if item.kind in ("access", "refresh") and (item.revoked or not item.grant.alive)
        )

    def live(self, now: float) -> tuple[Issued, ...]:
        """All access and refresh tokens that still work."""
        return tuple(i for i in self._issued.values() if i.kind in ("access", "refresh") and i.is_live(now))
