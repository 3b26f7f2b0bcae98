"""The docs' way to write a rule: what stands there is a rule that reads PostgreSQL and keeps to its two inputs."""

import re
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

from bus.postgres.pool import Pool, connected

DOCS = Path(__file__).parents[2] / "docs" / "writing-rules.md"
NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
NAME = "from bus.alerts.rule_names import RuleName\n"


async def test_write_a_rule_the_example_fires_keeps_quiet_and_reads(pool: Pool) -> None:
    [code] = re.findall(r"   ```python\n(.*?)   ```\n", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert NAME in dedent(code)
    given: dict[str, Any] = {"RuleName": SimpleNamespace(FILES_MANY="files_many")}  # step 1 of the text
    exec(compile(dedent(code).replace(NAME, ""), str(DOCS), "exec"), given)  # noqa: S102 - it is our own text
    rule = given["FILES_MANY"]
    assert [one.rule for one in rule.evaluate(rule.fires(NOW), NOW)] == ["files_many"]
    assert rule.evaluate(rule.quiet(NOW), NOW) == []
    async with connected(pool) as connection:
        await connection.execute(
            "INSERT INTO files (sha256, size, media_type, client, uploaded_at) "
            "SELECT encode(sha256(n::text::bytea), 'hex'), 1, 'image/png', 'app', now() FROM generate_series(1, 1000) n"
        )
        found = rule.evaluate(await rule.read(connection), NOW)
        await connection.execute("DELETE FROM files")
    assert [one.about for one in found] == ["app"]
