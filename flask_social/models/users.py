"""A mixin for user models: what Flask-Security asks a user who may have no password."""

from __future__ import annotations

import typing as t


class SocialUserMixin:
    """Makes password checks answer "no" for a user without a password, where Flask-Security's would raise.

    Put it in front of Flask-Security's mixin: ``class User(db.Model, SocialUserMixin, fsqla.FsUserMixin)``. It adds
    no column, and fits every ORM.
    """

    def verify_and_update_password(self, password: t.Any) -> bool:
        """Whether this is the user's password; ``False`` for a user who has none."""
        if not getattr(self, "password", None):
            return False
        return bool(super().verify_and_update_password(password))  # type: ignore[misc]  # Flask-Security's, behind us
