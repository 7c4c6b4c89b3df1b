"""``renew``, ``rotate-keys`` and ``purge``: work on all connections at once."""

from __future__ import annotations

import datetime as dt
import typing as t

import click
from flask.cli import with_appcontext

from .. import maintenance
from ..maintenance.paging import BATCH
from ..values import ConnectionKey
from .output import counted, duration, emit, json_option, progress, told, visible

dry_run_option = click.option("--dry-run", is_flag=True, help="Only count; change nothing, ask nobody.")
batch_option = click.option("--batch", type=click.IntRange(1, 10_000), default=BATCH, help="Rows read at a time.")

#: How many unreadable connections are listed in JSON, and how many revocations are tried in one run.
LISTED, REVOCATIONS = 1000, 1000


@click.command("renew")
@click.option("--within", type=duration, default="1h", help="Renew what ends so soon, such as 30m, 1h, 1d.")
@click.option("--jitter", type=duration, default="0", help="Wait at random, up to so long, before beginning.")
@click.option("--limit", type=click.IntRange(1), help="Renew so many at most.")
@dry_run_option
@batch_option
@json_option
@click.pass_context
@with_appcontext
@told
def renew(
    context: click.Context,
    within: dt.timedelta,
    jitter: dt.timedelta,
    limit: int | None,
    dry_run: bool,
    batch: int,
    as_json: bool,
) -> None:
    """Renew all tokens that end soon, then try waiting revocations again.

    Several may run at once, on any number of machines.
    """
    with progress("Renewing") as show:
        counts = maintenance.renew_tokens(
            within=within,
            limit=limit,
            jitter=0 if dry_run else jitter.total_seconds(),
            dry_run=dry_run,
            batch=batch,
            progress=show,
        )
    revoked = {} if dry_run else maintenance.retry_revocations(REVOCATIONS)
    lines = [f"Tokens: {counted(counts)}."] + ([f"Revocations: {counted(revoked)}."] if revoked else [])
    emit(as_json, {"dry_run": dry_run, "tokens": counts, "revocations": revoked}, lines)
    if counts.get("unreadable"):
        click.echo("Some tokens open with no key: does this process have the application's keys?", err=True)
    good = any(counts.get(name) for name in ("renewed", "fresh", "busy", "dead"))
    bad = any(counts.get(name) for name in ("failed", "refused", "unreadable"))
    context.exit(1 if bad and not good else 0)


@click.command("rotate-keys")
@click.option("--mark", is_flag=True, help="Mark connections whose tokens open with no key as needs_reconnect.")
@dry_run_option
@batch_option
@json_option
@click.pass_context
@with_appcontext
@told
def rotate_keys(context: click.Context, mark: bool, dry_run: bool, batch: int, as_json: bool) -> None:
    """Seal all stored tokens with the newest key, while the application goes on.

    May be stopped and started again. Exits with 1 when rows are left that were locked all the time.
    """
    lost: list[dict[str, str]] = []

    def unreadable(key: ConnectionKey) -> None:
        if not as_json:
            click.echo(f"No key opens {visible(key.provider_id)} {key.fingerprint}", err=True)
        elif len(lost) < LISTED:
            lost.append({"provider_id": key.provider_id, "fingerprint": key.fingerprint})

    with progress("Sealing") as show:
        counts = maintenance.rotate_keys(dry_run=dry_run, mark=mark, batch=batch, progress=show, unreadable=unreadable)
    emit(as_json, {"dry_run": dry_run, "tokens": counts, "unreadable": lost}, [f"Connections: {counted(counts)}."])
    context.exit(1 if counts["left"] else 0)


@click.command("purge")
@click.option("--provider", "provider_id", metavar="ID", help="All connections of this provider too.")
@click.option("--while-on", is_flag=True, help="Even if it is switched on; only then can its grants be ended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@batch_option
@json_option
@with_appcontext
@told
def purge(provider_id: str | None, while_on: bool, yes: bool, dry_run: bool, batch: int, as_json: bool) -> None:
    """Remove connections of users that are gone, and those of a provider that is switched off."""
    options: dict[str, t.Any] = {"provider_id": provider_id, "while_on": while_on, "batch": batch}
    counts = {}
    if dry_run or not yes:
        with progress("Looking") as show:
            counts = maintenance.purge(dry_run=True, progress=show, **options)
    if not dry_run:
        going = sum(number for name, number in counts.items() if name != "seen")
        if not yes and going:
            click.confirm(f"Remove {counted(counts)}?", abort=True, err=True)
        if yes or going:
            with progress("Removing") as show:
                counts = maintenance.purge(progress=show, **options)
    emit(as_json, {"dry_run": dry_run, "connections": counts}, [f"Connections: {counted(counts)}."])
