"""Kits for SQLAlchemy: Flask-SQLAlchemy, a plain session, Flask-SQLAlchemy-Lite."""

from __future__ import annotations

import contextlib
import typing as t

import sqlalchemy as sa
from sqlalchemy import orm

from flask_social.datastores.sqlalchemy import SQLAlchemyConnectionDatastore, SQLAlchemySessionConnectionDatastore
from flask_social.models.sqlalchemy import SQLAlchemyConnectionMixin

from .kits import WITHOUT_INDEXES, Kit


def models(base: t.Any) -> t.Any:
    """User, Connection and the nine-column model on a declarative base."""

    class User(base):  # type: ignore[misc]
        __tablename__ = "user"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(50))

    class Connection(SQLAlchemyConnectionMixin, base):  # type: ignore[misc]
        __tablename__ = "connection"
        id = sa.Column(sa.Integer, primary_key=True)
        user_id = sa.Column(sa.ForeignKey("user.id"), nullable=False, index=True)
        user = orm.relationship(User)

    class Legacy(base):  # type: ignore[misc]
        __tablename__ = "legacy"
        id = sa.Column(sa.Integer, primary_key=True)
        user_id = sa.Column(sa.Integer, sa.ForeignKey("user.id"))
        provider_id = sa.Column(sa.String(255))
        provider_user_id = sa.Column(sa.String(255))
        access_token = sa.Column(sa.String(40))
        secret = sa.Column(sa.String(255))
        display_name = sa.Column(sa.String(255))
        profile_url = sa.Column(sa.String(512))
        image_url = sa.Column(sa.String(512))
        rank = sa.Column(sa.Integer)

    return User, Connection, Legacy


class SQLKit(Kit):
    """What all SQLAlchemy kits share; ``session`` is the one of the moment."""

    User: t.Any
    metadata: sa.MetaData
    engine: sa.Engine

    @property
    def session(self) -> t.Any:
        raise NotImplementedError

    def make(self, fresh: bool) -> None:
        with self.app.app_context():
            if fresh:
                self.metadata.create_all(self.engine)
            self.store.install(self.User)
            self.legacy.install(self.User)

    def add_user(self, name: str = "ada", id: t.Any = None) -> t.Any:
        user = self.User(id=id, name=name)
        self.session.add(user)
        self.session.commit()
        return user.id

    def delete_user(self, user_id: t.Any) -> None:
        self.session.delete(self.session.get(self.User, user_id))
        self.session.commit()

    def raw(self, column: str) -> list[t.Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(f"SELECT {column} FROM connection ORDER BY id")).scalars())

    def write_raw(self, column: str, value: t.Any) -> None:
        self.session.commit()
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"UPDATE connection SET {column} = :value"), {"value": value})

    def fill(self, rows: list[dict[str, t.Any]]) -> None:
        table = self.store.connection_model.__table__
        with self.engine.begin() as connection:
            connection.execute(sa.insert(table), rows)

    @contextlib.contextmanager
    def locked_by_another(self) -> t.Iterator[None]:
        with self.engine.connect() as connection:
            connection.execute(sa.text("UPDATE connection SET rank = 9"))
            yield
            connection.rollback()

    @contextlib.contextmanager
    def locked_by_the_caller(self) -> t.Iterator[None]:
        self.session.execute(sa.text("UPDATE connection SET rank = 9"))
        yield
        self.session.rollback()

    def drop_queue(self) -> None:
        self.session.commit()
        self.metadata.tables["social_revocations"].drop(self.engine)

    def forget_indexes(self) -> None:
        self.run_raw(*WITHOUT_INDEXES)

    def run_raw(self, *statements: str) -> None:
        self.session.commit()
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def close(self) -> None:
        with self.app.app_context():
            self.engine.dispose()


class FlaskSQLAlchemyKit(SQLKit):
    def __init__(self, uri: str, *, fresh: bool = True) -> None:
        super().__init__()
        self.spec = ("flask-sqlalchemy", uri)
        from flask_sqlalchemy import SQLAlchemy

        self.app.config["SQLALCHEMY_DATABASE_URI"] = uri
        self.db = SQLAlchemy(self.app)
        self.User, connection, legacy = models(self.db.Model)
        self.metadata = self.db.metadata
        with self.app.app_context():
            self.engine = self.db.engine
        self.store = SQLAlchemyConnectionDatastore(self.db, connection)
        self.legacy = SQLAlchemyConnectionDatastore(self.db, legacy)
        self.make(fresh)

    @property
    def session(self) -> t.Any:
        return self.db.session


class LiteKit(SQLKit):
    def __init__(self, uri: str, *, fresh: bool = True) -> None:
        super().__init__()
        self.spec = ("lite", uri)
        from flask_sqlalchemy_lite import SQLAlchemy

        class Base(orm.DeclarativeBase):
            pass

        self.app.config["SQLALCHEMY_ENGINES"] = {"default": uri}
        self.db = SQLAlchemy(self.app)
        self.User, connection, legacy = models(Base)
        self.metadata = Base.metadata
        with self.app.app_context():
            self.engine = self.db.engine
        self.store = SQLAlchemyConnectionDatastore(self.db, connection)
        self.legacy = SQLAlchemyConnectionDatastore(self.db, legacy)
        self.make(fresh)

    @property
    def session(self) -> t.Any:
        return self.db.session


class SessionKit(SQLKit):
    def __init__(self, uri: str, *, fresh: bool = True) -> None:
        super().__init__()
        self.spec = ("session", uri)

        class Base(orm.DeclarativeBase):
            pass

        self.engine = sa.create_engine(uri)
        self._session = orm.scoped_session(orm.sessionmaker(self.engine))
        self.User, connection, legacy = models(Base)
        self.metadata = Base.metadata
        self.store = SQLAlchemySessionConnectionDatastore(self._session, connection)
        self.legacy = SQLAlchemySessionConnectionDatastore(self._session, legacy)
        self.make(fresh)

    @property
    def session(self) -> t.Any:
        return self._session

    @contextlib.contextmanager
    def context(self) -> t.Iterator[None]:
        with super().context():
            try:
                yield
            finally:
                self._session.remove()
