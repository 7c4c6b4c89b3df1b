"""An identity that waits: a person came back from a provider, and has to do something here before it counts.

It waits for a sign-up form, or for the proof that a local account is theirs. It is one sealed text, for one browser,
for a few minutes. Where ``SOCIAL_ATTEMPT_CACHE`` is set the text waits there, and the browser holds its name.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import dataclasses as dc
import datetime as dt
import json
import typing as t
import zlib

from .errors import AnswerInvalid
from .providers.base import Grant
from .values import Profile, Token
from .vault import Vault

#: For how many seconds an identity waits: for a sign-up form, and for the proof of a local account.
LIFETIME = {"signup": 900, "link": 300, "merge": 300}

#: How many mails one identity may cause: they go to whatever address is typed in.
MAX_MAILS = 3

#: Longest sealed text, in characters. A browser takes cookies of 4,096 bytes, and other things are in this one.
MAX_SEALED = 2000

_PURPOSE = "pending"
_MAX_OPENED = 64 * 1024
_TOKEN = ("access_token", "secret", "refresh_token", "token_type", "expires_at", "scope", "id_token")
_PROFILE = tuple(field.name for field in dc.fields(Profile) if field.name != "raw")


@dc.dataclass(frozen=True, slots=True)
class Pending:
    """An identity that waits.

    :param purpose: what it waits for.
    :param owner: the user who has to prove the local account (``link``), or who keeps theirs (``merge``), as text.
    :param other: the user whose connections would move (``merge``), as text.
    :param fields: fields of the user that the application's mapping made of the profile.
    :param typed: what the person wrote into the form, while they prove the address.
    :param nonce: what ties the proof to this identity: it travels in the ``next`` of the login that proves.
    :param created_at: seconds since the epoch.
    :param mails: how many mails were sent to prove an address.
    :param proven: the address that the provider, or a mail of ours, has proven.
    :param whole: whether the tokens are still there; those that fit into no cookie are dropped.
    """

    purpose: t.Literal["signup", "link", "merge"]
    provider_id: str
    grant: Grant
    created_at: int
    owner: str | None = None
    other: str | None = None
    nonce: str = dc.field(default="", repr=False)
    next_url: str | None = None
    fields: cabc.Mapping[str, t.Any] = dc.field(default_factory=dict)
    typed: cabc.Mapping[str, str] = dc.field(default_factory=dict)
    mails: int = 0
    proven: str | None = None
    whole: bool = True


def seal(vault: Vault, pending: Pending, *, limit: int | None = MAX_SEALED) -> str:
    """The sealed text of an identity.

    :param limit: most characters. Where the tokens do not fit they are left out, the ID token first; the connection
        then has to be renewed before an API client works.
    :raises AnswerInvalid: when even that is too large.
    """
    for dropped in ((), ("id_token",), _TOKEN):
        raw = json.dumps(_row(pending, dropped)).encode()
        text = vault.seal(_PURPOSE, zlib.compress(raw, 9))
        if len(raw) <= _MAX_OPENED and (limit is None or len(text) <= limit):
            return text
    raise AnswerInvalid("The identity is too large to wait.")


def unseal(vault: Vault, sealed: object, *, now: float) -> Pending | None:
    """The identity in a sealed text; ``None`` when it is none, or waited too long."""
    raw = vault.open(_PURPOSE, sealed) if isinstance(sealed, str) else None
    if raw is None:
        return None
    row = json.loads(zlib.decompressobj().decompress(raw, _MAX_OPENED))
    pending = Pending(**{**row, "grant": _grant(row["grant"])})
    return pending if 0 <= now - pending.created_at < LIFETIME[pending.purpose] else None


def _row(pending: Pending, dropped: cabc.Collection[str]) -> dict[str, t.Any]:
    token, profile = pending.grant.token, pending.grant.profile
    kept = {name: getattr(token, name) for name in _TOKEN if name not in dropped}
    if kept.get("expires_at") is not None:
        kept["expires_at"] = kept["expires_at"].timestamp()
    row = {field.name: getattr(pending, field.name) for field in dc.fields(pending)}
    row["whole"] = "access_token" not in dropped
    row["grant"] = {
        "token": {name: value for name, value in kept.items() if value is not None},
        "profile": {name: value for name in _PROFILE if (value := getattr(profile, name)) is not None},
        "issuer": pending.grant.issuer,
    }
    return row


def _grant(row: dict[str, t.Any]) -> Grant:
    token = {"access_token": "", **row["token"]}
    if "expires_at" in token:
        token["expires_at"] = dt.datetime.fromtimestamp(token["expires_at"], dt.UTC)
    if "scope" in token:
        token["scope"] = tuple(token["scope"])
    return Grant(Token(**token), Profile(**row["profile"]), row["issuer"])


def new_nonce(random: cabc.Callable[[int], bytes]) -> str:
    """A nonce of 22 url-safe characters."""
    return base64.urlsafe_b64encode(random(16)).rstrip(b"=").decode("ascii")
