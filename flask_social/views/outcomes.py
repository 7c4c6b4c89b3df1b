"""From a finished exchange to its effects: facts, decision, and what is done about it."""

from __future__ import annotations

import dataclasses as dc
import functools
import typing as t

from flask import Response, after_this_request, request
from flask.typing import ResponseReturnValue

from .. import flow, security, users
from ..datastores.base import CLAIM_LIFETIME, CLAIMED
from ..datastores.columns import utcnow
from ..errors import AnswerInvalid, StoreError
from ..providers.base import Grant, Provider
from ..signals import connection_created, connection_failed, connection_updated, login_completed, login_failed
from ..state import SocialState, current_sender, current_state
from ..values import Attempt, ConnectionKey, OAuthResponse
from . import answers, joining, merging, notices, rows, targets, waiting


def settle(state: SocialState, provider: Provider, attempt: Attempt, grant: Grant) -> ResponseReturnValue:
    """Decides on a finished exchange and does what was decided.

    Of two callbacks of one identity at once, the loser finds the row of the winner and decides again; so does one
    whose row was removed meanwhile.
    """
    again = True
    while True:
        try:
            return Visit(state, provider, attempt, grant).settle()
        except AnswerInvalid as error:
            return Visit(state, provider, attempt, grant).refuse(error.code)
        except StoreError as error:
            # A transaction may see what the other one did only when it begins anew.
            state.datastore.rollback()
            if again and error.code in ("duplicate_connection", "connection_gone"):
                again = False
                continue
            if error.code not in ("store_busy", "attempts_unavailable"):
                answers.logger.error("%s through %s: %s", attempt.intent, provider.id, error)
            return Visit(state, provider, attempt, grant).refuse(error.code)


