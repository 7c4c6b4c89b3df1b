"""The authorised session: where the token goes, and where it never goes."""

from __future__ import annotations

import collections.abc as cabc
import pathlib
import typing as t

import pytest
import requests

from flask_social.clients import build_api, build_session
from flask_social.clients.authorizers import bearer
from flask_social.clients.pool import POOL
from flask_social.clients.session import ApiSession, base_url, origin
from flask_social.testing import StandIn

from .clientkit import make_context, with_token


@pytest.fixture
def elsewhere() -> cabc.Iterator[StandIn]:
    with StandIn() as standin:
        yield standin


@pytest.mark.parametrize(
    ("provider_id", "path", "params", "scheme"),
    [
        ("twitter", "1.1/account/verify_credentials.json", {"include_email": "true", "n": "a b&ü"}, "OAuth"),
        ("x", "users/me", {"user.fields": "verified"}, "Bearer"),
        ("facebook", "me", {}, "Bearer"),
        ("google", "oauth2/v2/userinfo", {}, "Bearer"),
        ("foursquare", "users/self", {"v": "20260101"}, None),
        ("oidc", "userinfo", {}, "Bearer"),
        ("oauth2", "me", {}, "Bearer"),
    ],
)
def test_the_token_goes_where_the_provider_wants_it(
    social_provider: StandIn, provider_id: str, path: str, params: dict[str, str], scheme: str | None
) -> None:
    social_provider.require_appsecret_proof = True
    context = make_context(social_provider, provider_id)
    session = build_session(context)
    assert session.get(path, params=params).status_code == 200
    seen = social_provider.requests[-1]
    assert seen.auth == scheme
    assert scheme is None or context.token.access_token not in seen.params.values()
    wrong = build_session(with_token(context, "wrong")).get(path, params=params)
    assert 400 <= wrong.status_code < 500


def test_form_bodies_are_signed_and_others_are_not(social_provider: StandIn) -> None:
    context = make_context(social_provider, "twitter")
    session = build_session(context)
    assert session.get("1.1/users/show.json", params={"user_id": context.key.provider_user_id}).status_code == 200
    assert session.post("1.1/oauth/invalidate_token.json", json={"a": "b"}).status_code == 200
    again = build_session(make_context(social_provider, "twitter"))
    assert again.post("1.1/oauth/invalidate_token.json", data={"a": "b c", "ü": "&="}).status_code == 200


@pytest.mark.parametrize("provider_id", ["twitter", "oauth2"])
def test_no_token_for_another_host(social_provider: StandIn, elsewhere: StandIn, provider_id: str) -> None:
    session = build_session(make_context(social_provider, provider_id))
    assert session.get(f"{elsewhere.url}/{provider_id}/1.1/users/show.json").status_code >= 400
    assert session.get(elsewhere.url.replace("http:", "")).status_code == 200
    social_provider.faults.redirect(f"{elsewhere.url}/?moved", "profile", provider_id)
    assert session.get(str(session.base_url) + profile_path(provider_id)).status_code == 200
    assert elsewhere.requests[-1].params == {"moved": ""}
    assert [seen.auth for seen in elsewhere.requests] == [None, None, None]
    assert social_provider.requests[-1].auth is not None


def profile_path(provider_id: str) -> str:
    return {"twitter": "1.1/account/verify_credentials.json", "oauth2": "me"}[provider_id]


