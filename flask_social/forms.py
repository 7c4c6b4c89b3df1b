"""The sign-up form: the application's own register form, without what an identity makes needless."""

from __future__ import annotations

import collections.abc as cabc
import secrets
import typing as t

from flask_security import ConfirmRegisterForm
from wtforms import PasswordField
from wtforms.validators import Optional

from . import users
from .state import current_config, extension


def sign_up_form(data: cabc.Mapping[str, t.Any], formdata: t.Any | None) -> t.Any:
    """The application's register form without its passwords: Flask-Security's class, or the one given to it.

    :param data: what its fields show at first.
    :param formdata: what was sent, or ``None``.
    """
    forms = t.cast("t.Any", extension("security")).forms
    name = "confirm_register_form" if users.confirmable() and forms["confirm_register_form"].cls else "register_form"
    return _without_passwords(forms[name].cls)(formdata, data=data, meta={"csrf": False})


def hides_owners(form: t.Any) -> bool:
    """Whether all that is wrong is an address or a username that somebody has, and nobody may learn that from us."""
    taken = {"email"} if form.existing_email_user is not None else set()
    taken |= {"username"} if form.existing_username_user is not None else set()
    return bool(current_config()["SECURITY_RETURN_GENERIC_RESPONSES"] and taken and set(form.errors) <= taken)


def user_fields(form: t.Any) -> dict[str, t.Any]:
    """The fields of a form that the user model has."""
    return {name: value for name, value in form.to_dict(only_user=True).items() if name not in users.PROTECTED}


# Not kept: Flask-Security adds fields to its classes when an application starts.
def _without_passwords(cls: type[t.Any]) -> type[t.Any]:
    class SignUpForm(cls):  # type: ignore[misc]  # whatever class the application gave
        password = PasswordField(validators=[Optional()])
        password_confirm = PasswordField(validators=[Optional()])

        def validate(self, **options: t.Any) -> bool:
            if isinstance(self, ConfirmRegisterForm):  # the forms before 5.6 demand a password themselves
                self.password.data = self.password_confirm.data = secrets.token_urlsafe(32)
            if not self.email.data and not users.needs_address():
                self.email.data = None
                self.email.validators = [Optional()]
            passed = super().validate(**options)
            self.password.data = self.password_confirm.data = None
            return bool(passed) and not self.errors

    return SignUpForm
