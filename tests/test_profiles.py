"""How each provider reads a person, whatever the answer holds."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

import pytest

from flask_social.errors import AnswerInvalid
from flask_social.providers import CATALOGUE
from flask_social.values import Profile, Response

from .familykit import make
from .protocolkit import (
    BAD_SUBJECTS,
    log_in,
)

FULL: dict[str, tuple[dict[str, t.Any], Profile]] = {
    "twitter": (
        {
            "id": 12,
            "id_str": "12",
            "screen_name": "ada",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "profile_image_url_https": "https://img.example/a.png",
        },
        Profile(
            "12",
            "@ada",
            "Ada Lovelace",
            "ada@example.com",
            True,
            "verified",
            "https://x.com/ada",
            "https://img.example/a.png",
        ),
    ),
    "x": (
        {
            "data": {
                "id": "12",
                "username": "ada",
                "name": "Ada Lovelace",
                "confirmed_email": "ada@example.com",
                "profile_image_url": "https://img.example/a.png",
            }
        },
        Profile(
            "12",
            "@ada",
            "Ada Lovelace",
            "ada@example.com",
            True,
            "verified",
            "https://x.com/ada",
            "https://img.example/a.png",
        ),
    ),
    "facebook": (
        {
            "id": "12",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "picture": {"data": {"url": "https://img.example/a.png", "is_silhouette": False}},
        },
        Profile(
            "12",
            "Ada Lovelace",
            "Ada Lovelace",
            "ada@example.com",
            None,
            "claimed",
            None,
            "https://img.example/a.png",
        ),
    ),
    "foursquare": (
        {
            "response": {
                "user": {
                    "id": "12",
                    "firstName": "Ada",
                    "lastName": "Lovelace",
                    "contact": {"email": "ada@example.com"},
                    "photo": {"prefix": "https://img.example/", "suffix": "/a.png"},
                    "canonicalUrl": "https://foursquare.com/user/12",
                }
            }
        },
        Profile(
            "12",
            "Ada Lovelace",
            "Ada Lovelace",
            "ada@example.com",
            None,
            "claimed",
            "https://foursquare.com/user/12",
            "https://img.example/300x300/a.png",
        ),
    ),
    "google": (
        {
            "sub": "12",
            "name": "Ada Lovelace",
            "email": "ada@corp.example",
            "email_verified": True,
            "hd": "corp.example",
            "picture": "https://img.example/a.png",
        },
        Profile(
            "12",
            "Ada Lovelace",
            "Ada Lovelace",
            "ada@corp.example",
            True,
            "authoritative",
            None,
            "https://img.example/a.png",
        ),
    ),
    "oidc": (
        {
            "sub": "12",
            "preferred_username": "ada",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "email_verified": "true",
            "profile": "https://people.example/ada",
            "picture": "https://img.example/a.png",
        },
        Profile(
            "12",
            "ada",
            "Ada Lovelace",
            "ada@example.com",
            True,
            "claimed",
            "https://people.example/ada",
            "https://img.example/a.png",
        ),
    ),
    "oauth2": (
        {
            "id": 12,
            "username": "ada",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "email_verified": False,
            "profile_url": "https://people.example/ada",
            "image_url": "https://img.example/a.png",
        },
        Profile(
            "12",
            "ada",
            "Ada Lovelace",
            "ada@example.com",
            False,
            "claimed",
            "https://people.example/ada",
            "https://img.example/a.png",
        ),
    ),
}


def leaves(data: t.Any, path: tuple[t.Any, ...] = ()) -> cabc.Iterator[tuple[t.Any, ...]]:
    """Every path through nested dictionaries, inner ones too."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield (*path, name)
            yield from leaves(value, (*path, name))


def put(data: t.Any, path: tuple[t.Any, ...], value: t.Any) -> t.Any:
    """A copy with another value at a path."""
    return {**data, path[0]: value if len(path) == 1 else put(data[path[0]], path[1:], value)}


def test_every_row_has_a_sample() -> None:
    assert set(FULL) == set(CATALOGUE)


