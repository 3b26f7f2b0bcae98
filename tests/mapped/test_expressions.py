"""Expressions are checked when a map is read, and what they cost follows from the document's size."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.expressions import COPIES_MAX, Expression
from bus.domain.errors import MalformedInput

DOCUMENT = {"a": {"b": {"c": "x"}}, "list": [{"k": "1", "v": "one"}, {"k": "2", "v": "two"}], "n": 3, "none": None}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.b.c", "x"),
        ("a.b.nothing", None),
        ("a.b.c.d", None),
        ("list[?k=='2'].v | [0]", "two"),
        ("list[*].v", ["one", "two"]),
        ("not_null(none, a.b.c)", "x"),
        ("join('-', [a.b.c, 'y'])", "x-y"),
        ("n > `2`", True),
        ("!(a.b)", False),
        ("!none && n > `2`", True),
    ],
)
def test_expressions_read_what_jmespath_says(text: str, found: Any) -> None:
    assert Expression(text).read(DOCUMENT) == found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a.", "JMESPath"),
        ("not_nul(a)", "not_null"),
        ("x" * 501, "500"),
        ("join(a, list)", "join"),
        ("|".join(["[@,@]"] * 7), str(COPIES_MAX)),
        ("(" * 400, "JMESPath"),
        ("!a.b", "!(a.b)"),
        ("join('', [!a.b && 'x' || '', c])", "!(a.b)"),
        ("{a: @, b: @} | {a: @, b: @} | [@,@,@,@,@,@,@,@,@,@] | [@,@,@]", str(COPIES_MAX)),
    ],
)
def test_expressions_that_are_none_or_multiply_a_document_are_refused_in_words(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=re.escape(word)):
        Expression(text)


def test_expressions_a_document_that_does_not_fit_is_refused_without_its_values() -> None:
    with pytest.raises(MalformedInput) as refused:
        Expression("join('-', [a, 'y'])").read({"a": {"phone": "13800000001"}})
    assert refused.value.code == "expression_failed"
    assert "13800000001" not in f"{refused.value.zh}{refused.value.en}"
    with pytest.raises(MalformedInput):
        Expression("a < `1`").read({"a": "text"})


def test_expressions_a_field_that_is_looked_for_behind_a_pipe_is_said_to_be() -> None:
    with pytest.raises(MalformedInput, match=r"behind \| only"):
        Expression("tags[?k == 'sn'].v | [0] || join('-', ['desk', no])").read({"tags": None, "no": "7"})
    with pytest.raises(MalformedInput) as refused:
        Expression("tags || join('-', ['desk', no])").read({})
    assert "|" not in refused.value.en.replace("||", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "list", "k"]), inner),
    max_leaves=10,
)


@given(
    document=JSON,
    text=st.sampled_from(["a.b", "list[?k=='1'] | [0]", "sort_by(list, &k)", "sum(list)", "a[0:2].b", "length(a)"]),
)
def test_expressions_whatever_the_document_nothing_but_malformed_input_leaves(document: Any, text: str) -> None:
    try:
        Expression(text).read(document)
    except MalformedInput:
        return


def test_expressions_the_worst_that_is_allowed_grows_with_the_document_and_no_faster() -> None:
    worst = Expression("list[*].[@,@,@,@,@,@,@,@,@] | [] | [*].[@,@,@,@,@,@,@,@,@,@] | [] | length(@)")
    small, large = ({"list": [json.loads("{}")] * count} for count in (500, 4_000))

    def seconds(document: Any) -> float:
        began = time.process_time()
        worst.read(document)
        return time.process_time() - began

    ratios = [seconds(large) / seconds(small) for _ in range(5)]
    assert min(ratios) < 30  # eight times the document; a square would be 64
