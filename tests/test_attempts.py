"""Pending attempts: one use, one browser, bounded."""

from __future__ import annotations

import base64
import os
import typing as t

import pytest

from flask_social.attempts import MAX_SEALED, stash, take
from flask_social.errors import AnswerInvalid, AttemptRefused
from flask_social.values import INTENTS, Attempt, ConnectionKey
from flask_social.vault import Vault

VAULT = Vault(["secret"])
NOW = 1_800_000_000
LIFE = 600


def attempt(state: str = "state", provider_id: str = "google", **values: t.Any) -> Attempt:
    return Attempt(**{"state": state, "provider_id": provider_id, "intent": "login", "created_at": NOW} | values)


def put(*attempts: Attempt, limit: int = 5, now: float = NOW) -> str:
    sealed: str | None = None
    for one in attempts:
        sealed = stash(VAULT, sealed, one, now=now, lifetime=LIFE, limit=limit)
    assert sealed is not None
    return sealed


def get(sealed: str | None, state: str | None, provider_id: str = "google", now: float = NOW) -> t.Any:
    return take(VAULT, sealed, state, provider_id=provider_id, now=now, lifetime=LIFE)


@pytest.mark.parametrize("intent", INTENTS)
def test_an_attempt_comes_back_whole(intent: t.Any) -> None:
    key = ConnectionKey("google", "1").fingerprint
    full = attempt(
        intent=intent, user_id="7", expected_key=key, request_token="rt", request_token_secret="rs", next_url="/n"
    )
    assert get(put(full), "state") == (None, full)
    assert get(put(attempt(intent=intent)), "state") == (None, attempt(intent=intent))


def test_one_use() -> None:
    left, first = get(put(attempt("a"), attempt("b")), "a")
    assert isinstance(first, Attempt)
    assert get(left, "a")[1].code == "state_unknown"
    assert isinstance(get(left, "b")[1], Attempt)


@pytest.mark.parametrize(
    ("sealed", "state", "code"),
    [
        (None, "state", "state_unknown"),
        ("garbage", "state", "state_unknown"),
        (put(attempt()), None, "state_missing"),
        (put(attempt()), "", "state_missing"),
        (put(attempt()), "other", "state_unknown"),
        (put(attempt()), "stat", "state_unknown"),
        (put(attempt()), "\ud800", "state_unknown"),
        (Vault(["other"]).seal("attempts", b"[]"), "state", "state_unknown"),
    ],
    ids=["nothing", "garbage", "no state", "empty", "another", "cut", "no text", "another application's"],
)
def test_refusals(sealed: str | None, state: str | None, code: str) -> None:
    left, refused = get(sealed, state)
    assert isinstance(refused, AttemptRefused)
    assert refused.code == code
    assert left == sealed


def test_a_refused_attempt_is_gone() -> None:
    left, refused = get(put(attempt(provider_id="google")), "state", "google_work")
    assert refused.code == "state_foreign"
    assert left is None


@pytest.mark.parametrize(("later", "alive"), [(0, True), (LIFE - 1, True), (LIFE, False), (-LIFE - 1, False)])
def test_attempts_expire(later: int, alive: bool) -> None:
    left, found = get(put(attempt()), "state", now=NOW + later)
    assert isinstance(found, Attempt) is alive
    assert left is None
    assert alive or found.code == "state_expired"


def test_the_oldest_goes_first() -> None:
    sealed = put(*(attempt(str(number)) for number in range(7)), limit=5)
    assert [isinstance(get(sealed, str(number))[1], Attempt) for number in range(7)] == [False] * 2 + [True] * 5


def test_expired_attempts_make_room() -> None:
    sealed = put(attempt("old"), attempt("new", created_at=NOW + LIFE), now=NOW + LIFE)
    assert get(sealed, "old", now=NOW + LIFE)[1].code == "state_unknown"


def test_bounded_in_size() -> None:
    def noise(size: int) -> str:
        return base64.b64encode(os.urandom(size)).decode()[:size]

    sealed = None
    for number in range(40):
        one = attempt(str(number), next_url="/" + noise(199), user_id=noise(36), provider_id="p" * 64)
        sealed = stash(VAULT, sealed, one, now=NOW, lifetime=LIFE, limit=5)
        assert len(sealed) <= MAX_SEALED
    assert isinstance(get(sealed, "39", "p" * 64)[1], Attempt)


def test_an_attempt_that_fits_nowhere() -> None:
    with pytest.raises(AnswerInvalid):
        put(attempt(request_token=base64.b64encode(os.urandom(3000)).decode()))


def test_the_state_is_not_in_what_the_browser_carries() -> None:
    raw = VAULT.open("attempts", put(attempt("very-special-state")))
    assert raw is not None
    assert b"very-special-state" not in __import__("zlib").decompress(raw)


def test_many_attempts_that_compress_well() -> None:
    """What is sealed can be opened again, however many attempts a setting allows."""
    sealed: str | None = None
    for now in range(100):
        one = attempt(f"state {now}", next_url="/" + "n" * 199, created_at=NOW + now)
        sealed = stash(VAULT, sealed, one, now=NOW + now, lifetime=LIFE, limit=1000)
    assert isinstance(get(sealed, "state 99", now=NOW + 100)[1], Attempt)
