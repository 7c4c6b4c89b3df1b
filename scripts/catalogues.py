"""Bring the catalogues of translations up to date with the messages and the pages.

Usage: ``python scripts/catalogues.py`` writes ``flask_social/translations/*/LC_MESSAGES/flask_social.po`` and ``.mo``.
Translations that are there are kept, new texts come in empty, and texts that are used no more go out. With ``--check``
it writes nothing, names what is missing or stale, and fails when there is anything.

A new language: make its folder ``flask_social/translations/<language>``, and run it.
"""

from __future__ import annotations

import collections.abc as cabc
import functools
import io
import pathlib
import re
import runpy
import sys

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "flask_social"
TRANSLATIONS = PACKAGE / "translations"

#: The functions whose first argument is a text.
KEYWORDS = {"_": None, "translate": None}
_PLACE = re.compile(r"%\((\w+)\)s")

#: Lines of a header that would change without a change of any text.
_RESTLESS = re.compile(
    r'^"(?:Project-Id-Version|Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team'
    r"|Generated-By): .*\n",
    re.MULTILINE,
)


@functools.cache
def texts() -> dict[str, list[str]]:
    """Every text that a person can be shown, and the files or codes that it comes from, in a stable order."""
    found: dict[str, list[str]] = {}
    # The file alone is run: the package need not be installed, or could be another version.
    for code, (text, _) in runpy.run_path(str(PACKAGE / "messages.py"))["DEFAULTS"].items():
        found.setdefault(text, []).append(f"message:{code}")
    upstairs = (PACKAGE / "testing", PACKAGE / "demo")
    modules = [path for path in PACKAGE.rglob("*.py") if not any(path.is_relative_to(folder) for folder in upstairs)]
    templates = [path for path in (PACKAGE / "templates" / "social").rglob("*") if path.is_file()]
    for method, paths in (("jinja2.ext:babel_extract", templates), ("python", modules)):
        for path in sorted(paths):
            for text in extract(method, path):
                places = found.setdefault(text, [])
                if (place := path.relative_to(ROOT).as_posix()) not in places:
                    places.append(place)
    return found


def extract(method: str, path: pathlib.Path) -> cabc.Iterator[str]:
    """Yield the texts of one file in order."""
    # Without "silent" a template that does not compile is an error.
    options = {"silent": "false"} if method != "python" else {}
    for _, text, _, _ in extract_from_file(method, path, KEYWORDS, options=options):
        yield text if isinstance(text, str) else text[0]


def languages() -> dict[str, pathlib.Path]:
    """The ``.po`` files by language."""
    folders = sorted(path for path in TRANSLATIONS.iterdir() if path.is_dir())
    return {folder.name: folder / "LC_MESSAGES" / "flask_social.po" for folder in folders}


def read(po: pathlib.Path, language: str) -> Catalog:
    """The catalogue of a ``.po`` file; an empty one when there is no file."""
    if not po.exists():
        return Catalog(language)
    with po.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def entries(catalogue: Catalog) -> dict[str, str]:
    """What a catalogue says, by text; the header left out."""
    return {str(entry.id): str(entry.string) for entry in catalogue if entry.id and entry.string}


def compiled(po: pathlib.Path) -> dict[str, str]:
    """What the ``.mo`` file beside a ``.po`` file says; nothing when there is none."""
    mo = po.with_suffix(".mo")
    if not mo.exists():
        return {}
    with mo.open("rb") as file:
        return entries(read_mo(file))


def update(language: str, po: pathlib.Path) -> bool:
    """Write the files of one language, where they differ from what is there; whether any did."""
    old = entries(read(po, language))
    new = Catalog(language, fuzzy=False)
    name = Locale.parse(language).english_name
    new.header_comment = f"# The texts of Flask-Social in {name}. scripts/catalogues.py brings new ones in."
    for text, places in texts().items():
        new.add(text, old.get(text, ""), locations=[(place, 0) for place in places])
    with io.BytesIO() as file:
        write_po(file, new, width=0, include_lineno=False)
        shown = _RESTLESS.sub("", file.getvalue().decode())
    changed = not po.exists() or po.read_text(encoding="utf-8") != shown
    if changed:
        po.parent.mkdir(parents=True, exist_ok=True)
        po.write_text(shown, encoding="utf-8")
    if compiled(po) != entries(new):
        changed = True
        with po.with_suffix(".mo").open("wb") as file:
            write_mo(file, new)
    return changed


def faults(language: str, po: pathlib.Path) -> cabc.Iterator[str]:
    """Yield a sentence for everything that is wrong with one language."""
    catalogue, wanted = read(po, language), texts()
    for entry in catalogue:
        if entry.id and entry.fuzzy:
            yield f"is not sure about {entry.id!r}"
    for entry in catalogue.obsolete.values():
        yield f"keeps {entry.id!r}, which is no text any more"
    said = entries(catalogue)
    for text in wanted:
        if text not in said:
            yield f"does not translate {text!r}"
        elif sorted(_PLACE.findall(text)) != sorted(_PLACE.findall(said[text])):
            yield f"has other places than {text!r}"
        elif "%" in _PLACE.sub("", said[text]):
            yield f"has a percent sign that is no place in {text!r}"
    for text in said.keys() - wanted.keys():
        yield f"translates {text!r}, which is no text any more"
    if compiled(po) != said:
        yield "has a .mo file that differs from its .po file"


def main(arguments: list[str]) -> int:
    """Update or check every language; what to end with."""
    if "--check" not in arguments:
        for language, po in languages().items():
            print(f"{language}: {'written' if update(language, po) else 'unchanged'}")
    found = [f"{language} {fault}" for language, po in languages().items() for fault in faults(language, po)]
    print("\n".join(found) or f"{len(texts())} texts, complete in {', '.join(languages())}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
