"""What Sphinx does not do by itself for this site: the navigation, diagrams, links out of it, pages that are drawn."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx

from ops.site.diagrams import picture
from ops.site.drawn_pages import LINKS, write_pages
from ops.site.navigation import INDEX, with_navigation
from ops.site.search_words import ChineseAndEnglish

SAMPLES: Final = "examples"
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Take part in the build."""
    app.add_search_language(ChineseAndEnglish)
    app.connect("source-read", _read)
    app.connect("doctree-read", _draw)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _read(app: Sphinx, page: str, content: list[str]) -> None:
    """Make of a page of the checkout one of the site."""
    known = app.env.found_docs
    content[0] = without_links_out(content[0], Path(app.srcdir), page, lambda name: name in known)
    if page.startswith(f"{SAMPLES}/"):
        content[0] += _files_beside(Path(app.srcdir) / page)
    if page == INDEX:
        content[0] = with_navigation(content[0])
    if page in LINKS:
        content[0] += f"\n{LINKS[page]}\n"


def _files_beside(page: Path) -> str:
    """Offer a sample's files: who reads the site has no checkout. Files that are made when it runs are left out."""
    known = [one.name for one in sorted(page.parent.iterdir()) if one.is_file() and one.suffix not in (".md", ".db")]
    return "\n\n" + " · ".join(f"[{name}]({name})" for name in known) + "\n"


def without_links_out(text: str, root: Path, page: str, is_page: Callable[[str], bool]) -> str:
    """Leave of a link to a folder without a page, or to a page that is not here, its words; files are downloads."""

    def kept(link: re.Match[str]) -> str:
        mark, words, target, _anchor = link.groups()
        if mark or "://" in target:
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        if is_page(f"{path}/README"):
            return f"[{words}]({target.rstrip('/')}/README.md)"
        elsewhere = (root / path).is_dir() or (path.endswith(".md") and not is_page(path.removesuffix(".md")))
        return words if elsewhere else link[0]

    return _LINK.sub(kept, text)


def _draw(_app: Sphinx, page: nodes.document) -> None:
    """Draw Mermaid, and show tables of text as they are: Pygments knows neither."""
    for number, block in enumerate(list(page.findall(nodes.literal_block))):
        language = block.get("language")
        if language == "mermaid":
            block.replace_self(picture(block, number))
        elif language == "csv":
            block["language"] = "text"


def _finish(app: Sphinx, problem: Exception | None) -> None:
    """Add what is no page of Sphinx's."""
    if problem is None:
        write_pages(Path(app.outdir))
        first = f"{INDEX}.html"
        begin = (
            f'<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={first}"><a href="{first}">{first}</a>'
        )
        (Path(app.outdir) / "index.html").write_text(f"<!doctype html>{begin}\n", encoding="utf-8")
