"""The import command on the real parts: it agrees with the oracle in PostgreSQL, and a second run adds nothing."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.local.stack import Urls
from bus.postgres.pool import connected
from tests.bus_under_test import Bus, bus_on
from tests.history.oracle import compare, expected, read_rows
from tests.history.uci import ROOT

MAP = str(ROOT / "adapters" / "history" / "uci_incident_log.yaml")
SAMPLE = ROOT / "tests" / "data" / "uci_sample.csv.gz"
SAMPLE_ROWS = gzip.decompress(SAMPLE.read_bytes()).splitlines(keepends=True)
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


def test_import_real_a_ticket_s_journey_tells_its_refused_rows(bus: Bus) -> None:
    [number] = {row.split(b",")[0].decode() for row in SAMPLE_ROWS if b",-100," in row}
    journey = json.loads(bus.run("trace", number, "--json").stdout)
    assert {(one["code"], one["origin"]) for one in journey["refusals"]} == {
        ("unknown_state_word", "import:uci-incident-log")
    }
    assert len(journey["refusals"]) == 3
    assert journey["letters"] == []


def test_import_real_a_file_or_a_map_that_cannot_be_read_is_wrong_use(bus: Bus, tmp_path: Path) -> None:
    absent = bus.run("import", "history", "--map", MAP, str(tmp_path / "absent.csv"))
    wrong = bus.run("import", "history", "--map", str(SAMPLE), str(SAMPLE))
    assert (absent.returncode, wrong.returncode) == (2, 2)
    assert "absent.csv: 无法打开 / cannot be opened: No such file" in absent.stderr
    assert "not YAML" in wrong.stderr


def written(file: Path, rows: Iterable[bytes]) -> Path:
    file.write_bytes(gzip.compress(b"".join(rows), compresslevel=1))
    return file


def refused(bus: Bus, *which: str) -> list[dict[str, Any]]:
    listed = bus.run("import", "refused", "--json", *which)
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def test_import_real_refused_rows_are_listed_with_line_reason_and_bytes_and_are_no_letters(
    bus: Bus, tmp_path: Path
) -> None:
    bad = SAMPLE_ROWS[1].replace(b"INC", b"INC9").replace(b"New", b"Neu").replace(b"Symptom 1", b"13800138000")
    file = written(tmp_path / "few.csv.gz", [*SAMPLE_ROWS[:3], bad, b"\xffhalf\n"])
    done = bus.run("import", "history", "--map", MAP, str(file))
    assert done.returncode == 0, done.stderr
    number = done.stdout.split()[2]
    assert "1 × unknown_state_word incident_state: " in done.stdout
    rows = refused(bus)
    assert [(one["import"], one["line"], one["code"]) for one in rows] == [
        (int(number), 4, "unknown_state_word"),
        (int(number), 5, "wrong_columns"),
    ]
    assert [bytes.fromhex(one["hex"]) for one in rows] == [bad, b"\xffhalf\n"]
    people = bus.run("import", "refused", number).stdout
    assert "few.csv.gz" in people
    assert "第 4 行 line 4: unknown_state_word incident_state: 对照表里没有状态“…”" in people
    assert bad.decode().strip() in people
    assert "\\\\xffhalf" in people or "\\xffhalf" in people
    assert bus.query("SELECT count(*) FROM letters WHERE origin LIKE 'import:%%'") == [(0,)]
    [(ended, counts)] = bus.query("SELECT ended_at, summary FROM imports WHERE id = %s", int(number))
    assert (ended is not None, counts["rows"], counts["refused_rows"]) == (True, 4, 2)
    again = imported(bus, file)
    assert refused(bus, number) == []
    assert [one["line"] for one in refused(bus, str(again["import"]))] == [4, 5]


def test_import_real_a_refused_row_in_gbk_is_listed_in_its_own_letters(bus: Bus, tmp_path: Path) -> None:
    head = "id,status,subject,agent,created,resolved,closed,serial_no,requester,phone,priority"
    bad = "71,咨询,打印机,林,2026-01-05 10:00:00,,,SN-71,林,13800138000,P2"
    good = bad.replace("71", "72").replace("咨询", "Open")
    file = tmp_path / "gbk.csv"
    file.write_bytes(f"{head}\n{bad}\n{good}\n".encode("gb18030"))
    desk = str(ROOT / "adapters" / "history" / "help_desk_export.yaml")
    done = bus.run("import", "history", "--map", desk, str(file))
    assert done.returncode == 0, done.stderr
    [row] = refused(bus)
    assert (row["row"], bytes.fromhex(row["hex"])) == (bad, f"{bad}\n".encode("gb18030"))
    assert bad in bus.run("import", "refused").stdout


def test_import_real_a_file_of_a_header_alone_is_an_error(tmp_path: Path, bus: Bus) -> None:
    file = tmp_path / "header.csv"
    file.write_bytes(SAMPLE_ROWS[0])
    done = bus.run("import", "history", "--map", MAP, "--dry-run", str(file))
    assert (done.returncode, "文件只有表头,没有一行数据 / the file has a header and no rows" in done.stderr) == (
        1,
        True,
    )


def test_import_real_a_mended_row_that_is_refused_again_is_listed_as_it_stands_now(bus: Bus, tmp_path: Path) -> None:
    first, second = (SAMPLE_ROWS[1].replace(b"INC", b"INC8").replace(b"New", word) for word in (b"Neu", b"Nouveau"))
    for row in (first, second):
        imported(bus, written(tmp_path / "one.csv.gz", [*SAMPLE_ROWS[:2], row]))
    assert [bytes.fromhex(one["hex"]) for one in refused(bus)] == [second]


def test_import_real_no_cell_and_no_file_s_name_stands_in_clear_but_where_it_is_on_record(
    bus: Bus, tmp_path: Path
) -> None:
    bad = SAMPLE_ROWS[1].replace(b"INC", b"INC7").replace(b",New,", ",张三,".encode())
    late = SAMPLE_ROWS[1].replace(b"INC", b"INC6").replace(b"29/2/2016 06:42", "李四的时间".encode())
    file = written(tmp_path / "张三的工单.csv.gz", [*SAMPLE_ROWS[:2], bad, late])
    done = bus.run("import", "history", "--map", MAP, str(file))
    assert "对照表里没有状态“张三”" in done.stdout  # whoever has the file reads why
    number = done.stdout.split()[2]
    stored = bus.query("SELECT detail_zh || detail_en FROM refused_inputs WHERE headers->>'import' = %s", number)
    stored += bus.query("SELECT file FROM imports WHERE id = %s", int(number))
    assert len(stored) == 3  # both rows were refused
    assert not [text for (text,) in stored if "张三" in text or "李四" in text]
    reads = "SELECT coalesce(sum(times), 0) FROM personal_reads WHERE what = 'input'"
    before = bus.query(reads)
    people = bus.run("import", "refused", number).stdout
    assert "张三的工单.csv.gz" in people
    assert bad.decode().strip() in people
    assert bus.query(reads) > before


async def test_import_real_what_stood_in_clear_is_cut_by_the_migration_and_what_is_sealed_stays(bus: Bus) -> None:
    migration = ROOT / "bus" / "postgres" / "migrations" / "20261128000275_imports_sealed.sql"
    up = migration.read_text(encoding="utf-8").split("-- migrate:down")[0]
    reason = ("“张三”不符合时间格式 %d", "'张三' is not a time written as %d")
    async with bus.core(connections=1) as core, connected(core.pool) as connection:
        for file in ("张三的工单.csv.gz", "李四", "enc:v1:sealed.csv"):
            await connection.execute("INSERT INTO imports (source, file) VALUES ('old', %s)", (file,))
        await connection.execute(
            "INSERT INTO refused_inputs (origin, origin_ref, source, code, field, detail_zh, detail_en, body, headers, "
            "trace_id) VALUES ('import:old', 'a', 'old', 'bad_time', 'opened', %s, %s, 'x', '{}', 't')",
            reason,
        )
        await connection.execute(up.encode())
    files = bus.query("SELECT file FROM imports WHERE source = 'old' ORDER BY id")
    assert files == [("….csv.gz",), ("…",), ("enc:v1:sealed.csv",)]
    details = bus.query("SELECT detail_zh, detail_en FROM refused_inputs WHERE origin = 'import:old'")
    assert details == [("“…”不符合时间格式 %d", "'…' is not a time written as %d")]


def test_import_real_no_such_import_is_said(bus: Bus) -> None:
    absent = bus.run("import", "refused", "999999")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "没有第 999999 次导入 / there was no import 999999" in absent.stderr


def test_import_real_a_file_of_which_nothing_has_an_effect_fails(bus: Bus, tmp_path: Path) -> None:
    file = written(tmp_path / "all.csv.gz", [SAMPLE_ROWS[0], b"x\n", b"y\n"])
    for how in ([], ["--dry-run"]):
        done = bus.run("import", "history", "--map", MAP, *how, str(file))
        assert done.returncode == 1
        assert "没有一行生效" in done.stderr


def test_import_real_a_dry_run_decides_as_the_import_does_and_wants_no_server(bus: Bus, tmp_path: Path) -> None:
    bad = [b"-100".join(row.split(b"Closed")) for row in SAMPLE_ROWS[1:] if b"Closed" in row][:120]
    file = written(tmp_path / "bad.csv.gz", [*SAMPLE_ROWS, *bad])
    nowhere = replace(
        bus, environment={name: bus.environment[name] for name in ("PATH", "HOME") if name in bus.environment}
    )
    tried = nowhere.run("import", "history", "--map", MAP, "--dry-run", "--json", str(file))
    summary = json.loads(tried.stdout)
    assert (summary["import"], summary["opened"], summary["refused_rows"]) == (None, 300, 123)
    assert [(one["code"], one["count"], len(one["lines"])) for one in summary["refusals"]] == [
        ("unknown_state_word", 123, 5)
    ]
    counts = bus.query(COUNTS)
    people = bus.run("import", "history", "--map", MAP, "--dry-run", str(SAMPLE))
    assert people.returncode == 0, people.stderr
    assert "试运行,什么也没有写入" in people.stdout
    assert "事件 3,124 条 events" in people.stdout
    assert bus.query(COUNTS) == counts


def test_import_real_a_bomb_of_rows_stops_after_a_hundred_and_leaves_no_letter(bus: Bus, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    bomb.write_bytes(gzip.compress(SAMPLE_ROWS[0] + b"x\n" * 1_000_000, compresslevel=1))
    tried = bus.run("import", "history", "--map", MAP, "--dry-run", str(bomb))
    stopped = bus.run("import", "history", "--map", MAP, str(bomb))
    assert (tried.returncode, stopped.returncode) == (1, 1)
    assert "100 refused rows in a row up to line 101: the import would stop there" in tried.stderr
    assert "100 refused rows in a row up to line 101: the import stopped" in stopped.stderr
    assert len(refused(bus)) == 100
    assert bus.query("SELECT count(*) FROM letters WHERE origin LIKE 'import:%%'") == [(0,)]
