"""History import, file to committed, beside PostgreSQL taking the very same rows in the same batches."""

from time import monotonic, process_time

from adapters.history.file_order import rows_in_order
from adapters.history.importer import BATCH_COMMANDS, import_history
from adapters.history.rows import open_lines
from bench.bus import Bus
from bench.figure import Figure
from bench.seed import history_map, incident_log, seed
from bus.app import Core
from bus.postgres.pool import connected

_ROWS_OF_SAMPLE = 30_000  # the sample is told again until there are so many
# The rows that an import leaves; each table takes a batch as the store does, by unnest.
_TABLES = {
    "events": {
        "ticket_id": "text",
        "version": "int",
        "event_id": "uuid",
        "ce_type": "text",
        "command_id": "uuid",
        "trace_id": "text",
        "source": "text",
        "occurred_at": "timestamptz",
        "recorded_at": "timestamptz",
        "historic": "bool",
        "value": "bytea",
    },
    "commands": {
        "command_id": "uuid",
        "ticket_id": "text",
        "trace_id": "text",
        "fingerprint": "text",
        "answer": "text",
        "version": "int",
        "received_at": "timestamptz",
    },
    "outbox": {"shard": "smallint", "topic": "text", "ticket_id": "text", "version": "int"},
}
_PUT_STATES = """
INSERT INTO bare_ticket_states SELECT * FROM ticket_states WHERE ticket_id = ANY(%b)
ON CONFLICT (ticket_id) DO UPDATE SET version = excluded.version, state = excluded.state"""


async def run(bus: Bus) -> list[Figure]:
    """Import the full log where it is, else the sample several times; then write the same rows barely."""
    full = incident_log().stat().st_size > 1_000_000
    async with bus.core() as core:
        began, cpu = monotonic(), process_time()
        if full:
            with open_lines(incident_log()) as (lines, _), rows_in_order(lines, history_map()) as ordered:
                await import_history(ordered, core.dispatcher, core.refused)
        else:
            await seed(core, rows=_ROWS_OF_SAMPLE, published=False)
        took_s, cpu_s = monotonic() - began, process_time() - cpu
        events = await _count(core)
        bare = events / await _bare_s(core)
    return [
        Figure(
            name="history import, file to committed" + ("" if full else " (the sample, again and again)"),
            value=events / took_s,
            unit="events/s",
            against=f"the same rows into bare tables, batches of {BATCH_COMMANDS}: {bare:,.0f}/s",
            ratio=events / took_s / bare,
            goal="≥ 5,000",
            note=f"one thread: {cpu_s / events * 1e6:.0f} µs of CPU in {took_s / events * 1e6:.0f} µs an event "
            "to read, translate, decide, fold, encode and send it to PostgreSQL",
        )
    ]


async def _count(core: Core) -> int:
    async with connected(core.pool) as connection:
        row = await (await connection.execute("SELECT count(*) FROM events")).fetchone()
    assert row
    return int(row[0])


async def _bare_s(core: Core) -> float:
    """Write events, commands, outbox rows and each batch's folded states again, into tables of the same build."""
    rows = {}
    async with connected(core.pool) as connection:
        for table in (*_TABLES, "ticket_states"):
            await connection.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)".encode())
        for table, columns in _TABLES.items():
            # Of the outbox events alone: an import's dead letters have rows there, too.
            events = "WHERE version IS NOT NULL" if "version" in columns else ""
            query = f"SELECT {', '.join(columns)} FROM {table} {events} ORDER BY ctid"  # noqa: S608 - our own names
            rows[table] = await (await connection.execute(query.encode(), binary=True)).fetchall()
    began = monotonic()
    for start in range(0, len(rows["events"]), BATCH_COMMANDS):
        batch = {table: some[start : start + BATCH_COMMANDS] for table, some in rows.items()}
        async with connected(core.pool) as connection, connection.pipeline():
            for table, columns in _TABLES.items():
                lists = ", ".join(f"%b::{kind}[]" for kind in columns.values())
                query = f"INSERT INTO bare_{table} ({', '.join(columns)}) SELECT * FROM unnest({lists})"  # noqa: S608 - our own names
                if batch[table]:
                    await connection.execute(query.encode(), [list(one) for one in zip(*batch[table], strict=True)])
            await connection.execute(_PUT_STATES, (sorted({row[0] for row in batch["events"]}),))
    return monotonic() - began
