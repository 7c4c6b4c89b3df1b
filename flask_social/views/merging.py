"""Two local accounts of one person become one: what may be merged, the page that asks, and the move.

Whoever is logged in as one user and connects an identity of another one has just proven a way to log in to both.
The connections move, both or neither account changes; all else is the application's, by ``SOCIAL_MERGE_HOOK``.
"""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import secrets
import time
import typing as t

from flask import render_template, request
from flask.typing import ResponseReturnValue

from .. import pending, security
from ..datastores.base import ConnectionDatastore
from ..errors import AmbiguousConnection, AttemptsUnavailable, ConfigurationError, StoreError
from ..pending import Pending
from ..providers.base import Grant, Provider
from ..signals import connection_created, connection_removed
from ..state import SocialState, current_sender
from ..values import ConnectionKey, Token
from . import answers, guard, notices, targets, waiting

if t.TYPE_CHECKING:
    from .outcomes import Visit


class Refused(Exception):
    """Nothing was moved; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def offer(visit: Visit, connection: t.Any) -> ResponseReturnValue:
    """Asks the user whether to merge, if a login through this identity would have let them in as its owner.

    A second factor, a lock or a missing confirmation of the owner is not passed by this: ``connected_elsewhere``.
    """
    other = security.find_user(connection.user_id)
    if other is None or not _may_be_merged(other):
        return visit.refuse("connected_elsewhere")
    made = Pending(
        "merge",
        visit.provider.id,
        Grant(Token(""), visit.grant.profile, visit.grant.issuer),  # the connection has its tokens
        int(time.time()),
        owner=security.user_id(visit.user),
        other=security.user_id(other),
        nonce=pending.new_nonce(secrets.token_bytes),
        next_url=visit.attempt.next_url,
    )
    try:
        waiting.keep(visit.state, made)
    except AttemptsUnavailable as error:
        return visit.refuse(error.code)
    page = answers.own_url(visit.state, "merge", **{waiting.NONCE: made.nonce})
    return answers.end(visit.state, visit.provider, "merge", page, attempt=visit.attempt, status=303)


def merge(state: SocialState) -> ResponseReturnValue:
    """The page that names what would move; only a POST moves it."""
    try:
        return _merge(state)
    except AttemptsUnavailable as error:
        return answers.refuse_request(state, error.code, "")


def _merge(state: SocialState) -> ResponseReturnValue:
    found = waiting.find(state, "merge")
    provider = state.resolve(found.provider_id) if found is not None else None
    if found is None or provider is None or state.settings.merge != "ask":
        return answers.refuse_request(state, "nothing_waits", "")
    if request.method == "POST" and (code := guard.refusal(state.settings)):
        return answers.refuse_request(state, code, provider.name)
    keep = security.session_user()
    nonce = request.args.get(waiting.NONCE) or guard.fields().get(waiting.NONCE)
    if keep is None or security.user_id(keep) != found.owner or nonce != found.nonce:
        waiting.drop(state)
        return answers.refuse_request(state, "link_mismatch", provider.name)
    try:
        if _has_moved(state, found):  # a second click
            waiting.drop(state)
            return _done(state, provider, found)
        other = _other(state, found)
        if request.method == "GET":
            return _show(state, provider, found, keep, other)
        here = answers.own_url(state, "merge", **{waiting.NONCE: found.nonce})
        if stale := security.require_fresh(state.settings.freshness, back_to=here):
            return stale
        waiting.drop(state)
        moved = move(
            state.datastore,
            keep,
            other,
            _key(found),
            several=state.settings.several_per_provider,
            still=lambda: _still(keep, other),
            then=lambda: _hook(state, keep, other, dry_run=False),
        )
    except Refused as error:
        return answers.refuse_request(state, error.code, provider.name)
    _tell(state, keep, other, moved)
    return _done(state, provider, found)


def _done(state: SocialState, provider: Provider, found: Pending) -> ResponseReturnValue:
    default = targets.view_url(state.settings.connect_allow_view)
    return answers.end(state, provider, "merged", default, next_url=found.next_url, status=303)


def _show(state: SocialState, provider: Provider, found: Pending, keep: t.Any, other: t.Any) -> ResponseReturnValue:
    """The dry run."""
    mine, theirs = (state.datastore.find_connections(user_id=user.id) for user in (keep, other))
    code = _conflict(mine, theirs) if not state.settings.several_per_provider else None
    sentences = _hook(state, keep, other, dry_run=True)
    if security.wants_json():
        moves = [{name: getattr(c, name, None) for name in ("provider_id", "display_name")} for c in theirs]
        account = {"email": getattr(other, "email", None)}
        told = {"provider_id": provider.id, "account": account, "moves": moves, "sentences": sentences}
        return security.json({**told, "refused": code, waiting.NONCE: found.nonce})
    reason = answers.text(state, code, provider.name) if code else None
    return render_template(
        "social/merge.html",
        provider=provider,
        identity=found,
        other=other,
        connections=theirs,
        sentences=sentences,
        reason=reason,
    )


def _has_moved(state: SocialState, found: Pending) -> bool:
    """Whether the identity belongs to the user who keeps theirs already."""
    connection = _connection(state, found)
    return connection is not None and str(connection.user_id) == found.owner


def _connection(state: SocialState, found: Pending) -> t.Any | None:
    try:
        return state.datastore.find_by_key(_key(found))
    except AmbiguousConnection as error:
        raise Refused(error.code) from None


def _other(state: SocialState, found: Pending) -> t.Any:
    """The owner of the identity, if that is still who it was.

    :raises Refused: when the identity has another owner now or none, or its owner may not be merged any more.
    """
    connection = _connection(state, found)
    other = security.find_user(connection.user_id) if connection is not None else None
    if other is None or security.user_id(other) != found.other:
        raise Refused("nothing_waits")
    if not _may_be_merged(other):
        raise Refused("connected_elsewhere")
    return other


def _still(keep: t.Any, other: t.Any) -> str | None:
    """What stands against it at this moment: sessions may have been ended, users locked or deleted meanwhile."""
    if not security.is_logged_in_still(keep):
        return "session_changed"
    now = security.read_again(other)
    return None if now is not None and _may_be_merged(now) else "connected_elsewhere"


def _may_be_merged(user: t.Any) -> bool:
    return security.gate(user) is None and not security.has_second_factor(user)


def move(
    store: ConnectionDatastore,
    keep: t.Any,
    other: t.Any,
    key: ConnectionKey,
    *,
    several: bool,
    still: cabc.Callable[[], str | None],
    then: cabc.Callable[[], object],
) -> list[t.Any]:
    """Moves all connections of one user to another and calls ``then``, in one transaction under both users' locks.

    MongoDB has no transaction here: who is interrupted finds the rest where it was, and can begin anew.

    :param key: the identity that was proven; it must be the other user's still.
    :param still: looks again under the locks, and returns the code of a refusal, or ``None``.
    :returns: what was moved.
    :raises Refused: when it is not, when both have a provider that allows only one, or when somebody else changes the
        connections of either.
    """
    try:
        with contextlib.ExitStack() as locks:
            # Always in the same order, so that two merges never wait for each other.
            for user in sorted((keep, other), key=security.user_id):
                locks.enter_context(store.lock_user(user.id))
            if code := still():
                raise Refused(code)
            mine, theirs = (list(store.find_connections(user_id=user.id)) for user in (keep, other))
            if not any(_is(connection, key) for connection in theirs):
                raise Refused("nothing_waits")
            if not several and (code := _conflict(mine, theirs)):
                raise Refused(code)
            # The proven one last: it is what a new beginning needs.
            for connection in sorted(theirs, key=lambda connection: _is(connection, key)):
                store.update_connection(connection, user_id=keep.id)
            for provider_id in {connection.provider_id for connection in theirs}:
                renumber(store, [c for c in (*mine, *theirs) if c.provider_id == provider_id])
            then()
            store.commit()
    except StoreError as error:
        store.rollback()
        if error.code not in ("store_busy", "connection_gone"):
            raise
        raise Refused("store_busy") from None
    except BaseException:
        store.rollback()
        raise
    return theirs


def renumber(store: ConnectionDatastore, connections: cabc.Iterable[t.Any]) -> None:
    """Gives these connections of one user and provider the ranks 1, 2, 3 …; the first is the primary one."""
    for rank, connection in enumerate(connections, 1):
        if getattr(connection, "rank", None) != rank:
            store.update_connection(connection, rank=rank)


def _tell(state: SocialState, keep: t.Any, other: t.Any, moved: cabc.Sequence[t.Any]) -> None:
    providers = list(dict.fromkeys(connection.provider_id for connection in moved))
    for provider_id in providers:
        provider = state.resolve(provider_id)
        name = provider.name if provider is not None else provider_id
        notices.tell(state, other, name, "disconnected")
        notices.tell(state, keep, name, "connected")
    for provider_id in providers:
        connection_removed.send(current_sender(), user=other, provider_id=provider_id)
    for connection in moved:
        connection_created.send(current_sender(), user=keep, connection=connection)


def _conflict(mine: cabc.Iterable[t.Any], theirs: cabc.Iterable[t.Any]) -> str | None:
    both = {connection.provider_id for connection in mine} & {connection.provider_id for connection in theirs}
    return "merge_conflict" if both else None


def _hook(state: SocialState, keep: t.Any, other: t.Any, *, dry_run: bool) -> list[str]:
    """What the application moves (``SOCIAL_MERGE_HOOK``), in sentences for the person.

    :raises ConfigurationError: when the hook returns something else.
    """
    hook = state.settings.merge_hook
    sentences = hook(keep, other, dry_run) if hook is not None else ()
    if isinstance(sentences, str) or not isinstance(sentences, cabc.Iterable):
        raise ConfigurationError("SOCIAL_MERGE_HOOK", "must return a list of sentences; an empty one for none.")
    return [str(sentence) for sentence in sentences]


def _key(found: Pending) -> ConnectionKey:
    return ConnectionKey(found.provider_id, found.grant.profile.subject)


def _is(connection: t.Any, key: ConnectionKey) -> bool:
    return (connection.provider_id, connection.provider_user_id) == (key.provider_id, key.provider_user_id)
