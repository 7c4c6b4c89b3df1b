"""The house of ``flask_social``: which file stands on which floor, and what it may import.

The tables below are the rule. They are held by reading the syntax trees, so imports inside functions and those for
type checkers count like all others.
"""

from __future__ import annotations

import ast
import collections.abc as cabc
import graphlib
import pathlib

import pytest

from .importkit import PACKAGE, Import, fits, imports_of

ROOT = pathlib.Path(__file__).resolve().parents[1]

#: Every file, as a dotted name without the package. ``*`` is one name, ``**`` any number; the first fit counts.
FLOORS = {
    0: "values errors signals",
    1: "answers client_auth discovery documents jws oauth1 oauth2 oidc signing vault",
    2: "providers providers.*",
    3: "flow attempts pending health datastores.base datastores.columns",
    4: "settings readers registration state messages translation datastores.stored",
    5: "wire transport stored_tokens tokens keeper revoking clients clients.* datastores datastores.memory "
    "datastores.sqlalchemy datastores.mongoengine datastores.peewee datastores.sqlalchemy_own "
    "datastores.sqlalchemy_tokens datastores.mongoengine_tokens datastores.peewee_tokens "
    "models models.sealed models.sqlalchemy models.mongoengine models.peewee models.users",
    6: "security users forms hooks maintenance maintenance.*",
    7: "views views.* cli cli.* doctor doctor.* utils datastore legacy",
    8: "flask_social core",
    9: "testing testing.** demo demo.**",
}

#: What may be imported from the same floor. Circles are refused even so.
SIDEWAYS = {
    "values": "errors",
    "client_auth": "jws signing",
    "documents": "jws oauth2",
    "jws": "answers",
    "oauth1": "answers",
    "oauth2": "answers client_auth",
    "discovery": "answers documents oauth2",
    "oidc": "answers documents jws oauth2",
    "signing": "jws",
    "providers": "providers.base",
    "providers.*": "providers.base",
    "providers.base": "providers.root providers.visit providers.oauth providers.oauth1 providers.openid",
    "providers.oauth providers.oauth1": "providers.root providers.visit providers.options",
    "providers.openid": "providers.visit providers.options providers.oauth",
    "providers.root": "providers.options providers.visit",
    "registration": "settings",
    "readers": "messages",
    "settings": "messages readers",
    "state": "settings",
    "translation": "messages state",
    "datastores": "datastores.*",
    "datastores.*": "models.*",
    "datastores.sqlalchemy": "datastores.sqlalchemy_tokens",
    "datastores.sqlalchemy_tokens": "datastores.sqlalchemy_own",
    "datastores.mongoengine": "datastores.mongoengine_tokens",
    "datastores.peewee": "datastores.peewee_tokens",
    "models": "models.*",
    "models.*": "models.sealed",
    "clients": "clients.*",
    "security": "users",
    "hooks": "users",
    "maintenance": "maintenance.*",
    "maintenance.*": "maintenance.* security",
    "cli": "cli.*",
    "cli.*": "cli.* doctor legacy views.connections",
    "doctor": "doctor.*",
    "doctor.*": "doctor.* legacy",
    "forms": "users",
    "keeper": "tokens",
    "tokens": "stored_tokens",
    "clients.*": "clients.base clients.session clients.answers clients.authorizers clients.failures clients.pool wire",
    "transport": "wire",
    "views": "views.*",
    "views.*": "views.*",
    "utils": "legacy views.*",
    "flask_social": "core",
    "demo": "demo.**",
    "demo.**": "demo.** testing testing.**",
    "testing": "testing.**",
    "testing.**": "testing.**",
}

#: Names that stand in annotations only, where the lower of two neighbours speaks of the other.
TYPES_ONLY = {"errors": "values"}

UPSTAIRS = "testing testing.** demo demo.**"

#: The only files that may import these libraries, besides those upstairs.
LIBRARIES = {
    "flask_security flask_login flask_principal": "security users forms hooks",
    "urllib3 httpx aiohttp http.client urllib.request socket": "transport wire",
    "ssl": "transport clients.pool",
    "requests requests_oauthlib": "clients clients.*",
    "tweepy": "clients.twitter",
    "facebook": "clients.facebook",
    "google google_auth_httplib2 googleapiclient httplib2": "clients.google",
    "foursquare": "clients.foursquare",
    "sqlalchemy flask_sqlalchemy flask_sqlalchemy_lite": "datastores.sqlalchemy datastores.sqlalchemy_own "
    "datastores.sqlalchemy_tokens models.sqlalchemy",
    "mongoengine pymongo bson": "datastores.mongoengine datastores.mongoengine_tokens models.mongoengine",
    "peewee playhouse": "datastores.peewee datastores.peewee_tokens models.peewee",
    "babel flask_babel": "translation",
}
FRAMEWORK = "flask flask_wtf werkzeug wtforms requests"  # from floor 4 on
VISIT = ("request", "session", "g", "request_ctx", "after_this_request")  # of flask, from floor 6 on

