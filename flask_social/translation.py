"""Our words in the language of the request. Flask-Babel chooses it; where it is not set up, they are English."""

from __future__ import annotations

import collections.abc as cabc
import functools
import logging
import os
import pathlib
import typing as t

from flask import has_app_context

from .messages import DEFAULTS, fill
from .state import SocialState, current_sender, current_state, extension

if t.TYPE_CHECKING:
    from flask_babel import Domain

logger = logging.getLogger("flask_social")

#: The name of the catalogue files, ``<directory>/<language>/LC_MESSAGES/flask_social.mo``.
DOMAIN = "flask_social"

#: What stands for our own catalogues in ``SOCIAL_I18N_DIRNAME``.
BUILTIN = "builtin"

_OWN = pathlib.Path(__file__).with_name("translations")


def translate(text: str) -> str:
    """The text in the language of the request, with its ``%(name)s`` places as they are; the text itself without a
    translation. Never raises.
    """
    catalogue = _catalogue()
    # The translation of the empty text would be the catalogue's header.
    return t.cast("str", catalogue.ugettext(text)) if catalogue is not None and text else text


def words(text: str, values: cabc.Mapping[str, object]) -> str:
    """The text of a page, translated, then filled. Without values its places stay as they are."""
    if not values:
        return translate(text)
    try:
        return fill(translate(text), values)
    except (KeyError, TypeError, ValueError):
        # A slip in a catalogue of the application must not end a visit in an error.
        return fill(text, values)


def message(state: SocialState, code: str, values: cabc.Mapping[str, object]) -> str:
    """The message of a code, filled; translated unless ``SOCIAL_MSG_<CODE>`` made it the application's own."""
    text = state.settings.message(code)[0]
    ours = DEFAULTS.get(code) or DEFAULTS["provider_error"]
    return words(text, values) if text == ours[0] else fill(text, values)


def language() -> str:
    """The language tag (RFC 5646) of our words in this request, for ``<html lang>``; ``en`` without a translation."""
    if not getattr(_catalogue(), "files", ()):
        return "en"
    from flask_babel import get_locale

    locale = t.cast("t.Any", get_locale())
    return "-".join(filter(None, (locale.language, locale.script, locale.territory)))


def _catalogue() -> t.Any | None:
    """Flask-Babel's catalogue for this request; it is empty for a language without one. ``None`` without Flask-Babel,
    or when it does not know the language.
    """
    if not has_app_context() or extension("babel") is None:
        return None
    try:
        names, root = current_state().settings.i18n_dirname, current_sender().root_path
        # Of several directories the last wins: ours goes first.
        ordered = sorted(names, key=lambda name: name != BUILTIN)
        paths = [str(_OWN) if name == BUILTIN else os.path.join(root, name) for name in ordered]
        return _domain(tuple(paths)).get_translations()
    except Exception as error:
        # What chooses the language, often by what a visitor sent, and the files are the application's. An error there
        # must not turn a login that has happened into an error page.
        logger.debug("no translation: %s", type(error).__name__)
        return None


@functools.cache
def _domain(directories: tuple[str, ...]) -> Domain:
    """The catalogues of these directories, by language; they are read when first asked for."""
    from flask_babel import Domain

    return Domain(translation_directories=list(directories), domain=DOMAIN)
