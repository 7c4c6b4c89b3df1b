"""The users of Flask-Security: finding them by address, making them, and what counts as a password.

Beside :mod:`flask_social.security` the only file that imports Flask-Security.
"""

from __future__ import annotations

import collections.abc as cabc
import logging
import secrets
import typing as t

from flask_security import (
    ConfirmRegisterForm,
    MailUtil,
    hash_password,
    send_mail,
    user_registered,
    verify_password,
)
from flask_security.confirmable import generate_confirmation_link
from wtforms import PasswordField
from wtforms.validators import Optional

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
RELIES_ON = ("forms", "mail_util", "confirmable", "datastore.find_user", "datastore.create_user")


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


def needs_more(fields: cabc.Mapping[str, t.Any]) -> bool:
    """Whether Flask-Security wants a username that these fields do not hold."""
    config = current_config()
    return bool(config["SECURITY_USERNAME_ENABLE"] and config["SECURITY_USERNAME_REQUIRED"]) and not fields.get(
        "username"
    )


# Passwords ----------------------------------------------------------------------------------------------------


def has_password(user: t.Any) -> bool:
    """Whether a user can log in with a password: one that is set, and that a person may know."""
    stored = getattr(user, "password", None)
    if not stored:
        return False
    return _takes_null("password") or not any(verify_password(word, stored) for word in _unknown_passwords())


def no_password() -> str | None:
    """What the password column of a user without a password holds.

    ``None``; where the column takes no ``NULL``, the hash of a password that nobody but this application can derive.
    """
    return None if _takes_null("password") else str(hash_password(_unknown_passwords()[0]))


def _unknown_passwords() -> list[str]:
    return current_state().vault.derivations("no password")


def _takes_null(name: str) -> bool:
    """Whether a column of the user model may be empty, by what each ORM says of it."""
    model = _security().datastore.user_model
    if hasattr(model, "__table__"):
        return name not in model.__table__.columns or bool(model.__table__.columns[name].nullable)
    if hasattr(model, "_fields"):
        field = model._fields.get(name)
        return field is None or (not field.required and not (field.unique and not field.sparse))
    return bool(model._meta.fields[name].null) if hasattr(model, "_meta") else False


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


# The form -----------------------------------------------------------------------------------------------------


def sign_up_form(data: cabc.Mapping[str, t.Any], formdata: t.Any | None) -> t.Any:
    """The application's register form without its passwords: Flask-Security's class, or the one given to it.

    :param data: what its fields show at first.
    :param formdata: what was sent, or ``None``.
    """
    forms = _security().forms
    name = "confirm_register_form" if confirmable() and forms["confirm_register_form"].cls else "register_form"
    return _without_passwords(forms[name].cls)(formdata, data=data, meta={"csrf": False})


def hides_owners(form: t.Any) -> bool:
    """Whether all that is wrong is an address with an owner, and nobody may learn that from us."""
    generic = current_config()["SECURITY_RETURN_GENERIC_RESPONSES"]
    return bool(generic and form.existing_email_user is not None and set(form.errors) == {"email"})


def user_fields(form: t.Any) -> dict[str, t.Any]:
    """The fields of a form that the user model has."""
    return {name: value for name, value in form.to_dict(only_user=True).items() if name not in PROTECTED}


# Not kept: Flask-Security adds fields to its classes when an application starts.
def _without_passwords(cls: type[t.Any]) -> type[t.Any]:
    class SignUpForm(cls):
        password = PasswordField(validators=[Optional()])
        password_confirm = PasswordField(validators=[Optional()])

        def validate(self, **options: t.Any) -> bool:
            if isinstance(self, ConfirmRegisterForm):  # the forms before 5.6 demand a password themselves
                self.password.data = self.password_confirm.data = secrets.token_urlsafe(32)
            if not self.email.data and not needs_address():
                self.email.data = None
                self.email.validators = [Optional()]
            passed = super().validate(**options)
            self.password.data = self.password_confirm.data = None
            return bool(passed) and not self.errors

    return SignUpForm


def _security() -> t.Any:
    return extension("security")
