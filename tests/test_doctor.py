"""What the doctor finds, and that it names the cure."""

from __future__ import annotations

import datetime as dt
import os
import pathlib
import re
import threading
import time
import types
import typing as t

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_social import MemoryConnectionDatastore, Social, doctor
from flask_social.datastores.columns import utcnow
from flask_social.doctor import leftovers, network, providers, stores
from flask_social.values import Request, Response

from .appkit import CONFIG, Kit, make_kit
from .maintenancekit import CLIENT, add, make_many
from .test_docs import column

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()

#: A configuration that nothing is wrong with.
GOOD: dict[str, t.Any] = {
    "SOCIAL_APP_URL": "https://www.example.org",
    "SOCIAL_TOKEN_KEYS": [NEW, OLD],
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_NAME": "__Host-session",
    "PREFERRED_URL_SCHEME": "https",
    "TRUSTED_HOSTS": [".example.org"],
    "TESTING": False,
}


def diagnose(app: Flask, **options: t.Any) -> list[tuple[str, str]]:
    """Levels and codes of what is wrong, and of hints."""
    with app.app_context():
        found = list(doctor.examine(**{"offline": True, **options}))
    for finding in found:
        assert finding.text.endswith(".")
        assert finding.cure or finding.level == "ok", finding
    # The folder of these applications is that of the tests, this file among them.
    return [(it.level, it.code) for it in found if it.cure and not it.code.startswith("leftover")]


def bare(**config: t.Any) -> Flask:
    """An application that keeps connections in memory."""
    app = Flask("tests.doctor")
    app.config.update(CONFIG, **{**GOOD, **config})
    Social(app, MemoryConnectionDatastore())
    return app


@pytest.fixture
def kit() -> Kit:
    return make_many(**GOOD)


def test_nothing_is_wrong(kit: Kit) -> None:
    kit.app.wsgi_app = ProxyFix(kit.app.wsgi_app)  # type: ignore[method-assign]
    add(kit, {}, {})
    assert diagnose(kit.app) == []


# Set-up -------------------------------------------------------------------------------------------------------

PROXY = ("ok", "proxy_fix")
MEMORY = ("warning", "store_forgets")
NOBODY = ("warning", "no_provider")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, []),
        ({"SECRET_KEY": "dev"}, [("error", "secret_key_short")]),
        ({"SECRET_KEY": "x" * 31}, [("warning", "secret_key_short")]),
        ({"SECRET_KEY": b"x" * 32}, []),
        ({"SECRET_KEY_FALLBACKS": ["short"]}, [("error", "secret_key_short")]),
        ({"SOCIAL_TOKEN_KEYS": None}, [("ok", "token_keys_derived")]),
        ({"SESSION_COOKIE_HTTPONLY": False}, [("error", "cookie_readable")]),
        (
            {"SESSION_COOKIE_SECURE": False, "SESSION_COOKIE_NAME": "session"},
            [("warning", "cookie_not_secure"), ("ok", "cookie_name")],
        ),
        ({"SESSION_COOKIE_SAMESITE": None}, [("warning", "cookie_same_site")]),
        ({"SESSION_COOKIE_SAMESITE": "None"}, [("warning", "cookie_same_site")]),
        ({"SESSION_COOKIE_SAMESITE": "Strict"}, []),
        ({"SESSION_COOKIE_DOMAIN": "example.org"}, [("error", "cookie_prefix")]),
        ({"SESSION_COOKIE_PATH": "/below"}, [("error", "cookie_prefix")]),
        ({"SESSION_COOKIE_SECURE": False}, [("warning", "cookie_not_secure"), ("error", "cookie_prefix")]),
        ({"PREFERRED_URL_SCHEME": "http"}, [("warning", "url_scheme")]),
        ({"TRUSTED_HOSTS": ["example.com"]}, [("error", "app_url_untrusted")]),
        ({"TRUSTED_HOSTS": ["www.example.org"]}, []),
        ({"TRUSTED_HOSTS": None}, []),
    ],
)
def test_the_set_up(config: dict[str, t.Any], found: list[t.Any]) -> None:
    app = bare(**config)
    app.wsgi_app = types.SimpleNamespace(app=ProxyFix(app.wsgi_app))  # type: ignore[assignment]
    assert diagnose(app) == [*found, NOBODY, MEMORY]


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"SOCIAL_APP_URL": "http://www.example.org"}, [("error", "app_url_plain")]),
        ({"SOCIAL_APP_URL": "http://localhost:5000", "TRUSTED_HOSTS": None}, []),
        ({"SOCIAL_APP_URL": None}, []),
        ({"SOCIAL_APP_URL": None, "TRUSTED_HOSTS": None}, [("warning", "app_url_missing")]),
        ({"SOCIAL_APP_URL": None, "TRUSTED_HOSTS": None, "DEBUG": True}, [("ok", "app_url_missing")]),
        ({}, [PROXY]),
    ],
)
def test_the_public_address(config: dict[str, t.Any], found: list[t.Any]) -> None:
    assert diagnose(bare(**config)) == [*found, NOBODY, MEMORY]


