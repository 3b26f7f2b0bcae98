"""What `topics check` finds, for the topics page: a row for each code."""

from collections.abc import Mapping, Sequence
from typing import Final

from bus.consistency.check_result import CheckCode
from bus.docgen.markdown import code, table

_ABOUT = """\
`ticketbus topics check` holds the contract against itself; with `--live` against the broker, the registry and those
who read. Each result is a line: severity, what is wrong, what shows it, and what mends it; with `--json` an object
with `code`, `severity`, `about`, `zh`, `en`, `evidence`, `nearest` and `mend`. `info` is nothing wrong; all else
exits 1."""
_LIMITS = """\
`reader_absent` and `reader_never_seen` are judged of the stages (projections, delivery, intake, commands, hosts),
which read in a consumer group; the gateway's stream and people read without one. What a broker does not tell:
members of groups of the newer protocol (KIP-848), consumers without a group, and who wrote an undeclared topic: its
records are counted. Who read is written every ten seconds by a worker, of streams by the gateway, and kept 400
days."""
_LIVE: Final = "live"
_ALWAYS: Final = "always"
_ROWS: Final[Mapping[CheckCode, tuple[str, str, str]]] = {
    CheckCode.NO_WRITER: ("p1", "a topic is read, and nobody writes it", _ALWAYS),
    CheckCode.NO_READER: ("p2", "a topic is written, nobody reads it, and it is not `open`", _ALWAYS),
    CheckCode.NO_RECORDS: ("p1", "a topic takes neither events nor records", _ALWAYS),
    CheckCode.UNKNOWN_PART: ("p2", "a reader or writer that is part of no program", _ALWAYS),
    CheckCode.RECORD_NOWHERE: ("p1", "a kind of record that no topic takes", _ALWAYS),
    CheckCode.SCHEMA_FILE: ("p1", "a schema file does not say what its class says", _ALWAYS),
    CheckCode.TOPIC_MISSING: ("p1", "a declared topic is not on the broker", _LIVE),
    CheckCode.PARTITIONS: ("p1, p3", "another number of partitions; p1 of a topic of events", _LIVE),
    CheckCode.CONFIG: ("p2, p3", "another config; p2 of retention and compaction", _LIVE),
    CheckCode.REGISTRY: ("p2", "a subject is missing, or its latest version or level is not ours", _LIVE),
    CheckCode.UNDECLARED: ("p1 to p3", "[an undeclared topic is used](undeclared-topics.md)", _LIVE),
    CheckCode.READER_ABSENT: ("p2", "a declared reader has not read for a minute", _LIVE),
    CheckCode.READER_NEVER_SEEN: ("p2", "a declared reader has never read", _LIVE),
    CheckCode.READER_UNDECLARED: ("p2", "a stage reads a topic of which the contract does not name it a reader", _LIVE),
    CheckCode.SUBSCRIBED_TOPIC: ("p2", "a subscription names a topic that is not public", _LIVE),
    CheckCode.SUBSCRIBED_TYPE: ("p2", "a subscription names an event that its topics never carry", _LIVE),
    CheckCode.SUBSCRIBED_FIELD: ("p2", "a subscription names a field that its events do not have", _LIVE),
    CheckCode.DEPRECATED: ("info, p3 to p1", "a subscriber reads what [will go](subscribing.md#what-will-go)", _LIVE),
    CheckCode.FILTER_MATCHES_NOTHING: ("p3", "a filter's region has no ticket, or its person none in 30 days", _LIVE),
    CheckCode.RATE_LOW: ("p3", "in the last day less than a fifth of the events that a subscription expects", _LIVE),
    CheckCode.SUBSCRIBER_NEVER_SEEN: ("p3", "a subscription whose client was never seen reading a topic", _LIVE),
    CheckCode.NO_SUBSCRIPTION: ("info", "somebody has read within a day, and no subscription says so", _LIVE),
    CheckCode.SILENT: ("p2, p3", "nothing was written for longer than ever at this hour of the week, or a day", _LIVE),
    CheckCode.UNWRITTEN: ("info", "a topic is read, and no record was ever written to it", _LIVE),
}


def section() -> Sequence[str]:
    """Draw the section under its heading. Pure."""
    rows = ((code(one.value), *_ROWS[one]) for one in CheckCode)
    return _ABOUT, table(("Code", "Severity", "Says", "Found"), rows), _LIMITS
