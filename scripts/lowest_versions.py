"""Write the lower bounds of setup.cfg as constraints for pip: ``SQLAlchemy>=2.0.41`` as ``SQLAlchemy==2.0.41``.

Usage: ``python scripts/lowest_versions.py lowest.txt``, then ``pip install -c lowest.txt -e ".[all,test]"``.
Only what an application installs is pinned; the tools of the extras ``test``, ``docs`` and ``bench`` are not.
"""

from __future__ import annotations

import collections.abc as cabc
import configparser
import pathlib
import re
import sys

SETUP_CFG = pathlib.Path(__file__).resolve().parents[1] / "setup.cfg"
TOOLS = {"test", "docs", "bench"}
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?>=(?P<version>[^\s;,]+)")


def lowest(text: str) -> cabc.Iterator[str]:
    """Yield one constraint for each requirement of the text of a ``setup.cfg``, sorted by name.

    :raises ValueError: for a requirement that has no lower bound, or anything besides one.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    listings = [config["options"]["install_requires"]]
    listings += [listing for extra, listing in config["options.extras_require"].items() if extra not in TOOLS]
    bounds: dict[str, str] = {}
    for line in "\n".join(listings).splitlines():
        if not line.strip() or line.startswith("Flask-Social["):
            continue
        if (match := REQUIREMENT.fullmatch(line.strip())) is None:
            raise ValueError(f"a lower bound and nothing else is wanted, not {line!r}")
        bounds[match["name"]] = match["version"]
    for name in sorted(bounds, key=str.lower):
        yield f"{name}=={bounds[name]}"


if __name__ == "__main__":
    constraints = "".join(f"{line}\n" for line in lowest(SETUP_CFG.read_text(encoding="utf-8")))
    pathlib.Path(sys.argv[1]).write_text(constraints, encoding="utf-8")
