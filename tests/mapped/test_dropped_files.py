"""Files that are dropped in a directory: rows as JSON, half-written files left alone, broken ones set aside."""

import json
import os
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from adapters.mapped.dropped_files import DONE, FileUnreadable, documents, moved, waiting
from adapters.mapped.transports import DroppedFiles

ROWS = [{"单号": "7", "标题": "水泵不转"}, {"单号": "8", "标题": "面板,\n不亮"}]
CSV = '单号,标题\n7,水泵不转\n8,"面板,\n不亮"\n'
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    "{rows}</sheetData></worksheet>"
)


def dropped(folder: Path, **changed: Any) -> DroppedFiles:
    given = {"kind": "files", "directory": str(folder), "format": "csv", "settled_s": 0, **changed}
    return DroppedFiles.model_validate(given)


def read(path: Path, **changed: Any) -> list[Any]:
    return [json.loads(one) for one in documents(path, dropped(path.parent, **changed))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_dropped_files_a_csv_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV, encoding=encoding)
    assert read(path, csv={"encoding": encoding}) == ROWS


def test_dropped_files_another_encoding_or_a_broken_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV, encoding="gb18030")
    with pytest.raises(FileUnreadable, match="gb18030"):
        read(path)
    path.write_text("单号,标题\n7\n")
    with pytest.raises(FileUnreadable, match="cells"):
        read(path)
    path.write_text("单号,标题\n7,a,b\n")
    with pytest.raises(FileUnreadable, match="cells"):
        read(path)


def test_dropped_files_ndjson_is_a_document_a_line_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}\nnot json\n')
    assert documents(path, dropped(tmp_path, format="ndjson")) == [b'{"a": 1}', b'{"a": 2}', b"not json"]


def test_dropped_files_an_xlsx_is_read_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    rows = [[cell.format("单号"), cell.format("标题")], ["<c><v>7</v></c>", cell.format("水泵不转")]]
    with ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" '
            'ContentType="application/xml"/><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        )
        book.writestr(
            "xl/workbook.xml",
            '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
            'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
            '<sheet name="工单" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
            'Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
            'Target="worksheets/sheet1.xml"/></Relationships>',
        )
        book.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
            'Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/worksheets/sheet1.xml", SHEET.format(rows="".join(f"<row>{''.join(one)}</row>" for one in rows))
        )
    assert read(path, format="xlsx", sheet="工单") == [{"单号": "7", "标题": "水泵不转"}]
    with pytest.raises(FileUnreadable, match="xlsx"):
        read(path, format="xlsx", sheet="没有")
    path.write_bytes(b"PK not a book")
    with pytest.raises(FileUnreadable, match="xlsx"):
        read(path, format="xlsx")


def test_dropped_files_one_that_is_still_written_is_left_alone_and_the_oldest_is_first(tmp_path: Path) -> None:
    for name, age in (("new.csv", 1), ("old.csv", 60), ("older.csv", 90), (".hidden.csv", 90), ("a.txt", 90)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (1_000 - age, 1_000 - age))
    found = waiting(dropped(tmp_path, pattern="*.csv", settled_s=5), now=1_000)
    assert [one.name for one in found] == ["older.csv", "old.csv"]
    with pytest.raises(FileUnreadable):
        waiting(dropped(tmp_path / "none"))


def test_dropped_files_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "a.csv").write_text("x")
        moved(tmp_path / "a.csv", DONE)
    assert sorted(one.name for one in (tmp_path / DONE).iterdir()) == ["a.1.csv", "a.csv"]
