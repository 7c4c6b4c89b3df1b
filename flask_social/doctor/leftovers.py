"""What worked with Flask-Social 1.x and its libraries, and does not any more, in the files of the application."""

from __future__ import annotations

import collections.abc as cabc
import os
import pathlib
import re

from flask import Flask

from .findings import Finding, ok, warning

#: Pattern, kinds of file, code, what is the case, the cure. No pattern may read a text more than once: what it
#: repeats ends where it could begin again.
LEFTOVERS = (
    (
        re.compile(r"<form\b[^<>]*\bmethod\s*=\s*[\"']?delete\b", re.I),
        (".html", ".htm", ".jinja", ".jinja2", ".j2"),
        "form_delete",
        "a form with method DELETE, which browsers send as GET",
        "Use show_provider_button(), or a POST form to social.disconnect.",
    ),
    (
        re.compile(r"\bsecurity\.authenticate\b"),
        (".html", ".htm", ".jinja", ".jinja2", ".j2", ".py"),
        "security_authenticate",
        "security.authenticate, an endpoint that Flask-Security does not have any more",
        "Name security.login.",
    ),
    (
        re.compile(r"\.PostUpdates?\s*\("),
        (".py",),
        "python_twitter",
        "PostUpdate() of python-twitter; get_api() gives a tweepy client",
        'Call create_tweet(text="…").',
    ),
    (
        re.compile(r"^[ \t]*(?:from|import)\s+oauth2client\b", re.M),
        (".py",),
        "oauth2client",
        "oauth2client, which is abandoned; get_api() gives a client of google-api-python-client",
        'Call get_api("drive", "v3") and the like.',
    ),
    (
        re.compile(r"^[ \t]*(?:from|import)\s+flask\.ext\b", re.M),
        (".py",),
        "flask_ext",
        "an import from flask.ext, which Flask does not have any more",
        "Import from flask_social.",
    ),
    (
        re.compile(r"^[ \t]*from\s+flask_social\.views\s+import\b[^\n]*\blogin_handler\b", re.M),
        (".py",),
        "login_handler",
        "login_handler, which is gone",
        "Subscribe to the signals login_completed and login_failed.",
    ),
)

#: Folders that are no part of an application, and how much is read of it at most.
_FOREIGN = frozenset({"site-packages", "node_modules", "venv", "env", "__pycache__", "build", "dist"})
MAX_FILES, MAX_BYTES = 5000, 1024 * 1024


def examine(app: Flask) -> cabc.Iterator[Finding]:
    """The templates and the Python files below the application's folder; the first place of each leftover."""
    first: dict[str, str] = {}
    more: dict[str, int] = {}
    cut = False
    for number, path in enumerate(_files(app)):
        if number >= MAX_FILES:
            cut = True
            break
        text = _read(path)
        for pattern, kinds, code, _, _ in LEFTOVERS:
            if path.suffix not in kinds or not (found := pattern.search(text)):
                continue
            place = f"{os.path.relpath(path, app.root_path)}:{text.count(chr(10), 0, found.start()) + 1}"
            more[code] = more.get(code, -1) + 1
            first.setdefault(code, place)
    for _, _, code, what, cure in LEFTOVERS:
        if code in first:
            others = f" (and {more[code]} more files)" if more[code] else ""
            yield warning(f"leftover_{code}", f"{first[code]}{others} has {what}.", cure)
    if not first:
        yield ok(
            "leftovers",
            "Nothing of Flask-Social 1.x is left in templates and code."
            if not cut
            else f"Nothing of Flask-Social 1.x is left in the first {MAX_FILES} files.",
        )


def _files(app: Flask) -> cabc.Iterator[pathlib.Path]:
    kinds = {kind for _, kinds, _, _, _ in LEFTOVERS for kind in kinds}
    roots = [app.root_path, *(getattr(app.jinja_loader, "searchpath", None) or ())]
    seen: set[str] = set()
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(it for it in folders if it not in _FOREIGN and not it.startswith("."))
            if os.path.exists(os.path.join(folder, "pyvenv.cfg")) or folder in seen:
                folders.clear()
                continue
            seen.add(folder)
            yield from (pathlib.Path(folder, name) for name in sorted(names) if pathlib.Path(name).suffix in kinds)


def _read(path: pathlib.Path) -> str:
    try:
        if not path.is_file():  # a pipe would keep us waiting
            return ""
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
