"""How far the audit tree is, as the running stack's database has it."""

from typing import Final, LiteralString

from bus.domain.text import Text
from bus.local.running_database import read_rows, running_database
from bus.local.state import StackState
from bus.postgres.heartbeats import SILENT_AFTER

# One row: what waits, the tree's last checkpoint, why none is signed any more, and whether a worker runs that seals.
_STATE: Final[LiteralString] = f"""
SELECT (SELECT count(*) FROM (SELECT FROM audit_pending LIMIT 100000) p), c.size, c.sealed_at, r.why_zh, r.why_en,
    EXISTS (SELECT FROM programs WHERE parts ? 'audit' AND stopped_at IS NULL
            AND beat_at > now() - interval '{SILENT_AFTER.total_seconds():.0f} s')
FROM (SELECT) one LEFT JOIN audit_refusal r ON true
LEFT JOIN (SELECT size, sealed_at FROM audit_checkpoints ORDER BY size DESC LIMIT 1) c ON true"""  # noqa: S608 - of constants alone


def of_stack(state: StackState | None) -> str:
    """Say it in a line; nothing without a running stack, or while its database is away. Blocks for seconds at most."""
    url = running_database(state)
    return "" if url is None else state_line(url)


def state_line(url: str) -> str:
    """Say it of a database."""
    for rows in read_rows(url, _STATE):
        for waiting, size, sealed_at, why_zh, why_en, sealer in rows:
            if why_en:
                zh, en = f"审计树停止封存,{why_zh}", f"nothing is sealed any more, {why_en}; `ticketbus audit check`"
            elif size is not None:
                zh, en = f"审计树 {size:,} 个事件", f"sealed to {sealed_at:%Y-%m-%d %H:%M:%S}"
            elif sealer:
                zh, en = "还没有检查点", "a worker has the key, no checkpoint is signed yet"
            else:
                zh, en = "没有审计树", "no audit tree: no worker runs that has a TICKETBUS_AUDIT_KEY or _FILE"
            return str(Text(zh, f"{en}; {waiting:,} events wait"))
    return ""
