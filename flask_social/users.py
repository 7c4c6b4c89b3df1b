"""The users of Flask-Security: finding them by address, making them, and what counts as a password.

Beside :mod:`flask_social.security` the only file that imports Flask-Security.
"""

from __future__ import annotations

import collections.abc as cabc
import logging
import typing as t
from urllib.parse import urlsplit

from flask import g, request
from flask_security import (
    MailUtil,
    hash_password,
    send_mail,
    user_not_registered,
    user_registered,
    verify_password,
)
from flask_security.confirmable import generate_confirmation_link

from .datastores.columns import takes_null
from .errors import ConfigurationError
from .state import current_config, current_sender, current_state, extension
from .translation import translate

#: Fields of a user that decide about access, or name the user: no mapping and no form of ours sets them.
PROTECTED = frozenset(
    "id pk active password roles permissions fs_uniquifier fs_token_uniquifier fs_webauthn_user_handle confirmed_at"
    " tf_primary_method tf_totp_secret tf_phone_number us_totp_secrets us_phone_number mf_recovery_codes webauthn"
    " login_count last_login_at current_login_at last_login_ip current_login_ip create_datetime update_datetime".split()
)

logger = logging.getLogger("flask_social")

#: Names without a promise, on the ``Security`` object, which sign-up needs.
RELIES_ON = ("forms", "mail_util", "_username_util", "confirmable", "datastore.find_user", "datastore.create_user")


# Addresses ----------------------------------------------------------------------------------------------------


def normalized(address: str | None) -> str | None:
    """An address in Flask-Security's normal form; ``None`` when it is none."""
    try:
        return str(_security().mail_util.normalize(address)) if address else None
    except ValueError:
        return None


def find_by_address(address: str | None) -> t.Any | None:
    """Whose an address is here, in capitals or not; ``None`` when it is nobody's."""
    wanted = normalized(address)
    return _security().datastore.find_user(case_insensitive=True, email=wanted) if wanted else None


def has_proven(user: t.Any, address: str | None) -> bool:
    """Whether a user has confirmed exactly this address here."""
    proven = getattr(user, "confirmed_at", None) is not None
    return proven and bool(user.email) and normalized(user.email) == normalized(address)


def needs_address() -> bool:
    """Whether there can be no user without an address: the model takes none, or could never confirm it."""
    return confirmable() or not _takes_null("email")


