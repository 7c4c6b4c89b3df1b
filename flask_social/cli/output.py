"""What every command shares: JSON or text, progress, errors, lengths of time, whom a text names."""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import datetime as dt
import functools
import itertools
import json
import re
import sys
import typing as t
import uuid

import click

from .. import security, users
from ..errors import SocialError
from ..maintenance.paging import Progress
from ..state import SocialState

Command = t.TypeVar("Command", bound=cabc.Callable[..., t.Any])

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = dt.timedelta(days=3660)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def told(command: Command) -> Command:
    """A command whose errors of ours are a line, not a traceback."""

    @functools.wraps(command)
    def run(*args: t.Any, **options: t.Any) -> t.Any:
        try:
            return command(*args, **options)
        except SocialError as error:
            raise click.ClickException(visible(str(error))) from error

    return t.cast("Command", run)


def emit(as_json: bool, data: object, lines: cabc.Iterable[str]) -> None:
    """Prints one or the other to standard output."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
    else:
        for line in lines:
            click.echo(line)


def table(rows: cabc.Iterable[cabc.Sequence[object]], widths: cabc.Sequence[int]) -> cabc.Iterator[str]:
    """Lines of columns. A column is as wide as it is told; a longer text shifts the rest."""
    for row in rows:
        cells = (visible(cell).ljust(width) for cell, width in itertools.zip_longest(row, widths, fillvalue=0))
        yield "  ".join(cells).rstrip()


def visible(value: object) -> str:
    """A value as a terminal may show it: a name from elsewhere does not move the cursor. Nothing: a dash."""
    text = "-" if value is None else str(value)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def counted(counts: cabc.Mapping[str, int]) -> str:
    """Counts as a line."""
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())


@contextlib.contextmanager
def progress(label: str) -> cabc.Iterator[Progress | None]:
    """Shows how many rows were looked at, on a terminal's standard error; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    # Nobody knows how many rows there are: counting them would take as long as a page or two.
    rows: cabc.Iterable[int] = iter(int, 1)
    with click.progressbar(rows, label=label, file=sys.stderr, show_pos=True) as bar:
        yield bar.update


def duration(text: str) -> dt.timedelta:
    """A length of time: seconds, or a number with ``s``, ``m``, ``h`` or ``d``; fails as click does."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    delta = dt.timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else None
    if delta is None or delta > _LONGEST:
        raise click.BadParameter(f"{text!r} is no length of time, such as 90, 30m, 1h or 10d.")
    return delta


def find_person(state: SocialState, text: str) -> t.Any:
    """The user whom a primary key or an e-mail address names.

    :raises click.ClickException: when it is nobody's.
    """
    found = users.find_by_address(text) if "@" in text else None
    for read in (int, uuid.UUID, str):
        if found is not None:
            break
        # What is no key of this model is refused by whichever library has it, in its own way.
        with contextlib.suppress(ValueError):
            key = read(text)
            try:
                found = security.find_user(key)
            except Exception:
                state.datastore.rollback()
    if found is None:
        raise click.ClickException(f"There is no user {visible(text)}.")
    return found
