"""SQLAlchemy store (lead's hedge, to be replaced by the stores founder)."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from ..errors import DuplicateConnection
from ..values import ConnectionKey
from .base import COLUMNS, ConnectionDatastore


class SQLAlchemyConnectionDatastore(ConnectionDatastore):
    def __init__(self, db: t.Any, connection_model: t.Any) -> None:
        super().__init__(connection_model)
        self.db = db

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(name for name in COLUMNS if hasattr(self.connection_model, name))

    @property
    def session(self) -> t.Any:
        return self.db.session

    def _select(self, **by: t.Any) -> list[t.Any]:
        model = self.connection_model
        statement = sa.select(model).filter_by(**by).order_by(model.rank, model.id)
        if hasattr(model, "user"):
            statement = statement.options(joinedload(model.user))
        return list(self.session.execute(statement).scalars().unique())

    def find_connection(self, **by: t.Any) -> t.Any | None:
        return next(iter(self._select(**by)), None)

    def find_connections(self, **by: t.Any) -> cabc.Sequence[t.Any]:
        return self._select(**by)

    def create_connection(self, **values: t.Any) -> t.Any:
        fit = {k: v for k, v in values.items() if k in self.columns}
        made = self.connection_model(**{k: fit.pop(k) for k in ("provider_id", "provider_user_id", "user_id")})
        for name, value in fit.items():
            setattr(made, name, value)
        try:
            with self.session.begin_nested():
                self.session.add(made)
        except sa.exc.IntegrityError as error:
            raise DuplicateConnection(ConnectionKey(values["provider_id"], values["provider_user_id"])) from error
        return made

    def update_connection(self, connection: t.Any, **values: t.Any) -> None:
        for name, value in values.items():
            if name in self.columns:
                setattr(connection, name, value)

    def delete_connection(self, **by: t.Any) -> bool:
        found = self.find_connection(**by)
        if found is not None:
            self.session.delete(found)
        return found is not None

    def delete_connections(self, **by: t.Any) -> bool:
        found = self._select(**by)
        for row in found:
            self.session.delete(row)
        return bool(found)

    def put(self, connection: t.Any) -> t.Any:
        self.session.add(connection)
        return connection

    def commit(self) -> None:
        self.session.commit()

    def rollback(self) -> None:
        self.session.rollback()

    def find_owned(self, key: ConnectionKey) -> cabc.Sequence[t.Any]:
        return self._select(provider_id=key.provider_id, provider_user_id=key.provider_user_id)

    @contextlib.contextmanager
    def lock_user(self, user_id: t.Any) -> cabc.Iterator[None]:
        yield
