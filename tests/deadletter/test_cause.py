"""The cause of a letter: unlike refusals are apart, alike ones together, whatever they name."""

import pytest

from deadletter.cause import cause_of_letter, folded

ALIKE = (
    ("物料编码 M-17 不存在", "物料编码 CK001 不存在"),
    ("字段“物料编码”的值“M17”无效", "字段“物料编码”的值“A9 泵”无效"),
    ("no such part 'ACME pump'", "no such part 'valve'"),
    ("Error: key1='str1' key2=123456 at 2023-05-02 23:25:01", "Error: key1='x' key2=9 at 2026-11-28 08:00:00"),
    ("unknown customer 4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "Unknown customer 1"),
    ("see https://erp.example/bill/17, ask it@erp.example", "see https://erp.example/bill/x, ask hr@b.example"),
    ("电话 *** 不是客户的", "电话 13800138000 不是客户的"),
    ("缺少物料 M1、M2、M3", "缺少物料 M9"),
    ("第 \uff11\uff12 行\uff1a无效", "第 7 行:无效"),
)
UNLIKE = (
    ("物料 M-17 不存在", "仓库 M-17 不存在"),
    ("库存不足", "期间已结账"),
    ("字段“物料编码”是必填项", "字段“仓库”是必填项"),
    ('column "part_no" violates a check', 'column "stock" violates a check'),
    ("ORA-00001: unique constraint", "ORA-12541: unique constraint"),
    ("失败\uff0c错误码\uff1a10012", "失败\uff0c错误码\uff1a10013"),
    ("refused: error code 40 (M-17)", "refused: error code 41 (M-17)"),
    ("the target's row isn't there", "the target's row isn't new"),
    ("", "库存不足"),
)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_cause_is_the_same_whatever_things_the_words_name(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert cause_of_letter("erp", words=one) == cause_of_letter("erp", words=other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_cause_is_another_for_other_words(one: str, other: str) -> None:
    assert cause_of_letter("erp", words=one) != cause_of_letter("erp", words=other)


def test_cause_is_another_for_other_facts_and_folds_long_words_in_bounded_time() -> None:
    assert cause_of_letter("erp", 400, words="") != cause_of_letter("erp", 500, words="")
    for text in ("a" * 50_000, "'" * 50_001, "a1-" * 20_000, "“" * 50_000, "field '" * 9_000, "a.a@" * 15_000):
        assert len(folded(text)) <= 200
