"""Reading files: line numbers, bytes, and what a row can be broken by."""

import gzip
import re
from itertools import chain, islice, repeat
from pathlib import Path

import pytest

from adapters.csv_form import CsvForm
from adapters.history import rows
from adapters.history.rows import ROW_BYTES_MAX, HistoryUnreadable, Row, open_lines, read_rows
from tests.history.uci import SAMPLE

PLAIN = CsvForm()


def read(*lines: bytes) -> list[Row]:
    return list(read_rows([b"a,b\n", *lines], PLAIN)[1])


def codes(*lines: bytes) -> list[str]:
    return [row.fault.code if row.fault else "" for row in read(*lines)]


def test_rows_know_their_line_and_their_bytes() -> None:
    rows = read(b"1,2\n", b'"3\n', b'4",5\n', b"\n", b"6,7\n")
    assert [(row.line, row.raw, row.values) for row in rows if not row.empty] == [
        (2, b"1,2\n", ("1", "2")),
        (3, b'"3\n4",5\n', ("3\n4", "5")),
        (6, b"6,7\n", ("6", "7")),
    ]


def test_rows_a_broken_row_is_told_apart_and_the_next_is_read() -> None:
    lines = (b"1\n", b"1,2,3\n", b"1,\x00\n", b"1,\xff\n", b'1,"2"x\n', b"1,2\n")
    assert codes(*lines) == ["wrong_columns", "wrong_columns", "nul", "not_utf8", "bad_csv", ""]
    assert [row.line for row in read(*lines)] == [2, 3, 4, 5, 6, 7]


def test_rows_a_quote_that_never_closes_is_a_fault_that_says_how_many_lines_it_took() -> None:
    [good, row] = read(b"1,2\n", b'1,"2\n', b"3,4\n", b"5,6\n")
    assert (good.fault, row.fault and row.fault.code) == (None, "bad_csv")
    assert "lines 3 to 5 (3 lines)" in str(row.fault)
    assert row.fault
    assert "第 3 至 5 行(共 3 行)" in row.fault.zh


def test_rows_a_quote_that_another_row_closes_says_which_lines_it_took_and_the_next_row_is_read() -> None:
    broken, good = read(b'1,"2\n', b"3,4\n", b'5,"6"\n', b"7,8\n")
    assert broken.fault
    assert "lines 2 to 4 (3 lines)" in broken.fault.en
    assert (good.line, good.values, good.fault) == (5, ("7", "8"), None)


def test_rows_a_quote_that_takes_more_than_a_row_may_have_says_how_many_lines_it_took() -> None:
    broken, *rest = read(b'1,"2\n', *[b"12345678,\n"] * 30_000)
    assert broken.fault
    assert re.search(r"lines 2 to (\d+) \(\d{5} lines\)", broken.fault.en)
    assert {one.fault for one in rest} == {None}


def test_rows_a_header_that_comes_again_is_no_ticket() -> None:
    assert codes(b"1,2\n", b" a ,b\n", b"a,c\n") == ["", "header_again", ""]


