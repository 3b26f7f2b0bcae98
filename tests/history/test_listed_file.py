"""A source's list in a file: JSON, CSV by fixed columns, CSV by a map; what cannot be read is named by its line."""

import json
from pathlib import Path

import pytest

from adapters.crm.listed_ticket import listed_ticket
from adapters.history.listed_file import read_list_file
from adapters.history.map_file import MapInvalid, load_map
from adapters.history.rows import HistoryUnreadable

MAPS = Path(__file__).parents[2] / "adapters" / "history"
TICKET = {
    "source_no": "C-1", "opened_at": "2026-11-28T08:00:00+08:00", "status": "已结案", "type": "hardware_fault",
    "region": "华东", "title": "漏水", "incident_key": {"kind": "order", "value": "O-1"},
    "customer": {"name": "李女士", "phone": "13800000000"},
}  # fmt: skip
CSV = """\
z,source_no,opened_at,status,type,region,title,incident_key.kind,incident_key.value,customer.name,customer.phone
,C-1,2026-11-28T08:00:00+08:00,已结案,hardware_fault,华东,漏水,order,O-1,李女士,13800000000
"""


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([TICKET]),
        json.dumps({"tickets": [TICKET]}, indent=2),
        "\ufeff" + json.dumps(TICKET) + "\n" + json.dumps(TICKET) + "\n",
        CSV,
    ],
    ids=["array", "object", "lines", "csv"],
)
def test_listed_file_gives_the_same_ticket_in_each_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list"
    path.write_text(text, encoding="utf-8")
    read = read_list_file(path, listed_ticket)
    listed = read.tickets[0]
    assert (listed.number, listed.at.isoformat()) == ("C-1", "2026-11-28T00:00:00+00:00")
    assert listed.fields == {"state": "closed", "type": "hardware_fault", "region": "华东"}
    assert listed.opening
    assert (listed.opening.incident_key.value, listed.opening.customer.phone) == ("O-1", "13800000000")
    assert read.unread == (["z"] if text is CSV else ())


def test_listed_file_a_number_is_its_text_with_all_of_its_digits(tmp_path: Path) -> None:
    path = tmp_path / "list"
    numbered = json.dumps(TICKET).replace('"C-1"', "20261122000000000000001")
    for text in (f"[{numbered}]", f"{numbered}\n{numbered}\n"):
        path.write_text(text, encoding="utf-8")
        assert read_list_file(path, listed_ticket).tickets[0].number == "20261122000000000000001"


def test_listed_file_a_csv_export_is_read_by_its_map(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    text = "id,status,created,resolved,closed,subject,priority,requester,phone\n"
    path.write_text(text + "7,Closed,2026/11/28 08:00,,2026/11/28 09:00,打印机坏了,1,李,-\n", encoding="gb18030")
    [listed] = read_list_file(path, listed_ticket, load_map(MAPS / "help_desk_export.yaml")).tickets
    assert (listed.number, listed.at.isoformat()) == ("7", "2026-11-28T00:00:00+00:00")
    assert listed.fields == {"state": "closed"}
    assert listed.opening
    assert (listed.opening.title, listed.opening.incident_key.value) == ("打印机坏了", "help-desk:7")
    path.write_text(text + "7,Vague,2026/11/28 08:00,,,x,1,李,-\n", encoding="gb18030")
    with pytest.raises(HistoryUnreadable, match="line 2, status"):
        read_list_file(path, listed_ticket, load_map(MAPS / "help_desk_export.yaml"))
    with pytest.raises(MapInvalid, match="row: ticket"):
        read_list_file(path, listed_ticket, load_map(MAPS / "uci_incident_log.yaml"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("number,opened_at\n1,2026-11-28T08:00:00+08:00\n", "no columns source_no; it has number, opened_at"),
        ("source_no,opened_at\n1,2026-11-28 08:00\n", r"line 2\.opened_at must be an RFC 3339 time"),
        ("source_no,opened_at\n,2026-11-28T08:00:00+08:00\n", r"line 2\.source_no is missing"),
        ('source_no,opened_at\n"1,2\n', "line 2"),
        ('[{"source_no": 1}]', r"\$\[0\]\.opened_at is missing"),
        ("[1]", r"\$\[0\]: .*JSON object"),
        ("[{", "not JSON"),
        ("[" * 1000 + "]" * 1000, "not JSON"),
        ('{"data": []}', "no array of tickets"),
        ("", "no header line"),
    ],
)
def test_listed_file_that_cannot_be_judged_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "list"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HistoryUnreadable, match=says):
        read_list_file(path, listed_ticket)
