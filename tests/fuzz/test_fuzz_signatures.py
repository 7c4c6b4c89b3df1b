"""ID tokens that somebody tampered with, or made: none is accepted that the provider did not sign."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import typing as t

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from flask_social import jws
from flask_social.errors import IdTokenInvalid

from .. import protocolkit as kit
from . import strategies as some
from .idtokenkit import ALGORITHMS, KEYS, ORIGINALS, SECRET, SIGNERS, accepted, changes, good, original


def lenient(part: str) -> bytes:
    """base64url, whatever its padding bits."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def same_but_for_spelling(token: str, original: str) -> bool:
    """Whether a token says the same as the original: its three parts, decoded, are equal.

    The signature is over the text of the first two parts, so these must be equal to the letter.
    """
    parts, others = token.split("."), original.split(".")
    if len(parts) != 3 or parts[:2] != others[:2]:
        return False
    try:
        return lenient(parts[2]) == lenient(others[2])
    except ValueError:
        return False


algorithms = st.sampled_from(ALGORITHMS)


@given(algorithm=algorithms, part=st.integers(0, 2), data=st.data())
def test_a_bit_is_flipped(algorithm: str, part: int, data: st.DataObject) -> None:
    parts = original(algorithm).split(".")
    raw = bytearray(lenient(parts[part]))
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << place % 8
    parts[part] = some.b64(bytes(raw))
    assert accepted(".".join(parts)) is None


@given(algorithm=algorithms, data=st.data())
def test_the_text_is_edited(algorithm: str, data: st.DataObject) -> None:
    token = original(algorithm)
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 3)))
    alphabet = st.sampled_from("ABCabc019-_.=+/ \n\0é")
    edited = token[:start] + data.draw(st.text(alphabet, max_size=3)) + token[end:]
    found = accepted(edited)
    event(f"accepted: {found is not None}")
    assert found is None or same_but_for_spelling(edited, token)


@given(parts=st.lists(st.sampled_from(ALGORITHMS), min_size=3, max_size=3), order=st.permutations([0, 1, 2]))
def test_parts_of_several_tokens(parts: list[str], order: list[int]) -> None:
    mixed = ".".join(original(name).split(".")[place] for name, place in zip(parts, order, strict=True))
    assert accepted(mixed) is None or mixed in ORIGINALS.values()


HEADERS = st.fixed_dictionaries(
    {
        "alg": st.sampled_from([*ALGORITHMS, "none", "None", "nOnE", "", "RS512", "HS512", "PS256", "EdDSA"])
        | some.scalars
    },
    optional={
        "kid": st.sampled_from(["RSA", "P-256", "Ed25519", "", "../../dev/null"]) | some.json_values(),
        "typ": some.scalars,
        "jwk": st.just(kit.jwk("RSA", "eve")),
        "jku": st.just("https://evil.example/keys"),
        "x5c": some.json_values(),
        "crit": some.json_values(),
        "b64": some.scalars,
        "zip": st.just("DEF"),
    },
)
# What somebody who knows everything but the private keys and the secret can sign with.
PUBLIC = [json.dumps(kit.jwk("RSA")).encode(), kit.key("RSA").as_pem(private=False), b"", b"\0", b"app"]
EVES = {"RS256": kit.key("RSA", "eve"), "ES256": kit.key("P-256", "eve"), "Ed25519": kit.key("Ed25519", "eve")}


def forge(header: t.Any, claims: t.Any, how: str, draw: t.Any) -> str:
    """A token that somebody without the keys signed."""
    start = f"{some.b64(some.dumped(header))}.{some.b64(some.dumped(claims))}"
    if how == "hmac":
        name = draw(st.sampled_from(["sha256", "sha384", "sha512"]))
        signature = some.b64(hmac.digest(draw(st.sampled_from(PUBLIC)), start.encode(), name))
    elif how == "theirs":
        algorithm = draw(st.sampled_from(sorted(EVES)))
        signature = kit.id_token(claims, algorithm, EVES[algorithm]).split(".")[2]
    elif how == "own":
        algorithm = draw(st.sampled_from(sorted(EVES)))
        members = {name: value for name, value in header.items() if name in ("kid", "typ") and isinstance(value, str)}
        return kit.id_token(claims, algorithm, EVES[algorithm], **members)
    elif how == "ours":
        signature = original(draw(algorithms)).split(".")[2]
    else:
        signature = some.b64(draw(st.binary(max_size=70)))
    return f"{start}.{signature}"


@some.examples(2)
@given(
    header=HEADERS,
    changed=changes(),
    how=st.sampled_from(["hmac", "theirs", "own", "ours", "random"]),
    allowed=st.sampled_from([ALGORITHMS, ("RS256",), ("HS256",), (*ALGORITHMS, "none", "", "None"), ()]),
    data=st.data(),
)
def test_a_token_that_the_provider_did_not_sign(
    header: t.Any, changed: dict[str, t.Any], how: str, allowed: t.Any, data: st.DataObject
) -> None:
    token = forge(header, {**good(), **changed}, how, data.draw)
    assume(token not in ORIGINALS.values())
    assert accepted(token, allowed) is None


@given(algorithm=algorithms, members=HEADERS.map(lambda header: {k: v for k, v in header.items() if k != "alg"}))
def test_a_header_that_the_provider_signed(algorithm: str, members: dict[str, t.Any]) -> None:
    """Only ``crit`` and ``b64`` refuse a token (RFC 7515 section 4.1.11), and a ``kid`` of another key."""
    header = some.b64(some.dumped({**members, "alg": algorithm}))
    payload = some.b64(some.dumped(good(algorithm)))
    token = f"{header}.{payload}.{sign(algorithm, f'{header}.{payload}')}"
    kid = members.get("kid")
    named = algorithm == "HS256" or kid in (None, {"RS256": "RSA", "ES256": "P-256"}.get(algorithm, algorithm))
    expected = named and not {"crit", "b64"} & set(members)
    assert (accepted(token) is not None) == expected


def sign(algorithm: str, text: str) -> str:
    """A signature of a known key, by joserfc's algorithm and nothing else of it."""
    from joserfc.jws import JWSRegistry

    return some.b64(JWSRegistry.algorithms[algorithm].sign(text.encode(), SIGNERS[algorithm]))


@given(algorithm=algorithms, allowed=st.sets(algorithms))
def test_the_list_of_algorithms(algorithm: str, allowed: set[str]) -> None:
    assert (accepted(original(algorithm), allowed) is not None) == (algorithm in allowed)


@given(
    secret=st.sampled_from([None, ""]), key=st.sampled_from(PUBLIC), alg=st.sampled_from(["HS256", "HS384", "HS512"])
)
def test_a_client_without_a_secret(secret: str | None, key: bytes, alg: str) -> None:
    start = f"{some.b64(some.dumped({'alg': alg}))}.{some.b64(some.dumped(good()))}"
    token = f"{start}.{some.b64(hmac.digest(key, start.encode(), 'sha' + alg[2:]))}"
    assert jws.verify(token, KEYS, algorithms=[alg], secret=secret) is None


@given(token=st.one_of(some.texts, st.lists(some.texts | some.json_values().map(json.dumps), max_size=4).map(".".join)))
@example("." * 10)
@example("A" * 200_000)
@pytest.mark.parametrize("secret", [SECRET, "", None])
def test_no_token_at_all(secret: str | None, token: str) -> None:
    with contextlib.suppress(IdTokenInvalid):
        assert jws.verify(token, KEYS, algorithms=ALGORITHMS, secret=secret) is None
