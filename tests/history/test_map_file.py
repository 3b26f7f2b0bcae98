"""A map file says what is wrong with it, by field."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.history.map_file import HistoryMap, MapInvalid, load_map
from adapters.history.rows import HistoryUnreadable
from adapters.history.table import BoundTable
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from tests.history.uci import HEADER, MAP, ROOT, TABLE, row

SHIPPED = (ROOT / "adapters" / "history" / "uci_incident_log.yaml").read_text(encoding="utf-8")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in SHIPPED
    path = tmp_path / "map.yaml"
    path.write_text(SHIPPED.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("ticket_type:", "ticket_typ:", "ticket_typ: 对照表里没有这一项 / "),
        ("missing:", "incident_key: order\nmissing:", "incident_key: {kind: order, column"),
        ("missing:", "incident_key: {kind: invoice, column: number}\nmissing:", "incident_key.kind"),
        ("missing:", "csv: {encoding: utf-99}\nmissing:", "csv.encoding: 没有编码“utf-99”"),
        ("missing:", "csv: {encoding: utf-32}\nmissing:", "cannot be read line by line"),
        ("missing:", "csv: {delimiter: ;;}\nmissing:", "csv.delimiter"),
        ("missing:", "optional: locaton\nmissing:", "did you mean 'location'?"),
        ("missing:", "optional: number\nmissing:", "'number' is needed"),
        ("missing:", "row: ticket\nincident_key: {kind: order}\nmissing:", "incident_key.column"),
        ("missing:", "ticket_type: it_incident\nmissing:", "line 5: 'ticket_type' stands here twice"),
        ("updated_at: sys_updated_at", "closed_at: closed_at", "write row: ticket"),
        ("actor:", "closed_at: closed_at\n  actor:", "write row: ticket"),
        ("opened_at: opened_at", "opened_at:", "columns.opened_at"),
        ("zone: UTC", "zone: Mars/Olympus", "time.zone"),
        ("Active: active", "Active: working", "states.Active"),
        ("Awaiting Vendor: third_party", "Awaiting Vendor: vendor", "waiting.Awaiting Vendor"),
        ("resolve: [photos", "resolve: [photo", "did you mean 'photos'?"),
        ("confirm-closure:", "confirm-closing:", "did you mean 'confirm-closure'?"),
        ("New: new", "Awaiting Vendor: new", "stand in states and in waiting"),
        ("source: uci-incident-log", "source: 'UCI log'", "source"),
        ("number: number", "number: [number", "not YAML"),
    ],
)
def test_map_file_a_wrong_map_names_the_field(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(MapInvalid) as wrong:
        load_map(changed(tmp_path, old, new))
    text = str(wrong.value)
    assert named in text
    assert re.search("[\u4e00-\u9fff].* / ", text)  # Chinese first


def test_map_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MapInvalid, match="No such file"):
        load_map(tmp_path / "absent.yaml")


def test_map_file_a_ticket_type_that_the_rules_have_not_is_refused_with_the_map() -> None:
    path = ROOT / "adapters" / "history" / "uci_incident_log.yaml"
    assert load_map(path, {"it_incident": 1}).ticket_type == "it_incident"
    with pytest.raises(
        MapInvalid,
        match=r"没有类型“it_incident”.* / there is no type 'it_incident'; did you mean 'it_incidents'\?; .*there are",
    ):
        load_map(path, ["hardware_fault", "it_incidents"])


def test_map_file_words_are_what_is_written_whatever_yaml_makes_of_them(tmp_path: Path) -> None:
    mapped = load_map(
        changed(tmp_path, "  New: new", "  No: new\n  7: new\n  007: active\n  2016-03-01: closed\n  ~: new")
    )
    assert {"No", "7", "007", "2016-03-01", "~"} <= set(mapped.states)


def test_map_file_a_cell_is_trimmed_alike_in_every_column() -> None:
    padded = {name: f" {value}\u3000" for name, value in row("Awaiting Vendor").items()}
    assert TABLE.seen(list(padded.values())) == TABLE.seen(list(row("Awaiting Vendor").values()))
    assert TABLE.changed(list(padded.values()), list(row("Awaiting Vendor").values())) == ()
    assert TABLE.opener(list(padded.values())) == ""


def test_map_file_product_batch_and_customer_number_are_a_column_each() -> None:
    own = {"product": "location", "batch": "priority", "customer_ref": "caller_id"}
    mapped = HistoryMap.model_validate({**TABLE.map.model_dump(exclude_unset=True), **own})
    values = row("New", location="WM-9", priority="B-24", caller_id="KH-7")
    table = BoundTable(mapped, [*values])
    cells = [*values.values()]
    assert (table.product(cells), table.batch(cells), table.customer_ref(cells)) == ("WM-9", "B-24", "KH-7")


def test_map_file_marks_of_direction_in_cells_and_names_count_for_nothing() -> None:
    marked = {name: f"\u202a{value}\u202c\u200e" for name, value in row("Awaiting Vendor", priority="1 - High").items()}
    values, plain = list(marked.values()), list(row("Awaiting Vendor", priority="1 - High").values())
    assert TABLE.seen(values) == TABLE.seen(plain)
    assert (TABLE.number_of(values), TABLE.priority(values)) == ("INC1", "1 - High")
    assert (TABLE.changed(values, plain), TABLE.opener(values)) == ((), "")
    assert TABLE.updated_at(values) == TABLE.updated_at(plain)


def test_map_file_several_words_mean_missing(tmp_path: Path) -> None:
    table = BoundTable(load_map(changed(tmp_path, 'missing: "?"', "missing: ['?', N/A, 无]")), HEADER)
    assert {table.priority(list(row("New", priority=word).values())) for word in ("?", " N/A", "无")} == {""}


def test_map_file_a_column_may_be_absent_that_is_optional_and_no_other(tmp_path: Path) -> None:
    header = [name for name in HEADER if name != "location"]
    values = [value for name, value in row("New").items() if name != "location"]
    assert (
        BoundTable(load_map(changed(tmp_path, "missing:", "optional: location\nmissing:")), header).region(values) == ""
    )
    with pytest.raises(HistoryUnreadable, match="location"):
        BoundTable(MAP, header)


def test_map_file_a_column_that_the_header_has_twice_is_refused_if_the_map_uses_it() -> None:
    with pytest.raises(HistoryUnreadable, match=r"twice.*: priority; rename"):
        BoundTable(MAP, [*HEADER, "priority"])
    assert BoundTable(MAP, [*HEADER, "closed_at"]).header[-1] == "closed_at"


def test_map_file_a_wrong_delimiter_is_named() -> None:
    with pytest.raises(HistoryUnreadable, match=r"looks like ';': write csv: \{delimiter: ';'\}"):
        BoundTable(MAP, [";".join(HEADER)])
    with pytest.raises(HistoryUnreadable, match=r"looks like 'tab': write csv: \{delimiter: 'tab'\}"):
        BoundTable(MAP, ["\t".join(HEADER)])


def test_map_file_two_sources_with_one_number_have_two_keys(tmp_path: Path) -> None:
    values = list(row("New", number="7").values())
    other = BoundTable(load_map(changed(tmp_path, "source: uci", "source: other")), HEADER)
    assert TABLE.incident_key(values) == IncidentKey(kind=KeyKind.ORDER, value="uci-incident-log:7")
    assert other.incident_key(values) == IncidentKey(kind=KeyKind.ORDER, value="other-incident-log:7")


def test_map_file_a_key_column_is_the_key_where_a_row_has_one(tmp_path: Path) -> None:
    text = "incident_key: {kind: serial, column: cmdb_ci}\nmissing:"
    table = BoundTable(load_map(changed(tmp_path, "missing:", text)), HEADER)
    key = table.incident_key(list(row("New", cmdb_ci=" SN-1 ").values()))
    assert key == IncidentKey(kind=KeyKind.SERIAL, value="SN-1")
    assert table.incident_key(list(row("New").values())).value == "uci-incident-log:INC1"


def test_map_file_times_are_read_in_the_map_s_zone_and_kept_in_utc(tmp_path: Path) -> None:
    table = BoundTable(load_map(changed(tmp_path, "zone: UTC", "zone: Asia/Shanghai")), HEADER)
    assert table.updated_at(list(row("New").values())) == datetime(2016, 3, 1, 1, 0, tzinfo=UTC)


def test_map_file_a_file_without_a_column_of_the_map_is_refused_with_the_nearest() -> None:
    header = ["state" if name == "incident_state" else name for name in HEADER]
    with pytest.raises(HistoryUnreadable, match="incident_state"):
        BoundTable(MAP, header)
