"""The documentation: its code runs, and its tables say what the code says.

The blocks of a page build on each other and run in one namespace, against SQLite and the stand-in. A comment

::

    .. check
       assert something

does not show on the page and runs in its place. ``html+jinja`` blocks are rendered, for a visitor and for a user. A
block with ``:class: fragment`` is left out; there should be none.
"""

from __future__ import annotations

import ast
import collections.abc as cabc
import contextlib
import inspect
import io
import itertools
import pathlib
import re
import textwrap
import typing as t

import pytest
from flask import render_template_string
from flask_security import login_user
from sqlalchemy.orm import configure_mappers

from flask_social import registration, settings, signals
from flask_social.datastores.columns import COLUMNS, LEGACY_COLUMNS
from flask_social.messages import CODES
from flask_social.providers import CATALOGUE, load
from flask_social.providers.oauth2 import FIELDS
from flask_social.providers.options import COMMON, OAUTH1, OAUTH2, OIDC
from flask_social.settings import Settings
from flask_social.testing import Faults, StandIn
from flask_social.testing.pytest_plugin import SocialLogin
from flask_social.views import ROUTES
from flask_social.views.pages import Pages

from .appkit import CONFIG, JSON, PASSWORD, Kit, make_kit

ROOT = pathlib.Path(__file__).parent.parent
PAGES = {path.relative_to(ROOT).as_posix(): path for path in [ROOT / "README.rst", *sorted(ROOT.glob("docs/*.rst"))]}
TEMPLATES = ROOT / "flask_social" / "templates" / "social"

#: Settings of the tests' application that the pages set for themselves.
VISIBLE = ("SQLALCHEMY_DATABASE_URI", "SECURITY_REGISTERABLE")

#: Blocks that do not run, by page.
FRAGMENTS: dict[str, int] = {}

#: What is taken for granted by the README, which begins in the middle of an application.
README_PRELUDE = """
from flask import Flask
from flask_security.models import fsqla_v2 as fsqla
from flask_sqlalchemy import SQLAlchemy
app = Flask("readme")
app.config.update(BASICS, SQLALCHEMY_DATABASE_URI="sqlite://")
db = SQLAlchemy(app)
fsqla.FsModels.set_db_info(db)
class Role(db.Model, fsqla.FsRoleMixin): pass
class User(db.Model, fsqla.FsUserMixin): pass
"""


class Block(t.NamedTuple):
    """A block of a page: its language (``check`` for what does not show), its code, its first line."""

    language: str
    code: str
    line: int
    fragment: bool


