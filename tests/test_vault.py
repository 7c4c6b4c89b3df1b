"""Sealing: what opens, with which key, where."""

from __future__ import annotations

import typing as t

import pytest
from cryptography.fernet import Fernet

from flask_social.errors import ConfigurationError, TokenUnreadable
from flask_social.values import ConnectionKey
from flask_social.vault import SEALED_PREFIX, Vault, is_sealed

KEY = ConnectionKey("google", "1")


def test_a_token_opens_in_its_own_place_only() -> None:
    vault = Vault(["secret"])
    sealed = vault.seal_token("at", column="access_token", key=KEY)
    assert is_sealed(sealed)
    assert "at" not in sealed[len(SEALED_PREFIX) :].split()
    assert vault.open_token(sealed, column="access_token", key=KEY) == "at"
    for column, key in [("refresh_token", KEY), ("access_token", ConnectionKey("google", "2"))]:
        with pytest.raises(TokenUnreadable):
            vault.open_token(sealed, column=column, key=key)


def test_a_plain_token_of_1x_is_returned_as_it_is() -> None:
    assert Vault(["secret"]).open_token("plain", column="access_token", key=KEY) == "plain"


@pytest.mark.parametrize("broken", ["", "x", "gAAAAA", "é", "\ud800"])
def test_a_broken_seal_is_unreadable(broken: str) -> None:
    with pytest.raises(TokenUnreadable):
        Vault(["secret"]).open_token(SEALED_PREFIX + broken, column="access_token", key=KEY)


@pytest.mark.parametrize(
    "payload", [b"another use of the key", b'["token"]', b"5", b"null", b'["token","access_token","x"]', b"\xff"]
)
def test_what_the_same_key_sealed_for_another_use_is_no_token(payload: bytes) -> None:
    key = Fernet.generate_key()
    stored = SEALED_PREFIX + Fernet(key).encrypt(payload).decode()
    with pytest.raises(TokenUnreadable):
        Vault(["secret"], [key]).open_token(stored, column="access_token", key=KEY)


def test_key_ring() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key()
    sealed = Vault(["s"], [old]).seal_token("at", column="secret", key=KEY)
    assert Vault(["s"], [new, old]).open_token(sealed, column="secret", key=KEY) == "at"
    with pytest.raises(TokenUnreadable):
        Vault(["s"], [new]).open_token(sealed, column="secret", key=KEY)


def test_secret_key_fallbacks_open_what_the_old_key_sealed() -> None:
    old, new = Vault(["old"]), Vault(["new", b"old"])
    token = old.seal_token("at", column="secret", key=KEY)
    assert new.open_token(token, column="secret", key=KEY) == "at"
    assert new.open("purpose", old.seal("purpose", b"data")) == b"data"
    assert old.open("purpose", new.seal("purpose", b"data")) is None


@pytest.mark.parametrize("sealed", ["", "x", "é", "A" * 15, "A" * 16, "A" * 80, "====", "!!!!"])
def test_open_refuses_what_it_did_not_seal(sealed: str) -> None:
    assert Vault(["secret"]).open("purpose", sealed) is None


def test_a_value_opens_for_its_purpose_only() -> None:
    vault = Vault(["secret"])
    sealed = vault.seal("one", b"data")
    assert vault.open("two", sealed) is None
    assert vault.open("one", sealed[:-4] + "AAAA") is None


def test_derived_values() -> None:
    vault = Vault(["secret"])
    values = {vault.derive("pkce", "a"), vault.derive("nonce", "a"), vault.derive("pkce", "b")}
    assert len(values) == 3
    assert all(len(value) == 43 for value in values)
    assert Vault(["other"]).derive("pkce", "a") not in values


@pytest.mark.parametrize(
    ("secrets", "keys", "name"),
    [
        ([], None, "SECRET_KEY"),
        ([""], None, "SECRET_KEY"),
        (["s"], [], "SOCIAL_TOKEN_KEYS"),
        (["s"], ["short"], "SOCIAL_TOKEN_KEYS"),
    ],
)
def test_bad_keys_are_named(secrets: t.Any, keys: t.Any, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Vault(secrets, keys)
    assert caught.value.key == name


@pytest.mark.parametrize(
    ("stored", "current"),
    [
        ("plain", False),
        ("", False),
        (SEALED_PREFIX, False),
        (SEALED_PREFIX + "é", False),
        ("old", False),
        ("new", True),
    ],
)
def test_which_tokens_are_sealed_with_the_newest_key(stored: str, current: bool) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    rings = {"old": [old], "new": [new, old]}
    if stored in rings:
        stored = Vault(["s"], rings[stored]).seal_token("at", column="secret", key=KEY)
    assert Vault(["s"], [new, old]).is_current(stored) is current
