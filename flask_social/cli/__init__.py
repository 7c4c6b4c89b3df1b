"""``flask social``: looking after connections from the command line. No command ever prints a token."""

from __future__ import annotations

import importlib
import typing as t

from flask.cli import AppGroup

if t.TYPE_CHECKING:
    import click

#: Where each command is; an application that logs people in needs none of them.
_HOMES = {
    "providers": "looking",
    "check": "looking",
    "connections": "accounts",
    "export": "accounts",
    "renew": "upkeep",
    "rotate-keys": "upkeep",
    "purge": "upkeep",
}


class Commands(AppGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or ``None`` when there is none of this name."""
        if cmd_name not in _HOMES:
            return None
        module = importlib.import_module(f".{_HOMES[cmd_name]}", __name__)
        return t.cast("click.Command", getattr(module, cmd_name.replace("-", "_")))


#: The group, which ``Social`` puts on an application's command line.
social = Commands("social", help="Look after social logins and their connections.")
