"""The columns of a connection for SQLAlchemy models, tokens sealed.

The application adds the key, the owner and the relation::

    class Connection(db.Model, SQLAlchemyConnectionMixin):
        id = mapped_column(Integer, primary_key=True)
        user_id = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), nullable=False)
        user = relationship("User")
"""

from __future__ import annotations

import datetime as dt
import typing as t

from ..datastores.columns import KEY_COLUMNS, REVOCATIONS, utcnow
from ..errors import MissingLibrary
from .sealed import SealedToken, key_first

try:
    import sqlalchemy as sa
    from sqlalchemy import event
    from sqlalchemy.orm import Mapped, Mapper, mapped_column
except ImportError as error:  # pragma: no cover  # seen in an environment without SQLAlchemy only
    raise MissingLibrary("SQLAlchemy", "sqlalchemy") from error


class UTCDateTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware time, kept as UTC in a column without a zone, so that every database gives it back alike."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """To the database: naive UTC. A naive time is taken for UTC."""
        if value is None or value.tzinfo is None:
            return value
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """From the database: aware UTC."""
        return None if value is None else value.replace(tzinfo=dt.UTC)


def _exact(length: int) -> sa.String:
    """Text that is compared to the letter; MySQL and MariaDB fold case and accents unless they are told."""
    return sa.String(length).with_variant(sa.String(length, collation="utf8mb4_bin"), "mysql", "mariadb")


class SQLAlchemyConnectionMixin:
    """The columns of :data:`~flask_social.datastores.columns.COLUMNS`, but for ``user_id``.

    The unique key of ``provider_id`` and ``provider_user_id`` and an index on ``user_id`` come by themselves, whatever
    ``__table_args__`` the application writes.

    ``access_token``, ``secret``, ``refresh_token`` and ``id_token`` are opened when they are read, and sealed when
    they are set; the columns of these names hold sealed text. Reading needs an application context.
    """

    provider_id: Mapped[str] = mapped_column(_exact(64))
    provider_user_id: Mapped[str] = mapped_column(_exact(255))
    sealed_access_token: Mapped[str | None] = mapped_column("access_token", sa.Text)
    sealed_secret: Mapped[str | None] = mapped_column("secret", sa.Text)
    sealed_refresh_token: Mapped[str | None] = mapped_column("refresh_token", sa.Text)
    sealed_id_token: Mapped[str | None] = mapped_column("id_token", sa.Text)
    expires_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime, index=True)
    granted_scope: Mapped[str | None] = mapped_column(sa.Text)
    token_version: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[dt.datetime | None] = mapped_column(UTCDateTime)
    status: Mapped[str] = mapped_column(sa.String(32), default="active")
    issuer: Mapped[str | None] = mapped_column(sa.String(255))
    email: Mapped[str | None] = mapped_column(sa.String(320))
    email_verified: Mapped[bool | None]
    display_name: Mapped[str | None] = mapped_column(sa.String(255))
    full_name: Mapped[str | None] = mapped_column(sa.String(255))
    profile_url: Mapped[str | None] = mapped_column(sa.String(2048))
    image_url: Mapped[str | None] = mapped_column(sa.String(2048))
    rank: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime, default=utcnow)
    updated_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime, default=utcnow)
    last_login_at: Mapped[dt.datetime | None] = mapped_column(UTCDateTime)

    access_token = SealedToken()
    secret = SealedToken()
    refresh_token = SealedToken()
    id_token = SealedToken()


def revocation_table(beside: sa.Table) -> sa.Table:
    """The table of revocations that are still to be made, in the metadata and schema of another; made on first use."""
    name = f"{beside.schema}.{REVOCATIONS}" if beside.schema else REVOCATIONS
    if name in beside.metadata.tables:
        return beside.metadata.tables[name]
    return sa.Table(
        REVOCATIONS,
        beside.metadata,
        sa.Column("id", _exact(32), primary_key=True),
        sa.Column("provider_id", _exact(64), nullable=False),
        sa.Column("fingerprint", _exact(64), nullable=False, index=True),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, default=0),
        sa.Column("due_at", UTCDateTime, nullable=False, index=True),
        sa.Column("created_at", UTCDateTime, nullable=False),
        schema=beside.schema,
    )


@event.listens_for(SQLAlchemyConnectionMixin, "after_mapper_constructed", propagate=True)
def _complete_table(mapper: Mapper[t.Any], cls: type) -> None:
    table = mapper.local_table
    if not isinstance(table, sa.Table) or not {"user_id", *KEY_COLUMNS} <= set(table.c.keys()):
        return  # a class between the mixin and the model
    unique = [it.columns for it in table.constraints if isinstance(it, sa.UniqueConstraint)]
    unique += [it.columns for it in table.indexes if it.unique]
    if not any(set(columns.keys()) == set(KEY_COLUMNS) for columns in unique):
        name = f"uq_{table.name}_provider_user_id"
        table.append_constraint(sa.UniqueConstraint("provider_id", "provider_user_id", name=name))
    if not any(next(iter(index.columns.keys()), None) == "user_id" for index in table.indexes):
        sa.Index(None, table.c.user_id)


@event.listens_for(SQLAlchemyConnectionMixin, "init", propagate=True)
def _key_first(target: t.Any, args: t.Any, values: dict[str, t.Any]) -> None:
    key_first(values)