class Visit:
    """One finished exchange, with what is needed to act on it. Lives as long as the request."""

    def __init__(self, state: SocialState, provider: Provider, attempt: Attempt, grant: Grant) -> None:
        self.state = state
        self.provider = provider
        self.attempt = attempt
        self.grant = grant
        self.key = ConnectionKey(provider.id, grant.profile.subject)
        self.user = security.session_user()

    def settle(self) -> ResponseReturnValue:
        """Reads the facts, decides, acts.

        :raises DuplicateConnection: when another callback connected the same identity meanwhile.
        :raises AmbiguousConnection: when the identity has rows of different users.
        """
        connection = self._found()
        known_issuer = getattr(connection, "issuer", None)
        if known_issuer and known_issuer != self.grant.issuer:
            return self.refuse("issuer_mismatch")
        profile = self.grant.profile
        stranger = self.attempt.intent == "login" and connection is None and self.user is None
        known = users.find_by_address(profile.email) if stranger else None
        if known is not None:
            connection = self._found()  # another callback may have made both meanwhile
        facts = flow.Facts(
            intent=self.attempt.intent,
            key=self.key,
            current_user=security.user_id(self.user) if self.user is not None else None,
            attempt_user=self.attempt.user_id,
            owner=str(connection.user_id) if connection is not None else None,
            expected_key=self.attempt.expected_key,
            email_owner=security.user_id(known) if known is not None else None,
            email_owner_confirmed=known is not None and joining.may_be_linked(known, profile),
            email_verified=profile.email_verified,
            email_trust=profile.email_trust,
            has_another=self._has_another(self.user or known),
        )
        match flow.decide(facts, self._policy()):
            case flow.Refuse(code):
                return self.refuse(code)
            case flow.SignUp():
                return joining.sign_up(self)
            case flow.AskSignUp():
                return joining.ask(self)
            case flow.ProveFirst(owner):
                return joining.prove_first(self, owner)
            case flow.LinkAndLogIn(owner):
                return joining.link_and_log_in(self, known)
            case flow.OfferMerge():
                return merging.offer(self, connection)
            case outcome:
                return self._act[type(outcome)](self, connection)

    def is_known(self) -> bool:
        """Whether the identity has a connection."""
        return self._found() is not None

    def refuse(self, code: str) -> ResponseReturnValue:
        """Nothing is stored and nobody is logged in; subscribers are told, and may raise."""
        if code == "not_connected":
            response = OAuthResponse.of(self.grant.token, self.grant.profile, error=code)
            login_failed.send(current_sender(), provider=self.provider, oauth_response=response)
        elif code == "connected_elsewhere":
            connection_failed.send(current_sender(), user=self.user)
        return answers.refuse(self.state, self.provider, code, self.attempt.intent, self.attempt)

    def already_in(self, connection: t.Any) -> ResponseReturnValue:
        """A double click: the first one logged in already."""
        return self._end_login(self._wanted_next())

    def log_in(self, connection: t.Any) -> ResponseReturnValue:
        """The owner comes in, if Flask-Security's gates let them."""
        user = owner_of(connection)
        if user is None:
            return self.refuse("not_connected")
        if code := security.gate(user):
            return self.refuse(code)
        return self.let_in(user, connection)

    def let_in(self, user: t.Any, connection: t.Any) -> ResponseReturnValue:
        """Tokens and profile, then the login of somebody who passed the gates; the second factor where there is one."""
        wanted = self._wanted_next()
        next_url = wanted or security.after_login_url()
        proven = self.grant.evidence & set(self.provider.second_factor) and security.has_set_up_second_factor(user)
        second_factor = None if proven else security.second_factor(user, self.key, next_url)
        login = second_factor is None
        changed, _ = rows.update(self.state, self.provider, connection, self.grant, self.attempt, login=login)
        if second_factor is None:
            waiting.expect(next_url)
            security.log_in(user)
        self.state.datastore.commit()
        security.commit()
        if changed:
            connection_updated.send(current_sender(), user=user, connection=connection, changed=changed)
        if second_factor is not None:
            return answers.end_at_second_factor(self.state, self.provider, self.attempt, user, second_factor)
        login_completed.send(current_sender(), provider=self.provider, user=user)
        return self._end_login(wanted)

    def connect(self, connection: t.Any) -> ResponseReturnValue:
        """One more connection for the user who began, if nobody has ended their sessions meanwhile."""
        store, user = self.state.datastore, t.cast("t.Any", self.user)
        with store.lock_user(user.id):
            if not security.is_logged_in_still(user):
                return self.refuse("session_changed")
            if self._has_another(user):  # another callback of theirs was faster
                return self.refuse("one_per_provider")
            made = store.create_connection(user_id=user.id, **self.new_row())
            store.commit()
        notices.tell(self.state, self.user, self.provider.name, "connected")
        connection_created.send(current_sender(), user=self.user, connection=made)
        return self._end_connect("connected")

    def refresh(self, connection: t.Any) -> ResponseReturnValue:
        """The account is connected already: new tokens and profile. Said so, unless that was the wish."""
        changed, renewed = rows.update(self.state, self.provider, connection, self.grant, self.attempt, login=False)
        changed |= {"access_token"} if renewed else set()
        self.state.datastore.commit()
        connection_updated.send(current_sender(), user=self.user, connection=connection, changed=changed)
        if self.attempt.intent == "reconnect":
            return self._end_connect("reconnected")
        connection_failed.send(current_sender(), user=self.user)
        return self._end_connect("already_connected")

    def verified(self, connection: t.Any) -> ResponseReturnValue:
        """The user was just proven to be present: the session is fresh again."""
        security.mark_fresh()
        return self._end("verified", security.after_login_url(), self.attempt.next_url)

    _act: t.ClassVar[dict[type[flow.Outcome], t.Callable[[Visit, t.Any], ResponseReturnValue]]] = {
        flow.AlreadyIn: already_in,
        flow.LogIn: log_in,
        flow.Connect: connect,
        flow.Refresh: refresh,
        flow.Verified: verified,
    }

    def new_row(self) -> dict[str, t.Any]:
        """The columns of a new connection, but for its user."""
        return rows.of_new(self.state, self.key, self.grant)

    def _policy(self) -> flow.Policy:
        settings, provider = self.state.settings, self.provider
        return flow.Policy(
            signup=provider.signup or settings.signup,
            link_by_email=provider.link_by_email or settings.link_by_email,
            merge=settings.merge,
            several=settings.several_per_provider,
        )

    def _has_another(self, user: t.Any | None) -> bool:
        """Whether this user has an account of the provider; not asked where several are allowed."""
        if user is None or self.state.settings.several_per_provider:
            return False
        return bool(self.state.datastore.find_connections(user_id=user.id, provider_id=self.provider.id))

    def _found(self) -> t.Any | None:
        """The connection of the identity. A claim whose user was never made is removed when it is old enough.

        :raises StoreError: ``store_busy``, while its user is being made.
        """
        store = self.state.datastore
        found = store.find_by_key(self.key)
        if found is None or getattr(found, "status", None) != CLAIMED or owner_of(found) is not None:
            return found
        # A machine whose clock is wrong may have made it in the future.
        if abs((utcnow() - found.created_at).total_seconds()) < CLAIM_LIFETIME:
            raise StoreError("This account is being made at this moment.", code="store_busy")
        store.delete_connection(**dc.asdict(self.key), user_id=found.user_id)
        return None

    def _wanted_next(self) -> str | None:
        waiting = targets.waiting_next(self.state.settings.post_oauth_login_session_key)
        return self.attempt.next_url or waiting

    def _end_login(self, next_url: str | None) -> ResponseReturnValue:
        return self._end("logged_in", security.after_login_url(), next_url)

    def _end_connect(self, code: str) -> ResponseReturnValue:
        next_url = self.attempt.next_url or targets.waiting_next(self.state.settings.post_oauth_connect_session_key)
        return self._end(code, targets.view_url(self.state.settings.connect_allow_view), next_url)

    def _end(self, code: str, default: str, next_url: str | None) -> ResponseReturnValue:
        return answers.end(self.state, self.provider, code, default, attempt=self.attempt, next_url=next_url)


def after_connect_url(state: SocialState) -> str:
    """Where the application wants a user to go after a connect: its session key, else the setting."""
    waiting = targets.waiting_next(state.settings.post_oauth_connect_session_key)
    return waiting or targets.view_url(state.settings.connect_allow_view)


def owner_of(connection: t.Any) -> t.Any | None:
    """The user of a connection, or ``None`` when there is none any more."""
    user = getattr(connection, "user", None)
    return user if user is not None else security.find_user(connection.user_id)


def _go_on(next_url: str, response: Response) -> Response:
    if response.status_code in (302, 303):
        response.location = next_url
    return response


def finish_login(user: t.Any, key: ConnectionKey, next_url: str | None) -> None:
    """Completes a login whose second factor has just been given; nothing to do when the connection is gone.

    :param next_url: where the login was to go on. Flask-Security forgets it while a second factor is set up.
    """
    if next_url and not request.args.get("next") and not request.form.get("next"):
        after_this_request(functools.partial(_go_on, next_url))
    state = current_state()
    provider = state.resolve(key.provider_id)
    try:
        connection = state.datastore.find_by_key(key)
        if provider is None or connection is None or str(connection.user_id) != security.user_id(user):
            return
        state.datastore.update_connection(connection, last_login_at=utcnow())
    except StoreError as error:  # the login itself is Flask-Security's, and done
        answers.logger.warning("login through %s completed without its connection: %s", key.provider_id, error.code)
        return
    state.datastore.commit()
    login_completed.send(current_sender(), provider=provider, user=user)
