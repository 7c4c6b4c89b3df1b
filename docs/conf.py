"""How the documentation is built. ``tests/test_docs.py`` runs its code and compares its tables with the package."""

from __future__ import annotations

import importlib.util
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import flask_social

project = "Flask-Social"
author = "The Flask-Social authors"
copyright = "2013 to today, the Flask-Social authors"
release = flask_social.__version__
version = ".".join(release.split(".")[:2])

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpicky = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88

# The theme comes with the extra "docs". Without it, the one that comes with Sphinx serves.
html_theme = "furo" if importlib.util.find_spec("furo") else "alabaster"
html_title = f"Flask-Social {release}"
html_copy_source = False
html_show_sourcelink = False
