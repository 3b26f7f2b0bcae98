"""How far the audit tree is, as the running stack's database has it."""

from bus.domain.text import Text
from bus.local.running_database import read_rows, running_database
from bus.local.state import StackState

_STATE = """
SELECT (SELECT count(*) FROM (SELECT FROM audit_pending LIMIT 100000) p), (SELECT max(size) FROM audit_checkpoints),
       (SELECT max(sealed_at) FROM audit_checkpoints)"""


def of_stack(state: StackState | None) -> str:
    """Say it in a line; nothing without a running stack, or while its database is away. Blocks for seconds at most."""
    url = running_database(state)
    return "" if url is None else state_line(url)


def state_line(url: str) -> str:
    """Say it of a database."""
    for rows in read_rows(url, _STATE):
        for waiting, size, sealed_at in rows:
            if size is None:
                zh, en = "没有审计树", "no audit tree: no worker has had a TICKETBUS_AUDIT_KEY"
                return str(Text(zh, f"{en}; {waiting:,} events wait"))
            zh, en = f"审计树 {size:,} 个事件", f"sealed to {sealed_at:%Y-%m-%d %H:%M:%S}, {waiting:,} events wait"
            return str(Text(zh, en))
    return ""
