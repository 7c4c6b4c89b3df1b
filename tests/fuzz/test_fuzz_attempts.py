"""Pending attempts: bounded, each taken once, and nothing that a browser sends breaks them."""

from __future__ import annotations

import json
import typing as t

from hypothesis import event, example, given
from hypothesis import strategies as st

from flask_social import attempts
from flask_social.errors import AnswerInvalid, AttemptRefused
from flask_social.values import INTENTS, Attempt
from flask_social.vault import Vault

from . import strategies as some

VAULT, OTHER = Vault(["one secret"]), Vault(["another secret"])
NOW = 1_800_000_000
PROVIDERS = ["google", "twitter", "x" * 64]

handles = st.text("abcdef0123456789_-", min_size=1, max_size=43) | some.texts.filter(bool)
provider_tokens = st.none() | st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300),
    st.builds(lambda char, size: char * size, st.sampled_from("aZ~"), st.sampled_from([100, 1000, 8192])),
)
visits = st.builds(
    Attempt,
    state=handles,
    provider_id=st.sampled_from(PROVIDERS),
    intent=st.sampled_from(INTENTS),
    user_id=st.none() | st.integers(1, 10**9).map(str) | st.uuids().map(str),
    expected_key=st.none() | st.text("abcXYZ_-09", min_size=43, max_size=43),
    request_token=provider_tokens,
    request_token_secret=provider_tokens,
    next_url=st.none() | st.just("/" + "a" * 199) | st.text("/ab?=&", max_size=200).map("/".__add__),
    created_at=st.integers(NOW - 700, NOW + 700),
)


def take(sealed: t.Any, handle: t.Any, provider: str = "google", vault: Vault = VAULT) -> tuple[t.Any, t.Any]:
    return attempts.take(vault, sealed, handle, provider_id=provider, now=NOW, lifetime=600)


def stash(sealed: t.Any, attempt: Attempt, limit: int = 5) -> str:
    return attempts.stash(VAULT, sealed, attempt, now=NOW, lifetime=600, limit=limit)


@given(
    made=st.lists(visits, min_size=1, max_size=8, unique_by=lambda attempt: attempt.state),
    limit=st.sampled_from([1, 2, 5, 5, 60]),
    data=st.data(),
)
def test_attempts_come_and_go(made: list[Attempt], limit: int, data: st.DataObject) -> None:
    """A browser with several tabs. Each attempt is given out once, as it was."""
    sealed: str | None = None
    waiting: list[Attempt] = []
    for attempt in made:
        try:
            sealed = stash(sealed, attempt, limit)
        except AnswerInvalid:
            event("too large")
            assert attempt.request_token or attempt.request_token_secret
            continue
        assert len(sealed) <= attempts.MAX_SEALED
        assert attempt.state not in sealed or len(attempt.state) < 8
        waiting.append(attempt)
        if data.draw(st.booleans()):
            sealed = take_once(sealed, data.draw(st.sampled_from(made)), waiting)
    for attempt in made:
        sealed = take_once(sealed, attempt, waiting)
    assert sealed is None


def take_once(sealed: str | None, attempt: Attempt, waiting: list[Attempt]) -> str | None:
    """Takes an attempt, and checks what came out and that it does not come out again."""
    left, found = take(sealed, attempt.state, attempt.provider_id)
    assert left is None or len(left) <= attempts.MAX_SEALED
    if isinstance(found, Attempt):
        event("taken")
        waiting.remove(found)
        assert NOW - 600 < found.created_at <= NOW + 600
    else:
        assert isinstance(found, AttemptRefused)
        assert found.code in ("state_unknown", "state_expired")
    again, second = take(left, attempt.state, attempt.provider_id)
    assert isinstance(second, AttemptRefused)
    assert second.code == "state_unknown"
    assert again == left
    return left


@given(attempt=visits, provider=st.sampled_from(PROVIDERS), handle=st.none() | handles)
@example(Attempt("s", "google", "login", created_at=NOW), "google", "s")
@example(Attempt("s", "twitter", "login", None, None, "a" * 9000, "b", None, NOW), "twitter", "s")
def test_only_the_handle_and_the_provider_of_an_attempt_take_it(
    attempt: Attempt, provider: str, handle: str | None
) -> None:
    try:
        sealed = stash(None, attempt)
    except AnswerInvalid:
        return
    given_handle = attempt.state if handle is None else handle
    left, found = take(sealed, given_handle, provider)
    if given_handle != attempt.state:
        alive = NOW - 600 < attempt.created_at <= NOW + 600
        assert isinstance(found, AttemptRefused)
        assert left == (sealed if alive else None)
        return
    assert left is None
    if isinstance(found, Attempt):
        assert found == attempt
        assert provider == attempt.provider_id
    else:
        assert provider != attempt.provider_id or not NOW - 600 < attempt.created_at <= NOW + 600


@given(sealed=some.texts | some.json_values() | st.binary(max_size=80).map(some.b64), handle=some.texts | st.none())
def test_a_cookie_that_we_did_not_write(sealed: t.Any, handle: str | None) -> None:
    _, found = take(sealed, handle)
    assert isinstance(found, AttemptRefused)
    assert len(stash(sealed, Attempt("s", "google", "login", created_at=NOW))) < attempts.MAX_SEALED


@given(made=st.lists(visits, min_size=1, max_size=3), data=st.data())
def test_a_cookie_that_was_edited(made: list[Attempt], data: st.DataObject) -> None:
    sealed: str | None = None
    for attempt in made:
        try:
            sealed = stash(sealed, attempt)
        except AnswerInvalid:
            return
    assert sealed is not None
    place = data.draw(st.integers(0, len(sealed) - 1))
    edited = sealed[:place] + data.draw(st.text("AZaz09-_", max_size=2)) + sealed[place + 1 :]
    for attempt in made:
        _, found = take(edited, attempt.state, attempt.provider_id)
        # The unused bits of the last character are nobody's.
        assert isinstance(found, AttemptRefused) or edited[:-1] == sealed[:-1]
        assert isinstance(take(sealed, attempt.state, attempt.provider_id, OTHER)[1], AttemptRefused)
    assert VAULT.open("another purpose", sealed) is None


@given(number=st.integers(2, 60), next_url=st.sampled_from(["/" + "a" * 199, None]), tail=st.integers(0, 9))
@example(60, "/" + "a" * 199, 0)
def test_many_tabs(number: int, next_url: str | None, tail: int) -> None:
    """However many attempts a setting allows, the cookie stays small and can be read."""
    sealed: str | None = None
    for count in range(number):
        sealed = stash(sealed, Attempt(f"s{tail}{count}", "google", "login", next_url=next_url, created_at=NOW), 60)
        assert len(sealed) <= attempts.MAX_SEALED
    assert isinstance(take(sealed, f"s{tail}{number - 1}")[1], Attempt)
    assert json.dumps(sealed)
