"""The terms that an article is found by: pairs of Chinese characters, and words and numbers of Latin text. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from bus.domain.knowledge import Article
from bus.domain.simplified import folded
from bus.domain.text import Text

# Of a run of Chinese characters each pair is a term, and each character: who asks in other words shares some of them.
# A Latin word or number is a term without what joins it (`E-07` is `e07`), and so is each of its parts, and a word
# before a number (`wifi` of WiFi6).
_HAN: Final = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_RUNS: Final = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:[-./_][^\W_{_HAN}]+)*")
_IS_HAN: Final = re.compile(rf"[{_HAN}]")
_JOINS: Final = re.compile(r"[-./_]")
_NUMBERED: Final = re.compile(r"([a-z]{3,})[0-9]")
TERM_CHARS_MAX: Final = 60
TEXT_CHARS_MAX: Final = 10_000  # of a text that is looked through
WEIGHTS: Final = "ABC"  # title, root cause and phrases, solution


def terms_of(text: str) -> list[str]:
    """List the terms of a text, each once, in the order of their first place: by them it is found, and asks."""
    runs: list[str] = _RUNS.findall(folded(text[:TEXT_CHARS_MAX]))
    return list(dict.fromkeys(term for run in runs for term in _terms_of(run)))


def article_terms(article: Article, causes: Mapping[str, Text]) -> dict[str, str]:
    """Give each term of an article with its weight: A for the title, B for cause and phrases, C for the solution."""
    cause = causes.get(article.root_cause, Text("", ""))
    texts = (article.title, f"{cause.zh} {cause.en} {' '.join(article.words)}", article.solution)
    weights = dict[str, str]()
    for weight, text in zip(WEIGHTS, texts, strict=True):
        for term in terms_of(text):
            weights.setdefault(term, weight)
    return weights


def tsvector_text(weights: Mapping[str, str]) -> str:
    """Spell terms and weights as a tsvector; no term holds a quote or a backslash."""
    return " ".join(f"'{term}':1{weight}" for term, weight in weights.items())


def tsquery_text(terms: Sequence[str], joined: str) -> str:
    """Spell terms as a tsquery, all (`&`) or any (`|`) of them."""
    return f" {joined} ".join(f"'{term}'" for term in terms)


def _terms_of(run: str) -> Iterable[str]:
    if _IS_HAN.match(run):
        return [*(one + other for one, other in pairwise(run)), *run]
    parts = _JOINS.split(run)
    words = [numbered[1] for one in parts if (numbered := _NUMBERED.match(one))]
    return [term[:TERM_CHARS_MAX] for term in ("".join(parts), *(one for one in parts if len(one) > 1), *words)]