MAX_LINES = 300
PROVIDER_LINES = range(15, 61)
FAMILIES = ("base", "root", "visit", "options", "oauth", "oauth1", "openid")  # files that are no provider
MAY_PRINT = f"cli {UPSTAIRS}"
MAY_NAME_PROVIDERS = f"providers providers.* clients.* {UPSTAIRS}"
NAMES_NO_PROVIDER = {("jws", "x")}  # a coordinate of an elliptic curve key (RFC 7518 section 6.2.1.2)


def floor_of(name: str) -> int | None:
    """The floor of a module of ours; ``None`` when the table does not know it."""
    return next((floor for floor, patterns in FLOORS.items() if fits(name, patterns)), None)


def import_faults(name: str, imports: cabc.Iterable[Import]) -> cabc.Iterator[str]:
    """Yield a sentence for every import that the tables do not allow to ``name``."""
    floor = floor_of(name)
    assert floor is not None
    upstairs = fits(name, UPSTAIRS)
    stand_in = fits(name, "testing testing.**") and name != "testing.pytest_plugin"
    for it in imports:
        if it.own is not None:
            target = floor_of(it.own)
            if target is None:
                yield f"imports {it.module}, which has no floor"
            elif target > floor:
                yield f"imports {it.module} from floor {target}, which is above its own, {floor}"
            elif target == floor and it.own != name:
                pairs = SIDEWAYS | (TYPES_ONLY if it.types else {})
                if not any(fits(name, who) and fits(it.own, whom) for who, whom in pairs.items()):
                    yield f"imports its neighbour {it.module}, which is not written"
            if stand_in and not fits(it.own, "testing testing.**"):
                yield f"imports {it.module}: the stand-in shares no code with what it tests"
        elif not upstairs:
            for libraries, allowed in LIBRARIES.items():
                if it.of(libraries) and not fits(name, allowed):
                    yield f"imports {it.module}, which only {allowed} may"
            if floor < 4 and it.of(FRAMEWORK):
                yield f"imports {it.module} below floor 4"
            if floor < 6 and it.of("flask") and it.name in VISIT:
                yield f"imports flask.{it.name} below floor 6"
            if it.of("flask") and it.name == "current_app" and name != "state":
                yield "uses current_app, which only state may"


def body_faults(name: str, tree: ast.Module, ids: cabc.Collection[object]) -> cabc.Iterator[str]:
    """Yield a sentence for what a module must have or not have, imports aside."""
    if tree.body:
        if ast.get_docstring(tree) is None:
            yield "has no docstring"
        if len(tree.body) > 1 and Import("__future__", "annotations") not in imports_of(tree, name):
            yield "has no 'from __future__ import annotations'"
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    ids = () if fits(name, MAY_NAME_PROVIDERS) else {id for id in ids if (name, id) not in NAMES_NO_PROVIDER}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print" and not fits(name, MAY_PRINT):
            yield f"line {node.lineno}: prints"
        if isinstance(node, ast.Constant) and node.value in ids and id(node) not in pieces:
            yield f"line {node.lineno}: names the provider {node.value!r}"


def size_faults(name: str, lines: int) -> cabc.Iterator[str]:
    """Yield a sentence when a module is too long, or a provider is not of a provider's size."""
    if lines > MAX_LINES:
        yield f"has {lines} lines, more than {MAX_LINES}"
    if fits(name, "providers.*") and name.removeprefix("providers.") not in FAMILIES and lines not in PROVIDER_LINES:
        yield f"has {lines} lines; a provider has {PROVIDER_LINES.start} to {PROVIDER_LINES.stop - 1}"


