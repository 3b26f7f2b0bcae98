"""The words of the site's search: English ones by their stems, Chinese by pairs of characters.

Pairs need no dictionary, and index and browser cut alike: what is asked for is found wherever it stands in a sentence.
"""

import re
from typing import Final

from sphinx.search.en import SearchEnglish

CHINESE: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_RUN: Final = re.compile(rf"[{CHINESE}]+|[^\W{CHINESE}]+")
# The same in the browser. A character alone is found by whatever pair begins or ends with it.
_SPLIT_QUERY: Final = rf"""
var splitQuery = (query) =>
  (query.match(/[{CHINESE}]+|(?:(?![{CHINESE}])[\p{{Letter}}\p{{Number}}_])+/gu) || []).flatMap((run) =>
    /^[{CHINESE}]{{2}}/.test(run) ? [...run].slice(1).map((second, at) => run[at] + second) : [run]);
"""


def words(text: str) -> list[str]:
    """Cut a text into words; of Chinese every pair of neighbours, and every character. Pure."""
    found: list[str] = []
    for run in _RUN.findall(text):
        if "\u3400" <= run[0] <= "\u9fff":
            found += [run[at : at + 2] for at in range(len(run) - 1)]
            found += run
        else:
            found.append(run)
    return found


class ChineseAndEnglish(SearchEnglish):
    """Sphinx's search for pages that are English with Chinese words in them."""

    lang = "zh-en"
    js_splitter_code = _SPLIT_QUERY

    def split(self, input: str) -> list[str]:  # noqa: A002 - Sphinx names it so
        """Cut as the browser does."""
        return words(input)
