"""Fixtures for the tests of applications. Installing Flask-Social with pytest is enough to have them.

::

    @pytest.fixture
    def app(social_provider):
        return create_app({"SOCIAL_GOOGLE": social_provider.settings("google")})

    def test_login(client, social_login):
        response = social_login(client, "google", "ada", next="/profile")
        assert response.location == "/profile"

``social_provider`` is a :class:`~flask_social.testing.StandIn`, as on its first day in every test;
``social_login`` walks a login for real, the provider's side over HTTP.
"""

from __future__ import annotations

import collections.abc as cabc
import html
import re
import typing as t
from urllib.parse import urljoin, urlsplit

import pytest

if t.TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from .server import StandIn

#: A page that refreshes to another address at once, as the callback's bounce page does.
_REFRESH = re.compile(rb"""<meta\s+http-equiv=["']?refresh["']?\s+content=["']\s*0\s*;\s*url=([^"']+)["']""", re.I)


@pytest.fixture(scope="session")
def _social_stand_in() -> cabc.Iterator[StandIn]:
    from .server import StandIn

    with StandIn() as standin:
        yield standin


@pytest.fixture
def social_provider(_social_stand_in: StandIn) -> cabc.Iterator[StandIn]:
    """A running stand-in provider. People, tokens, faults and switches are reset after every test."""
    yield _social_stand_in
    _social_stand_in.reset()


@pytest.fixture
def social_login(social_provider: StandIn) -> SocialLogin:
    """A callable that logs a person in through the stand-in; see :meth:`SocialLogin.__call__`."""
    return SocialLogin(social_provider)


class SocialLogin:
    """Walks begin, provider and callback with a Flask test client."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin

    def __call__(
        self,
        client: FlaskClient,
        provider_id: str,
        person: str | None = "ada",
        *,
        intent: t.Literal["login", "connect", "reconnect", "verify"] = "login",
        next: str | None = None,
        data: cabc.Mapping[str, str] | None = None,
        base_url: str | None = None,
    ) -> TestResponse:
        """Log ``person`` in (or ``connect``, ``reconnect``, ``verify``) and give the callback's response.

        :param client: a test client of the application; for all but ``login`` it is logged in already.
        :param person: id of one of the stand-in's people; ``None`` declines.
        :param next: where to go afterwards.
        :param data: more fields for the begin form, such as ``provider_user_id`` for ``reconnect``.
        :param base_url: where the application is reached, when not where its configuration says.
        :returns: the callback's answer, usually a redirect, which is not followed; or what begin answered, when
            that was a refusal.
        """
        begun = self.begin(client, provider_id, intent=intent, next=next, data=data, base_url=base_url)
        target = begun.headers.get("Location", "")
        if not target.startswith(f"{self.standin.url}/"):
            return begun
        return self.finish(client, target, person)

    def begin(
        self,
        client: FlaskClient,
        provider_id: str,
        *,
        intent: str = "login",
        next: str | None = None,
        data: cabc.Mapping[str, str] | None = None,
        base_url: str | None = None,
    ) -> TestResponse:
        """POST the begin form as a page of the application would, and give the answer."""
        app = client.application
        blueprint = app.config.get("SOCIAL_BLUEPRINT_NAME") or "social"
        with app.test_request_context(base_url=base_url) as context:
            path = app.url_for(f"{blueprint}.{intent}", provider_id=provider_id, _external=False)
            origin = context.request.host_url.rstrip("/")
        fields = {**(data or {}), **({"next": next} if next is not None else {})}
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        return client.post(path, data=fields, headers=headers, base_url=base_url or origin)

    def finish(self, client: FlaskClient, authorization_url: str, person: str | None = "ada") -> TestResponse:
        """Play the person at the provider, bring the answer to the callback, follow its bounce page."""
        back = self.standin.visit(authorization_url, person)
        address = back.url
        response = _open(client, address, back.method, back.data)
        for _ in range(2):
            bounce = _REFRESH.search(response.data) if response.status_code == 200 else None
            if bounce is None:
                break
            address = urljoin(address, html.unescape(bounce.group(1).decode()))
            response = _open(client, address)
        return response


def _open(
    client: FlaskClient, url: str, method: str = "GET", data: cabc.Mapping[str, str] | None = None
) -> TestResponse:
    """Open an absolute address of the application with its test client, as the provider's redirect does."""
    parts = urlsplit(url)
    headers = {"Sec-Fetch-Site": "cross-site"}
    path = parts._replace(scheme="", netloc="", fragment="").geturl()
    base_url = f"{parts.scheme}://{parts.netloc}"
    return client.open(path, method=method, data=data or None, headers=headers, base_url=base_url)
