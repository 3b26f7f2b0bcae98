"""The site's navigation, read from docs/index.md: its sections are the kinds of page, its lists what is in each."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Final

INDEX: Final = "docs/index"
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_ITEM: Final = re.compile(r"^- .*(?:\n  .*)*$", re.MULTILINE)
_PAGE: Final = re.compile(r"\]\(([\w./-]+)\.md\)")


def kinds(index: str) -> Mapping[str, Sequence[str]]:
    """Give the pages of each section, as paths from the root of the checkout without `.md`. Pure."""
    parts = _SECTION.split(index)[1:]
    return {
        title: [
            posixpath.normpath(posixpath.join(posixpath.dirname(INDEX), name))
            for item in _ITEM.findall(text)
            for name in _PAGE.findall(item)
        ]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def with_navigation(index: str) -> str:
    """Add what Sphinx makes the sidebar of, which a Git host need not show. Pure."""
    readmes = _tree("", ["README in English </README>", "中文说明 </README.zh>"])
    trees = (_tree(title, [f"/{one}" for one in pages]) for title, pages in kinds(index).items())
    return "\n\n".join([index, readmes, *trees]) + "\n"


def _tree(title: str, entries: Sequence[str]) -> str:
    caption = [f":caption: {title}"] if title else []
    return "\n".join(["```{toctree}", ":hidden:", *caption, "", *entries, "```"])
