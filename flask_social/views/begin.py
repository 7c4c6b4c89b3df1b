"""Beginning a visit: ``login``, ``connect``, ``reconnect`` and ``verify``. All are POST."""

from __future__ import annotations

import dataclasses as dc
import datetime as dt
import secrets
import time

from flask import redirect, request, session
from flask.typing import ResponseReturnValue

from .. import attempts, flow, security
from ..errors import AttemptsUnavailable, ProviderError
from ..providers.base import Context, Provider
from ..state import SocialState
from ..values import Attempt, ConnectionKey, Intent
from . import answers, guard, targets

#: Where the pending attempts of a browser stand in its session.
SESSION_KEY = "social_attempts"

#: The most characters of scopes that an attempt remembers.
MAX_SCOPES = 600


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
    key, scopes = None, None
    if intent in ("connect", "reconnect"):
        scopes = _wanted_scopes(provider)
        if scopes is None:
            return answers.refuse_request(state, "scope_not_allowed", provider.name)
    if intent == "verify" and not provider.can_verify:
        return answers.refuse_request(state, "cannot_verify", provider.name)
    if intent != "verify":
        back_to = targets.referring_page() or targets.view_url(state.settings.connect_allow_view)
        if stale := security.require_fresh(state.settings.freshness, back_to=back_to):
            return stale
    if intent in ("reconnect", "verify"):
        subject = guard.fields().get("provider_user_id") if intent == "reconnect" else None
        mine = state.datastore.find_connections(user_id=user.id, provider_id=provider.id)
        mine = [c for c in mine if subject in (None, "", c.provider_user_id)]
        if not mine:
            return answers.refuse_request(state, "connection_unknown", provider.name)
        if intent == "reconnect":
            key = ConnectionKey(provider.id, mine[0].provider_user_id)
            # Not every provider adds a new grant to the one before. What only the provider named is not asked for.
            granted = (getattr(mine[0], "granted_scope", None) or "").split()
            scopes = (*(scope for scope in granted if scope in provider.allowed_scopes), *(scopes or ()))
    asked = tuple(dict.fromkeys((*provider.scopes, *scopes))) if scopes else None
    return _start(state, provider, intent, security.user_id(user), key, asked)


def _wanted_scopes(provider: Provider) -> tuple[str, ...] | None:
    """The scopes that the request names besides the provider's own; ``None`` when one of them may not be asked for."""
    named = guard.fields().get("scope", request.args.get("scope"))
    if named is not None and not isinstance(named, str):
        return None
    wanted = tuple((named or "").split())
    return wanted if provider.allowed_scopes.issuperset(wanted) else None


def _start(
    state: SocialState,
    provider: Provider,
    intent: Intent,
    user_id: str | None = None,
    expected_key: ConnectionKey | None = None,
    scopes: tuple[str, ...] | None = None,
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
        scopes=scopes,
    )
    settings = state.settings
    try:
        attempt, url = flow.run(visit, state.exchange())
        session[SESSION_KEY] = attempts.stash(
            state.vault,
            session.get(SESSION_KEY),
            # A cookie is small. What does not fit is as if it had not been asked for, unless the provider names it.
            dc.replace(attempt, display=display, scopes=None if len(" ".join(scopes or ())) > MAX_SCOPES else scopes),
            now=time.time(),
            lifetime=settings.attempt_lifetime,
            limit=settings.max_attempts,
            cache=settings.attempt_cache,
        )
    except (ProviderError, AttemptsUnavailable) as error:
        asked = Attempt("", provider.id, intent, user_id=user_id, next_url=next_url, display=display)
        return answers.refuse(state, provider, error.code, intent, asked)
    return security.json({"authorization_url": url}) if security.wants_json() else redirect(url, 303)
