"""``connect_handler``, which applications of Flask-Social 1.x call from a register page."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from flask.typing import ResponseReturnValue

from .. import revoking, security
from ..datastores.columns import COLUMNS, utcnow
from ..errors import AmbiguousConnection, DuplicateConnection
from ..providers.base import Provider
from ..signals import connection_created, connection_failed
from ..state import SocialState, current_sender, current_state
from ..values import ConnectionKey, subject
from . import answers
from .outcomes import after_connect_url


def connect_handler(values: cabc.Mapping[str, t.Any], provider: Provider) -> ResponseReturnValue:
    """Connects an account whose values the application kept, and answers with a redirect.

    :param values: the columns of a connection, as
        :func:`flask_social.utils.get_connection_values_from_oauth_response` gives them. ``user_id`` names the
        owner; without it, the current user is. Unknown fields are ignored.
    :returns: a redirect with the message: connected, connected already, or connected to somebody else.
    :raises AnswerInvalid: when ``provider_user_id`` is no usable id.
    """
    state = current_state()
    user = security.user() if values.get("user_id") is None else security.find_user(values["user_id"])
    if user is None:
        return security.unauthenticated()
    key = ConnectionKey(provider.id, subject(values["provider_user_id"]))
    try:
        code = _connect(state, key, user, values)
    except DuplicateConnection:
        state.datastore.rollback()
        code = _connect(state, key, user, values)
    except AmbiguousConnection as error:
        code = error.code
    if code in ("connected_elsewhere", "ambiguous_connection"):
        answers.note_refusal(provider, code, "connect")
    if code != "connected":
        connection_failed.send(current_sender(), user=user)
    return answers.leave(state, code, provider.name, after_connect_url(state))


def _connect(state: SocialState, key: ConnectionKey, user: t.Any, values: cabc.Mapping[str, t.Any]) -> str:
    found = state.datastore.find_by_key(key)
    if found is not None:
        return "already_connected" if str(found.user_id) == security.user_id(user) else "connected_elsewhere"
    now = utcnow()
    own = {"user_id": user.id, "provider_id": key.provider_id, "provider_user_id": key.provider_user_id}
    columns = {name: value for name, value in values.items() if name in COLUMNS}
    revoking.forget(state, key)
    made = state.datastore.create_connection(**{"created_at": now, "updated_at": now, **columns, **own})
    state.datastore.commit()
    connection_created.send(current_sender(), user=user, connection=made)
    return "connected"
