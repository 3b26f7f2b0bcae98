"""A worker that has a key seals what comes, by itself, and Kafka is the witness."""

import asyncio
from pathlib import Path

from bus.local.audit_state import state_line
from tests.audit.keys import made_up_key, pem_of
from tests.audit.lives import live
from tests.bus_under_test import Bus, eventually


async def test_audit_sealing_a_worker_with_a_key_file_signs_what_comes_and_kafka_has_it(
    bus: Bus, tmp_path: Path
) -> None:
    key = tmp_path / "audit.pem"
    key.touch(0o600)
    key.write_text(pem_of(made_up_key()))
    bus.environment["TICKETBUS_AUDIT_KEY_FILE"] = str(key)
    bus.start("worker")

    async def status(wanted: str) -> bool:
        return wanted in await asyncio.to_thread(state_line, bus.database_url)

    def why() -> str:
        return bus.last_words("worker")

    await eventually(lambda: status("a worker has the key, no checkpoint is signed yet; 0 events wait"), what=why)
    async with bus.core() as core:
        await live(core, range(1))
        await core.relay.close()
    await eventually(lambda: status("; 0 events wait"), what=why)

    async def witnessed() -> bool:
        return (await asyncio.to_thread(bus.run, "audit", "check")).returncode == 0  # 1 while nothing is witnessed

    await eventually(witnessed, each_s=1, what=why)
    assert bus.stop("worker") == 0
