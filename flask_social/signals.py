"""Signals. The sender is always the application; the arguments are exactly those named here.

A signal is sent after the commit that it speaks of. A receiver may raise: the application's error handler
then answers, as applications written for Flask-Social 1.x do.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: ``(user, connection)``: a user has a new connection.
connection_created = _signals.signal("connection-created")

#: ``(user)``: connecting came to nothing, because the account is connected already.
connection_failed = _signals.signal("connection-failed")

#: ``(user, provider_id)``: connections of a user were removed.
connection_removed = _signals.signal("connection-removed")

#: ``(provider, oauth_response)``: a person came back from a provider and has no account here.
#: ``oauth_response`` is an :class:`~flask_social.values.OAuthResponse`.
login_failed = _signals.signal("login-failed")

#: ``(provider, user)``: a login through a provider is complete, second factor included.
login_completed = _signals.signal("login-success")

#: ``(user, connection, changed)``: tokens or profile were updated; ``changed`` is a frozenset of field names.
connection_updated = _signals.signal("connection-updated")

#: ``(connection)``: the access token was refreshed.
token_refreshed = _signals.signal("token-refreshed")

#: ``(connection, error)``: the access token cannot be refreshed any more.
token_refresh_failed = _signals.signal("token-refresh-failed")

#: ``(user, connection)``: a new user signed up through a provider.
user_signed_up = _signals.signal("user-signed-up")

#: ``(provider, code, intent)``: an attempt was refused; ``code`` is the stable code of the refusal.
attempt_refused = _signals.signal("attempt-refused")
