"""What is shipped: metadata, the wheel's files, the README, and what an import costs."""

from __future__ import annotations

import ast
import collections.abc as cabc
import configparser
import email
import importlib.metadata
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "flask_social"
EXTRAS = set("sqlalchemy mongoengine peewee twitter facebook google foursquare all demo docs test bench".split())

CONFIG = configparser.ConfigParser(interpolation=None)
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
README = (ROOT / "README.rst").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[zipfile.ZipFile]:
    """The wheel, built from a copy with the build backend that is installed (no network)."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.rst", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def inside(wheel: zipfile.ZipFile, name: str) -> str:
    """The text of a file of the wheel's metadata."""
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_wheel_holds_the_whole_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == ours
    assert "flask_social/py.typed" in ours


def test_wheel_metadata(wheel: zipfile.ZipFile) -> None:
    metadata = email.message_from_string(inside(wheel, "METADATA"))
    assert metadata["Name"] == "Flask-Social"
    assert metadata["Version"] == "2.0.0.dev0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS
    assert "Framework :: Flask" in metadata.get_all("Classifier", [])
    assert metadata["License-File"] == "LICENSE"
    core = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not re.search(r"(?i)sqlalchemy|mongo|peewee|tweepy|facebook|google|foursquare|argon2", " ".join(core))


def test_wheel_entry_points(wheel: zipfile.ZipFile) -> None:
    points = configparser.ConfigParser()
    points.read_string(inside(wheel, "entry_points.txt"))
    assert dict(points["pytest11"]) == {"flask_social": "flask_social.testing.pytest_plugin"}
    assert (PACKAGE / "testing" / "pytest_plugin.py").is_file()


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert {folder for folder in folders if not (folder / "__init__.py").is_file()} == set()


def test_installed_version_is_this_one() -> None:
    try:
        version = importlib.metadata.version("Flask-Social")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("run from a folder, not installed")
    assert version == CONFIG["metadata"]["version"]


def test_dependencies_have_a_lower_bound_and_no_other() -> None:
    listings = [CONFIG["options"]["install_requires"], *CONFIG["options.extras_require"].values()]
    lines = [line for line in "\n".join(listings).splitlines() if line and not line.startswith("Flask-Social[")]
    wrong = [line for line in lines if not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?>=[\w.!]+(; .+)?", line)]
    assert wrong == []


def test_lowest_versions(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "lowest.txt"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "lowest_versions.py"), str(target)], check=True)
    lines = target.read_text(encoding="utf-8").splitlines()
    assert "Authlib==1.9.8" in lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)]


def test_hints_to_install_name_real_extras() -> None:
    """``MissingLibrary("tweepy", "twitter")`` tells a person to install an extra: it must exist."""
    hints = {
        argument.value
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("MissingLibrary")
        for argument in [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "extra")]
        if isinstance(argument, ast.Constant)
    }
    assert hints <= EXTRAS


# --- README ------------------------------------------------------------------------------------------------------


def test_readme_begins_with_the_two_commands() -> None:
    assert 0 < README.index("make demo") < README.index("make test") < README.index("Quick start")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in ("README.rst", "CONTRIBUTING.rst"):
        assert set(re.findall(r"\bmake ([a-z]+)", (ROOT / page).read_text(encoding="utf-8"))) <= targets


def test_readme_names_every_extra_that_people_choose_from() -> None:
    assert {extra for extra in EXTRAS - {"demo", "docs", "test", "bench"} if f"``{extra}``" not in README} == set()
    named = set(re.findall(r"Flask-Social\[([\w,]+)\]", README))
    assert set(",".join(named).split(",")) <= EXTRAS


def test_readme_names_only_files_that_exist() -> None:
    for name in re.findall(r"``([A-Z]+\.(?:rst|md)|docs/\w*(?:\.rst)?)``", README):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("name", ["README.rst", "CHANGES.rst", "CONTRIBUTING.rst"])
def test_page_is_sound(name: str) -> None:
    core = pytest.importorskip("docutils.core")
    text = (ROOT / name).read_text(encoding="utf-8")
    core.publish_string(text, writer="html5", settings_overrides={"halt_level": 2, "report_level": 2})


# --- what an import costs ----------------------------------------------------------------------------------------

HEAVY = (
    "aiohttp bson facebook flask_sqlalchemy flask_sqlalchemy_lite foursquare google google_auth_httplib2 "
    "googleapiclient http.client http.server httplib2 httpx mongoengine peewee playhouse pymongo requests "
    "requests_oauthlib sqlalchemy tweepy urllib.request urllib3 flask_social.testing flask_social.demo"
).split()


def loaded_by(statement: str) -> set[str]:
    """The modules that a new interpreter has after a statement."""
    code = f"import json, sys\n{statement}\njson.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_import_is_light() -> None:
    extra = loaded_by("import flask_social") - loaded_by("import flask_security")
    assert "flask_social.core" in extra
    heavy = tuple(f"{name}." for name in HEAVY)
    assert sorted(name for name in extra if f"{name}.".startswith(heavy)) == []
