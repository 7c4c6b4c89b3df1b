"""The provider's answer: taken in one order, whatever the provider."""

from __future__ import annotations

import collections.abc as cabc
import functools
import time
import typing as t
from urllib.parse import urlencode

from flask import render_template, request, session
from flask.typing import ResponseReturnValue

from .. import attempts, flow, security
from ..errors import AttemptRefused, AttemptsUnavailable, ProviderError
from ..providers.base import Provider
from ..state import SocialState, current_config
from ..values import Attempt, Intent
from . import answers
from .begin import SESSION_KEY, context
from .outcomes import settle

#: Marks the second arrival of a callback that was bounced once.
BOUNCED = "social_bounced"


def callback(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Reads a provider's answer and settles the visit. Ends in a redirect, but for the bounce and a popup.

    The 1.x paths, which are the begin paths by GET, come here too; without parameters there is an explanation.
    """
    provider = answers.provider_or_404(state, provider_id)
    if request.method == "POST" or _cookie_is_missing():
        return _bounce()
    if _cookie_is_doubled():
        return answers.refuse(state, provider, "session_doubled", "login")
    security.answer_as_html()
    params = request.args.to_dict(flat=False)
    params.pop(BOUNCED, None)
    if not params:
        return answers.end(state, provider, "use_a_button", answers.login_page())
    attempt = _take(state, provider, params)
    if not isinstance(attempt, Attempt):
        intent: Intent = "login" if security.session_user() is None else "connect"
        return answers.refuse(state, provider, attempt.code, intent)
    visit = flow.complete(provider, attempt, params, context=context(state, provider.id, attempt.intent))
    try:
        grant = flow.run(visit, state.exchange())
    except (AttemptRefused, ProviderError) as error:
        return answers.refuse(state, provider, error.code, attempt.intent, attempt)
    return settle(state, provider, attempt, grant)


def _take(
    state: SocialState, provider: Provider, params: cabc.Mapping[str, cabc.Sequence[str]]
) -> Attempt | AttemptRefused | AttemptsUnavailable:
    """The attempt that the answer names, taken out of the session; or why there is none."""
    try:
        left, attempt = attempts.take(
            state.vault,
            session.get(SESSION_KEY),
            provider.attempt_param({name: values[0] for name, values in params.items()}),
            provider_id=provider.id,
            now=time.time(),
            lifetime=state.settings.attempt_lifetime,
            cache=state.settings.attempt_cache,
        )
    except AttemptsUnavailable as error:
        return error
    if left is None:
        session.pop(SESSION_KEY, None)
    elif left != session.get(SESSION_KEY):
        session[SESSION_KEY] = left
    return attempt


def _cookie_is_missing() -> bool:
    name = current_config()["SESSION_COOKIE_NAME"]
    # Our own page comes back from our own site; another site may only say that it was bounced.
    bounced = BOUNCED in request.args and request.headers.get("Sec-Fetch-Site") != "cross-site"
    return bool(request.args) and not bounced and name not in request.cookies


def _cookie_is_doubled() -> bool:
    """Whether the browser sends two session cookies: a sibling host of ours may have set the first of them."""
    name = current_config()["SESSION_COOKIE_NAME"]
    pairs = request.headers.get("Cookie", "").split(";")
    return [pair.partition("=")[0].strip() for pair in pairs].count(name) > 1


def _bounce() -> ResponseReturnValue:
    """A page that refreshes to itself by GET, because only then the browser sends our cookie.

    Under ``SameSite=Lax`` a provider's POST comes without it, under ``Strict`` its redirect does as well. The
    answer saves no session: it would overwrite the one that the browser keeps from us.
    """
    params = [*request.args.items(multi=True), *request.form.items(multi=True), (BOUNCED, "1")]
    _withhold_session()
    return render_template("social/bounce.html", url=f"{request.script_root}{request.path}?{urlencode(params)}")


def _withhold_session() -> None:
    """Makes the session of this request one that is never saved, whoever writes to it later (Flask-Login does)."""
    session.clear()
    opened: t.Any = session._get_current_object()  # type: ignore[attr-defined]  # werkzeug's own way
    opened.__class__ = _withheld(opened.__class__)


@functools.cache
def _withheld(cls: type[t.Any]) -> type[t.Any]:
    """A class of sessions that never say that they were modified; one for each session interface."""
    return type("Withheld", (cls,), {"modified": property(lambda opened: False, lambda opened, value: None)})