def test_rows_a_cell_that_is_turned_around_is_refused_by_its_column() -> None:
    _, rows = read_rows([b"a,b\n", "1,\u202exyz\n".encode(), "2,\u200ex\u202c\n".encode()], PLAIN)
    assert [(row.fault.code, row.fault.field) if row.fault else None for row in rows] == [
        ("control_character", "b"),
        None,
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("count", [2, 100_000])
def test_rows_lines_that_end_by_cr_alone_are_named_with_what_to_do(tmp_path: Path, encoding: str, count: int) -> None:
    path = tmp_path / "mac.csv"
    path.write_bytes(("a,b\r" + "1,2\r" * count).encode(encoding))
    with open_lines(path) as (lines, _), pytest.raises(HistoryUnreadable, match=r"单个 CR .* old Mac: save it as CSV"):
        list(read_rows(lines, CsvForm(encoding=encoding))[1])
    good, mixed = read_rows([b"a,b\r\n", b'1,"2\r3"\r\n', b"1,2\r3,4\r\n"], PLAIN)[1]
    assert (good.values, good.fault) == (("1", "2\r3"), None)
    assert mixed.fault
    assert "CR" in mixed.fault.zh


def test_rows_names_of_columns_are_trimmed() -> None:
    assert read_rows([b"\xef\xbb\xbf a ,\tb\n"], PLAIN)[0] == ("a", "b")
    assert read_rows(["\u202aa\u202c,\u200eb\n".encode()], PLAIN)[0] == ("a", "b")


def test_rows_a_byte_order_mark_is_no_part_of_the_header() -> None:
    assert read_rows([b"\xef\xbb\xbfa,b\n"], PLAIN)[0] == ("a", "b")


def test_rows_a_file_without_a_header_cannot_be_read() -> None:
    with pytest.raises(HistoryUnreadable, match="no header"):
        read_rows([], PLAIN)


@pytest.mark.parametrize("zipped", [False, True])
def test_rows_a_file_is_read_plain_or_gzipped_whatever_its_name(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "incidents"
    plain = b"".join(SAMPLE)
    path.write_bytes(gzip.compress(plain) if zipped else plain)
    with open_lines(path) as (lines, _):
        assert list(lines) == SAMPLE


def test_rows_a_gzip_file_that_breaks_off_says_where(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"".join(SAMPLE))[:-4000])
    with open_lines(path) as (lines, _), pytest.raises(HistoryUnreadable, match="beyond line"):
        list(lines)


def test_rows_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"a,b\n" + b"x" * (ROW_BYTES_MAX + 1))
    with open_lines(path) as (lines, _), pytest.raises(HistoryUnreadable, match="begins in line 2 is longer"):
        list(read_rows(lines, PLAIN)[1])


def test_rows_a_row_of_endless_short_lines_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(
        HistoryUnreadable, match=r"没有导入任何内容 / .*in line 3 is longer.*nothing of the file was imported"
    ):
        list(read_rows(chain([b"a,b\n", b"1,2\n", b'"\n'], repeat(b'","\n', 10**6)), PLAIN)[1])


def test_rows_a_packed_file_is_unpacked_up_to_a_limit_and_a_plain_one_is_not_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "UNPACKED_BYTES_MAX", 1 << 20)
    plain = b"a,b\n" + b"1,2\n" * (1 << 18)
    (tmp_path / "bomb").write_bytes(gzip.compress(plain))
    (tmp_path / "plain").write_bytes(plain)
    with open_lines(tmp_path / "bomb") as (lines, _):
        assert len(list(islice(lines, 1 << 18))) == 1 << 18
        with pytest.raises(HistoryUnreadable, match=r"解压.* / .*more than 1 MiB.*nothing of it was imported.*gunzip"):
            next(lines)
    with open_lines(tmp_path / "plain") as (lines, _):
        assert sum(map(len, lines)) == len(plain)


def test_rows_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnreadable, match="No such file"), open_lines(tmp_path / "absent.csv"):
        pass


def test_rows_lines_of_empty_cells_alone_have_no_values() -> None:
    _, rows = read_rows([b"a,b\n", b"1,2\n", b",\n", b", \n", b",,,,\n", b"3,4\n"], CsvForm())
    read = list(rows)
    assert [(row.line, row.values) for row in read if not row.empty] == [(2, ("1", "2")), (6, ("3", "4"))]
    assert [row.line for row in read if row.empty] == [3, 4, 5]


@pytest.mark.parametrize(
    ("first", "named"),
    [
        (b"PK\x03\x04\x14\x00\n", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\n", "Excel workbook"),
        (b"sep=,\r\n", "sep="),
        (b"\xef\xbb\xbfSEP=;\n", "sep="),
    ],
)
def test_rows_a_workbook_and_a_line_of_excel_are_refused_by_name(first: bytes, named: str) -> None:
    with pytest.raises(HistoryUnreadable, match=named):
        read_rows([first, b"a,b\n"], PLAIN)
