"""``connections`` and ``export``: single connections, and everything of one user."""

from __future__ import annotations

import collections.abc as cabc
import itertools
import types
import typing as t

import click
from flask.cli import AppGroup, with_appcontext

from .. import maintenance, security
from ..datastores.columns import utcnow
from ..health import Health, health
from ..maintenance.removing import describe
from ..state import SocialState, current_state
from ..views.connections import can_disconnect
from .output import emit, find_person, json_option, table, told, visible

#: What a list tells of a connection.
LISTED = ("provider_id", "provider_user_id", "user_id", "health", "expires_at")

#: Rows that are written to a terminal or a pipe at once.
_PAGE = 500

connections = AppGroup("connections", help="List, show and remove connections.")


@connections.command("list")
@click.option("--user", metavar="USER", help="Of one user: primary key or e-mail address.")
@click.option("--provider", "provider_id", metavar="ID", help="Of one provider.")
@click.option("--health", "wanted", type=click.Choice(t.get_args(Health)), help="Of this health only.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many at most.")
@json_option
@with_appcontext
@told
def list_connections(user: str | None, provider_id: str | None, wanted: str | None, limit: int, as_json: bool) -> None:
    """List connections with their health."""
    state = current_state()
    rows = _all(state) if user is None else _of_user(state, find_person(state, user))
    fitting = (row for row in rows if provider_id in (None, row["provider_id"]) and wanted in (None, row["health"]))
    found = list(itertools.islice(fitting, limit + 1))
    shown, more = found[:limit], len(found) > limit
    lines = table([LISTED, *(list(row.values()) for row in shown)], (12, 24, 8, 16)) if shown else ["None."]
    emit(as_json, {"connections": shown, "more": more}, lines)
    if more and not as_json:
        click.echo(f"There are more than {limit}; raise --limit.", err=True)


@connections.command("show")
@click.argument("provider_id")
@click.argument("provider_user_id")
@json_option
@with_appcontext
@told
def show_connection(provider_id: str, provider_user_id: str, as_json: bool) -> None:
    """Show all that is known of one connection, but for its tokens."""
    state = current_state()
    found = state.datastore.find_connections(provider_id=provider_id, provider_user_id=provider_user_id)
    if not found:
        raise click.ClickException("There is no such connection.")
    rows = [describe(state, connection) for connection in found]
    emit(as_json, {"connections": rows}, (line for row in rows for line in table(row.items(), (18,))))


@connections.command("remove")
@click.argument("provider_id")
@click.argument("provider_user_id", required=False)
@click.option("--user", metavar="USER", help="All that this user has at the provider: primary key or e-mail address.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@with_appcontext
@told
def remove_connection(
    provider_id: str, provider_user_id: str | None, user: str | None, yes: bool, as_json: bool
) -> None:
    """Remove connections, and end their grants at the provider, as the disconnect button does."""
    state = current_state()
    by: dict[str, t.Any] = {"provider_id": provider_id}
    if provider_user_id is None and user is None:
        raise click.UsageError("Name the account at the provider, or --user.")
    if provider_user_id is not None:
        by["provider_user_id"] = provider_user_id
    if user is not None:
        by["user_id"] = find_person(state, user).id
    found = state.datastore.find_connections(**by)
    locked_out = [str(owner) for owner in {row.user_id for row in found} if _locks_out(state, owner, found)]
    if found and not yes:
        for owner in locked_out:
            click.echo(f"User {visible(owner)} has no other way to log in.", err=True)
        click.confirm(f"Remove {len(found)} connections to {visible(provider_id)}?", abort=True, err=True)
    removed = maintenance.remove_connections(found)
    emit(as_json, {"removed": removed, "without_another_way_in": locked_out}, [f"{removed} removed."])


@click.command("export")
@click.argument("user")
@json_option
@with_appcontext
@told
def export(user: str, as_json: bool) -> None:
    """Print all that is kept of one USER (primary key or e-mail address) as JSON, but for the tokens."""
    emit(True, maintenance.export_user(find_person(current_state(), user)), ())


def _of_user(state: SocialState, user: t.Any) -> cabc.Iterator[dict[str, t.Any]]:
    for connection in state.datastore.find_connections(user_id=user.id):
        told_of = describe(state, connection)
        yield {name: told_of.get(name) for name in LISTED}


def _all(state: SocialState) -> cabc.Iterator[dict[str, t.Any]]:
    """Every connection, a page at a time."""
    after, now = None, utcnow()
    while page := state.datastore.page_tokens(after=after, limit=_PAGE):
        after = page[-1].cursor
        for stored in page:
            row = types.SimpleNamespace(
                status=stored.status,
                granted_scope=stored.granted_scope,
                expires_at=stored.expires_at,
                refresh_token=stored.raw.get("refresh_token"),
            )
            user_id = stored.user_id
            yield {
                "provider_id": stored.key.provider_id,
                "provider_user_id": stored.key.provider_user_id,
                "user_id": user_id if user_id is None or isinstance(user_id, int) else str(user_id),
                "health": health(row, state.find_provider(stored.key.provider_id), now),
                "expires_at": stored.expires_at.isoformat() if stored.expires_at is not None else None,
            }


def _locks_out(state: SocialState, owner: t.Any, losing: cabc.Sequence[t.Any]) -> bool:
    user = security.find_user(owner) if owner is not None else None
    if user is None:
        return False
    mine = state.datastore.find_connections(user_id=owner)
    return not can_disconnect(state, user, mine, [row for row in losing if row.user_id == owner])
