"""Reasons of refused rows as they are stored: the map's words stay, cells do not."""

import pytest

from adapters.history.refused_rows import without_cells

WORDS = {"New", "Closed", "opened", ","}


@pytest.mark.parametrize(
    ("text", "cell", "stored"),
    [
        ("没有状态“张三”;最接近的是“New”", "张三", "没有状态“…”;最接近的是“New”"),
        ("“张”三”不符合时间格式", "张”三", "“…”不符合时间格式"),
        (
            "the map knows no state '张三'; the nearest is 'New'",
            "张三",
            "the map knows no state '…'; the nearest is 'New'",
        ),
        ("\"O'Neil\" is no single person: isn't it?", "O'Neil", "'…' is no single person: isn't it?"),
        ("'a\\'b\"c' is the bus's own name; say", "a'b\"c", "'…' is the bus's own name; say"),
        ("“客服部”不是具体的人", "\uff0b客服部", "“…”不是具体的人"),  # a cell in another spelling
        ("工单是“已解决,李敏”,这一行是“已关闭”", "李敏", "工单是“已解决,…”,这一行是“已关闭”"),
        ("缺少“opened”", "x", "缺少“opened”"),
        ("the row is not CSV: ',' expected after '\"'", "", "the row is not CSV: ',' expected after '\"'"),
    ],
)
def test_refused_rows_reasons_are_stored_without_cells(text: str, cell: str, stored: str) -> None:
    assert without_cells(text, (f" {cell} ", "Closed"), WORDS) == stored
