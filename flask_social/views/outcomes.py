"""From a finished exchange to its effects: facts, decision, and what is done about it."""

from __future__ import annotations

import typing as t

from flask import redirect
from flask.typing import ResponseReturnValue

from .. import flow, security
from ..datastores.base import profile_values, token_values, utcnow
from ..errors import StoreError
from ..providers.base import Grant, Provider
from ..signals import connection_created, connection_failed, connection_updated, login_completed, login_failed
from ..state import SocialState, current_sender, current_state
from ..values import Attempt, ConnectionKey, OAuthResponse
from . import answers, targets


def settle(state: SocialState, provider: Provider, attempt: Attempt, grant: Grant) -> ResponseReturnValue:
    """Decides on a finished exchange and does what was decided.

    Of two callbacks of one identity at once, the loser finds the row of the winner and decides again; so does one
    whose row was removed meanwhile.
    """
    again = True
    while True:
        try:
            return Visit(state, provider, attempt, grant).settle()
        except StoreError as error:
            # A transaction may see what the other one did only when it begins anew.
            state.datastore.rollback()
            if again and error.code in ("duplicate_connection", "connection_gone"):
                again = False
                continue
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
        connection = self.state.datastore.find_by_key(self.key)
        known_issuer = getattr(connection, "issuer", None)
        if known_issuer and known_issuer != self.grant.issuer:
            return self.refuse("issuer_mismatch")
        profile = self.grant.profile
        facts = flow.Facts(
            intent=self.attempt.intent,
            key=self.key,
            current_user=security.user_id(self.user) if self.user is not None else None,
            attempt_user=self.attempt.user_id,
            owner=str(connection.user_id) if connection is not None else None,
            expected_key=self.attempt.expected_key,
            email_verified=profile.email_verified,
            email_trust=profile.email_trust,
        )
        outcome = flow.decide(facts, flow.Policy())
        if isinstance(outcome, flow.Refuse):
            return self.refuse(outcome.code)
        return self._act[type(outcome)](self, connection)

    def refuse(self, code: str) -> ResponseReturnValue:
        """Nothing is stored and nobody is logged in; subscribers are told, and may raise."""
        if code == "not_connected":
            response = OAuthResponse.of(self.grant.token, self.grant.profile, error=code)
            login_failed.send(current_sender(), provider=self.provider, oauth_response=response)
        elif code == "connected_elsewhere":
            connection_failed.send(current_sender(), user=self.user)
        return answers.refuse(self.state, self.provider, code, self.attempt.intent)

    def already_in(self, connection: t.Any) -> ResponseReturnValue:
        """A double click: the first one logged in already."""
        return redirect(self._next_after_login())

    def log_in(self, connection: t.Any) -> ResponseReturnValue:
        """Flask-Security's gates in order, then tokens and profile, then the login."""
        user = owner_of(connection)
        if user is None:
            return self.refuse("not_connected")
        if code := security.gate(user):
            return self.refuse(code)
        next_url = self._next_after_login()
        second_factor = security.second_factor(user, self.key, next_url)
        changed = self._update(connection, login=second_factor is None)
        if second_factor is None:
            security.log_in(user)
        self.state.datastore.commit()
        security.commit()
        if changed:
            connection_updated.send(current_sender(), user=user, connection=connection, changed=changed)
        if second_factor is not None:
            return second_factor
        login_completed.send(current_sender(), provider=self.provider, user=user)
        return redirect(next_url)

    def connect(self, connection: t.Any) -> ResponseReturnValue:
        """One more connection for the user who began."""
        now = utcnow()
        values = token_values(self.grant.token) | profile_values(self.grant.profile)
        made = self.state.datastore.create_connection(
            user_id=self.user.id,  # type: ignore[union-attr]  # decide() lets nobody but a user connect
            provider_id=self.key.provider_id,
            provider_user_id=self.key.provider_user_id,
            issuer=self.grant.issuer,
            created_at=now,
            updated_at=now,
            **values,
        )
        self.state.datastore.commit()
        connection_created.send(current_sender(), user=self.user, connection=made)
        return self._leave_connect("connected")

    def refresh(self, connection: t.Any) -> ResponseReturnValue:
        """The account is connected already: new tokens and profile. Said so, unless that was the wish."""
        changed = self._update(connection, login=False) | {"access_token"}
        self.state.datastore.commit()
        connection_updated.send(current_sender(), user=self.user, connection=connection, changed=changed)
        if self.attempt.intent == "reconnect":
            return self._leave_connect("reconnected")
        connection_failed.send(current_sender(), user=self.user)
        return self._leave_connect("already_connected")

    def verified(self, connection: t.Any) -> ResponseReturnValue:
        """The user was just proven to be present: the session is fresh again."""
        security.mark_fresh()
        return answers.leave(
            self.state, "verified", self.provider.name, self.attempt.next_url or security.after_login_url()
        )

    _act: t.ClassVar[dict[type[flow.Outcome], t.Callable[[Visit, t.Any], ResponseReturnValue]]] = {
        flow.AlreadyIn: already_in,
        flow.LogIn: log_in,
        flow.Connect: connect,
        flow.Refresh: refresh,
        flow.Verified: verified,
    }

    def _update(self, connection: t.Any, *, login: bool) -> frozenset[str]:
        """Writes tokens and profile; returns the profile columns that changed."""
        store, now = self.state.datastore, utcnow()
        profile = {k: v for k, v in profile_values(self.grant.profile).items() if k in store.columns}
        changed = frozenset(name for name, value in profile.items() if getattr(connection, name) != value)
        values = token_values(self.grant.token) | {name: profile[name] for name in changed} | {"updated_at": now}
        if login:
            values["last_login_at"] = now
        store.update_connection(connection, **values)
        return changed

    def _next_after_login(self) -> str:
        waiting = targets.waiting_next(self.state.settings.post_oauth_login_session_key)
        return self.attempt.next_url or waiting or security.after_login_url()

    def _leave_connect(self, code: str) -> ResponseReturnValue:
        default = self.attempt.next_url or after_connect_url(self.state)
        return answers.leave(self.state, code, self.provider.name, default)


def after_connect_url(state: SocialState) -> str:
    """Where the application wants a user to go after a connect: its session key, else the setting."""
    waiting = targets.waiting_next(state.settings.post_oauth_connect_session_key)
    return waiting or targets.view_url(state.settings.connect_allow_view)


def owner_of(connection: t.Any) -> t.Any | None:
    """The user of a connection, or ``None`` when there is none any more."""
    user = getattr(connection, "user", None)
    return user if user is not None else security.find_user(connection.user_id)


def finish_login(user: t.Any, key: ConnectionKey) -> None:
    """Completes a login whose second factor has just been given; nothing to do when the connection is gone."""
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