# Providers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"provider": "facebook"}, []),
        ({"provider": "facebook", "api_base_url": "https://graph.facebook.com/v2.5/"}, ["api_version_old"]),
        ({"provider": "facebook", "api_base_url": "https://graph.facebook.com/v99.0/"}, []),
        ({"provider": "facebook", "api": {"version": "3.1"}}, ["api_version_old"]),
        ({"provider": "facebook", "api": {"version": "v99.0"}}, []),
        ({"provider": "twitter", "api": {"version": "1.1"}}, []),
        ({"provider": "oidc", "issuer": "http://sso.example"}, ["address_plain"]),
        ({"provider": "oidc", "issuer": "http://localhost:8080"}, []),
    ],
)
def test_a_provider(options: dict[str, t.Any], found: list[str]) -> None:
    app = bare(SOCIAL_ONE={**options, **CLIENT})
    codes = [code for _, code in diagnose(app) if (_, code) not in (PROXY, MEMORY)]
    assert [code for code in codes if code not in ("client_library_missing", "client_broken")] == found


def test_a_preset_gets_old() -> None:
    app = bare(SOCIAL_FACEBOOK=CLIENT)
    later = utcnow() + dt.timedelta(days=700)
    assert ("warning", "preset_old") not in diagnose(app)
    assert ("warning", "preset_old") in diagnose(app, clock=lambda: later)


def test_a_missing_library() -> None:
    app = bare(SOCIAL_ONE={"class": Lonely, **CLIENT}, SOCIAL_TWO={"class": Broken, **CLIENT})
    with app.app_context():
        found = {it.code: it for it in doctor.examine(offline=True)}
    assert found["client_library_missing"].cure == 'pip install "Flask-Social[twitter]"'
    assert "ModuleNotFoundError" in found["client_broken"].text
    assert found["client_broken"].level == "error"


class Lonely(providers.Provider):
    """Its client needs a library that is not there."""

    client = "tests.lonely_client"


class Broken(providers.Provider):
    """Its client is nowhere."""

    client = "tests.nowhere"


# Store --------------------------------------------------------------------------------------------------------


def test_a_model_of_1x() -> None:
    class Nine:
        provider_id, provider_user_id, access_token, secret = (sa.Column(sa.String(255)) for _ in range(4))
        display_name, profile_url, image_url = (sa.Column(sa.String(255)) for _ in range(3))
        rank = sa.Column(sa.Integer)

    kit = make_kit({"near": {"class": "tests.maintenancekit:Near", **CLIENT}}, mixin=Nine, **GOOD)
    assert diagnose(kit.app) == [
        PROXY,
        ("warning", "model_incomplete"),
        ("warning", "model_cannot_renew"),
        ("warning", "model_plain_tokens"),
        ("warning", "unique_key_missing"),
    ]


def test_a_model_without_indexes() -> None:
    kit = make_many(**GOOD)
    table = kit.Connection.__table__
    table.indexes.clear()
    assert diagnose(kit.app)[1:] == [("warning", "index_missing")] * 2


@pytest.mark.parametrize("table", ["connection", "social_revocations"])
def test_a_table_that_is_not_there(kit: Kit, table: str) -> None:
    with kit.app.app_context():
        kit.db.metadata.tables[table].drop(kit.db.engine)
    code = {"connection": ("error", "store_unreachable")}.get(table, ("warning", "revocation_queue_missing"))
    assert diagnose(kit.app) == [PROXY, code]


