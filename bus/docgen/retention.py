"""The page of what is kept how long, drawn from the retention of tables and the contract of topics."""

from bus.docgen.markdown import code, document, table
from bus.docgen.topics import retention_of
from bus.postgres.retention import TABLES
from schemas.topics import Contract

_ABOUT = """\
Old rows are deleted once an hour by a worker, in batches of 5,000 beside all other work; several workers take turns.
Another number of days for a table is one setting, read at the worker's start:

```sh
export TICKETBUS_KEEP_DAYS='{"pushes": 7, "letters": 730}'
ticketbus storage             # tables: rows, bytes, the oldest row, days
ticketbus topics check --live # where the broker's retention is not the contract's
```

A larger number takes effect at once, and so does a smaller one: the next hour deletes what is older. `commands` is how
long a repeat of a command is known: a repeat that comes later has a second effect."""
_FOR_EVER = """\
Kept for ever, as the log is built from it or people ask for it: `events`, `ticket_states`, `ticket_names`,
`earlier_tickets`, in `outbox` where each event stands on `ticket.events`, `delivery_versions`, the read models, open
dead letters, `notice_refusals` until they are forgotten, `redrives`, `clients`, `privacy_reads`, the audit tree
(`audit_leaves`, `audit_tiles`, `audit_checkpoints`). Of `stage_batches`, when what took effect, the last 100,000 a
handler and partition. Of refused input whose sender was told, 10,000 a client and day are kept, and what is beyond is
counted. Logs go to standard output, or of a local stack to `DATA/logs`: how long those stay is their collector's."""


def page(contract: Contract) -> str:
    """Draw docs/retention.md. Pure."""
    tables = ((code(name), one.what, f"{one.days} days", code(one.since)) for name, one in TABLES.items())
    topics = ((code(name), topic.about, retention_of(topic)) for name, topic in contract.topics.items())
    return document(
        "What is kept how long 保存期限",
        "bus/postgres/retention.py and schemas/topics.yaml",
        _ABOUT,
        "## PostgreSQL",
        table(("Table", "Holds", "Kept, by default", "Since"), tables),
        _FOR_EVER,
        "## Kafka",
        table(("Topic", "Holds", "Kept"), topics),
    )
