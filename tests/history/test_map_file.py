"""A map file says what is wrong with it, by field."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.history.map_file import MapInvalid, load_map
from adapters.history.rows import HistoryUnreadable
from adapters.history.table import BoundTable
from tests.history.uci import HEADER, MAP, ROOT, row

SHIPPED = (ROOT / "adapters" / "history" / "uci_incident_log.yaml").read_text(encoding="utf-8")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in SHIPPED
    path = tmp_path / "map.yaml"
    path.write_text(SHIPPED.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("ticket_type:", "ticket_typ:", "ticket_typ: Extra inputs"),
        ("incident_key: order", "incident_key: invoice", "incident_key"),
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
    assert named in str(wrong.value)


def test_map_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(MapInvalid, match="No such file"):
        load_map(tmp_path / "absent.yaml")


def test_map_file_times_are_read_in_the_map_s_zone_and_kept_in_utc(tmp_path: Path) -> None:
    table = BoundTable(load_map(changed(tmp_path, "zone: UTC", "zone: Asia/Shanghai")), HEADER)
    assert table.updated_at(list(row("New").values())) == datetime(2016, 3, 1, 1, 0, tzinfo=UTC)


def test_map_file_a_file_without_a_column_of_the_map_is_refused_with_the_nearest() -> None:
    header = ["state" if name == "incident_state" else name for name in HEADER]
    with pytest.raises(HistoryUnreadable, match="incident_state"):
        BoundTable(MAP, header)