def blocks(path: pathlib.Path) -> cabc.Iterator[Block]:
    """The code of a page, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        found = re.fullmatch(r"( *)\.\. (?:code-block:: (\S+)|(check))", line)
        if found is None:
            continue
        indent = len(found[1])
        body: list[str] = []
        for inner in lines[number + 1 :]:
            if inner.strip() and len(inner) - len(inner.lstrip()) <= indent:
                break
            body.append(inner)
        options = list(itertools.takewhile(re.compile(r" *:\w+:").match, body))
        code = textwrap.dedent("\n".join(body[len(options) :])).rstrip() + "\n"
        yield Block(found[2] or "check", code, number + 1 + len(options), any(":class: fragment" in o for o in options))


def send(client: t.Any, path: str, **fields: str) -> t.Any:
    """Posts a form of Flask-Security as a visitor, with the CSRF token, and gives the answer."""
    token = client.get("/login", headers=JSON).get_json()["response"]["csrf_token"]
    answer = client.post(path, json={**fields, "csrf_token": token}, headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer


class Page:
    """One page being run."""

    def __init__(self, name: str, standin: StandIn) -> None:
        self.name = name
        self.standin = standin
        self.kit: Kit | None = None
        self.names: dict[str, t.Any] = {
            "__name__": "docs_" + re.sub(r"\W", "_", name),
            "standin": standin,
            "login": SocialLogin(standin),
            "make_app": self.make_app,
            "browser": self.browser,
            "PASSWORD": PASSWORD,
            "send": send,
            "BASICS": {key: value for key, value in CONFIG.items() if key not in VISIBLE},
            "printed": "",
        }

    def make_app(self, *providers: str, **more: t.Any) -> Kit:
        """An application with the stand-in's providers, and others."""
        return make_kit({**{name: self.standin.settings(name) for name in providers}, **more})

    def browser(self, kit: Kit, email: str = "ada@example.org") -> t.Any:
        """A test client of a new user, who is logged in."""
        kit.add_user(email)
        client = kit.app.test_client()
        kit.log_in(client, email)
        return client

    def run(self, block: Block) -> None:
        """Runs a block; ``printed`` is what it printed."""
        code = compile("\n" * block.line + block.code, str(PAGES[self.name]), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, self.names)
        self.names["printed"] = out.getvalue()

    def render(self, block: Block) -> None:
        """Renders a template for a visitor, and for a user with a connection."""
        if self.kit is None:
            self.kit = self.make_app("google", "twitter")
            SocialLogin(self.standin)(self.browser(self.kit), "twitter", "ada", intent="connect")
        for user in None, "ada@example.org":
            with self.kit.app.test_request_context():
                if user:
                    login_user(t.cast("t.Any", self.kit.security.datastore.find_user(email=user)))
                shown = render_template_string(block.code).strip()
                assert shown or not user, f"{self.name}:{block.line} shows nothing"


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of(name: str, social_provider: StandIn) -> None:
    page = Page(name, social_provider)
    context: t.Any = contextlib.nullcontext()
    if name == "README.rst":
        page.run(Block("check", README_PRELUDE, 0, False))
        context = page.names["app"].test_request_context()
    fragments = 0
    with context:
        for block in blocks(PAGES[name]):
            if block.fragment:
                fragments += 1
            elif block.language in ("python", "check"):
                page.run(block)
            elif block.language == "html+jinja":
                page.render(block)
            else:
                assert block.language in ("console", "text", "ini"), f"{name}:{block.line}: what is {block.language}?"
    assert fragments == FRAGMENTS.get(name, 0)
    # The registry of mappers is the process's: a model that was never used would disturb the tests after us.
    configure_mappers()


# Tables -------------------------------------------------------------------------------------------------------


def table(page: str, name: str) -> list[list[str]]:
    """The rows of a list-table with ``:name:``, without its header; each cell as one text."""
    lines = PAGES[f"docs/{page}.rst"].read_text(encoding="utf-8").splitlines()
    start = lines.index(f"   :name: {name}") + 1
    rows: list[list[str]] = []
    for line in lines[start:]:
        if line.strip() and not line.startswith("   "):
            break
        if line.startswith("   * - "):
            rows.append([line[7:]])
        elif line.startswith("     - "):
            rows[-1].append(line[7:])
        elif line.strip():
            rows[-1][-1] += " " + line.strip()
    return rows[1:]


def literals(text: str) -> list[str]:
    """What stands between double backquotes."""
    return re.findall(r"``(.+?)``", text)


def column(page: str, name: str, number: int = 0) -> list[str]:
    """The literals of one column."""
    return [literal for row in table(page, name) for literal in literals(row[number])]


@pytest.mark.parametrize(
    "reference", sorted(set(re.findall(r"``(tests/[^`]+)``", (ROOT / "docs/security.rst").read_text())))
)
def test_the_tests_that_security_names(reference: str) -> None:
    path, _, name = reference.partition("::")
    assert (ROOT / path).exists()
    assert not name or re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.M)


