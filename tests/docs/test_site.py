"""The site of the docs: each page stands once in one of the four kinds, and what the site does of its own."""

import re
from itertools import chain
from pathlib import Path

import pytest

from ops.site.extension import without_links_out
from ops.site.navigation import kinds, with_navigation
from ops.site.search_words import words

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
READMES = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")]
FENCED = re.compile(r"^```\w*\n.*?^```", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"(^|\s+)#[^\n]*$", re.MULTILINE)


def test_site_has_every_page_once_in_one_of_four_kinds() -> None:
    files = (*(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("**/README.md"))
    pages = [path.relative_to(ROOT).with_suffix("").as_posix() for path in files if "node_modules" not in path.parts]
    expected = sorted({*pages, "ARCHITECTURE", "CHANGELOG"} - {"docs/index"})
    found = kinds(INDEX)
    assert [title.split()[0] for title in found] == ["Tutorials", "How-to", "Reference", "Explanation"]
    assert sorted(chain(*found.values())) == expected, "name each page once in docs/index.md"


def test_site_navigation_is_made_of_the_lists_of_each_section() -> None:
    text = with_navigation("# Docs\n\n## Tutorials 入门\n\n- [one](one.md): of two\n\n### More\n\n- [up](../UP.md)\n")
    assert "```{toctree}\n:hidden:\n:caption: Tutorials 入门\n\n/docs/one\n/UP\n```" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("死信队列", ["死信", "信队", "队列", "死", "信", "队", "列"]),
        ("dead_letter 死信 v2", ["dead_letter", "死信", "死", "信", "v2"]),
        ("工单ticket", ["工单", "工", "单", "ticket"]),
    ],
)
def test_site_search_cuts_chinese_into_pairs_and_keeps_english_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_site_leaves_the_words_of_links_that_lead_out_of_it() -> None:
    text = "[a](../README.md#x) [go](../examples/go) [`b`](../schemas/records) [c](../tests/faults/README.md) [d](http://e)"
    left = without_links_out(text, ROOT, "docs/page", lambda name: name in ("README", "examples/go/README"))
    assert left == "[a](../README.md#x) [go](../examples/go/README.md) `b` c [d](http://e)"


def test_site_readme_in_chinese_has_the_commands_of_the_english_one() -> None:
    blocks = [[COMMENT.sub("", one) for one in FENCED.findall(text)] for text in READMES]
    stripped = [["\n".join(line.rstrip() for line in one.splitlines()) for one in of_one] for of_one in blocks]
    assert len(stripped[0]) > 5
    assert stripped[1] == stripped[0]


def test_site_readmes_name_each_other_first_and_have_the_same_sections_and_links() -> None:
    english, chinese = READMES
    assert "(README.zh.md)" in english.splitlines()[2]
    assert "(README.md)" in chinese.splitlines()[2]
    english_count, chinese_count = (len(re.findall(r"^## ", text, re.MULTILINE)) for text in READMES)
    assert english_count == chinese_count > 5
    links = [set(re.findall(r"\]\(([^)\s#]+)", FENCED.sub("", text))) for text in READMES]
    assert links[0] - {"README.zh.md"} == links[1] - {"README.md"}
