"""The people who have accounts at the stand-in provider."""

from __future__ import annotations

import collections.abc as cabc
import dataclasses as dc
import hashlib

#: How many digits the numeric user ids of a provider have; providers not named here use a hex string.
_DIGITS = {"x": 18, "facebook": 17, "google": 21, "foursquare": 9, "oauth2": 7}

#: Providers whose accounts are the same accounts: Twitter's two protocols name a person by one id.
_NAMESPACE = {"twitter": "x"}


@dc.dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can log in at the stand-in provider.

    :param id: short name to choose the person by, such as ``"ada"``.
    :param email: ``None`` for somebody who never gave an address.
    :param picture: address of the avatar; ``None`` means the one that the stand-in serves itself.
    :param hosted_domain: the Google Workspace domain (claim ``hd``), when there is one.
    :param subjects: user ids by provider id, where the usual one (see :meth:`subject`) will not do;
        Twitter's stand under ``x``.
    """

    id: str
    name: str
    username: str
    email: str | None = None
    email_verified: bool = True
    picture: str | None = None
    hosted_domain: str | None = None
    subjects: cabc.Mapping[str, str] = dc.field(default_factory=dict)

    @property
    def given_name(self) -> str:
        """The name up to the first space."""
        return self.name.partition(" ")[0]

    @property
    def family_name(self) -> str:
        """The name behind the first space; empty for a single name."""
        return self.name.partition(" ")[2]

    @property
    def initials(self) -> str:
        """At most two letters for the avatar."""
        return (self.given_name[:1] + self.family_name[:1]).upper()

    def subject(self, provider: str, client_id: str = "") -> str:
        """The person's user id at a provider: always the same, and another one at every provider.

        ``twitter`` and ``x`` share one id. Facebook's is scoped to the application, so it depends on
        ``client_id`` too.
        """
        namespace = _NAMESPACE.get(provider, provider)
        if namespace in self.subjects:
            return self.subjects[namespace]
        scope = client_id if namespace == "facebook" else ""
        digest = hashlib.sha256(f"{namespace}:{scope}:{self.id}".encode()).digest()
        if namespace not in _DIGITS:
            return digest[:12].hex()
        low = 10 ** (_DIGITS[namespace] - 1)
        return str(low + int.from_bytes(digest[:16], "big") % (9 * low))

    def avatar(self) -> str:
        """A simple picture with the initials, as an SVG document."""
        hue = hashlib.sha256(self.id.encode()).digest()[0] * 360 // 256
        letters = self.initials.replace("&", "&amp;").replace("<", "&lt;")
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96" viewBox="0 0 96 96">'
            f'<rect width="96" height="96" fill="hsl({hue} 42% 34%)"/>'
            '<text x="48" y="50" fill="#fff" font-family="system-ui, sans-serif" font-size="38" font-weight="600" '
            f'text-anchor="middle" dominant-baseline="middle">{letters}</text></svg>'
        )


#: Who is there from the start. Alan has no e-mail address.
PEOPLE: tuple[Person, ...] = (
    Person("ada", "Ada Lovelace", "ada_lovelace", "ada@example.com"),
    Person("grace", "Grace Hopper", "grace_hopper", "grace@example.com"),
    Person("alan", "Alan Turing", "alan_turing"),
)
