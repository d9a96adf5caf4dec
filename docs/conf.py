"""The manual: `make docs` builds it into docs/_build. Warnings, such as broken links, are errors there."""

import sys
from pathlib import Path

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
