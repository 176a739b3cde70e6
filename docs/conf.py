"""Sphinx: Markdown by MyST, the Furo theme, the Python API from the docstrings. `make docs` builds it."""

import logging
from importlib import metadata

from pygments.lexers.data import JsonLexer
from sphinx.application import Sphinx

project = "chainbell"
author = "The chainbell maintainers"
copyright = author  # noqa: A001  the name is Sphinx's
release = metadata.version("chainbell")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["README.md"]
html_theme = "furo"
html_title = f"chainbell {release}"
html_copy_source = False
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other packages have no page here
autodoc_class_signature = "separated"
default_role = "code"

logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its plug-ins when autodoc imports it


def setup(app: Sphinx) -> None:
    """One JSON object a line is coloured as JSON."""
    app.add_lexer("jsonl", JsonLexer)
