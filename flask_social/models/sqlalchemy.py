"""The columns of a connection for SQLAlchemy models (lead's hedge, to be replaced by the stores founder)."""

from __future__ import annotations

import datetime as dt
import typing as t

import sqlalchemy as sa
from sqlalchemy.orm import declared_attr

from ..state import current_state
from ..values import ConnectionKey


class UTCDateTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware time, kept in UTC."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: t.Any) -> dt.datetime | None:
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: dt.datetime | None, dialect: t.Any) -> dt.datetime | None:
        return value.replace(tzinfo=dt.UTC) if value is not None else None


def _token(column: str) -> property:
    def read(self: t.Any) -> str | None:
        stored = getattr(self, f"sealed_{column}")
        if stored is None:
            return None
        key = ConnectionKey(self.provider_id, self.provider_user_id)
        return current_state().vault.open_token(stored, column=column, key=key)

    def write(self: t.Any, value: str | None) -> None:
        if value is not None:
            key = ConnectionKey(self.provider_id, self.provider_user_id)
            value = current_state().vault.seal_token(value, column=column, key=key)
        setattr(self, f"sealed_{column}", value)

    return property(read, write)


class SQLAlchemyConnectionMixin:
    provider_id = sa.Column(sa.String(64), nullable=False)
    provider_user_id = sa.Column(sa.String(255), nullable=False)
    sealed_access_token = sa.Column("access_token", sa.Text)
    sealed_secret = sa.Column("secret", sa.Text)
    sealed_refresh_token = sa.Column("refresh_token", sa.Text)
    sealed_id_token = sa.Column("id_token", sa.Text)
    access_token = _token("access_token")
    secret = _token("secret")
    refresh_token = _token("refresh_token")
    id_token = _token("id_token")
    token_version = sa.Column(sa.Integer, nullable=False, default=0)
    lease_until = sa.Column(UTCDateTime)
    status = sa.Column(sa.String(32), nullable=False, default="active")
    granted_scope = sa.Column(sa.Text)
    issuer = sa.Column(sa.String(255))
    email = sa.Column(sa.String(320))
    email_verified = sa.Column(sa.Boolean)
    display_name = sa.Column(sa.String(255))
    full_name = sa.Column(sa.String(255))
    profile_url = sa.Column(sa.Text)
    image_url = sa.Column(sa.Text)
    rank = sa.Column(sa.Integer, nullable=False, default=1)
    expires_at = sa.Column(UTCDateTime, index=True)
    created_at = sa.Column(UTCDateTime)
    updated_at = sa.Column(UTCDateTime)
    last_login_at = sa.Column(UTCDateTime)

    @declared_attr.directive
    def __table_args__(cls) -> t.Any:
        return (sa.UniqueConstraint("provider_id", "provider_user_id"),)