def test_a_column_that_is_not_there(kit: Kit) -> None:
    with kit.app.app_context(), kit.db.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE connection DROP COLUMN full_name"))
    assert diagnose(kit.app) == [PROXY, ("error", "column_missing"), ("error", "store_unreachable")]


def test_an_index_that_was_never_made(kit: Kit) -> None:
    with kit.app.app_context(), kit.db.engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_connection_expires_at"))
    assert diagnose(kit.app) == [PROXY, ("warning", "index_missing")]


@pytest.mark.parametrize(
    ("have", "unique", "does"),
    [
        (("a", "b"), True, True),
        (("B", "a"), True, True),
        (("b",), True, True),
        (("a", "b", "c"), True, False),
        ((), True, False),
        (("a", "b"), False, True),
        (("A", "b", "c"), False, True),
        (("a",), False, False),
        (("b", "a"), False, False),
        ((None, "b"), False, False),
    ],
)
def test_an_index_that_does_for_another(have: tuple[str, ...], unique: bool, does: bool) -> None:
    assert stores._serves(have, ("a", "b"), unique=unique) is does


def test_an_index_of_no_column_is_not_looked_at(kit: Kit) -> None:
    sa.Index("folded", sa.func.lower(kit.Connection.__table__.c.email))
    assert diagnose(kit.app) == [PROXY]


def test_a_store_that_is_down(tmp_path: pathlib.Path) -> None:
    kit = make_many(**GOOD, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'one.db'}")
    (tmp_path / "one.db").write_text("no database any more, but a text with a secret in it")
    with kit.app.app_context():
        kit.db.engine.dispose()
        found = [it for it in doctor.examine(offline=True) if it.level == "error"]
    assert [it.code for it in found] == ["store_unreachable"]
    assert "DatabaseError" in found[0].text


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({}, []),
        ({"access_token": None, "refresh_token": None}, []),
        ({"access_token": "raw:plain"}, [("warning", "tokens_plain")]),
        ({"id_token": "raw:fs2$lost", "access_token": "raw:plain"}, [("error", "tokens_unreadable")]),
        ({"provider_id": "gone"}, [("warning", "provider_off")]),
    ],
)
def test_a_row(kit: Kit, row: dict[str, t.Any], found: list[t.Any]) -> None:
    add(kit, row)
    assert diagnose(kit.app) == [PROXY, *found]


def test_an_older_key() -> None:
    kit = make_many(**{**GOOD, "SOCIAL_TOKEN_KEYS": [OLD]})
    add(kit, {})
    (text,) = [row.sealed_access_token for row in context(kit)]
    other = make_many(**GOOD)
    add(other, {"access_token": f"raw:{text}"})
    assert diagnose(other.app) == [PROXY, ("warning", "tokens_older_key")]
    assert diagnose(other.app, sample=0) == [PROXY]


def context(kit: Kit) -> list[t.Any]:
    with kit.app.app_context():
        return kit.rows()


def test_every_code_is_documented() -> None:
    source = "".join(path.read_text() for path in pathlib.Path(doctor.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'(?:warning|error|found|else warning\))\(\s*"([a-z_]+)",', source))
    codes |= {f"leftover_{code}" for _, _, code, _, _ in leftovers.LEFTOVERS}
    codes |= set(re.findall(r'ok\("([a-z_]+)", text, [^)]', source))
    assert {*column("cli", "findings")} == codes


# Leftovers ----------------------------------------------------------------------------------------------------

OF_1X = {
    "templates/a.html": '<p>\n<form action="/x" class=b\n method="DELETE">',
    "templates/sub/b.jinja2": "<a href=\"{{ url_for('security.authenticate') }}\">",
    "app.py": "x = 1\napi.PostUpdate('hi')\n",
    "more.py": "from flask.ext.social import Social\n",
    "drive.py": "import oauth2client.client",
    "views.py": "from flask_social.views import connect_handler, login_handler",
}
FINE = {
    "templates/a.html": '<form method="post"><input name="delete">',
    "app.py": "flask_social.PostUpdate = security.authenticated",
    "venv/pyvenv.cfg": "",
    "venv/lib/x.py": "import oauth2client",
    "node_modules/a.html": "<form method=delete>",
    "notes.txt": "security.authenticate",
}


