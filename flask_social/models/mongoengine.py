"""The fields of a connection for MongoEngine documents, tokens sealed.

The application adds the owner; the mixin stands first::

    class Connection(MongoEngineConnectionMixin, Document):
        user_id = ObjectIdField(required=True)
        meta = {"indexes": ["user_id"]}

        @property
        def user(self):
            return User.objects(pk=self.user_id).first()
"""

from __future__ import annotations

import datetime as dt
import typing as t

from ..datastores.columns import TOKEN_COLUMNS, utcnow
from ..errors import MissingLibrary
from .sealed import SealedToken

try:
    from mongoengine import BooleanField, DateTimeField, IntField, StringField
    from mongoengine.base import BaseDocument
except ImportError as error:  # pragma: no cover  # seen in an environment without MongoEngine only
    raise MissingLibrary("MongoEngine", "mongoengine") from error


class UTCDateTimeField(DateTimeField):
    """An aware time. MongoDB keeps UTC, in milliseconds, and gives it back without a zone."""

    def __get__(self, instance: t.Any, owner: t.Any) -> t.Any:
        value = super().__get__(instance, owner)
        if isinstance(value, dt.datetime) and value.tzinfo is None:
            return value.replace(tzinfo=dt.UTC)
        return value


class MongoEngineConnectionMixin:
    """The fields of :data:`~flask_social.datastores.columns.COLUMNS`, but for ``user_id``, with the unique key.

    ``access_token``, ``secret``, ``refresh_token`` and ``id_token`` are opened when they are read, and sealed when
    they are set; the fields of these names in the collection hold sealed text.
    """

    provider_id = StringField(required=True, max_length=64)
    provider_user_id = StringField(required=True, max_length=255, unique_with="provider_id")
    sealed_access_token = StringField(db_field="access_token")
    sealed_secret = StringField(db_field="secret")
    sealed_refresh_token = StringField(db_field="refresh_token")
    sealed_id_token = StringField(db_field="id_token")
    expires_at = UTCDateTimeField()
    granted_scope = StringField()
    token_version = IntField(default=0)
    lease_until = UTCDateTimeField()
    status = StringField(default="active", max_length=32)
    issuer = StringField(max_length=255)
    email = StringField(max_length=320)
    email_verified = BooleanField()
    display_name = StringField(max_length=255)
    full_name = StringField(max_length=255)
    profile_url = StringField(max_length=2048)
    image_url = StringField(max_length=2048)
    rank = IntField(default=1)
    created_at = UTCDateTimeField(default=utcnow)
    updated_at = UTCDateTimeField(default=utcnow)
    last_login_at = UTCDateTimeField()

    access_token = SealedToken()
    secret = SealedToken()
    refresh_token = SealedToken()
    id_token = SealedToken()

    meta: t.ClassVar[dict[str, t.Any]] = {"indexes": [("expires_at", "pk")]}

    def __init__(self, *args: t.Any, **values: t.Any) -> None:
        tokens = {name: values.pop(name) for name in TOKEN_COLUMNS if name in values}
        super().__init__(*args, **values)
        for name, token in tokens.items():
            setattr(self, name, token)

    def __init_subclass__(cls, **options: t.Any) -> None:
        super().__init_subclass__(**options)
        order = cls.__mro__
        if BaseDocument in order and order.index(BaseDocument) < order.index(MongoEngineConnectionMixin):
            raise TypeError(f"{cls.__name__}: write MongoEngineConnectionMixin before Document.")
