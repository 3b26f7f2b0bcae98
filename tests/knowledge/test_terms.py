"""The terms that articles are found by: pairs of characters, Latin words and numbers, in one spelling (R21)."""

from hypothesis import given
from hypothesis import strategies as st

from bus.domain.knowledge import Article
from bus.domain.text import Text
from bus.knowledge.search import CANDIDATES_MAX, ways_to_look
from bus.knowledge.terms import article_terms, terms_of, tsvector_text

ARTICLE = Article(
    number="KB-1",
    ticket_id="T20260101-000001",
    type="hardware_fault",
    title="压缩机不启动",
    root_cause="power_supply",
    solution="更换启动电容",
    words=("更换启动电容",),
    attachments=(),
)


def test_terms_are_pairs_of_chinese_characters_and_each_character() -> None:
    assert terms_of("压缩机") == ["压缩", "缩机", "压", "缩", "机"]
    assert terms_of("漏 水") == ["漏", "水"]


def test_terms_of_latin_text_have_no_case_no_width_and_no_hyphen() -> None:
    assert terms_of("E-07故障") == ["e07", "07", "故障", "故", "障"]
    assert terms_of("e07") == terms_of("Ｅ０７") == ["e07"]
    assert terms_of("R410A R-410a") == ["r410a", "410a"]
    assert terms_of("WiFi6") == ["wifi6", "wifi"], "who asks for wifi, or WIFI 6, finds it"
    assert terms_of("固件 v2.13, 開關") == ["固件", "固", "件", "v213", "v2", "13", "开关", "开", "关"]


def test_terms_of_an_article_weigh_by_where_they_stand_first() -> None:
    weights = article_terms(ARTICLE, {"power_supply": Text("供电异常", "power supply fault")})
    assert (weights["压缩"], weights["供电"], weights["supply"], weights["电容"], weights["启动"]) == tuple("ABBBA")
    assert "'压缩':1A" in tsvector_text(weights)


@given(st.text(max_size=200))
def test_terms_of_any_text_need_no_quoting_and_stand_there_once(text: str) -> None:
    terms = terms_of(text)
    assert not any(set("'\\: ") & set(term) for term in terms)
    assert len(set(terms)) == len(terms)
    assert set(terms) == set(terms_of(text + " " + text))


def test_terms_rare_ones_are_looked_for_first_and_a_rare_word_hides_nothing() -> None:
    few, many = CANDIDATES_MAX // 2, CANDIDATES_MAX + 1
    assert ways_to_look({}) == []
    assert ways_to_look({"压缩": 3}) == ["'压缩'"]
    assert ways_to_look({"压缩": 3, "不启": 1, "故障": many}) == [
        "'不启' & '压缩' & '故障'", "'不启' | '压缩'", "'故障'",
    ]  # fmt: skip
    assert ways_to_look({"甲": few, "乙": few, "丙": few})[1:] == ["'丙' | '乙'", "'甲'"]
    assert ways_to_look({"故障": many + 1, "维修": many}) == ["'维修' & '故障'"]