def dotted(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or PACKAGE


FILES = {dotted(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
MODULES = {name for patterns in FLOORS.values() for name in patterns.split()} | set(FILES)
IDS = {name.removeprefix("providers.") for name in FILES if name.startswith("providers.")} - {*FAMILIES}


def read(name: str) -> tuple[str, ast.Module, set[Import]]:
    source = FILES[name].read_text(encoding="utf-8")
    tree = ast.parse(source)
    return source, tree, imports_of(tree, name, is_package=FILES[name].name == "__init__.py", modules=MODULES)


@pytest.mark.parametrize("name", FILES)
def test_module_stands_on_its_floor(name: str) -> None:
    assert floor_of(name) is not None, f"give {name} a floor in FLOORS"
    source, tree, imports = read(name)
    faults = [*import_faults(name, imports), *body_faults(name, tree, IDS)]
    assert [*faults, *size_faults(name, len(source.splitlines()))] == []


def test_imports_run_in_no_circle() -> None:
    graph = {name: {it.own for it in read(name)[2] if not it.types} & FILES.keys() - {name} for name in FILES}
    graphlib.TopologicalSorter(graph).prepare()


# --- the checker itself ------------------------------------------------------------------------------------------


def faults_of(name: str, source: str) -> str:
    tree = ast.parse(source)
    imports = imports_of(tree, name, is_package=name == "views", modules=MODULES)
    return " | ".join([*import_faults(name, imports), *body_faults(name, tree, {"google", "x"})])


HEAD = '"""Doc."""\nfrom __future__ import annotations\n'


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("values", "from .flow import run", "floor 3, which is above"),
        ("values", "def f():\n    from . import settings", "floor 4"),
        ("oauth1", "if t.TYPE_CHECKING:\n    from .providers.base import Provider", "above its own"),
        ("oauth1", "from flask_social import Social", "floor 8"),
        ("views", "from ..demo import app", "floor 9"),
        ("providers.google", "from ..views.begin import begin", "floor 7"),
        ("providers.google", "from .twitter import Twitter", "neighbour"),
        ("providers.google", "from flask_social.flow import run", "floor 3"),
        ("oauth1", "from . import oauth2", "neighbour"),
        ("flow", "from importlib import import_module\nimport_module('flask_social.core')", "floor 8"),
        ("flow", "from .nowhere import x", "no floor"),
        ("errors", "from .values import Token", "neighbour"),
        ("views.begin", "import flask_security", "only security users forms hooks may"),
        ("views.begin", "from flask_login import current_user", "only security users forms hooks may"),
        ("views.begin", "from flask import current_app", "only state may"),
        ("views.begin", "import flask\nflask.current_app.config", "only state may"),
        ("settings", "from flask import session", "below floor 6"),
        ("oidc", "import requests", "below floor 4"),
        ("tokens", "import urllib3.util", "only transport wire may"),
        ("tokens", "from urllib import request", "only transport wire may"),
        ("tokens", "def f():\n    import sqlalchemy.orm", "only datastores.sqlalchemy"),
        ("clients.twitter", "import facebook", "only clients.facebook"),
        ("testing.server", "from ..oauth1 import sign", "shares no code"),
        ("core", "if provider.id == 'google': pass", "names the provider 'google'"),
        ("core", "print('x-ray')", "prints"),
    ],
)
def test_checker_finds(name: str, source: str, fault: str) -> None:
    assert fault in faults_of(name, HEAD + source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("values", "from .errors import AnswerInvalid"),
        ("errors", "if t.TYPE_CHECKING:\n    from .values import ConnectionKey"),
        ("providers.google", "from .base import OIDCProvider"),
        ("providers.google", "name = 'google'"),
        ("clients.google", "import googleapiclient.discovery, requests"),
        ("state", "from flask import current_app"),
        ("security", "from flask import session\nfrom flask_security import Security"),
        ("demo.app", "from flask_security import Security\nfrom ..testing import StandIn\nprint()"),
        ("core", "title = f'x{1}'.format('xx')"),
        ("flask_social", "from .core import Social"),
    ],
)
def test_checker_lets_pass(name: str, source: str) -> None:
    assert faults_of(name, HEAD + source) == ""


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("", ""),
        ('"""Doc."""', ""),
        ('"""Doc."""\nx = 1', "has no 'from __future__ import annotations'"),
        ("from __future__ import annotations", "has no docstring"),
    ],
)
def test_checker_reads_the_head(source: str, faults: str) -> None:
    assert faults_of("views", source) == faults


@pytest.mark.parametrize(
    ("name", "lines", "faults"),
    [("flow", 300, 0), ("flow", 301, 1), ("providers.base", 300, 0)]
    + [("providers.google", lines, faults) for lines, faults in ((14, 1), (15, 0), (60, 0), (61, 1))],
)
def test_checker_counts_lines(name: str, lines: int, faults: int) -> None:
    assert len([*size_faults(name, lines)]) == faults


@pytest.mark.parametrize("name", ["helpers", "datastores.redis", "views.a.b", "values.x"])
def test_new_file_needs_a_floor(name: str) -> None:
    assert floor_of(name) is None