def named(fields: cabc.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The fields with the username in Flask-Security's normal form; ``None`` when it wants one, or refuses this one."""
    config, username = current_config(), fields.get("username")
    if not config["SECURITY_USERNAME_ENABLE"]:
        return dict(fields)
    if not username:
        return None if config["SECURITY_USERNAME_REQUIRED"] else dict(fields)
    refusal, normal = _security()._username_util.validate(str(username))
    return None if refusal else {**fields, "username": normal}


# Passwords ----------------------------------------------------------------------------------------------------


def has_password(user: t.Any) -> bool:
    """Whether a user can log in with a password: one that is set, and that a person may know."""
    stored = getattr(user, "password", None)
    if not stored or _takes_null("password"):
        return bool(stored)
    asked = g.get("social_password", (None, False))
    if asked[0] != stored:  # a page asks for each connection, and each answer takes as long as a login
        asked = g.social_password = (stored, not any(verify_password(word, stored) for word in _unknown_passwords()))
    return bool(asked[1])


def no_password() -> str | None:
    """What the password column of a user without a password holds.

    ``None``; where the column takes no ``NULL``, the hash of a password that nobody but this application can derive.
    """
    return None if _takes_null("password") else str(hash_password(_unknown_passwords()[0]))


def _unknown_passwords() -> list[str]:
    return current_state().vault.derivations("no password")


def _takes_null(name: str) -> bool:
    return takes_null(_security().datastore.user_model, name)


# Making one ---------------------------------------------------------------------------------------------------


class Draft:
    """A user who is about to be made; what a datastore of connections makes together with the connection.

    :param fields: of the user model.
    :raises ConfigurationError: when a field decides about access; it is named.
    """

    def __init__(self, fields: cabc.Mapping[str, t.Any], *, confirmed: bool) -> None:
        check_fields(fields)
        self._fields = {**fields, "password": no_password()}
        if confirmed and hasattr(_security().datastore.user_model, "confirmed_at"):
            self._fields["confirmed_at"] = _security().datetime_factory()

    def make(self, **fixed: t.Any) -> t.Any:
        """Makes the user."""
        return _security().datastore.create_user(**self._fields, **fixed)

    def commit(self) -> None:
        """Ends the transaction of the users."""
        _security().datastore.commit()

    def undo(self, user: t.Any) -> None:
        """Deletes a user that was made."""
        _security().datastore.delete_user(user)
        _security().datastore.commit()


def check_fields(fields: cabc.Iterable[str]) -> None:
    """Refuses fields that decide about access.

    :raises ConfigurationError: naming the first.
    """
    for name in fields:
        if name in PROTECTED:
            raise ConfigurationError("SOCIAL_SIGNUP_FIELDS", f"{name!r} decides about access, and is never mapped.")


def welcome(user: t.Any, form_data: cabc.Mapping[str, t.Any]) -> None:
    """Does what Flask-Security does after a registration: the signal, and the mail with the link that confirms."""
    link = token = None
    if needs_confirmation(user):
        link, token = generate_confirmation_link(user)
        link = _public(link)
    app = current_sender()
    user_registered.send(
        app,
        _async_wrapper=app.ensure_sync,
        user=user,
        confirm_token=token,
        confirmation_token=token,
        form_data=dict(form_data),
    )
    config = current_config()
    if config["SECURITY_SEND_REGISTER_EMAIL"] and user.email:
        _try_to_send(
            config["SECURITY_EMAIL_SUBJECT_REGISTER"],
            user.email,
            config["SECURITY_REGISTER_EMAIL_TEMPLATE"],
            user=user,
            confirmation_link=link,
            confirmation_token=token,
        )


def _public(link: str) -> str:
    """A link of Flask-Security's, which names the host of the request, under ``SOCIAL_APP_URL`` where that is set."""
    base, parts = current_state().settings.app_url, urlsplit(link)
    if base is None:
        return link
    return f"{base}{parts.path.removeprefix(request.script_root)}" + (f"?{parts.query}" if parts.query else "")


def decline(form: t.Any, *, mail: bool) -> bool:
    """Does what Flask-Security does when somebody has the address or the name already: the signal, and a mail.

    To the owner of the address, else to the address of the form. ``False`` when the mail could not be sent.
    """
    owner, app, config = form.existing_email_user, current_sender(), current_config()
    no_password()  # takes the time of making a user
    user_not_registered.send(
        app,
        _async_wrapper=app.ensure_sync,
        user=owner,
        existing_email=owner is not None,
        existing_username=form.existing_username_user is not None,
        form_data=form.to_dict(only_user=False),
    )
    address = form.email.data if owner is None else owner.email
    kind = "EXISTING_USERNAME" if owner is None else "EXISTING"
    template, subject = config[f"SECURITY_REGISTER_EMAIL_{kind}_TEMPLATE"], config["SECURITY_EMAIL_SUBJECT_REGISTER"]
    name = form.username.data if "username" in form else None
    # A stranger has caused this mail: it leads nowhere.
    links = dict.fromkeys(("recovery_link", "reset_link", "reset_token", "confirmation_link", "confirmation_token"), "")
    return not mail or _try_to_send(subject, address, template, user=owner, email=address, username=name, **links)


def send_address_proof(address: str, provider_name: str, link: str) -> bool:
    """Sends the link that proves an address before there is a user; ``False`` when that failed."""
    subject = translate("Please prove your e-mail address")
    return _try_to_send(subject, address, "social/email/prove_address", link=link, provider=provider_name)


def _try_to_send(subject: str, address: str, template: str, **values: t.Any) -> bool:
    """Sends a mail, and says whether that worked. A mail server that is down fails no request of ours."""
    if not mail_is_set_up():
        logger.error("a mail could not be sent: this application has no mail set up")
        return False
    try:
        send_mail(subject, address, template, **values)
    except Exception as error:  # whatever the mail library raises
        logger.error("a mail could not be sent: %s", type(error).__name__)
        return False
    return True


def mail_is_set_up() -> bool:
    """Whether this application sends mail: by Flask-Mailman, by Flask-Mail, or by a ``mail_util_cls`` of its own."""
    mailer = extension("mailman") or extension("mail")
    return mailer is not None or type(_security().mail_util) is not MailUtil


def send_connection_notice(user: t.Any, provider_name: str, *, connected: bool) -> None:
    """Tells a user that an account can log in from now on, or cannot any more."""
    subject = translate("An account was connected") if connected else translate("An account was disconnected")
    template = "social/email/connection_changed"
    send_mail(subject, user.email, template, user=user, provider=provider_name, connected=connected)


def lock_out(user: t.Any, *, keep_password: bool) -> None:
    """Ends every session of a user, and takes away what they could log in with; the mail address stays."""
    datastore = _security().datastore
    datastore.reset_user_access(user)
    if not keep_password:
        user.password = no_password()
    datastore.put(user)
    datastore.commit()


def confirmable() -> bool:
    """Whether the application confirms addresses (``SECURITY_CONFIRMABLE``)."""
    return bool(_security().confirmable)


def needs_confirmation(user: t.Any) -> bool:
    """Whether a user has an address that waits for its confirmation."""
    return confirmable() and bool(user.email) and user.confirmed_at is None


def _security() -> t.Any:
    return extension("security")
