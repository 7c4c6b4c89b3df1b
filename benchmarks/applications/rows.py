"""What an application without Flask-Security keeps: users, and their accounts with the tokens in plain text."""

from __future__ import annotations

import json
import typing as t

from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, Text, UniqueConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from . import Job


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(UserMixin, Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


class Account(Base):
    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("provider", "subject"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    provider: Mapped[str]
    subject: Mapped[str]
    token: Mapped[str | None] = mapped_column(Text)
    user: Mapped[User] = relationship()


def install(app: Flask, job: Job) -> None:
    """Tables, the user with the account, Flask-Login, and a page that tells who is logged in."""
    db.init_app(app)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        db.session.add(Account(provider=job.provider, subject=job.subject, user=User(email=job.email)))
        db.session.commit()
    manager = LoginManager(app)
    manager.user_loader(lambda key: db.session.get(User, int(key)))

    @app.get("/whoami")
    def whoami() -> str:
        return str(current_user.email) if current_user.is_authenticated else ""


def log_in(provider: str, subject: str, token: dict[str, t.Any]) -> None:
    """Finds the account with its user, keeps the new token, and logs the user in."""
    query = select(Account).options(joinedload(Account.user)).filter_by(provider=provider, subject=subject)
    account = db.session.execute(query).scalar_one()
    account.token = json.dumps(token)
    login_user(account.user)
    db.session.commit()
