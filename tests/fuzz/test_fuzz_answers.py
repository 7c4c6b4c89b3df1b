"""Whatever a provider answers: a value that obeys the rules, or one error of ours."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from flask_social import oauth1, oauth2, oidc
from flask_social.errors import AnswerInvalid, IdTokenInvalid, ProviderError, ProviderRefused, ProviderUnavailable
from flask_social.providers import CATALOGUE
from flask_social.values import Profile, Response

from ..familykit import make
from ..protocolkit import NOW
from ..test_profiles import FULL
from . import strategies as some

TOKEN_NAMES = {
    *("access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope", "error", "error_description"),
}
USUAL_TOKEN = {"access_token": "at", "token_type": "bearer", "expires_in": 3600, "refresh_token": "rt", "scope": "a b"}
ONE_NAMES = {"oauth_token", "oauth_token_secret", "oauth_callback_confirmed", "user_id", "oauth_problem"}
USUAL_ONE = {"oauth_token": "t", "oauth_token_secret": "s", "oauth_callback_confirmed": "true"}
GOOD_ONE = b"oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true"

FORM = "application/x-www-form-urlencoded"
noise = st.one_of(
    some.json_values().map(some.dumped),
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"[" * 50_000,
            b'{"a":' * 20_000,
            b"1" * 5000,
            b'{"access_token": "\xff"}',
            b"&" * 200,
            b"a=1&a=1",
            b'{"expires_in": 1e999}',
        ]
    ),
)
token_answers = st.one_of(
    some.answers(some.objects(TOKEN_NAMES, USUAL_TOKEN).map(some.dumped)),
    some.answers(some.forms(TOKEN_NAMES, {"access_token": "at", "token_type": "bearer", "expires_in": "60"}), FORM),
    some.answers(noise),
)
credentials = st.one_of(*[some.answers(some.forms(ONE_NAMES, USUAL_ONE), FORM)] * 3, some.answers(noise))


def fits(error: ProviderError, response: Response) -> None:
    """The error that the status of an answer asks for, by RFC 6749 section 5.2 and RFC 9110 section 15."""
    if response.status == 429 or response.status >= 500:
        assert type(error) is ProviderUnavailable
    elif not 200 <= response.status < 300:
        assert type(error) is ProviderRefused
    else:
        assert isinstance(error, (AnswerInvalid, ProviderRefused))
    assert error.__class__.__module__ == "flask_social.errors"


def visible(text: object) -> bool:
    """Whether a text is not blank and made of VSCHAR and space (RFC 6749 appendix A.12)."""
    return isinstance(text, str) and bool(text.strip()) and all(" " <= char <= "~" for char in text)


@given(response=token_answers, separator=st.sampled_from([" ", ","]), optional=st.booleans())
@example(Response(200, {"content-type": "application/json"}, some.dumped(USUAL_TOKEN)), " ", False)
def test_a_token_answer(response: Response, separator: str, optional: bool) -> None:
    try:
        token = oauth2.read_token(response, NOW, separator, type_optional=optional)
    except ProviderError as error:
        fits(error, response)
        event(type(error).__name__)
        return
    event("a token")
    assert 200 <= response.status < 300
    assert token.token_type == "Bearer"
    assert visible(token.access_token)
    assert all(value is None or visible(value) for value in (token.refresh_token, token.id_token))
    assert token.expires_at is None or NOW < token.expires_at < NOW + dt.timedelta(days=36501)
    assert token.scope is None or all(part == part.strip() != "" for part in token.scope)
    assert token.raw["access_token"] == token.access_token


@given(response=credentials)
@example(Response(200, {"content-type": "text/html"}, GOOD_ONE))
@pytest.mark.parametrize("read", [oauth1.read_request_token, oauth1.read_access_token])
def test_credentials_of_oauth_1(read: t.Any, response: Response) -> None:
    try:
        found = read(response)
    except ProviderError as error:
        fits(error, response)
        return
    event("credentials")
    pairs = parse_qsl(response.body.decode().strip(), keep_blank_values=True)
    sent = dict(pairs)
    assert len(sent) == len(pairs)
    assert 200 <= response.status < 300
    if read is oauth1.read_request_token:
        assert sent["oauth_callback_confirmed"] == "true"
        assert (found.token, found.secret) == (sent["oauth_token"], sent["oauth_token_secret"])
    else:
        assert (found.access_token, found.secret) == (sent["oauth_token"], sent["oauth_token_secret"])
    assert visible(sent["oauth_token"])
    assert visible(sent["oauth_token_secret"])


# Profiles -----------------------------------------------------------------------------------------------------


def replaced(data: t.Any, draw: t.Any, values: st.SearchStrategy[t.Any]) -> t.Any:
    """A copy of a JSON object in which some members, at any depth, are others or missing."""
    changed = {}
    for name, value in data.items():
        what = draw(st.sampled_from("same same other inner none".split()))
        if what == "inner" and isinstance(value, dict):
            changed[name] = replaced(value, draw, values)
        elif what == "other":
            changed[name] = draw(values)
        elif what != "none":
            changed[name] = value
    return changed


def clean(profile: Profile) -> None:
    """What every profile holds, whatever came: the words of ``values.Profile`` and of the documentation."""
    assert isinstance(profile.subject, str)
    assert 0 < len(profile.subject) <= 255
    assert profile.subject.strip()
    for text in (profile.subject, profile.display_name, profile.full_name, profile.email):
        if text is not None:
            text.encode("utf-8")
            assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in text)
            assert len(text.splitlines()) == 1
            assert len(text) <= 255
    for url in (profile.profile_url, profile.image_url):
        assert url is None or urlsplit(url).scheme in ("http", "https")
        assert url is None or (not any(map(str.isspace, url)) and len(url) <= 2048)
    assert profile.email is None or profile.email.count("@") == 1
    assert (profile.email is None) == (profile.email_trust == "never")
    assert profile.email_verified in (None, True, False)
    assert profile.email is not None or profile.email_verified is None


@pytest.mark.parametrize("row", sorted(CATALOGUE))
@some.examples(0.5)
@given(data=st.data())
def test_a_profile(row: str, data: st.DataObject) -> None:
    full, expected = FULL[row]
    sent = replaced(full, data.draw, some.json_values())
    received = json.loads(some.dumped(sent))
    try:
        found = make(row).read_profile(received)
    except AnswerInvalid:
        event("refused")
        return
    event("a profile")
    clean(found)
    # A subject is one that was sent, and never one made of nothing: str(None), str(["12"]).
    assert found.subject == expected.subject or found.subject in leaves(received)


def leaves(data: t.Any) -> set[str]:
    """Every text and whole number in a JSON value, as text."""
    if isinstance(data, dict):
        return set().union(*map(leaves, data.values()))
    if isinstance(data, list):
        return set().union(*map(leaves, data))
    if isinstance(data, bool) or not isinstance(data, (str, int)):
        return set()
    return {str(data)} if not isinstance(data, int) or abs(data) < 10**300 else set()


@pytest.mark.parametrize("row", sorted(CATALOGUE))
@some.examples(0.3)
@given(received=some.objects(["id", "sub", "id_str", "data", "response", "user", "email"]))
def test_no_profile_at_all(row: str, received: t.Any) -> None:
    try:
        found = make(row).read_profile(json.loads(some.dumped(received)))
    except AnswerInvalid:
        return
    clean(found)


# UserInfo -----------------------------------------------------------------------------------------------------

SUBS = some.mostly("ada-1", ["ada-2", "ADA-1", " ada-1", "5", 5, None, True, "ada-1\0", ["ada-1"], {}])
MAILS = st.sampled_from(["ada@example.com", "eve@example.com", None, ""])
VERIFIED = st.sampled_from([True, False, None, "true", "false"])
MEMBERS = {"email": MAILS, "email_verified": VERIFIED, "name": some.scalars, "hd": some.scalars, "iss": some.scalars}
userinfos = st.fixed_dictionaries({"sub": SUBS}, optional=MEMBERS)


@given(claims=st.fixed_dictionaries({}, optional=MEMBERS), userinfo=userinfos)
@example({"email": "ada@example.com"}, {"sub": "ada-1", "email": "eve@example.com", "email_verified": True})
@example({"email_verified": True}, {"sub": "ada-1", "email": "eve@example.com"})
def test_userinfo_beside_an_id_token(claims: dict[str, t.Any], userinfo: dict[str, t.Any]) -> None:
    claims = {"sub": "ada-1", **claims}
    identity = oidc.Identity("https://sso.example", "ada-1", None, claims)
    try:
        merged = oidc.merge_userinfo(identity, userinfo)
    except IdTokenInvalid:
        assert userinfo.get("sub") != "ada-1"
        return
    event("merged")
    assert userinfo["sub"] == "ada-1"
    # Core 1.0 section 5.3.2 has nothing against it, but a signed claim is worth more than an unsigned one.
    for name in set(claims) - {"email_verified"}:
        assert merged[name] == claims[name]
    # "Verified" is said of one address by the source that gave that address, or by one that gave the same.
    said = [source["email_verified"] for source in (claims, userinfo) if speaks(source, merged.get("email"))]
    if merged.get("email") and merged.get("email_verified") in (True, "true"):
        assert said
        assert said[0] in (True, "true")


def speaks(source: dict[str, t.Any], email: object) -> bool:
    """Whether claims say of this very address whether it is verified."""
    return source.get("email") == email and source.get("email_verified") is not None
