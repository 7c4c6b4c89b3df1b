"""ID tokens to tamper with, and what the specification says of them.

What is expected is worked out from OpenID Connect Core 1.0 and RFC 7515, with no function of the package.
"""

from __future__ import annotations

import hashlib
import typing as t

from hypothesis import strategies as st
from joserfc.jwk import OctKey

from flask_social import jws, oidc
from flask_social.errors import IdTokenInvalid

from .. import protocolkit as kit
from ..protocolkit import NOW, SECONDS
from . import strategies as some

ALIAS = "sso.example"
SECRET = "a client secret of 32 characters"
NONCE, ACCESS = "n0nce", "at"
ALGORITHMS = ("RS256", "ES256", "Ed25519", "HS256")
SIGNERS = {"RS256": kit.key("RSA"), "ES256": kit.key("P-256"), "Ed25519": kit.key("Ed25519")}
SIGNERS["HS256"] = OctKey.import_key(SECRET)
KEYS = jws.read_keys(kit.answer({"keys": [kit.jwk(name, kid=name) for name in ("RSA", "P-256", "Ed25519")]}))
HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "HS256": hashlib.sha256, "Ed25519": hashlib.sha512}


def at_hash(algorithm: str, access: str = ACCESS) -> str:
    """Core 1.0 section 3.1.3.6; Ed25519 hashes with SHA-512 (RFC 8032)."""
    digest = HASHES[algorithm](access.encode()).digest()
    return some.b64(digest[: len(digest) // 2])


def good(algorithm: str = "RS256") -> dict[str, t.Any]:
    """Claims that hold."""
    return kit.claims(nonce=NONCE, at_hash=at_hash(algorithm), auth_time=SECONDS - 5)


def accepted(token: str, algorithms: t.Collection[str] = ALGORITHMS, after: int | None = None) -> oidc.Identity | None:
    """The identity that the package reads, or ``None`` when it refuses. Any other error fails the test."""
    try:
        signed = jws.verify(token, KEYS, algorithms=algorithms, secret=SECRET)
        if signed is None:
            return None
        return oidc.read_id_token(
            signed,
            issuer=kit.ISSUER,
            issuer_aliases=(ALIAS,),
            client_id="app",
            nonce=NONCE,
            access_token=ACCESS,
            now=NOW,
            authenticated_after=after,
        )
    except IdTokenInvalid:
        return None


# What the specification says ----------------------------------------------------------------------------------


def number(value: object) -> bool:
    """A JSON number (``NumericDate``, RFC 7519 section 2) that is a time in this age of the world."""
    return not isinstance(value, bool) and isinstance(value, (int, float)) and abs(value) < 1e12


def holds(claims: t.Any, algorithm: str, after: int | None = None) -> bool:
    """Core 1.0 sections 2, 3.1.3.7 and 3.1.3.8, with a minute for the clocks."""
    minute = 60
    if not isinstance(claims, dict):
        return False
    audience = claims.get("aud")
    audience = audience if isinstance(audience, list) else [audience]
    nbf, at, azp = claims.get("nbf", 0), claims.get("at_hash", at_hash(algorithm)), claims.get("azp")
    auth_time = claims.get("auth_time")
    return all(
        [
            claims.get("iss") in [kit.ISSUER, ALIAS],
            audience.count("app") > 0 and all(type(item) is str for item in audience),
            azp == "app" or (azp is None and len(audience) == 1),
            number(claims.get("exp")) and claims["exp"] + minute > SECONDS,
            number(claims.get("iat")) and claims["iat"] <= SECONDS + minute,
            number(nbf) and nbf <= SECONDS + minute,
            claims.get("nonce") == NONCE,
            at == at_hash(algorithm),
            auth_time is None or (number(auth_time) and int(auth_time) <= SECONDS + minute),
            after is None or (number(auth_time) and int(auth_time) >= after - minute),
            usable(claims.get("sub")),
        ]
    )


def usable(sub: object) -> bool:
    """At most 255 characters (Core 1.0 section 2), not blank, no control characters, and UTF-8 can carry it.

    A whole number is taken for its digits, which the package promises beyond the specification.
    """
    if type(sub) is int:
        return len(str(sub)) <= 255 if abs(sub) < 10**300 else False
    if not isinstance(sub, str) or not 0 < len(sub) <= 255 or not sub.strip():
        return False
    odd = [char for char in sub if char < " " or "\x7f" <= char < "\xa0" or "\ud800" <= char < "\ue000"]
    return not odd


ORIGINALS: dict[str, str] = {}


def original(algorithm: str) -> str:
    """A token that holds; made once, because some signatures are different each time."""
    if algorithm not in ORIGINALS:
        ORIGINALS[algorithm] = kit.id_token(good(algorithm), algorithm, SIGNERS[algorithm])
        assert accepted(ORIGINALS[algorithm]) is not None
    return ORIGINALS[algorithm]


# Claims to change -----------------------------------------------------------------------------------------------

NAMES = ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "at_hash", "azp", "auth_time", "email"]
NEAR: dict[str, list[t.Any]] = {
    "iss": [ALIAS, kit.ISSUER + "/", kit.ISSUER.upper(), [kit.ISSUER], "https://evil.example"],
    "sub": [7, True, "ada-2", "", " ", "x" * 255, "x" * 256, "\x85", ["ada-1"], -(10**254), 10**255],
    "aud": [["app"], ["app", "other"], ["app", "app"], ["app", 1], "application", [], [["app"]], {"app": 1}],
    "azp": ["app", "other", "", ["app"], False],
    "nonce": ["", "n0nc", "n0nce ", [NONCE], "é"],
    "at_hash": ["", at_hash("RS256") + "=", at_hash("RS256", "other"), [at_hash("RS256")], None],
}
TIMES = [SECONDS + off for off in (-61, -60, -59, 0, 59, 60, 61, 86400, -86400)]
TIMES += [str(SECONDS), SECONDS + 0.5, SECONDS - 60.5, 1e11, True, None, 10**400, -1, [SECONDS], 10**12, 1e308]
for name in ("exp", "iat", "nbf", "auth_time"):
    NEAR[name] = TIMES


@st.composite
def changes(draw: st.DrawFn) -> dict[str, t.Any]:
    """Up to three claims with other values; ``None`` may be a missing claim or a null."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
    near = {name: st.sampled_from(NEAR.get(name, ["", None])) for name in names}
    return {name: draw(near[name] | near[name] | some.json_values()) for name in names}
