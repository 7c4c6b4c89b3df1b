"""The state behind the stand-in, and the switches that its owner turns."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import secrets
import threading
import time
import typing as t

from .faults import Faults
from .keys import Algorithm, Extra, KeyId, KeyRing
from .ledger import Issued, Ledger, RegisteredClient
from .people import PEOPLE, Person

#: Parameters of requests whose values are nobody else's business.
SECRET_PARAMS: t.Final = frozenset(
    {"state", "nonce", "code", "code_verifier", "client_secret", "client_assertion", "access_token", "refresh_token"}
    | {"id_token", "token", "oauth_token", "oauth_verifier", "input_token", "fb_exchange_token", "appsecret_proof"}
)


@dc.dataclass(frozen=True, slots=True)
class Seen:
    """One request that arrived.

    :param path: without the query.
    :param endpoint: a name of :data:`flask_social.testing.ENDPOINTS`, or ``picture``, ``choice`` (the login page's
        form) or ``unknown``.
    :param connection: number of the TCP connection, from 1 upwards.
    :param auth: the scheme of the ``Authorization`` header; ``None`` without one.
    :param params: query and form parameters, secrets and all, so never printed.
    """

    method: str
    path: str
    provider: str
    endpoint: str
    time: float
    connection: int
    auth: str | None = None
    params: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)
    headers: cabc.Mapping[str, str] = dc.field(default_factory=dict, repr=False)


class World:
    """Everything that one stand-in knows. ``lock`` is held while a request is answered.

    :ivar url: address of the server, without a slash at its end.
    :ivar auto: id of the person who logs in everywhere without the page being shown; ``None`` shows it.
    :ivar rotate_refresh_tokens: ``True`` or ``False`` for all providers; ``None`` does as each provider does.
    :ivar strict_refresh: using a rotated refresh token again kills the whole grant (RFC 9700 section 4.14.2).
    :ivar require_appsecret_proof: Facebook refuses calls without ``appsecret_proof``.
    :ivar withheld_scopes: scopes that the person unticks when they agree to the rest.
    :ivar thin_id_tokens: ID tokens hold the subject and no profile, which UserInfo then has to give.
    :ivar sign_userinfo: UserInfo answers are signed (``application/jwt``), as for a client registered with
        ``userinfo_signed_response_alg``.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.url = ""
        self.faults = Faults()
        self._requests: list[Seen] = []
        self.reset()

    def reset(self) -> None:
        """Back to the first day: people, clients, tokens, faults, switches, keys, clock and request log."""
        with self.lock:
            self.people: dict[str, Person] = {person.id: person for person in PEOPLE}
            self.clients: dict[tuple[str, str], RegisteredClient] = {}
            self.ledger = Ledger()
            self.faults.clear()
            self.keys = KeyRing()
            self.pending: dict[str, t.Any] = {}
            self.sessions: dict[tuple[str, str], float] = {}
            self.nonces: set[tuple[str, ...]] = set()
            self.auto: str | None = None
            self.rotate_refresh_tokens: bool | None = None
            self.strict_refresh = False
            self.require_appsecret_proof = False
            self.thin_id_tokens = False
            self.sign_userinfo = False
            self.withheld_scopes: cabc.Container[str] = ()
            self._offset = 0.0
            self._requests.clear()

    # Time

    def now(self) -> float:
        """The stand-in's own time, in seconds since the epoch."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Put the stand-in's clock forward: codes and tokens expire. ID tokens made later come from the future."""
        self._offset += seconds

    # People and applications

    def add_person(self, person: Person) -> Person:
        """Give somebody an account, or change who has the account of that id."""
        with self.lock:
            self.people[person.id] = person
        return person

    def subject(self, provider: str, person_id: str, client_id: str | None = None) -> str:
        """The user id of a person at a provider, as text."""
        return self.people[person_id].subject(provider, client_id or default_client(provider).client_id)

    def register(
        self,
        provider: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        redirect_uris: cabc.Iterable[str] = (),
    ) -> RegisteredClient:
        """Register one more application at a provider; without a secret it is a public client (PKCE demanded)."""
        name = client_id or f"{provider}-{secrets.token_hex(4)}"
        client = RegisteredClient(provider, name, client_secret, tuple(redirect_uris))
        with self.lock:
            self.clients[provider, name] = client
        return client

    def client(self, provider: str, client_id: str) -> RegisteredClient | None:
        """A registered application; ``None`` when there is none of that id."""
        default = default_client(provider)
        return self.clients.get((provider, client_id)) or (default if client_id == default.client_id else None)

    # Tokens

    @property
    def revoked(self) -> frozenset[str]:
        """All access and refresh tokens that were revoked, by the application or by the person."""
        with self.lock:
            return self.ledger.dead()

    @property
    def live_tokens(self) -> tuple[Issued, ...]:
        """All access and refresh tokens that still work."""
        with self.lock:
            return self.ledger.live(self.now())

    def revoke(self, provider: str, person_id: str) -> None:
        """The person removes the applications at the provider: their tokens are dead, refresh included."""
        with self.lock:
            self.ledger.end_grants(provider, person_id)

    def rotate_keys(self, kid: KeyId = "new", algorithm: Algorithm = "RS256") -> None:
        """Sign ID tokens with a new key from now on; the old one leaves the key set.

        :param kid: the new key has a ``new`` key id, the ``same`` id as the old one, or ``none``.
        :param algorithm: what it signs with, which discovery announces.
        """
        with self.lock:
            self.keys.rotate(kid, algorithm)

    def add_key(self, kind: Extra = "another") -> None:
        """Publish one more key, which signs nothing, before the one that signs.

        :param kind: ``another`` good one, a ``malformed`` one, or one of an ``unknown`` type. It has a key id of its
            own, unless the signing key has none.
        """
        with self.lock:
            self.keys.add(kind)

    # What arrived

    @property
    def requests(self) -> tuple[Seen, ...]:
        """Every request since the start or the last :meth:`forget_requests`, oldest first."""
        with self.lock:
            return tuple(self._requests)

    def saw(self, seen: Seen) -> None:
        """Note a request."""
        with self.lock:
            self._requests.append(seen)
            self.ledger.note(*(value for name, value in seen.params.items() if name in SECRET_PARAMS))

    def forget_requests(self) -> None:
        """Empty :attr:`requests`."""
        with self.lock:
            self._requests.clear()

    def count(self, endpoint: str | None = None, provider: str | None = None) -> int:
        """How many requests arrived at an endpoint, or at all of them.

        The person's own (``authorize``, ``choice``, ``picture``) count only when they are named.
        """
        visits = ("authorize", "choice", "picture")
        return sum(
            (seen.endpoint == endpoint if endpoint else seen.endpoint not in visits)
            and provider in (None, seen.provider)
            for seen in self.requests
        )

    def deny_next(self) -> None:
        """The next person who is asked declines."""
        self.faults.denied()


def default_client(provider: str) -> RegisteredClient:
    """The application that every provider knows from the start."""
    return RegisteredClient(provider, f"{provider}-app", f"{provider}-app-secret")