def leftovers_in(folder: pathlib.Path, files: dict[str, str]) -> dict[str, str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    app = Flask("tests.leftovers", root_path=str(folder))
    return {it.code: it.text for it in leftovers.examine(app)}


def test_what_is_left_of_1x(tmp_path: pathlib.Path) -> None:
    found = leftovers_in(tmp_path, OF_1X)
    assert {code: text.partition(" ")[0] for code, text in found.items()} == {
        "leftover_form_delete": "templates/a.html:2",
        "leftover_security_authenticate": "templates/sub/b.jinja2:1",
        "leftover_python_twitter": "app.py:2",
        "leftover_oauth2client": "drive.py:1",
        "leftover_flask_ext": "more.py:1",
        "leftover_login_handler": "views.py:1",
    }


def test_what_only_looks_like_it(tmp_path: pathlib.Path) -> None:
    assert list(leftovers_in(tmp_path, FINE)) == ["leftovers"]


def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.py").symlink_to("nowhere")
    thread = threading.Thread(target=leftovers_in, args=(tmp_path, FINE), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "text",
    [
        "<form ",
        "<form method ",
        "\n",
        " ",
        "<form method=",
        "from\n",
        "import ",
        ".PostUpdate ",
        "from flask_social.views import ",
        "security.",
    ],
)
def test_a_long_text_is_read_once(text: str) -> None:
    # Twice the text may take twice the time; where each place is a new beginning, a second is far too little.
    text *= leftovers.MAX_BYTES // len(text)
    begun = time.process_time()
    assert not any(pattern.search(text) for pattern, *_ in leftovers.LEFTOVERS)
    assert time.process_time() - begun < 1


# Network ------------------------------------------------------------------------------------------------------


def asked(kit: Kit, **options: t.Any) -> list[tuple[str, str]]:
    """What only the providers can tell."""
    with kit.app.app_context():
        found = list(doctor.examine(**options))
    names = ("issuer", "provider_reached", "provider_unreachable", "clock_skew", "no_keys")
    return [(it.level, it.code) for it in found if it.code in names]


@pytest.fixture
def online(social_provider: t.Any) -> Kit:
    return make_kit({name: social_provider.settings(name) for name in ("oidc", "x", "twitter")}, **GOOD)


def test_providers_that_answer(online: Kit, social_provider: t.Any) -> None:
    assert asked(online) == [("ok", "issuer"), ("ok", "provider_reached"), ("ok", "provider_reached")]
    assert asked(online, offline=True) == []


def test_nothing_is_told_to_a_provider(online: Kit, social_provider: t.Any) -> None:
    social_provider.forget_requests()
    asked(online)
    for request in social_provider.requests:
        assert not any(secret in str(request) for secret in ("Authorization", "client_secret"))


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_clock_that_is_wrong(online: Kit, seconds: int) -> None:
    found = asked(online, clock=lambda: utcnow() + dt.timedelta(seconds=seconds))
    assert found.count(("error", "clock_skew")) == 3


@pytest.mark.parametrize(
    ("date", "off"),
    [
        ("Fri, 31 Dec 9999 23:59:59 -2359", False),
        ("Sat, 21 Nov 2026 12:00:00 +99999999999999999999", False),
        ("Sat, 21 Nov 99999999999999999999999 12:00:00 GMT", False),
        ("1 Jan 99999 00:00:00 GMT", False),
        ("\x00", False),
        ("", False),
        ("Mon, 01 Jan 2001 00:00:00 GMT", True),
        ("Mon, 01 Jan 2001 00:00:00 -0000", True),
    ],
)
def test_a_date_that_is_none(date: str, off: bool) -> None:
    now = dt.datetime(2001, 1, 1, 0, 2, tzinfo=dt.UTC)
    send = network._Listening(lambda request: Response(200, {"date": date}), lambda: now)
    send(Request("HEAD", "https://sso.example"))
    assert send.skew == (120 if off else None)


def test_an_issuer_that_is_down(online: Kit, social_provider: t.Any) -> None:
    with social_provider.faults.server_error("discovery"):
        assert asked(online)[0] == ("error", "provider_unreachable")
    with social_provider.faults.add("jwks", json={"keys": []}):
        assert asked(online)[0] == ("error", "no_keys")
    with social_provider.faults.add("jwks", body="<html>"):
        assert asked(online)[0] == ("error", "provider_unreachable")


def test_a_provider_that_is_not_there(kit: Kit) -> None:
    assert asked(kit) == [("error", "provider_unreachable")] * 2
