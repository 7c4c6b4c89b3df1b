"""Stores."""
from __future__ import annotations

import typing as t


def __getattr__(name: str) -> t.Any:
    if name.startswith("SQLAlchemy"):
        from . import sqlalchemy
        return getattr(sqlalchemy, name)
    raise AttributeError(name)
