"""SQLAlchemy models and sessions of other shapes than those of the contract."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event, orm
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from flask_social.datastores.columns import LEGACY_COLUMNS
from flask_social.datastores.sqlalchemy import SQLAlchemySessionConnectionDatastore
from flask_social.models.sqlalchemy import SQLAlchemyConnectionMixin
from flask_social.state import EXTENSION

from .kits import VaultOnly
from .test_contract import KEY, values


class Shop:
    """An engine with a base for models, a session and a store."""

    def __init__(self, uri: str) -> None:
        class Base(orm.DeclarativeBase):
            pass

        self.Base = Base
        self.engine = sa.create_engine(uri)

    def open(self, model: t.Any) -> SQLAlchemySessionConnectionDatastore:
        self.Base.metadata.create_all(self.engine)
        self.model = model
        self.session = orm.Session(self.engine)
        self.store = SQLAlchemySessionConnectionDatastore(self.session, model)
        return self.store

    def create(self, user_id: t.Any, subject: str = "1", **more: t.Any) -> t.Any:
        made = self.store.create_connection(**values(user_id, subject, **more))
        self.store.commit()
        return made

    def subjects(self) -> list[str]:
        self.session.expire_all()
        return [row.provider_user_id for row in self.store.find_connections()]


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> t.Iterator[Shop]:
    uri = f"sqlite:///{tmp_path / 'shop.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_uri")
    app = Flask("tests.stores.shop")
    app.extensions[EXTENSION] = VaultOnly()
    made = Shop(uri)
    with app.app_context():
        yield made
    made.session.close()
    made.engine.dispose()


def user_of(shop: Shop, **more: t.Any) -> t.Any:
    columns = {"__tablename__": "user", "id": sa.Column(sa.Integer, primary_key=True), "name": sa.Column(sa.String(50))}
    return type("User", (shop.Base,), columns | more)


def connection_of(shop: Shop, **more: t.Any) -> t.Any:
    columns = {"__tablename__": "connection", "id": sa.Column(sa.Integer, primary_key=True)}
    columns["user_id"] = sa.Column(sa.ForeignKey("user.id"), nullable=False)
    return type("Connection", (shop.Base, SQLAlchemyConnectionMixin), columns | more)


def plain_of(shop: Shop, **more: t.Any) -> t.Any:
    """A nine-column model, ``user_id`` without a foreign key."""
    columns: dict[str, t.Any] = {name: sa.Column(sa.String(40)) for name in LEGACY_COLUMNS}
    columns |= {"__tablename__": "connection", "id": sa.Column(sa.Integer, primary_key=True)}
    columns |= {"user_id": sa.Column(sa.Integer), "rank": sa.Column(sa.Integer)}
    return type("Connection", (shop.Base,), columns | more)


def add(shop: Shop, user: t.Any) -> t.Any:
    shop.session.add(user)
    shop.session.commit()
    return user.id


# Users who go -----------------------------------------------------------------------------------------------------


def test_a_user_deleted_in_any_session(shop: Shop) -> None:
    user_model = user_of(shop)
    store = shop.open(connection_of(shop, user=orm.relationship("User")))
    store.install(None)  # the foreign key tells
    user = add(shop, user_model())
    shop.create(user)
    with orm.Session(shop.engine) as other, other.begin():
        other.delete(other.get(user_model, user))
    assert shop.subjects() == []


@pytest.mark.parametrize("cascade", ["save-update, merge", "all, delete-orphan"])
def test_a_relation_with_plans_of_its_own(shop: Shop, cascade: str) -> None:
    user_model = user_of(shop, accounts=orm.relationship("Connection", cascade=cascade, back_populates="owner"))
    store = shop.open(connection_of(shop, owner=orm.relationship("User", back_populates="accounts")))
    store.install(user_model)
    user = user_model()
    shop.create(add(shop, user))
    assert len(user.accounts) == 1
    shop.session.delete(user)
    shop.session.commit()
    assert shop.subjects() == []


@pytest.mark.parametrize("plain", [False, True])
def test_many_users_deleted_by_one_statement(shop: Shop, plain: bool) -> None:
    user_model = user_of(shop)
    store = shop.open(plain_of(shop) if plain else connection_of(shop))
    store.install(user_model)
    store.install(user_model)
    for name in ("ada", "grace"):
        shop.create(add(shop, user_model(name=name)), name)
    shop.session.execute(sa.delete(user_model).where(user_model.name == sa.bindparam("who")), {"who": "ada"})
    shop.session.commit()
    assert shop.subjects() == ["grace"]
    shop.session.execute(sa.delete(shop.model).where(shop.model.provider_user_id == "nobody"))
    shop.session.execute(sa.delete(user_model))
    shop.session.commit()
    assert shop.subjects() == []


def test_a_model_without_a_foreign_key(shop: Shop) -> None:
    user_model = user_of(shop)
    store = shop.open(plain_of(shop))
    store.install(None)  # nothing is known of users yet
    with store.lock_user(1):
        pass
    store.install(user_model)
    user = add(shop, user_model())
    shop.create(user)
    with store.lock_user(user):
        shop.session.delete(shop.session.get(user_model, user))
        store.commit()
    assert shop.subjects() == []


def test_a_user_model_of_another_kind(shop: Shop) -> None:
    store = shop.open(plain_of(shop))
    store.install(object)
    with store.lock_user(1):
        shop.create(1)


def test_an_heir_of_the_user_model(shop: Shop) -> None:
    user_model = user_of(shop, kind=sa.Column(sa.String(9)), __mapper_args__={"polymorphic_on": "kind"})
    admin_model = type("Admin", (user_model,), {"__mapper_args__": {"polymorphic_identity": "admin"}})
    store = shop.open(connection_of(shop))
    store.install(user_model)
    admin = admin_model()
    shop.create(add(shop, admin))
    shop.session.delete(admin)
    shop.session.commit()
    assert shop.subjects() == []


# Rows -------------------------------------------------------------------------------------------------------------


def test_one_select_brings_the_owner(shop: Shop) -> None:
    user_model = user_of(shop)
    store = shop.open(connection_of(shop, user=orm.relationship("User")))
    shop.create(add(shop, user_model(name="ada")))
    shop.session.expunge_all()
    statements: list[str] = []
    event.listen(shop.engine, "before_cursor_execute", lambda *of: statements.append(of[2]))
    found = store.find_by_key(KEY)
    assert found is not None
    assert found.user.name == "ada"
    assert len(statements) == 1
    store.update_connection(found, display_name="Ada", access_token="at")
    store.commit()
    assert len(statements) == 2


def test_a_column_that_takes_no_null(shop: Shop) -> None:
    more = {"secret": sa.Column(sa.String(20), nullable=False), "display_name": sa.Column(sa.String(9), nullable=False)}
    shop.open(plain_of(shop, **more))
    row = shop.create(1, secret=None, display_name="a name too long")
    assert (row.secret, row.display_name) == ("", "")


def test_a_property_is_no_column(shop: Shop) -> None:
    store = shop.open(plain_of(shop, email=property(lambda self: "of the user")))
    assert store.columns == set(LEGACY_COLUMNS)
    assert shop.create(1, email="of the provider").email == "of the user"


def test_a_row_of_a_session_that_is_gone(shop: Shop) -> None:
    user_model = user_of(shop)
    store = shop.open(connection_of(shop))
    row = shop.create(add(shop, user_model()))
    shop.session.refresh(row)
    shop.session.expunge_all()
    store.update_connection(row, display_name="Ada")
    store.commit()
    shop.session.expunge_all()
    found = store.find_by_key(KEY)
    assert found is not None
    assert found.display_name == "Ada"


# Models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"__table_args__": {"mysql_engine": "InnoDB"}},
        {"__table_args__": (sa.UniqueConstraint("provider_user_id", "provider_id"),)},
        {"__table_args__": (sa.Index("mine", "provider_id", "provider_user_id", unique=True),)},
        {"user_id": lambda: sa.Column(sa.ForeignKey("user.id"), index=True)},
    ],
)
def test_the_unique_key_comes_by_itself_and_once(more: dict[str, t.Any]) -> None:
    shop = Shop("sqlite://")
    user_of(shop)
    model = connection_of(shop, **{name: value() if callable(value) else value for name, value in more.items()})
    type("Heir", (model,), {})
    orm.configure_mappers()
    table = model.__table__
    unique = [it for it in table.constraints if isinstance(it, sa.UniqueConstraint)]
    unique += [it for it in table.indexes if it.unique]
    assert [set(it.columns.keys()) for it in unique] == [{"provider_id", "provider_user_id"}]
    indexed = sorted(it.columns.keys() for it in table.indexes if not it.unique)
    assert indexed == [["expires_at"], ["user_id"]]
    assert SQLAlchemySessionConnectionDatastore(orm.Session(), model).has_unique_key


def test_mysql_compares_to_the_letter() -> None:
    shop = Shop("sqlite://")
    user_of(shop)
    ddl = str(CreateTable(connection_of(shop).__table__).compile(dialect=mysql.dialect()))
    assert "provider_id VARCHAR(64) COLLATE utf8mb4_bin" in ddl
    assert "provider_user_id VARCHAR(255) COLLATE utf8mb4_bin" in ddl


def test_a_class_between_the_mixin_and_the_model() -> None:
    shop = Shop("sqlite://")
    user_of(shop)
    between = type("Between", (SQLAlchemyConnectionMixin, shop.Base), {"__abstract__": True})
    columns = {"__tablename__": "connection", "id": sa.Column(sa.Integer, primary_key=True)}
    model = type("Connection", (between,), columns | {"user_id": sa.Column(sa.ForeignKey("user.id"))})
    assert SQLAlchemySessionConnectionDatastore(orm.Session(), model).has_unique_key
