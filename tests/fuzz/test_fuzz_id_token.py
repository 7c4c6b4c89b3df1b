"""Claims that a provider signed, some of them wrong: accepted is what the specification accepts, and nothing else."""

from __future__ import annotations

import json
import typing as t

from hypothesis import event, example, given
from hypothesis import strategies as st

from .. import protocolkit as kit
from ..protocolkit import SECONDS
from .idtokenkit import ALGORITHMS, NAMES, SIGNERS, accepted, changes, good, holds


@given(
    algorithm=st.sampled_from(ALGORITHMS),
    changed=changes(),
    missing=st.lists(st.sampled_from(NAMES), max_size=1),
    after=st.sampled_from([None, None, SECONDS, SECONDS + 55, SECONDS + 56]),
)
@example("RS256", {}, [], None)
@example("RS256", {"aud": ["app", "other"], "azp": "app"}, [], SECONDS)
@example("RS256", {"exp": SECONDS - 60}, [], None)
@example("RS256", {"exp": SECONDS - 59}, [], None)
@example("RS256", {"iat": SECONDS + 60}, [], None)
@example("RS256", {"iat": SECONDS + 61, "nbf": SECONDS}, [], None)
@example("RS256", {"nbf": SECONDS + 61}, [], None)
@example("RS256", {"auth_time": SECONDS - 61}, [], SECONDS)
@example("RS256", {"auth_time": SECONDS + 61}, [], None)
@example("RS256", {"exp": float("inf")}, [], None)
@example("RS256", {"exp": float("nan")}, [], None)
def test_claims_that_the_provider_signed(
    algorithm: str, changed: dict[str, t.Any], missing: list[str], after: int | None
) -> None:
    claims = {**good(algorithm), **changed}
    for name in missing:
        claims.pop(name, None)
    found = accepted(kit.id_token(claims, algorithm, SIGNERS[algorithm]), after=after)
    expected = holds(json.loads(json.dumps(claims)), algorithm, after)
    event(f"accepted: {expected}")
    assert (found is not None) == expected
    if found is not None:
        assert found.subject == str(claims["sub"])
        assert found.issuer == kit.ISSUER
