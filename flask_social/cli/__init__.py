"""``flask social``: looking after connections from the command line. No command ever prints a token."""

from __future__ import annotations

from flask.cli import AppGroup

from . import accounts, looking, upkeep

#: The group, which ``Social`` puts on an application's command line.
social = AppGroup("social", help="Look after social logins and their connections.")

for command in (looking.providers, looking.check, accounts.connections, accounts.export):
    social.add_command(command)
for command in (upkeep.renew, upkeep.rotate_keys, upkeep.purge):
    social.add_command(command)
