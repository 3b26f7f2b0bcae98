"""The past is imported under its people's names, never under the bus's own."""

from pathlib import Path

import pytest

from adapters.history.map_file import MapInvalid, load_map
from tests.history.uci import ROOT, refusal, row


@pytest.mark.parametrize("column", ["sys_updated_by", "opened_by"])
def test_history_names_a_row_by_the_bus_itself_is_refused_by_its_column(column: str) -> None:
    error = refusal([{**row("New"), column: "ticketbus"}])
    assert (error.code, error.field) == ("reserved_name", column)


def test_history_names_a_map_of_a_source_called_as_the_bus_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    text = (ROOT / "adapters" / "history" / "uci_incident_log.yaml").read_text(encoding="utf-8")
    path.write_text("\n".join("source: bus" if line.startswith("source:") else line for line in text.splitlines()))
    with pytest.raises(MapInvalid, match="own name"):
        load_map(path)
