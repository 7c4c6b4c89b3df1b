"""``flask social``: what its commands do, tell, and never tell."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import pathlib
import typing as t
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from cryptography.fernet import Fernet
from flask import Flask

from flask_social import MemoryConnectionDatastore, Social
from flask_social.cli.output import counted, duration, visible

from .appkit import JSON, Kit, make_kit
from .maintenancekit import CLIENT, add, make_many, opened, raw, soon

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def kit() -> Kit:
    return make_many(SOCIAL_APP_URL="https://www.example.org", SOCIAL_TOKEN_KEYS=[NEW, OLD])


def call(kit: Kit, *args: str, code: int = 0, answer: str | None = None) -> t.Any:
    """Runs a command, and gives its result."""
    result = kit.app.test_cli_runner().invoke(args=["social", *args], input=answer)
    assert result.exit_code == code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def told(kit: Kit, *args: str, code: int = 0) -> t.Any:
    """Runs a command with ``--json``, and gives what it says."""
    return json.loads(call(kit, *args, "--json", code=code).stdout)


# Providers ----------------------------------------------------------------------------------------------------


def test_the_redirect_uris_are_those_that_a_visit_sends(social_provider: t.Any) -> None:
    for prefix, legacy in [(None, False), ("/auth", False), (None, True)]:
        for base in "https://www.example.org", "https://www.example.org/below":
            kit = make_kit(
                {"google": social_provider.settings("google")},
                SOCIAL_APP_URL=base,
                SOCIAL_URL_PREFIX=prefix,
                SOCIAL_LEGACY_CALLBACKS=legacy,
            )
            (found,) = told(kit, "providers")["providers"]
            begun = kit.app.test_client().post(f"{prefix or ''}/login/google", headers=JSON).get_json()
            sent = parse_qs(urlsplit(begun["response"]["authorization_url"]).query)["redirect_uri"][0]
            assert found["redirect_uris"][0] == sent
            assert len(found["redirect_uris"]) == 1 + legacy


def test_providers_are_listed(kit: Kit) -> None:
    near, _ = told(kit, "providers")["providers"]
    assert near == {
        "id": "near",
        "state": "on",
        "name": "Near",
        "module": "tests.maintenancekit:Near",
        "console_url": None,
        "redirect_uris": ["https://www.example.org/callback/near"],
    }
    text = call(kit, "providers", "--url", "https://other.example/").stdout
    assert "https://other.example/callback/far" in text
    assert "no setting" not in call(kit, "providers", "--url", "other.example", code=1).stderr


def test_without_an_address_there_are_paths() -> None:
    kit = make_many(SOCIAL_GOOGLE=None)
    result = call(kit, "providers")
    assert "redirect URI    /callback/near" in result.stdout
    assert "SOCIAL_APP_URL" in result.stderr
    assert told(kit, "providers")["providers"][-1] == {"id": "google", "state": "off"}


def test_a_resolver_is_named() -> None:
    kit = make_many(SOCIAL_PROVIDER_RESOLVER=lambda name: None)
    assert "SOCIAL_PROVIDER_RESOLVER" in call(kit, "providers").stderr


# Check --------------------------------------------------------------------------------------------------------


def test_check_has_exit_codes(kit: Kit, tmp_path: pathlib.Path) -> None:
    kit.app.root_path = str(tmp_path)  # nothing of 1.x is there
    kit.app.config.update(
        SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax", PREFERRED_URL_SCHEME="https", TESTING=False
    )
    told(kit, "check", "--offline", "--strict")
    kit.app.config["SESSION_COOKIE_SECURE"] = False
    found = told(kit, "check", "--offline")
    assert (found["errors"], found["warnings"]) == (0, 1)
    assert told(kit, "check", "--offline", "--strict", code=2) == found
    kit.app.config["SESSION_COOKIE_HTTPONLY"] = False
    assert told(kit, "check", "--offline", "--strict", code=1)["errors"] == 1
    text = call(kit, "check", "--offline", code=1).stdout
    assert "[cookie_readable]" in text
    assert text.endswith("1 errors, 1 warnings.\n")


# Connections --------------------------------------------------------------------------------------------------


@pytest.fixture
def five(kit: Kit) -> Kit:
    kit.add_user("grace@example.org")
    add(
        kit,
        {},
        {"provider_id": "far", "status": "needs_reconnect"},
        {"user_id": 2, "expires_at": soon(), "refresh_token": None},
        {"user_id": 2, "provider_id": "gone", "display_name": "Grace \x1b[31m"},
        {"status": "revoked"},
    )
    return kit


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", "0 1 2 3 4"),
        ("--user 1", "0 1 4"),
        ("--user ada@example.org", "0 1 4"),
        ("--user GRACE@example.org", "2 3"),
        ("--provider near", "0 2 4"),
        ("--health needs_reconnect", "1"),
        ("--health expiring", "2"),
        ("--health revoked", "4"),
        ("--user 2 --provider gone --health active", "3"),
        ("--user 2 --provider far", ""),
        ("--limit 2", "0 1"),
    ],
)
def test_connections_are_listed(five: Kit, options: str, found: str) -> None:
    answer = told(five, "connections", "list", *options.split())
    assert [row["provider_user_id"] for row in answer["connections"]] == found.split()
    assert answer["more"] == ("limit" in options)
    text = call(five, "connections", "list", *options.split()).stdout
    assert text.count("\n") == (len(found.split()) + 1)


@pytest.mark.parametrize(
    "nobody", ["77", "nobody@example.org", "x", "", "-1", "9" * 30, "00000000-0000-0000-0000-000000000000"]
)
def test_a_user_that_is_not_there(five: Kit, nobody: str) -> None:
    assert "There is no user" in call(five, "export", "--", nobody, code=1).stderr


def test_a_connection_is_shown(five: Kit) -> None:
    (found,) = told(five, "connections", "show", "gone", "3")["connections"]
    assert (found["user_id"], found["health"], found["display_name"]) == (2, "active", "Grace \x1b[31m")
    text = call(five, "connections", "show", "gone", "3").stdout
    assert "Grace" in text
    assert "\x1b" not in text
    call(five, "connections", "show", "gone", "4", code=1)


def test_a_connection_is_removed(five: Kit) -> None:
    call(five, "connections", "remove", "near", code=2)
    call(five, "connections", "remove", "near", "0", code=1, answer="n\n")
    assert len(raw(five, "id")) == 5
    call(five, "connections", "remove", "near", "0", answer="y\n")
    assert told(five, "connections", "remove", "near", "--user", "2", "--yes")["removed"] == 1
    assert told(five, "connections", "remove", "near", "--user", "2", "--yes")["removed"] == 0
    assert raw(five, "provider_user_id") == ["1", "3", "4"]
    assert [(name, sent["provider_id"]) for name, sent in five.events] == [("connection_removed", "near")] * 2
    assert [sent["user"].email for _, sent in five.events] == ["ada@example.org", "grace@example.org"]


def test_who_would_be_locked_out_is_named(kit: Kit) -> None:
    kit.add_user("grace@example.org", password=None)
    add(kit, {"user_id": 2})
    assert "no other way" in call(kit, "connections", "remove", "near", "0", code=1, answer="n\n").stderr
    assert told(kit, "connections", "remove", "near", "0", "--yes")["without_another_way_in"] == ["2"]


def test_removing_ends_the_grant(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")})
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    (token,) = opened(kit)
    social_provider.forget_requests()
    call(kit, "connections", "remove", "google", "--user", "1", "--yes")
    assert [request.endpoint for request in social_provider.requests] == ["revoke"]
    assert token not in call(kit, "connections", "list").output


# Upkeep -------------------------------------------------------------------------------------------------------


def test_renewing(kit: Kit) -> None:
    add(kit, {"expires_at": soon()}, {"expires_at": soon(hours=3)})
    assert told(kit, "renew", "--dry-run") == {"dry_run": True, "tokens": {"due": 1}, "revocations": {}}
    assert told(kit, "renew", "--dry-run", "--within", "5h")["tokens"] == {"due": 2}
    assert told(kit, "renew", "--jitter", "0")["tokens"]["renewed"] == 1
    assert "Tokens: 1 renewed" in call(kit, "renew", "--within", "1d", "--limit", "1").stdout
    call(kit, "renew", "--within", "soon", code=2)


@pytest.mark.parametrize(
    ("tokens", "code"),
    [
        (["down"], 1),
        (["down", "up"], 0),
        (["dead"], 0),
        (["odd"], 1),
        (["raw:fs2$lost"], 1),
        (["raw:fs2$lost", "up"], 0),
        ([], 0),
    ],
)
def test_renewing_fails_when_nothing_went_well(kit: Kit, tokens: list[str], code: int) -> None:
    add(kit, *({"expires_at": soon(), "refresh_token": it} for it in tokens))
    output = call(kit, "renew", code=code).output
    assert ("does this process have the application's keys?" in output) is ("raw:fs2$lost" in tokens)


def test_revocations_are_tried_again(social_provider: t.Any, social_login: t.Any) -> None:
    kit = make_kit({"google": social_provider.settings("google")})
    kit.add_user()
    client = kit.app.test_client()
    kit.log_in(client)
    social_login(client, "google", "ada", intent="connect")
    with social_provider.faults.server_error("revoke"):
        call(kit, "connections", "remove", "google", "--user", "1", "--yes")
    table = kit.db.metadata.tables["social_revocations"]
    with kit.app.app_context():
        kit.db.session.execute(table.update().values(due_at=soon(hours=-1)))
        kit.db.session.commit()
    assert told(kit, "renew")["revocations"] == {"revoked": 1}


def test_rotating_keys(kit: Kit) -> None:
    add(kit, {}, {"access_token": "raw:plain"}, {"access_token": "raw:fs2$lost"})
    found = told(kit, "rotate-keys", "--dry-run")
    assert found["tokens"] == {"current": 1, "resealed": 0, "sealed": 1, "unreadable": 1, "left": 0}
    (lost,) = found["unreadable"]
    assert lost["provider_id"] == "near"
    result = call(kit, "rotate-keys", "--mark", "--batch", "1")
    assert "1 sealed" in result.stdout
    assert lost["fingerprint"] in result.stderr
    assert raw(kit, "status") == ["active", "active", "needs_reconnect"]


def test_purging(kit: Kit) -> None:
    add(kit, {}, {"user_id": 9}, {"provider_id": "gone"})
    assert told(kit, "purge", "--dry-run")["connections"]["of_nobody"] == 1
    assert "1 of nobody" in call(kit, "purge", code=1, answer="n\n").stderr
    assert len(raw(kit, "id")) == 3
    call(kit, "purge", answer="y\n")
    assert told(kit, "purge", "--provider", "gone", "--yes")["connections"]["of_provider"] == 1
    assert "SOCIAL_NEAR" in call(kit, "purge", "--provider", "near", code=1).stderr
    assert raw(kit, "provider_user_id") == ["0"]
    call(kit, "purge")


def test_an_export(five: Kit) -> None:
    found = json.loads(call(five, "export", "grace@example.org").stdout)
    assert found["user"] == {"id": 2, "email": "grace@example.org"}
    assert [row["provider_user_id"] for row in found["connections"]] == ["2", "3"]
    assert found["connections"][0]["health"] == "expiring"
    assert dt.datetime.fromisoformat(found["connections"][0]["expires_at"]) >= soon()
    assert not {"access_token", "secret", "refresh_token", "id_token"} & found["connections"][0].keys()


def test_our_errors_are_a_line() -> None:
    app = Flask("tests.cli")
    app.config["SECRET_KEY"] = "a secret for tests only, thirty-two bytes"
    Social(app, MemoryConnectionDatastore())
    result = app.test_cli_runner().invoke(args=["social", "rotate-keys"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("Error: the connection model: keeps plain tokens")


# Secrets ------------------------------------------------------------------------------------------------------

COMMANDS = (
    "providers",
    "check --offline",
    "check",
    "connections list",
    "connections list --user 1",
    "connections show near 0",
    "connections show near 5",
    "export 1",
    "rotate-keys --dry-run",
    "renew --dry-run",
    "renew",
    "rotate-keys --mark",
    "purge --dry-run",
    "connections remove near 0 --yes",
    "purge --provider gone --yes",
)


@pytest.mark.parametrize("as_json", [False, True])
def test_no_command_prints_a_secret(kit: Kit, as_json: bool) -> None:
    tokens = {name: f"SECRET-{name}" for name in ("access_token", "refresh_token", "secret", "id_token")}
    plain = {name: f"raw:{text}" for name, text in tokens.items()}
    lost = {name: f"raw:fs2${text}" for name, text in tokens.items()}
    add(
        kit,
        {**tokens, "expires_at": soon()},
        {**plain, "expires_at": soon()},
        {**lost, "expires_at": soon()},
        {**tokens, "refresh_token": "SECRET dead", "expires_at": soon()},
        {**tokens, "refresh_token": "SECRET down", "expires_at": soon()},
        {**plain},
        {**tokens, "provider_id": "gone"},
        {**tokens, "user_id": 9},
    )
    sealed = [text for name in tokens for text in raw(kit, name)]
    log = logging.StreamHandler(written := io.StringIO())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    try:
        for command in COMMANDS:
            result = kit.app.test_cli_runner().invoke(args=["social", *command.split(), *(["--json"] * as_json)])
            written.write(f"\n{command}\n{result.output}{result.stderr}{result.exception!r}")
            sealed += [text for name in tokens for text in raw(kit, name)]
    finally:
        root.removeHandler(log)
        root.setLevel(level)
    text = written.getvalue()
    assert "Traceback" not in text
    for secret in (
        "SECRET",
        "fs2$",
        CLIENT["consumer_secret"],
        kit.app.config["SECRET_KEY"],
        OLD,
        NEW,
        *filter(None, sealed),
    ):
        assert secret not in text.replace("SECRET_KEY", "")


# Pieces -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("5s", 5), ("30m", 1800), ("1h", 3600), ("10d", 864000)]
)
def test_a_length_of_time(text: str, seconds: int) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "h", "1w", "-1", "1.5h", "1 h", "9999999d", "٣h", "1h\n"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(click.BadParameter):
        duration(text)


def test_what_a_terminal_shows() -> None:
    assert visible("a\x1b[2J\n\u202eb") == "a\ufffd[2J\ufffd\ufffdb"
    assert (visible(None), visible(0), visible("é")) == ("-", "0", "é")
    assert counted({"of_nobody": 1, "claims": 0}) == "1 of nobody, 0 claims"
