"""Fixtures for all tests."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

import pytest

from flask_social.testing.browser import visit

from .appkit import JSON

pytest_plugins = ["tests.servers"]

#: Begins a visit, lets the person choose at the provider, and returns the callback's address without going there.
Begin = cabc.Callable[..., str]


@pytest.fixture
def social_begin() -> Begin:
    """A visit up to the provider's redirect: ``social_begin(client, "google", "ada", intent="connect")``."""

    def begin(client: t.Any, provider_id: str, person: str | None, *, intent: str = "login", **form: str) -> str:
        answer = client.post(f"/{intent}/{provider_id}", headers=JSON, data=form)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        back = visit(answer.get_json()["response"]["authorization_url"], person)
        assert back.method == "GET"
        return back.url

    return begin
