"""A checkpoint is signed only over a tree that extends what was signed, here and on Kafka; on the real parts."""

from datetime import datetime, timedelta

import pytest

from bus.alerts.alert import Severity
from bus.alerts.rules.audit_root import AUDIT_ROOT
from bus.app import Core
from bus.audit.checkpoint import Checkpoint
from bus.audit.sealer import TreeForked
from bus.domain.errors import KafkaUnavailable
from bus.postgres.pool import in_transaction
from bus.programs.audit_sealing import seal_once
from tests.audit.lives import AT, KEY, execute, live, report_of, sealed, sealed_lives
from tests.audit.test_check import REBUILT, TABLES

LATER = AT + timedelta(minutes=9)
NINE_LEAVES = (
    "DELETE FROM audit_leaves WHERE leaf >= 9",
    "DELETE FROM audit_checkpoints WHERE size > 9",
    "UPDATE audit_tiles SET hashes = substr(hashes, 1, 9 * 32)",
)
# What is done to the tree, and what the sealer says.
FORKED = {
    ("UPDATE events SET source = 'erp' WHERE ONE", *REBUILT): "does not extend the checkpoint 15",
    NINE_LEAVES: "has 12 leaves, a checkpoint that was signed has 15",
    ("UPDATE audit_tiles SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))",): "does not extend the check",
    ("UPDATE audit_checkpoints SET note = replace(note, E'\\n15\\n', E'\\n14\\n')",): "no valid signature",
    ("DELETE FROM audit_tiles",): "hashes of the tree are missing",
}


async def refusal(core: Core, now: datetime) -> list[tuple[str, Severity | None]]:
    alerts = AUDIT_ROOT.evaluate(await in_transaction(core.pool, AUDIT_ROOT.read), now)
    return [(one.en, one.severity) for one in alerts if one.about == "sealer"]


async def test_sealer_refuses_a_tree_that_does_not_extend_what_was_signed_and_alerts(core: Core) -> None:
    await sealed_lives(core)
    await live(core, range(5, 6))
    tables = (*TABLES, "audit_pending")
    await execute(core, "CREATE SCHEMA kept", *(f"CREATE TABLE kept.{one} AS TABLE {one}" for one in tables))
    for done, said in FORKED.items():
        await execute(core, *done)
        with pytest.raises(TreeForked, match=said):
            await sealed(core, LATER)
        [(text, severity)] = await refusal(core, LATER)
        assert ("nothing is sealed since 01-18 08:09 UTC" in text, severity) == (True, Severity.P1)
        await execute(core, *("TRUNCATE " + one for one in tables))
        await execute(core, *("INSERT INTO NAME SELECT * FROM kept.NAME".replace("NAME", one) for one in tables))
    assert await sealed(core, LATER) == 3, "the tree is as it was: it goes on"
    report = await report_of(core)
    assert (report.listed, report.checkpoints, report.witnessed, await refusal(core, LATER)) == ([], 3, 3, [])


async def test_sealer_without_its_witness_adds_leaves_and_signs_nothing(core: Core) -> None:
    async def away() -> Checkpoint | None:
        raise KafkaUnavailable("Kafka is away")

    await live(core, range(2))
    batch = await seal_once(core.pool, KEY, core.codec.encode_record, AT, away)
    assert (batch.leaves, batch.checkpoint) == (6, None)
    assert await sealed(core, AT) == 0
    report = await report_of(core)
    assert (report.listed, report.leaves, report.checkpoints) == ([], 6, 1)
