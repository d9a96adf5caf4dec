"""The manual: `make docs` builds it into docs/_build. Warnings, such as broken links, are errors there."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

from mtcrnn import __version__

sys.path.insert(0, str(Path(__file__).parent))
from generated import write_generated

project = "mtcrnn"
copyright = "the mtcrnn developers, MIT licence"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "mtcrnn"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"

write_generated(Path(__file__).parent / "_generated")


def setup(app: Sphinx) -> None:
    """Docstrings of modules begin with their level, which is for people who change the code."""

    def without_level(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
        if what == "module" and lines:
            text = re.sub(r"^Level \d: ", "", lines[0])
            lines[0] = text[:1].upper() + text[1:]

    app.connect("autodoc-process-docstring", without_level)
