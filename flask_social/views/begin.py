"""Beginning a visit: ``login``, ``connect``, ``reconnect`` and ``verify``. All are POST."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import secrets
import time

from flask import redirect, session
from flask.typing import ResponseReturnValue

from .. import attempts, flow, security
from ..errors import AttemptsUnavailable, ProviderError
from ..providers.base import Context, Provider
from ..state import SocialState
from ..values import Attempt, ConnectionKey, Intent
from . import answers, guard, targets

#: Where the pending attempts of a browser stand in its session.
SESSION_KEY = "social_attempts"


def login(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Sends an anonymous visitor to the provider, to come back logged in."""
    provider = answers.provider_or_404(state, provider_id)
    if code := guard.refusal(state.settings):
        return answers.refuse_request(state, code, provider.name)
    return security.anonymous_only(_start)(state, provider, "login")


def connect(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Sends a logged-in user to the provider, to come back with one more connection."""
    return _start_as_user(state, provider_id, "connect")


def reconnect(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Sends a user to the provider for new tokens of an account that is connected already."""
    return _start_as_user(state, provider_id, "reconnect")


def verify(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Sends a user to the provider, to prove that it is still them."""
    return _start_as_user(state, provider_id, "verify")


def context(state: SocialState, provider_id: str, intent: Intent) -> Context:
    """What a flow may see of this request."""
    return Context(
        redirect_uri=targets.redirect_uri(state, provider_id, intent),
        now=dt.datetime.now(dt.UTC),
        vault=state.vault,
        documents=state.documents,
        random=secrets.token_bytes,
    )


def _start_as_user(state: SocialState, provider_id: str, intent: Intent) -> ResponseReturnValue:
    provider = answers.provider_or_404(state, provider_id)
    if code := guard.refusal(state.settings):
        return answers.refuse_request(state, code, provider.name)
    user = security.session_user()
    if user is None:
        return security.unauthenticated()
    key = None
    if intent == "verify" and not provider.can_verify:
        return answers.refuse_request(state, "cannot_verify", provider.name)
    if intent != "verify":
        back_to = targets.referring_page() or targets.view_url(state.settings.connect_allow_view)
        if stale := security.require_fresh(state.settings.freshness, back_to=back_to):
            return stale
    if intent in ("reconnect", "verify"):
        subject = guard.fields().get("provider_user_id") if intent == "reconnect" else None
        mine = state.datastore.find_connections(user_id=user.id, provider_id=provider.id)
        subjects = [c.provider_user_id for c in mine if subject in (None, "", c.provider_user_id)]
        if not subjects:
            return answers.refuse_request(state, "connection_unknown", provider.name)
        if intent == "reconnect":
            key = ConnectionKey(provider.id, subjects[0])
    return _start(state, provider, intent, security.user_id(user), key)


def _start(
    state: SocialState,
    provider: Provider,
    intent: Intent,
    user_id: str | None = None,
    expected_key: ConnectionKey | None = None,
) -> ResponseReturnValue:
    body = guard.fields()
    next_url = targets.safe_next(body.get("next")) or targets.requested_next()
    display = "popup" if body.get("display") == "popup" else None
    visit = flow.begin(
        provider,
        intent=intent,
        context=context(state, provider.id, intent),
        user_id=user_id,
        expected_key=expected_key,
        next_url=next_url,
    )
    settings = state.settings
    try:
        attempt, url = flow.run(visit, state.exchange())
        session[SESSION_KEY] = attempts.stash(
            state.vault,
            session.get(SESSION_KEY),
            dc.replace(attempt, display=display),
            now=time.time(),
            lifetime=settings.attempt_lifetime,
            limit=settings.max_attempts,
            cache=settings.attempt_cache,
        )
    except (ProviderError, AttemptsUnavailable) as error:
        asked = Attempt("", provider.id, intent, user_id=user_id, next_url=next_url, display=display)
        return answers.refuse(state, provider, error.code, intent, asked)
    return security.json({"authorization_url": url}) if security.wants_json() else redirect(url, 303)
