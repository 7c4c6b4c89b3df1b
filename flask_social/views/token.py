"""Logging in without a redirect: a nonce for the page, then the token that a button or a native app got with it.

An attempt of this kind is bound to its nonce the way a redirect's is to its ``state``. The name under which it is
kept is derived from provider and nonce, so that no ``state`` finds it, and no nonce finds an attempt of another kind
or of another provider.
"""

from __future__ import annotations

import base64
import collections.abc as cabc
import json
import re
import secrets
import time
import typing as t

from flask import abort, make_response, request, session
from flask.typing import ResponseReturnValue

from .. import attempts, flow, security
from ..answers import is_token
from ..errors import AttemptRefused, AttemptsUnavailable, IdTokenInvalid, ProviderError
from ..jws import MAX_TOKEN, decode
from ..providers.base import Grant, Provider
from ..state import SocialState
from ..values import Attempt
from . import answers, guard, targets
from .begin import SESSION_KEY, context
from .outcomes import settle

#: Longest body that is read, in bytes.
MAX_BODY = 2 * MAX_TOKEN

_TOKENS = ("id_token", "access_token")
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")


def token(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Takes a token and logs its owner in; without one, answers with a nonce to get a token with."""
    provider = answers.provider_or_404(state, provider_id)
    if not provider.token_login:
        abort(404)
    if (request.content_length or 0) > MAX_BODY:
        return answers.refuse_request(state, "token_refused", provider.name)
    # A body of unknown length is cut there, and what is left of a token does not hold.
    request.max_content_length = min(MAX_BODY, request.max_content_length or MAX_BODY)
    if code := guard.refusal(state.settings):
        return answers.refuse_request(state, code, provider.name)
    return security.anonymous_only(_answer)(state, provider)


def new_nonce(state: SocialState, provider: Provider, next_url: str | None) -> str:
    """Begins an attempt in this browser, and returns its nonce.

    :param next_url: where the login goes on.
    :raises AttemptsUnavailable: when the cache of attempts does not take it.
    """
    nonce = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode("ascii")
    settings, now = state.settings, time.time()
    session[SESSION_KEY] = attempts.stash(
        state.vault,
        session.get(SESSION_KEY),
        Attempt(_handle(state, provider, nonce), provider.id, "login", next_url=next_url, created_at=int(now)),
        now=now,
        lifetime=settings.attempt_lifetime,
        limit=settings.max_attempts,
        cache=settings.attempt_cache,
    )
    return nonce


def _answer(state: SocialState, provider: Provider) -> ResponseReturnValue:
    try:
        fields = _fields()
        if not any(name in fields for name in _TOKENS):
            next_url = targets.safe_next(fields.get("next")) or targets.requested_next()
            return security.json({"nonce": new_nonce(state, provider, next_url), "client_id": provider.consumer_key})
        attempt, grant = _prove(state, provider, fields)
    except (AttemptRefused, AttemptsUnavailable, ProviderError) as error:
        return _refuse(state, provider, error)
    answer = make_response(settle(state, provider, attempt, grant))
    if security.wants_json() and answer.location:
        return security.json({"next": answer.location})
    return answer


def _fields() -> cabc.Mapping[str, t.Any]:
    """The fields of the body.

    :raises AttemptRefused: when it is JSON, and no object.
    """
    if not request.is_json:
        return request.form
    if not request.get_data():
        return {}
    try:
        data = request.get_json(silent=True)
    except RecursionError as error:
        raise AttemptRefused("The body is nested too deep.", code="token_refused") from error
    if not isinstance(data, dict):
        raise AttemptRefused("The body is no JSON object.", code="token_refused")
    return data


def _prove(state: SocialState, provider: Provider, fields: cabc.Mapping[str, t.Any]) -> tuple[Attempt, Grant]:
    """Takes the attempt that the token belongs to, and checks the token. A token that fails has used its nonce up."""
    given = {name: fields[name] for name in _TOKENS if name in fields}
    if len(given) != 1 or not all(is_token(value) and len(value) <= MAX_TOKEN for value in given.values()):
        raise AttemptRefused("The body holds no usable token, or two.", code="token_refused")
    nonce = _claimed_nonce(given["id_token"]) if "id_token" in given else fields.get("nonce")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise AttemptRefused("The token names no attempt.", code="state_missing")
    attempt = _take(state, provider, nonce)
    proof = provider.finish_token(context(state, provider.id, "login"), nonce, **given)
    return attempt, flow.run(proof, state.exchange())


def _take(state: SocialState, provider: Provider, nonce: str) -> Attempt:
    left, attempt = attempts.take(
        state.vault,
        session.get(SESSION_KEY),
        _handle(state, provider, nonce),
        provider_id=provider.id,
        now=time.time(),
        lifetime=state.settings.attempt_lifetime,
        cache=state.settings.attempt_cache,
    )
    if left is None:
        session.pop(SESSION_KEY, None)
    elif left != session.get(SESSION_KEY):
        session[SESSION_KEY] = left
    if isinstance(attempt, AttemptRefused):
        raise attempt
    return attempt


def _handle(state: SocialState, provider: Provider, nonce: str) -> str:
    return state.vault.derive(f"token:{provider.id}", nonce)


def _claimed_nonce(id_token: str) -> object:
    """The nonce in an ID token that nobody has verified yet: it may only be used to find the attempt."""
    try:
        claims = json.loads(decode(id_token.split(".")[1]))
    except (ValueError, IndexError, RecursionError):
        return None
    return claims.get("nonce") if isinstance(claims, dict) else None


def _refuse(
    state: SocialState, provider: Provider, error: AttemptRefused | AttemptsUnavailable | ProviderError
) -> ResponseReturnValue:
    answer = make_response(answers.refuse(state, provider, error.code, "login"))
    if isinstance(error, IdTokenInvalid) and answer.status_code >= 400:
        answer.status_code = 400  # here the caller brought it, not the provider
    return answer
