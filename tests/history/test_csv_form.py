"""Encodings and delimiters: a file is read as its map says, and one that is written otherwise says how."""

from collections.abc import Iterable

import pytest

from adapters.csv_form import CsvForm
from adapters.history.rows import HistoryUnreadable, Row, read_rows

HEADER, CELLS = ("编号", "状态"), ("上海一", "处理中\n上海")  # half of 上 is the byte of a line's end
TEXT = '编号,状态\n上海一,"处理中\n上海"\n2,b\n'


def read(raw: bytes, form: CsvForm) -> tuple[tuple[str, ...], list[Row]]:
    header, rows = read_rows(raw.splitlines(keepends=True) if b"\0" not in raw else cut(raw), form)
    return header, list(rows)


def cut(raw: bytes) -> Iterable[bytes]:
    """Cut bytes as a file gives them: behind each byte of a line's end."""
    *whole, rest = raw.split(b"\n")
    return [line + b"\n" for line in whole] + [rest] * bool(rest)


@pytest.mark.parametrize(
    ("declared", "written", "mark"),
    [
        ("utf-8", "utf-8-sig", b""),
        ("utf-8-sig", "utf-8", b""),
        ("GBK", "gbk", b""),
        ("gb18030", "gb18030", "\ufeff".encode("gb18030")),
        ("utf-16", "utf-16-le", b"\xff\xfe"),
        ("utf-16", "utf-16-be", b"\xfe\xff"),
        ("utf-16-le", "utf-16-le", b""),
        ("big5", "big5", b""),
    ],
)
def test_csv_form_a_file_is_read_in_the_encoding_of_its_map(declared: str, written: str, mark: bytes) -> None:
    text = TEXT if written != "big5" else TEXT.replace("编号", "編號").replace("状态", "狀態").replace("处", "處")
    header, rows = read(mark + text.encode(written), CsvForm(encoding=declared))
    assert [len(header), *(row.line for row in rows)] == [2, 2, 4]
    assert not any(row.fault for row in rows)
    assert rows[1].values == ("2", "b")
    assert b"".join(row.raw for row in rows) == text[text.index("上") :].encode(written.removesuffix("-sig"))
    if written != "big5":
        assert (header, rows[0].values) == (HEADER, CELLS)


@pytest.mark.parametrize(
    ("declared", "written", "named"),
    [
        ("utf-8", "gbk", "looks like GBK: write csv: {encoding: gb18030}"),
        ("utf-8", "utf-16", "looks like UTF-16: write csv: {encoding: utf-16}"),
        ("utf-8", "utf-16-le", "looks like UTF-16-LE"),
        ("gb18030", "utf-16-be", "looks like UTF-16-BE"),
        ("gb18030", "utf-8", "not GB18030, it looks like UTF-8: write csv: {encoding: utf-8}"),
        ("windows-1252", "utf-8-sig", "looks like UTF-8"),
        ("utf-16", "utf-8", "looks like UTF-8"),
        ("utf-16", "gbk", "looks like GBK"),
    ],
)
def test_csv_form_a_file_in_another_encoding_is_refused_by_its_name(declared: str, written: str, named: str) -> None:
    with pytest.raises(HistoryUnreadable) as refused:
        read(TEXT.encode(written), CsvForm(encoding=declared))
    assert named in str(refused.value)
    assert str(refused.value).startswith("文件不是")


@pytest.mark.parametrize(
    ("written", "named"), [("gbk", "looks like GBK"), ("utf-8", "looks like UTF-8"), ("ascii", "looks like UTF-8")]
)
def test_csv_form_a_file_that_is_no_utf_16_is_named_by_its_first_line_beyond_ascii(written: str, named: str) -> None:
    text = "a,b\n" + "1,x\n" * 100 + ("" if written == "ascii" else "2,上海洗衣机\n")
    with pytest.raises(HistoryUnreadable) as refused:
        read(text.encode(written), CsvForm(encoding="utf-16"))
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("declared", "written", "word", "code"),
    [
        ("utf-8", "gbk", "上海", "not_utf8"),
        ("gb18030", "utf-8", "上海", "wrong_encoding"),
        ("windows-1252", "utf-8", "é", "wrong_encoding"),
        ("windows-1252", "gbk", "压缩机异响", "wrong_encoding"),
        ("latin-1", "gbk", "王强", "wrong_encoding"),
    ],
)
def test_csv_form_a_row_in_another_encoding_under_a_plain_header_is_refused_not_read_as_nonsense(
    declared: str, written: str, word: str, code: str
) -> None:
    _, rows = read(f"a,b\n1,x\n2,{word}\n".encode(written), CsvForm(encoding=declared))
    assert [row.fault and row.fault.code for row in rows] == [None, code]


@pytest.mark.parametrize("word", ["上海", "模", "每", "联通", "号", "€"])  # two bytes of GBK can be a letter of UTF-8
def test_csv_form_chinese_words_in_gbk_are_no_utf_8(word: str) -> None:
    _, rows = read(f"a,b\n1,{word}\n".encode("gb18030"), CsvForm(encoding="gb18030"))
    assert [(row.values, row.fault) for row in rows] == [(("1", word), None)]


@pytest.mark.parametrize("word", ["Größe", "Æøå", "naïveté", "ÖÄÜ", "Ãéê", "£50", "façade—«ça»", "ÄÖÜß", "jäääär"])
def test_csv_form_western_words_are_not_taken_for_chinese(word: str) -> None:
    _, rows = read(f"a,b\n1,{word}\n".encode("windows-1252"), CsvForm(encoding="windows-1252"))
    assert [(row.values, row.fault) for row in rows] == [(("1", word), None)]


def test_csv_form_latin_letters_are_not_taken_for_chinese() -> None:
    with pytest.raises(HistoryUnreadable, match="windows-1252"):
        read("numéro,priorité\n".encode("windows-1252"), CsvForm())


@pytest.mark.parametrize(("declared", "character"), [(";", ";"), ("tab", "\t"), ("\t", "\t"), ("|", "|"), ("^", "^")])
def test_csv_form_cells_are_cut_by_the_delimiter_of_the_map(declared: str, character: str) -> None:
    header, rows = read(f"a{character}b\n1{character}2,3\n".encode(), CsvForm(delimiter=declared))
    assert (header, [row.values for row in rows]) == (("a", "b"), [("1", "2,3")])


def test_csv_form_a_line_of_utf_16_without_end_is_refused_before_it_fills_the_memory() -> None:
    endless = ("\u4e0a" * 1000).encode("utf-16-le")
    with pytest.raises(HistoryUnreadable, match="is longer than"):
        read("a,b\n".encode("utf-16-le") + endless * 1000, CsvForm(encoding="utf-16-le"))


def test_csv_form_half_a_character_at_the_end_of_a_cut_file_is_not_left_out() -> None:
    whole = "number\n上".encode("utf-16-le")
    (_, (last, encoding)) = CsvForm(encoding="utf-16-le").lines([whole[:-1]])
    assert last == whole[-2:-1]
    with pytest.raises(UnicodeDecodeError):
        last.decode(encoding)
