"""The test plan "Form Post Basic RP" of the OpenID Foundation, and RFC 9207 with answers that come as forms."""

from __future__ import annotations

import html
import re
import typing as t
from urllib.parse import urlsplit

import pytest

from flask_social.testing import StandIn, WayBack
from flask_social.testing.pytest_plugin import SocialLogin

from .oidfkit import PROVIDERS, Arrange, Visit, arrange_rfc9207, assert_bad, assert_good, make
from .test_oidf_plans import BAD, BASIC, GOOD, RFC9207

FORM_POST_GOOD = [row for row in GOOD if row[0] in BASIC]
FORM_POST_BAD = [row for row in BAD if row[0] in BASIC]
#: Without the parameters that come twice, for which there is a test below.
FORM_POST_RFC9207 = [row for row in RFC9207 if row[3] != "callback_invalid"]


@pytest.fixture
def visit(social_provider: StandIn, social_login: SocialLogin) -> Visit:
    """Walks a visit as a browser does that keeps the ``SameSite=Lax`` cookie from the provider's POST."""

    def walk(client: t.Any, provider: str, person: str | None, *, intent: str = "login") -> t.Any:
        begun = social_login.begin(client, provider, intent=intent)
        if not begun.location.startswith(social_provider.url):
            return begun
        assert "response_mode=form_post" in begun.location
        back = social_provider.visit(begun.location, person)
        assert (back.method, urlsplit(back.url).query) == ("POST", "")
        return client.get(bounced(client, back))

    return walk


def bounced(client: t.Any, back: WayBack, **changes: t.Any) -> str:
    """Where the page leads that the provider's form gets; ``changes`` replace its fields."""
    headers = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"}
    without_cookies = client.application.test_client(use_cookies=False)
    page = without_cookies.post(urlsplit(back.url).path, data={**back.data, **changes}, headers=headers)
    assert (page.status_code, "Set-Cookie" in page.headers) == (200, False)
    found = re.search(r'http-equiv="refresh" content="0; ?url=([^"]+)"', page.get_data(as_text=True))
    assert found is not None
    return html.unescape(found[1])


def test_every_module_has_a_row() -> None:
    assert {name for name, *_ in (*FORM_POST_GOOD, *FORM_POST_BAD)} == {*BASIC}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("module", "arrange"), FORM_POST_GOOD)
def test_a_good_provider(social_provider: StandIn, visit: Visit, module: str, arrange: Arrange, provider: str) -> None:
    arrange(social_provider)
    kit = make(social_provider, provider, response_mode="form_post")
    assert_good(social_provider, kit, provider, visit)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("module", "arrange", "code"), FORM_POST_BAD)
def test_a_bad_provider(
    social_provider: StandIn, visit: Visit, module: str, arrange: Arrange, code: str, provider: str
) -> None:
    arrange(social_provider)
    kit = make(social_provider, provider, response_mode="form_post")
    assert_bad(social_provider, kit, provider, visit, code)


#: oidcc-client-test-form-post-error wants the error that ``prompt=none`` with ``max_age=0`` must lead to; after it, the
#: person who declines.
ERRORS: list[tuple[str, dict[str, str], str | None, str]] = [
    ("oidcc-client-test-form-post-error", {"prompt": "none", "max_age": "0"}, "ada", "provider_refused"),
    ("after oidcc-client-test-form-post-error", {}, None, "access_denied"),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("module", "params", "person", "code"), ERRORS)
def test_an_error(
    social_provider: StandIn, visit: Visit, module: str, params: dict[str, str], person: str | None, code: str,
    provider: str,
) -> None:  # fmt: skip
    kit = make(social_provider, provider, response_mode="form_post", authorize_params=params)
    assert_bad(social_provider, kit, provider, visit, code, person)
    asked = [seen.params for seen in social_provider.requests if seen.endpoint == "authorize"]
    assert all(params.items() <= sent.items() for sent in asked)
    assert social_provider.count("token") == 0


@pytest.mark.parametrize(("row", "announced", "params", "code"), FORM_POST_RFC9207)
def test_rfc9207(
    social_provider: StandIn, visit: Visit, row: str,
    announced: dict[str, t.Any], params: dict[str, t.Any], code: str | None,
) -> None:  # fmt: skip
    arrange_rfc9207(social_provider, "oidc", announced, params)
    kit = make(social_provider, "oidc", response_mode="form_post")
    if code is None:
        assert_good(social_provider, kit, "oidc", visit)
    else:
        assert_bad(social_provider, kit, "oidc", visit, code)
        assert social_provider.count("token") == 0


@pytest.mark.parametrize("name", ["iss", "state", "code"])
def test_a_field_twice(social_provider: StandIn, social_login: SocialLogin, name: str) -> None:
    kit = make(social_provider, "oidc", response_mode="form_post")
    client = kit.app.test_client()
    back = social_provider.visit(social_login.begin(client, "oidc").location, "ada")
    client.get(bounced(client, back, **{name: [back.data[name]] * 2}))
    assert kit.events[-1][1]["code"] == "callback_invalid"
    assert social_provider.count("token") == 0


def test_the_answer_of_one_browser_is_nothing_to_another(social_provider: StandIn, social_login: SocialLogin) -> None:
    kit = make(social_provider, "oidc", response_mode="form_post")
    one, other = kit.app.test_client(), kit.app.test_client()
    social_login.begin(other, "oidc")
    back = social_provider.visit(social_login.begin(one, "oidc").location, "ada")
    other.get(bounced(one, back))
    assert kit.events[-1][1]["code"] == "state_unknown"
    assert social_provider.count("token") == 0
