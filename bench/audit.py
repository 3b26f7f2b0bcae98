"""What sealing a million events costs, an event: beside the bare insert of the same rows; and a proof at that size."""

from datetime import UTC, datetime
from functools import partial
from statistics import quantiles
from time import perf_counter
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.bus import Bus
from bench.figure import Figure
from bus.app import Core
from bus.audit.checkpoint import SigningKey
from bus.audit.merkle import inclusion_proof
from bus.audit.store import read_tree, tree_size
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import connected
from bus.programs.audit_checking import checked, witness_of
from bus.programs.audit_sealing import seal_once

_EVENTS: Final = 1_000_000
_BATCH: Final = 1_000
_VALUE_BYTES: Final = 400
_PROOFS: Final = 200
_INSERT: Final = """
INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
                    historic, value)
SELECT 'T' || (n / 10), n %% 10 + 1, gen_random_uuid(), 'ticket.note.added.v1', gen_random_uuid(), md5(n::text), 'crm',
       now(), now(), false, decode(repeat(md5(n::text), %(repeats)s), 'hex')
FROM generate_series(%(first)s::int, %(first)s::int + %(count)s::int - 1) n"""
_QUEUE: Final = """
INSERT INTO audit_pending SELECT 'T' || (n / 10), n %% 10 + 1
FROM generate_series(%(first)s::int, %(first)s::int + %(count)s::int - 1) n"""


async def run(bus: Bus) -> list[Figure]:
    """Measure. Takes some four minutes and 2 GB of disk."""
    async with bus.core() as core:
        bare = await _batches(core, _INSERT)
        queued = await _batches(core, _QUEUE)
        key = SigningKey(name="bench/audit", key=Ed25519PrivateKey.generate())
        began, leaves = perf_counter(), 0
        async with open_reader(core.settings) as reader:
            ask = partial(witness_of(reader, core.settings, core.codec).last, key.public)
            while found := (await seal_once(core.pool, key, core.codec.encode_record, datetime.now(UTC), ask)).leaves:
                leaves += found
        sealing = perf_counter() - began
        assert leaves == _EVENTS, "all of them are sealed"
        proofs = await _proofs(core)
        while await core.relay.publish_once():
            pass
        began = perf_counter()
        report = await checked(core.pool, core.settings, core.codec, key.public)
        checking = perf_counter() - began
        assert report.problems == 0, report.listed
        await core.relay.close()
    bare_us, cost_us = bare / _EVENTS * 1e6, (queued + sealing) / _EVENTS * 1e6
    return [
        Figure(
            name="audit: an event sealed, of a million",
            value=round(cost_us, 1),
            unit="µs",
            against=f"the bare insert of its row, {bare_us:.1f} µs",
            ratio=round(cost_us / bare_us, 2),
            note="beside traffic; of it in the transaction of the event the row that queues it: "
            f"{queued / _EVENTS * 1e6:.1f} µs",
        ),
        Figure(name="audit: an inclusion proof, p99", value=round(proofs, 2), unit="ms", note="three tiles are read"),
        Figure(name="audit: `audit check` of them all", value=round(checking, 1), unit="s", note="Python, and hashing"),
    ]


async def _batches(core: Core, query: str) -> float:
    """Run a query batch by batch, a transaction each; gives the seconds."""
    asked = {"count": _BATCH, "repeats": _VALUE_BYTES // 16}
    began = perf_counter()
    for first in range(0, _EVENTS, _BATCH):
        async with connected(core.pool) as connection:
            await connection.execute(query.encode(), {**asked, "first": first})
    return perf_counter() - began


async def _proofs(core: Core) -> float:
    """Time proofs of leaves all over the tree; gives the p99 in milliseconds."""
    times = list[float]()
    async with connected(core.pool) as connection:
        size = await tree_size(connection)
        for number in range(_PROOFS):
            leaf = number * size // _PROOFS
            began = perf_counter()
            await read_tree(connection, partial(inclusion_proof, leaf, size))
            times.append((perf_counter() - began) * 1e3)
    return quantiles(times, n=100)[98]
