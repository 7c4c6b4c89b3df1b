"""Claims that an ID token must hold, such as Google's ``hd``."""

from __future__ import annotations

import typing as t

import pytest

from flask_social.errors import AttemptRefused

from .familykit import KEYS, oidc, visited
from .protocolkit import VAULT, answer, claims, id_token, step, token_answer


@pytest.mark.parametrize(
    ("required", "held", "fine"),
    [
        ({"hd": "example.org"}, {"hd": "example.org"}, True),
        ({"hd": "example.org", "tid": 7}, {"hd": "example.org", "tid": 7}, True),
        *(({"hd": "example.org"}, {"hd": value}, False) for value in ("EXAMPLE.ORG", "a.example.org", "", None, True)),
        *(({"hd": "example.org"}, {"hd": value}, False) for value in (["example.org"], {"example.org": 1})),
        ({"tid": 1}, {"tid": True}, False),
        ({"a": "b", "hd": "example.org"}, {"hd": "example.org"}, False),
    ],
)
def test_claims_that_are_required(required: dict[str, t.Any], held: dict[str, t.Any], fine: bool) -> None:
    """UserInfo cannot add what the ID token lacks."""
    provider, ctx, attempt, params = visited(oidc(required_claims=required, userinfo="always"))
    token = id_token(claims(nonce=VAULT.derive("nonce", attempt.state), **held))
    answers = [token_answer(attempt, token), KEYS, answer({"sub": "ada-1", **required})]
    if fine:
        assert step(provider.finish(ctx, attempt, params), *answers)[1].profile.subject == "ada-1"
        return
    with pytest.raises(AttemptRefused) as caught:
        step(provider.finish(ctx, attempt, params), *answers)
    assert caught.value.code == "not_admitted"
