"""A user's own connections: the list, and taking one away."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from .. import flow, revoking, security
from ..datastores.base import Revocation
from ..datastores.columns import utcnow
from ..errors import ConfigurationError, StoreError
from ..health import health
from ..signals import connection_removed
from ..state import SocialState, current_sender
from . import answers, guard, notices, targets

#: What JSON tells of a connection; never a token.
_PUBLIC = (
    "provider_id",
    "provider_user_id",
    "display_name",
    "full_name",
    "email",
    "email_verified",
    "profile_url",
    "image_url",
    "rank",
    "status",
)
_TIMES = ("expires_at", "created_at", "updated_at", "last_login_at")


def connections(state: SocialState) -> ResponseReturnValue:
    """The page with the user's connections and the providers that are left; or the list as JSON."""
    user = security.session_user()
    if user is None:
        return security.unauthenticated()
    mine = state.datastore.find_connections(user_id=user.id)
    if security.wants_json():
        return security.json({"connections": [_public(state, user, mine, connection) for connection in mine]})
    return render_template("social/connections.html", connections=mine, providers=state.providers)


def disconnect_page(state: SocialState, provider_id: str, provider_user_id: str) -> ResponseReturnValue:
    """A page with the disconnect button of one connection, for browsers that cannot send DELETE."""
    user = security.session_user()
    if user is None:
        return security.unauthenticated()
    # Compared here, not in the store: what a visitor wrote may be more than a database can take.
    mine = state.datastore.find_connections(user_id=user.id)
    wanted = (provider_id, provider_user_id)
    connection = next((c for c in mine if (c.provider_id, c.provider_user_id) == wanted), None)
    if connection is None:
        abort(404)
    return render_template("social/disconnect.html", connection=connection, provider=state.find_provider(provider_id))


def disconnect(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Removes the connections to a provider, or the one that ``provider_user_id`` in the body names."""
    return _remove(state, provider_id, _named_subject())


def remove_all_connections(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """Removes all connections to a provider."""
    return _remove(state, provider_id, None)


def remove_connection(state: SocialState, provider_id: str, provider_user_id: str) -> ResponseReturnValue:
    """Removes one connection."""
    return _remove(state, provider_id, provider_user_id)


def can_disconnect(state: SocialState, user: t.Any, mine: t.Sequence[t.Any], losing: t.Sequence[t.Any]) -> bool:
    """Whether a user may lose some of their connections and still find a way in."""
    return flow.may_disconnect(_ways_left(state, user, mine, losing)) is None


def other_ways_in(state: SocialState, user: t.Any) -> list[str]:
    """The ways in which a user can log in without a connection: Flask-Security's, and the application's own.

    :raises ConfigurationError: when ``SOCIAL_WAYS_IN`` returns something else than names.
    """
    hook = state.settings.ways_in
    names = hook(user) if hook is not None else ()
    if isinstance(names, str) or not isinstance(names, cabc.Iterable):
        raise ConfigurationError("SOCIAL_WAYS_IN", "must return a list of names; an empty one for no way.")
    return security.other_ways_in(user) + [f"own:{name}" for name in names]


def _remove(state: SocialState, provider_id: str, subject: str | None) -> ResponseReturnValue:
    provider = state.find_provider(provider_id)
    name = provider.name if provider is not None else provider_id
    if code := guard.refusal(state.settings):
        return answers.refuse_request(state, code, name)
    user = security.session_user()
    if user is None:
        return security.unauthenticated()
    back_to = (
        targets.requested_next() or targets.referring_page() or targets.view_url(state.settings.connect_allow_view)
    )
    if stale := security.require_fresh(state.settings.freshness, back_to=back_to):
        return stale
    try:
        code, removed, grants = _remove_locked(state, user, provider_id, subject)
    except StoreError as error:
        if error.code != "store_busy":
            raise
        return answers.refuse_request(state, error.code, name)
    if code == "not_disconnected" and provider is None:
        abort(404)
    if code in ("disconnected", "disconnected_all"):
        notices.tell(state, user, name, "disconnected")
        connection_removed.send(current_sender(), user=user, provider_id=provider_id)
        send = state.exchange()  # one, so that all together have one deadline
        for grant in grants:
            revoking.revoke_now(state, grant, send)
        if security.wants_json():
            return security.json({"removed": removed})
    elif security.wants_json():
        return answers.json_error(state, "connection_unknown" if code == "not_disconnected" else code, name)
    return answers.leave(state, code, name, back_to, 303)


def _remove_locked(
    state: SocialState, user: t.Any, provider_id: str, subject: str | None
) -> tuple[str, int, list[Revocation]]:
    """Decides and removes under a lock on the user.

    :returns: the code of what came of it, how many are gone, and what is to be revoked at the provider now.
    """
    grants = []
    with state.datastore.lock_user(user.id):
        mine = state.datastore.find_connections(user_id=user.id)
        losing = [c for c in mine if c.provider_id == provider_id and subject in (None, c.provider_user_id)]
        if not losing:
            code = "not_disconnected"
        elif not can_disconnect(state, user, mine, losing):
            code, losing = "last_login_method", []
        else:
            code = "disconnected" if subject is not None or len(losing) == 1 else "disconnected_all"
        for connection in losing:
            grants.append(revoking.queue(state, connection))
            state.datastore.delete_connection(
                user_id=user.id, provider_id=provider_id, provider_user_id=connection.provider_user_id
            )
        state.datastore.commit()
    return code, len(losing), [grant for grant in grants if grant is not None]


def _ways_left(state: SocialState, user: t.Any, mine: t.Sequence[t.Any], losing: t.Sequence[t.Any]) -> list[str]:
    gone = {(c.provider_id, c.provider_user_id) for c in losing}
    left = [c for c in mine if (c.provider_id, c.provider_user_id) not in gone and _lets_in(state, c)]
    return other_ways_in(state, user) + [f"connection:{c.provider_id}" for c in left]


def _lets_in(state: SocialState, connection: t.Any) -> bool:
    """Whether a login through a connection can work: its provider is there, and is who it was."""
    provider = state.find_provider(connection.provider_id)
    return provider is not None and provider.is_issuer(getattr(connection, "issuer", None))


def _public(state: SocialState, user: t.Any, mine: t.Sequence[t.Any], connection: t.Any) -> dict[str, t.Any]:
    shown = {name: getattr(connection, name, None) for name in _PUBLIC}
    for name in _TIMES:
        moment = getattr(connection, name, None)
        shown[name] = moment.isoformat() if moment is not None else None
    shown["health"] = health(connection, state.find_provider(connection.provider_id), utcnow())
    return shown | {"can_disconnect": can_disconnect(state, user, mine, [connection])}


def _named_subject() -> str | None:
    """The account that the body names; ``None`` when it names none, and a text that fits nothing for nonsense.

    Nonsense must not read as "all accounts".
    """
    data = guard.body()
    if data is None:
        return ""
    subject = data.get("provider_user_id", request.args.get("provider_user_id"))
    if isinstance(subject, int) and not isinstance(subject, bool):
        return str(subject)
    return subject if subject is None or isinstance(subject, str) else ""
