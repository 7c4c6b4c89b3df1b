"""The fields of a connection for Peewee models, tokens sealed.

The application adds the owner, whose key is then ``user_id``::

    class Connection(PeeweeConnectionMixin):
        user = ForeignKeyField(User, backref="connections", on_delete="CASCADE")

        class Meta:
            database = db
"""

from __future__ import annotations

import datetime as dt
import typing as t

from ..datastores.columns import REVOCATIONS, TOKEN_COLUMNS, utcnow
from ..errors import MissingLibrary
from .sealed import SealedToken

try:
    from peewee import BooleanField, CharField, DateTimeField, IntegerField, Model, TextField
except ImportError as error:  # pragma: no cover  # seen in an environment without Peewee only
    raise MissingLibrary("Peewee", "peewee") from error


class UTCDateTimeField(DateTimeField):
    """An aware time, kept as naive UTC."""

    def db_value(self, value: dt.datetime | None) -> t.Any:
        """To the database: naive UTC. A naive time is taken for UTC."""
        if value is not None and value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return super().db_value(value)  # type: ignore[no-untyped-call]  # Peewee has no types

    def python_value(self, value: t.Any) -> t.Any:
        """From the database: aware UTC."""
        found = super().python_value(value)  # type: ignore[no-untyped-call]  # Peewee has no types
        return found.replace(tzinfo=dt.UTC) if isinstance(found, dt.datetime) else found


class PeeweeConnectionMixin(Model):
    """The fields of :data:`~flask_social.datastores.columns.COLUMNS`, but for the owner.

    ``access_token``, ``secret``, ``refresh_token`` and ``id_token`` are opened when they are read, and sealed when
    they are set; the columns of these names hold sealed text.
    """

    provider_id = CharField(64)
    provider_user_id = CharField(255)
    sealed_access_token = TextField(null=True, column_name="access_token")
    sealed_secret = TextField(null=True, column_name="secret")
    sealed_refresh_token = TextField(null=True, column_name="refresh_token")
    sealed_id_token = TextField(null=True, column_name="id_token")
    expires_at = UTCDateTimeField(null=True, index=True)
    granted_scope = TextField(null=True)
    token_version = IntegerField(default=0)
    lease_until = UTCDateTimeField(null=True)
    status = CharField(32, default="active")
    issuer = CharField(255, null=True)
    email = CharField(320, null=True)
    email_verified = BooleanField(null=True)
    display_name = CharField(255, null=True)
    full_name = CharField(255, null=True)
    profile_url = CharField(2048, null=True)
    image_url = CharField(2048, null=True)
    rank = IntegerField(default=1)
    created_at = UTCDateTimeField(null=True, default=utcnow)
    updated_at = UTCDateTimeField(null=True, default=utcnow)
    last_login_at = UTCDateTimeField(null=True)

    access_token = SealedToken()
    secret = SealedToken()
    refresh_token = SealedToken()
    id_token = SealedToken()

    def __init__(self, *args: t.Any, **values: t.Any) -> None:
        tokens = {name: values.pop(name) for name in TOKEN_COLUMNS if name in values}
        super().__init__(*args, **values)
        for name, token in tokens.items():
            setattr(self, name, token)

    @classmethod
    def validate_model(cls) -> None:
        """Called when a model class is made: adds the unique key, whatever ``Meta`` the application writes."""
        super().validate_model()
        key = ("provider_id", "provider_user_id")
        if not any(isinstance(it, tuple) and set(it[0]) == set(key) for it in cls._meta.indexes):
            cls._meta.indexes = [*cls._meta.indexes, (key, True)]


def revocation_model(beside: t.Any) -> t.Any:
    """A model of the revocations that are still to be made, in the database and schema of another."""

    class SocialRevocation(Model):
        id = CharField(32, primary_key=True)
        provider_id = CharField(64)
        fingerprint = CharField(64, index=True)
        sealed = TextField()
        attempts = IntegerField(default=0)
        due_at = UTCDateTimeField(index=True)
        created_at = UTCDateTimeField()

        class Meta:
            database = beside._meta.database
            schema = beside._meta.schema
            table_name = REVOCATIONS

    return SocialRevocation