def test_settings() -> None:
    rows = table("configuration", "settings")
    documented = {literals(row[0])[0]: ast.literal_eval(literals(row[1])[0]) for row in rows}
    defaults = Settings()
    assert documented == {f"SOCIAL_{name.upper()}": getattr(defaults, name) for name in settings._READERS}
    text = PAGES["docs/configuration.rst"].read_text(encoding="utf-8")
    assert all(f"``SOCIAL_{name.upper()}`` is another" in re.sub(r"\s+", " ", text) for name in settings._ALIASES)


def test_codes() -> None:
    ends = [literals(row[0])[0] for row in table("configuration", "codes")]
    answers = [literals(row[0])[0] for row in table("configuration", "codes-of-requests")]
    assert sorted(ends + answers) == sorted(CODES)


def test_routes() -> None:
    rows = table("configuration", "routes-table")
    documented = [(literals(row[1])[0], literals(row[2])[0], tuple(row[0].split(", "))) for row in rows]
    assert sorted(documented) == sorted((path, endpoint, methods) for path, endpoint, methods, _ in ROUTES)


def test_signals() -> None:
    source = inspect.getsource(signals)
    declared = {
        name: re.findall(r"\w+", arguments)
        for arguments, name in re.findall(r"^#: ``\((.*?)\)``(?:.*\n#)*?.*\n(\w+) = ", source, re.M)
    }
    assert declared.keys() == {name for name, value in vars(signals).items() if hasattr(value, "connect_via")}
    assert {literals(row[0])[0]: literals(row[1]) for row in table("signals", "signals-table")} == declared


def test_provider_keys() -> None:
    documented = {name: set(column("providers", f"keys-{name}")) for name in ("common", "oauth1", "oauth2", "oidc")}
    shown = {"scopes": "scope", "api_options": "api"}
    others = {"consumer_key", "consumer_secret", "request_token_params", *registration._META, *registration._ALIASES}
    assert documented == {
        "common": {shown.get(option, option) for option in COMMON} | others - {"access_token_method"},
        "oauth1": OAUTH1 - COMMON,
        "oauth2": OAUTH2 - COMMON | {"access_token_method"},
        "oidc": OIDC - OAUTH2,
    }
    assert set(FIELDS) <= set(literals(PAGES["docs/providers.rst"].read_text(encoding="utf-8")))


def test_catalogue() -> None:
    assert column("providers", "catalogue") == sorted(CATALOGUE)
    text = PAGES["docs/providers.rst"].read_text(encoding="utf-8")
    for name in CATALOGUE:
        assert (console := load(name).console_url) is None or console in text, name


def test_columns() -> None:
    assert set(column("datastores", "columns-1x")) == set(LEGACY_COLUMNS)
    assert set(column("datastores", "columns-new")) == set(COLUMNS) - set(LEGACY_COLUMNS)


def test_template_names() -> None:
    documented = set(re.findall(r"``social\.(\w+)", str(table("templates", "template-names"))))
    public = {name for name in vars(Pages) if not name.startswith("_")}
    assert documented - {"google", "twitter"} == public


def test_macros() -> None:
    source = (TEMPLATES / "_macros.html").read_text(encoding="utf-8")
    defined = [name + re.sub(r"=\w+", "", args) for name, args in re.findall(r"macro ([a-z]\w*)(\(.*?\))", source)]
    assert sorted(column("templates", "macros")) == sorted(defined)


def test_pages() -> None:
    files = {f"social/{path.name}" for path in TEMPLATES.glob("*.html") if path.name != "_macros.html"}
    assert {literals(row[0])[0] for row in table("templates", "pages")} == files


def test_faults() -> None:
    named = {call.partition("(")[0] for call in column("testing", "faults")} - {"deny_next"}
    assert named == {name for name in vars(Faults) if not name.startswith("_")} - {"take", "remove", "clear"}


def test_every_page_is_reached() -> None:
    lines = PAGES["docs/index.rst"].read_text(encoding="utf-8").splitlines()
    assert {line.strip() for line in lines} >= {path.stem for path in PAGES.values()} - {"README", "index"}
