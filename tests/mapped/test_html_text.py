"""The text of a piece of HTML: what people wrote, whatever their help desk made of it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mapping.html_text import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("水泵不转", "水泵不转"),
        ("1 < 2 和 3 > 2, a<b", "1 < 2 和 3 > 2, a<b"),
        ("<div>一<br>二</div><div><br></div><p>三</p>", "一\n二\n\n三"),
        ('<a href="https://example.com/?a=1&amp;b=2">看图</a>', "看图"),
        ("<ul><li>轴承</li><li>密封圈</li></ul>", "轴承\n密封圈"),
        ("温度 &gt; 90&nbsp;度 &#x26; &#32418;", "温度 > 90 度 & 红"),
        ("<style>p {color: red}</style><p>正文</p><!-- 注 -->", "正文"),
        ("&lt;b&gt; 是标签", "<b> 是标签"),
        ("&unknown; &#99999999999;", "&unknown; &#99999999999;"),
        ("", ""),
    ],
)
def test_html_text_tags_go_and_words_and_lines_stay(html: str, text: str) -> None:
    assert plain_text(html) == text


@given(st.text(st.sampled_from("<>/!-&;#x19abp \n")))
def test_html_text_whatever_stands_there_is_read(html: str) -> None:
    assert isinstance(plain_text(html), str)


@pytest.mark.parametrize("piece", ["<", "<!--", "<style>", "&#", "<a ", "&amp", "</p", "<p>"])
def test_html_text_costs_what_it_is_long_and_no_more(piece: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        plain_text(piece * count)
        return time.process_time() - began

    ratios = [seconds(40_000) / seconds(5_000) for _ in range(3)]
    assert min(ratios) < 30  # eight times the length; a square would be 64
