"""The import command on the real parts: it agrees with the oracle in PostgreSQL, and a second run adds nothing."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on
from tests.history.oracle import compare, expected, read_rows
from tests.history.uci import ROOT

MAP = str(ROOT / "adapters" / "history" / "uci_incident_log.yaml")
SAMPLE = ROOT / "tests" / "data" / "uci_sample.csv.gz"
COUNTS = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM outbox), (SELECT count(*) FROM refused_inputs)"


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus_on(parts, tmp_path_factory.mktemp("import")) as made:
        yield made


def imported(bus: Bus, file: Path) -> dict[str, Any]:
    done = bus.run("import", "history", "--map", MAP, "--json", str(file))
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


async def test_import_real_the_command_imports_the_sample_as_the_oracle_says_and_only_once(bus: Bus) -> None:
    first = imported(bus, SAMPLE)
    assert (first["opened"], first["refused_rows"], first["refused_commands"]) == (300, 3, 0)
    want = expected(read_rows(SAMPLE))
    async with bus.core() as core:
        tickets = [
            await core.store.ticket(ticket_id) for (ticket_id,) in bus.query("SELECT ticket_id FROM ticket_states")
        ]
    have = {
        ticket.source_no: {
            "state": ticket.state.value,
            "paused": ticket.paused_for is not None,
            "assignee": ticket.assignee.person,
            "assignees": want[ticket.source_no].assignees,  # their order is compared on the store in memory
            "reopens": ticket.reopens,
            "pauses": ticket.pauses,
            "opened_at": ticket.opened_at,
            "resolved_at": ticket.resolved_at,
            "closed_at": ticket.closed_at,
        }
        for ticket in tickets
        if ticket
    }
    assert compare(want, have) == []
    counts = bus.query(COUNTS)
    second = imported(bus, SAMPLE)
    assert second["repeated"] == first["opened"] + first["changed"] + first["notes"]
    assert bus.query(COUNTS) == counts


def test_import_real_a_file_or_a_map_that_cannot_be_read_is_wrong_use(bus: Bus, tmp_path: Path) -> None:
    absent = bus.run("import", "history", "--map", MAP, str(tmp_path / "absent.csv"))
    wrong = bus.run("import", "history", "--map", str(SAMPLE), str(SAMPLE))
    assert (absent.returncode, wrong.returncode) == (2, 2)
    assert "absent.csv: No such file" in absent.stderr
    assert "not YAML" in wrong.stderr


def test_import_real_a_bomb_of_rows_stops_after_a_hundred_letters(bus: Bus, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    header = gzip.decompress(SAMPLE.read_bytes()).split(b"\n", 1)[0] + b"\n"
    bomb.write_bytes(gzip.compress(header + b"x\n" * 1_000_000, compresslevel=1))
    stopped = bus.run("import", "history", "--map", MAP, str(bomb))
    assert stopped.returncode == 1
    assert "100 letters in a row up to line 101" in stopped.stderr
    assert bus.query(
        "SELECT count(*) FROM letters JOIN refused_inputs USING (origin, origin_ref) WHERE code = 'wrong_columns'"
    ) == [(100,)]