@pytest.mark.parametrize("row", FULL)
def test_a_full_profile(row: str) -> None:
    data, expected = FULL[row]
    found = make(row).read_profile(data)
    assert Profile(*[getattr(found, name) for name in Profile.__slots__[:-1]]) == expected
    assert found.raw


@pytest.mark.parametrize("row", FULL)
@pytest.mark.parametrize("value", [*BAD_SUBJECTS, "javascript:alert(1)", 10**300, {"data": None}, [[]]])
def test_hostile_profiles(row: str, value: t.Any) -> None:
    """Whatever stands where: a good profile, cleaned, or one error."""
    data, expected = FULL[row]
    for path in leaves(data):
        try:
            found = make(row).read_profile(put(data, path, value))
        except AnswerInvalid:
            continue
        assert found.subject in (expected.subject, value, "1")
        for text in (found.display_name, found.full_name, found.email):
            assert text is None or (isinstance(text, str) and text.isprintable())
        for url in (found.profile_url, found.image_url):
            assert url is None or url.startswith("https://")
        assert found.email_verified in (True, False, None)
        assert (found.email is None) is (found.email_trust == "never")


@pytest.mark.parametrize("row", FULL)
@pytest.mark.parametrize("value", BAD_SUBJECTS)
def test_every_user_id_is_checked(row: str, value: t.Any) -> None:
    data, expected = FULL[row]
    named = {"twitter": ("id_str",), "x": ("data", "id"), "foursquare": ("response", "user", "id")}
    named |= {"google": ("sub",), "oidc": ("sub",)}
    with pytest.raises(AnswerInvalid):
        make(row).read_profile(put(data, named.get(row, ("id",)), value))
    with pytest.raises(AnswerInvalid):
        make(row).read_profile({})
    assert expected.subject == "12"


@pytest.mark.parametrize(
    ("changes", "trust"),
    [
        ({"email": "ada@gmail.com", "hd": None}, "authoritative"),
        ({"email": "Ada@GMAIL.com", "hd": None}, "authoritative"),
        ({"hd": "corp.example"}, "authoritative"),
        ({"hd": None}, "verified"),
        ({"hd": ""}, "verified"),
        ({"hd": True}, "verified"),
        ({"email": "ada@notgmail.com", "hd": None}, "verified"),
        ({"email": "ada@gmail.com.evil.example", "hd": None}, "verified"),
        ({"email": None, "hd": "corp.example"}, "never"),
    ],
)
def test_googles_word_on_addresses(changes: dict[str, t.Any], trust: str) -> None:
    assert make("google").read_profile({**FULL["google"][0], **changes}).email_trust == trust


@pytest.mark.parametrize(
    ("row", "setting", "trust"),
    [
        ("google", "claimed", "claimed"),
        ("google", "never", "never"),
        ("oidc", "authoritative", "authoritative"),
        ("oauth2", "verified", "verified"),
        ("x", "claimed", "claimed"),
        ("facebook", "authoritative", "claimed"),  # the mapping of a preset may only be lowered
    ],
)
def test_trust_of_the_settings(row: str, setting: str, trust: str) -> None:
    assert make(row, email_trust=setting).read_profile(FULL[row][0]).email_trust == trust


def test_fields_by_path() -> None:
    provider = make("oauth2", fields={"subject": "user.uid", "email": "emails.0.value"})
    found = provider.read_profile({"user": {"uid": 5}, "emails": [{"value": "a@x.example"}], "name": "Ada"})
    assert (found.subject, found.email, found.full_name) == ("5", "a@x.example", "Ada")


def test_a_silhouette_is_no_picture() -> None:
    data = put(FULL["facebook"][0], ("picture", "data", "is_silhouette"), True)
    assert make("facebook").read_profile(data).image_url is None


def test_an_entry_of_facebook_in_error() -> None:
    with pytest.raises(AnswerInvalid):
        log_in(make("facebook"), Response(200, {"content-type": "application/json"}, b'{"access_token": 5}'))
