"""What a provider may add to its family, and what it may not."""

from __future__ import annotations

import dataclasses as dc
import typing as t

import pytest

from flask_social.errors import (
    AnswerInvalid,
    ProviderUnavailable,
    SocialError,
)
from flask_social.providers.base import Context, OAuth1Provider, OAuth2Provider, OIDCProvider, Provider
from flask_social.values import Attempt, Flow, Profile, Token

from .familykit import KEYS, ME, TOKEN, Data, Simple, simple, visited
from .protocolkit import (
    CLIENT,
    ISSUER,
    answer,
    context,
    log_in,
    step,
    token_answer,
)


@pytest.mark.parametrize(
    "name",
    ["start", "finish", "read_profile", "attempt_param", "can_verify", "_start", "_finish", "_identify"],
)
@pytest.mark.parametrize("family", [OAuth1Provider, OAuth2Provider, OIDCProvider])
def test_the_checks_cannot_be_replaced(name: str, family: type[Provider]) -> None:
    with pytest.raises(TypeError, match=name):
        type("Bad", (family,), {name: lambda self: None, "__module__": "elsewhere"})
    mixin = type("Mixin", (), {name: lambda self: None, "__module__": "elsewhere"})
    with pytest.raises(TypeError, match=name):
        type("Bad", (mixin, family), {"__module__": "elsewhere"})


@pytest.mark.parametrize(
    "error", [KeyError("x"), TypeError("x"), ValueError("x"), AttributeError("x"), IndexError("x")]
)
@pytest.mark.parametrize("hook", ["profile", "fetch_profile", "read_token"])
def test_a_hook_that_trips_is_a_broken_answer(hook: str, error: Exception) -> None:
    def trip(*args: object) -> t.NoReturn:
        raise error

    tripping = type("Tripping", (Simple,), {hook: trip})(id="t", client=CLIENT)
    answers = [TOKEN] if hook != "profile" else [TOKEN, ME]
    with pytest.raises(AnswerInvalid) as caught:
        log_in(tripping, *answers)
    assert caught.value.__cause__ is error


def test_a_profile_of_unknown_trust() -> None:
    class Boastful(Simple):
        def profile(self, data: Data) -> Profile:
            return Profile(data["id"], email="a@x.example", email_trust=t.cast("t.Any", "absolute"))

    with pytest.raises(AnswerInvalid):
        log_in(Boastful(id="b", client=CLIENT), TOKEN, ME)


def test_hooks_may_ask_more() -> None:
    class Asking(Simple):
        def fetch_profile(self, context: Context, token: Token) -> Flow[Data]:
            first = yield from super().fetch_profile(context, token)
            emails = yield from self.get(context, "https://api.example/emails", token)
            return {**first, **emails}

    requests, grant = log_in(Asking(id="a", client=CLIENT), TOKEN, answer({"id": 1}), answer({"email": "a@x.example"}))
    assert requests[-1].url == "https://api.example/emails"
    assert grant.profile.email == "a@x.example"


@pytest.mark.parametrize(
    ("url", "configured"),
    [
        ("https://api.example/v2/emails", True),
        ("https://p.example/emails", True),
        ("https://api.example:444/emails", False),
        ("http://api.example/emails", False),
        ("http://169.254.169.254/latest", False),
        ("https://p.example.evil.example/", False),
    ],
)
def test_an_address_that_an_answer_named_must_be_public(url: str, configured: bool) -> None:
    (request,), _ = step(simple().get(context(), url, Token("at")), answer({}))
    assert (request.url, request.configured) == (url, configured)


def test_the_root_speaks_no_protocol() -> None:
    provider = Provider(id="root", client=CLIENT)
    for attempt in (
        lambda: provider.attempt_param({}),
        lambda: provider.profile({}),
        lambda: provider.api_request(context(), "GET", ISSUER, Token("at")),
        lambda: step(provider.start(context(), intent="login")),
        lambda: step(provider.finish(context(), Attempt("s", "root", "login"), {})),
    ):
        with pytest.raises(NotImplementedError):
            attempt()
    assert step(provider.revoke(context(), Token("at"))) == ([], None)


def test_nothing_secret_is_printed() -> None:
    provider, ctx, attempt, params = visited()
    (exchange, _), grant = step(provider.finish(ctx, attempt, params), token_answer(attempt), KEYS)
    shown = repr([provider, attempt, exchange, str(exchange), grant, dc.replace(attempt)])
    assert "s3cret" not in shown
    assert "c0de" not in shown
    assert attempt.state not in shown
    assert (grant.token.id_token or "?") not in shown


@pytest.mark.parametrize("exception", [ProviderUnavailable("x"), AnswerInvalid("x")])
def test_failures_of_the_transport_pass(exception: SocialError) -> None:
    provider, ctx, attempt, params = visited()
    flow = provider.finish(ctx, attempt, params)
    next(flow)
    with pytest.raises(type(exception)) as caught:
        flow.throw(exception)
    assert caught.value is exception
