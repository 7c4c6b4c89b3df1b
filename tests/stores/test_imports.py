"""What importing a store loads, and what it says when its library is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

ORMS = ("sqlalchemy", "mongoengine", "peewee")


def python(source: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_library_is_loaded_before_its_store() -> None:
    source = "import sys, flask_social.datastores, flask_social.models; print([m for m in {} if m in sys.modules])"
    loaded = python(source.format(("mongoengine", "peewee", "pymongo", "psycopg")))
    assert loaded == "[]"


@pytest.mark.parametrize("library", ORMS)
@pytest.mark.parametrize("package", ["datastores", "models"])
def test_a_missing_library_names_its_extra(library: str, package: str) -> None:
    source = f"""
import sys
sys.modules[{library!r}] = None
from flask_social.errors import MissingLibrary
try:
    import flask_social.{package}.{library}
except MissingLibrary as error:
    print(error.extra, error)
"""
    told = python(source)
    assert told.startswith(f"{library} ")
    assert f"Flask-Social[{library}]" in told


@pytest.mark.parametrize("package", ["datastores", "models"])
def test_names_of_the_package(package: str) -> None:
    module = __import__(f"flask_social.{package}", fromlist=["x"])
    for name in module.__all__:
        assert getattr(module, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = module.Nothing
