"""Accounts that a connection model cannot hold: a message, a line in the log, and no error page."""

from __future__ import annotations

import logging
import typing as t

import pytest
import sqlalchemy as sa
from flask_sqlalchemy.session import Session

from flask_social.models.sqlalchemy import SQLAlchemyConnectionMixin
from flask_social.testing import Person

from . import appkit
from .appkit import Kit


def kit_with(social_provider: t.Any, column: sa.types.TypeEngine[t.Any]) -> Kit:
    """An application whose column of subjects is of another type."""

    class Narrow(SQLAlchemyConnectionMixin):
        provider_user_id = sa.orm.mapped_column(column)

    kit = appkit.make_kit({"oauth2": social_provider.settings("oauth2")}, mixin=Narrow)
    for name in ("ada", "eve"):
        kit.add_user(f"{name}@example.org")
    return kit


@pytest.mark.parametrize(
    ("column", "subjects", "code"),
    [
        (sa.String(50), ["x" * 51], "store_error"),
        (sa.String(255, collation="NOCASE"), ["abc", "ABC"], "duplicate_connection"),
        (sa.String(255, collation="RTRIM"), ["abc", "abc  "], "duplicate_connection"),
    ],
)
def test_a_subject_that_the_column_cannot_hold(
    social_provider: t.Any,
    social_login: t.Any,
    caplog: pytest.LogCaptureFixture,
    column: sa.types.TypeEngine[t.Any],
    subjects: list[str],
    code: str,
) -> None:
    kit = kit_with(social_provider, column)
    for email, subject in zip(("ada@example.org", "eve@example.org"), subjects, strict=False):
        client = kit.app.test_client()
        kit.log_in(client, email)
        social_provider.add_person(Person("odd", "Odd", "odd", subjects={"oauth2": subject}))
        answer = social_login(client, "oauth2", "odd", intent="connect")
    assert (answer.status_code, answer.location) == (302, "/")
    assert kit.events[-1] == ("attempt_refused", kit.events[-1][1] | {"code": code})
    assert [record.levelname for record in caplog.records if "connect through oauth2:" in record.message] == ["ERROR"]
    assert "could not" in client.get("/connections").get_data(as_text=True)
    with kit.app.app_context():
        assert len(kit.rows()) == len(subjects) - 1


def test_a_row_that_the_database_refuses_later(
    social_provider: t.Any, social_login: t.Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What an old model of MySQL does with a token that is too long, here by a trigger."""
    kit = appkit.make_kit({"oauth2": social_provider.settings("oauth2")})
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "oauth2", "ada", intent="connect")
    with kit.app.app_context():
        assert isinstance(kit.db.session(), Session)
        trigger = "CREATE TRIGGER no BEFORE UPDATE ON connection BEGIN SELECT RAISE(ABORT, 'too long: s3cret'); END"
        kit.db.session.execute(sa.text(trigger))
        kit.db.session.commit()
    answer = social_login(kit.app.test_client(), "oauth2", "ada")
    assert (answer.status_code, answer.location) == (302, "/login")
    assert kit.events[-1][1]["code"] == "store_error"
    with caplog.at_level(logging.DEBUG, "flask_social"):
        assert "s3cret" not in "\n".join(record.getMessage() for record in caplog.records)