def test_no_token_for_another_scheme_or_port(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2"))
    base = str(session.base_url)
    for url in (base.replace("http:", "https:"), base.replace("127.0.0.1", "localhost"), "http://127.0.0.1:1/me"):
        assert "Authorization" not in session.prepare_request(requests.Request("GET", url)).headers
    assert "Authorization" in session.prepare_request(requests.Request("GET", base)).headers


@pytest.mark.parametrize("provider_id", ["twitter", "oauth2"])
def test_a_redirect_that_stays_keeps_the_token(social_provider: StandIn, provider_id: str) -> None:
    session = build_session(make_context(social_provider, provider_id))
    path = profile_path(provider_id)
    social_provider.faults.redirect(f"/{provider_id}/{'api/' if provider_id == 'oauth2' else ''}{path}?n=1", "profile")
    assert session.get(path).status_code == 200
    assert social_provider.requests[-1].params == {"n": "1"}


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_is_not_led_to_another_host(social_provider: StandIn, elsewhere: StandIn, status: int) -> None:
    session = build_session(make_context(social_provider, "twitter"))
    here = "/twitter/1.1/oauth/invalidate_token"
    for target, answer in ((f"{elsewhere.url}/", status), (here, 200)):
        fault = social_provider.faults.add("revoke", status=status, body=b"", headers={"Location": target})
        assert session.post("1.1/oauth/invalidate_token", data={"secret": "1"}).status_code == answer
        assert fault.struck == 1
    assert elsewhere.requests == ()


def test_own_headers_stay_at_home(social_provider: StandIn, elsewhere: StandIn) -> None:
    session = ApiSession(social_provider.url, 3, headers={"X-Key": "k", "X-Other": "o"})
    social_provider.faults.redirect(f"{elsewhere.url}/", "profile")
    session.get("/oauth2/api/me", headers={"X-Other": "mine"})
    assert {name: social_provider.requests[-1].headers.get(name) for name in ("X-Key", "X-Other")} == {
        "X-Key": "k",
        "X-Other": "mine",
    }
    session.get(elsewhere.url)
    assert len(elsewhere.requests) == 2
    assert not any("X-Key" in seen.headers for seen in elsewhere.requests)


def test_the_caller_has_the_last_word_on_headers(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2"))
    assert session.get("me", headers={"Accept": "text/csv"}).status_code == 200
    assert social_provider.requests[-1].headers["Accept"] == "text/csv"
    session.get("me")
    assert social_provider.requests[-1].headers["Accept"] == "application/json"
    assert session.get("me", headers={"Authorization": "Bearer mine"}).status_code == 401


def test_netrc_is_not_asked(social_provider: StandIn, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    context = make_context(social_provider, "x")
    social_provider.faults.redirect("/x/2/users/me", "profile")
    assert build_session(context).get("users/me").status_code == 200
    assert build_api(context).get_me().data.username == "ada_lovelace"
    assert {seen.auth for seen in social_provider.requests if seen.endpoint == "profile"} == {"Bearer"}


@pytest.mark.parametrize(
    ("base", "url", "address"),
    [
        ("https://api.example/v1", "me", "https://api.example/v1/me"),
        ("https://api.example/v1/", "/me", "https://api.example/me"),
        ("https://api.example/v1", "//evil.example/me", "https://evil.example/me"),
        ("https://api.example/v1", "https://old.example/me?a=b", "https://api.example/new/me?a=b"),
        ("https://api.example/v1", "https://old.example", "https://api.example/new"),
        ("https://api.example/v1", "https://old.example.evil/me", "https://old.example.evil/me"),
        (None, "https://api.example/me", "https://api.example/me"),
    ],
)
def test_addresses(base: str | None, url: str, address: str) -> None:
    session = ApiSession(base, 1, aliases={"https://old.example": "https://api.example/new"})
    assert session.resolve(url) == address


def test_a_session_has_all_that_those_of_requests_have_and_shares_only_connections() -> None:
    theirs, one, other = vars(requests.Session()), vars(ApiSession(None, 1)), vars(ApiSession(None, 1))
    assert theirs.keys() <= one.keys()
    for name, value in theirs.items():
        assert type(one[name]) is type(value)
        assert name == "adapters" or one[name] == value or name == "cookies"
        if isinstance(value, cabc.MutableMapping | cabc.MutableSequence):
            assert one[name] is not other[name], name
    assert one["hooks"]["response"] is not other["hooks"]["response"]
    assert {*one["adapters"].values()} == {POOL}
    assert [*one["adapters"]] == [*theirs["adapters"]]


def test_without_an_address_there_is_no_token(social_provider: StandIn) -> None:
    context = make_context(social_provider, "oauth2")
    session = ApiSession(None, 1, context=context, authorize=bearer(context.provider))
    assert session.get(social_provider.url).status_code == 200
    assert social_provider.requests[-1].auth is None
    with pytest.raises(requests.exceptions.MissingSchema):
        session.get("me")


def test_origin() -> None:
    assert origin("https://A.example/x") == origin("https://a.example:443/y") == ("https", "a.example", 443)
    assert origin("http://a.example") == ("http", "a.example", 80)


def test_base_url_of_a_provider_that_has_none(social_provider: StandIn) -> None:
    oidc = make_context(social_provider, "oidc").provider
    assert (oidc.api_base_url, oidc.userinfo_url) == (None, None)
    assert base_url(oidc) == oidc.issuer == f"{social_provider.url}/oidc"


def test_the_time_limit_of_a_call(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2"))
    with social_provider.faults.slow(1.5, "profile"), pytest.raises(requests.Timeout):
        session.get("me", timeout=0.2)


def test_after_a_fork_connections_are_new(social_provider: StandIn) -> None:
    session = build_session(make_context(social_provider, "oauth2"))
    session.get("me")
    POOL.renew()  # what os.register_at_fork() calls in a child
    session.get("me")
    session.get("me")
    first, *others = [seen.connection for seen in social_provider.requests[-3:]]
    assert first not in others
    assert len(set(others)) == 1


class TestTLS:
    @pytest.fixture
    def secure(self) -> cabc.Iterator[StandIn]:
        with StandIn(https=True) as standin:
            yield standin

    def test_certificates_are_checked(self, secure: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(requests.exceptions.SSLError):
            ApiSession(secure.url, 3).get("/")

    def test_one_context_and_one_connection(self, secure: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secure.ca_file))
        for _ in range(3):
            with ApiSession(secure.url, 3) as session:
                assert session.get("/").status_code == 200
        assert len({seen.connection for seen in secure.requests}) == 1

    def test_a_callers_own_wishes_are_the_librarys_matter(self, secure: StandIn) -> None:
        session = ApiSession(secure.url, 3)
        with pytest.warns(Warning, match="Unverified HTTPS request"):
            assert session.get("/", verify=False).status_code == 200
        with pytest.raises(OSError, match="TLS certificate file"):
            session.get("/", verify=str(secure.ca_file), cert="/no/such/file.pem")


def test_sessions_print_no_token(social_provider: StandIn) -> None:
    context = make_context(social_provider, "oauth2")
    session: t.Any = build_session(context)
    assert repr(session) == f"<ApiSession {social_provider.url}/oauth2/api/>"
    assert context.token.access_token not in repr(vars(session))
