"""Sphinx's configuration of the docs' site: `make docs` builds it, offline, with every warning an error."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "ticketbus 工单事件总线"
author = "ticketbus"
release = version = version_of("ticketbus")
extensions = ["myst_parser", "ops.site.extension"]
# The sources are the pages of the checkout where they stand, so that their links hold there and here.
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "README.zh.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/*.md",
    "examples/**/README.md",
]
exclude_patterns = [".*", "**/node_modules", "build", "dist", "node_modules", "tests", "bus", "adapters"]
myst_heading_anchors = 4

language = "en"
html_search_language = "zh-en"  # of ops/site/search_words.py
html_title = "ticketbus 工单事件总线"
html_theme = "sphinx_book_theme"
html_theme_options: dict[str, Any] = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "navbar_persistent": [],
    "show_toc_level": 2,
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_static_path = ["../ops/site/static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "../console/static/icon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_last_updated_fmt = None
html_domain_indices = False
html_use_index = False
