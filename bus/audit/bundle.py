"""A proof bundle: sealed events with their inclusion proofs and a checkpoint, signed as a whole; verified offline."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, LiteralString

import orjson

from bus.archive.reader import ArchivedRows, archived_rows, events_between
from bus.audit.check import Tampering
from bus.audit.checkpoint import (
    Checkpoint,
    NoteInvalid,
    SigningKey,
    VerifyingKey,
    opened_checkpoint,
    opened_note,
    verifying_key,
)
from bus.audit.entry import COLUMNS, Entry, entry_of, read_entry
from bus.audit.merkle import Node, inclusion_proof, root_of_inclusion
from bus.audit.store import last_checkpoint, read_refusal, read_tree
from bus.audit.subject import Subject
from bus.domain.text import Text
from bus.postgres.pool import Connection
from bus.postgres.store import columns

FORMAT: Final = "ticketbus.audit.bundle.v1"
NAMED_MAX: Final = 5
EVENTS_MAX: Final = 100_000
_OF_TICKET: Final[LiteralString] = "e.ticket_id = %(ticket)s"
_OF_PERIOD: Final[LiteralString] = "e.recorded_at >= %(since)s AND e.recorded_at < %(until)s"
_ROWS: Final[LiteralString] = """
SELECT l.leaf, {columns} FROM events e LEFT JOIN audit_leaves l USING (ticket_id, version)
WHERE {which} ORDER BY e.ticket_id, e.version LIMIT %(most)s"""
_WAITING: Final[LiteralString] = """
SELECT ticket_id, version FROM audit_pending
JOIN unnest(%s::text[], %s::int[]) AS w (ticket_id, version) USING (ticket_id, version)"""
# Leaves that were sealed before their time was kept may be of any period.
_GONE: Final[LiteralString] = """
SELECT l.ticket_id, l.version FROM audit_leaves l LEFT JOIN events e USING (ticket_id, version)
WHERE e.ticket_id IS NULL AND (l.ticket_id = ANY(%(tickets)s) OR %(since)s::timestamptz IS NOT NULL
    AND (l.recorded_at IS NULL OR l.recorded_at >= %(since)s AND l.recorded_at < %(until)s)) ORDER BY 1, 2"""


class NoBundle(NoteInvalid):
    """No bundle can be made of what is asked for; the text says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class NotSealed(NoBundle):
    """What is asked for is not sealed yet, as a whole."""


class TooManyEvents(NoBundle):
    """What is asked for has more events than are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """An event of a history; `leaf` is its place in the tree, None while it waits for the sealer."""

    leaf: int | None
    entry: Entry


@dataclass(slots=True, kw_only=True)
class BundleReport:
    """What a bundle shows, and what is wrong with it; `last_version` is the last that it has of its one ticket."""

    about: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    size: int = 0
    events: int = 0
    tickets: int = 0
    last_version: int | None = None
    witnessed: bool = False
    listed: list[Tampering] = field(default_factory=list)

    def add(self, kind: str, where: str) -> None:
        """Take in what is wrong."""
        self.listed.append(Tampering(kind, where))


async def read_history(connection: Connection, subject: Subject, most: int = EVENTS_MAX) -> list[SealedEvent]:
    """Read the events of a subject as they are stored, by ticket and version.

    Raises TooManyEvents, ArchiveUnreadable.
    """
    query = _ROWS.format(columns=COLUMNS, which=_OF_TICKET if subject.ticket else _OF_PERIOD)
    asked = {"ticket": subject.ticket, "since": subject.since, "until": subject.until, "most": most + 1}
    archived = await _archived(connection, subject, [subject.ticket] if subject.ticket else (), most)
    query, asked = archived.over(query), {**asked, **archived.asked}
    rows = await (await connection.execute(query.encode(), asked, binary=True)).fetchall()
    if len(rows) > most:
        raise TooManyEvents(
            Text(f"超过 {most} 个事件,请缩短时间段", f"more than {most} events; ask for a shorter period")
        )
    return [SealedEvent(leaf=leaf, entry=entry_of(tuple(row))) for leaf, *row in rows]


async def _archived(connection: Connection, subject: Subject, tickets: Sequence[str], most: int) -> ArchivedRows:
    """Read what files have of a subject, and of these tickets. Raises ArchiveUnreadable."""
    of_tickets = await archived_rows(connection, tickets)
    if subject.since is None or subject.until is None:
        return of_tickets
    of_period = await events_between(connection, subject.since, subject.until, most)
    known = {(one.ticket_id, one.version) for one in of_tickets.rows}
    more = [one for one in of_period.rows if (one.ticket_id, one.version) not in known]
    return ArchivedRows(rows=[*of_tickets.rows, *more])


async def not_as_sealed(connection: Connection, subject: Subject, history: Sequence[SealedEvent]) -> list[str]:
    """Name the events that are not as their leaf has them, and sealed ones of the tickets or period that are gone.

    Also events that the bus did not write: they are no leaf, and do not wait to be one; and why the sealer refuses.
    """
    placed = [(one.leaf, one.entry) for one in history if one.leaf is not None]
    hashes = await read_tree(connection, lambda node: [node(0, leaf) for leaf, _ in placed])
    wrong = [
        f"{entry.ticket_id}/{entry.version} (changed)"
        for (_, entry), hashed in zip(placed, hashes, strict=True)
        if entry.hashed != hashed
    ]
    loose = [(one.entry.ticket_id, one.entry.version) for one in history if one.leaf is None]
    waiting = {*await (await connection.execute(_WAITING, columns(loose, 2))).fetchall()} if loose else set()
    wrong += [f"{ticket_id}/{version} (added)" for ticket_id, version in loose if (ticket_id, version) not in waiting]
    if refused := await read_refusal(connection):
        wrong.append(str(refused.why))
    tickets = sorted({one.entry.ticket_id for one in history} | ({subject.ticket} - {""}))
    asked = {"tickets": tickets, "since": subject.since, "until": subject.until}
    archived = await _archived(connection, subject, tickets, EVENTS_MAX)
    rows = await (await connection.execute(archived.over(_GONE), {**asked, **archived.asked})).fetchall()
    return [*wrong, *(f"{ticket_id}/{version} (dropped)" for ticket_id, version in rows)]


async def bundle_of(
    connection: Connection, subject: Subject, history: Sequence[SealedEvent], key: SigningKey, now: datetime
) -> bytes:
    """Make the bundle of a history, in the snapshot that it was read in. Raises NotSealed, also for an empty one."""
    if wrong := await not_as_sealed(connection, subject, history):
        named = ", ".join(wrong[:NAMED_MAX]) + (f" … ({len(wrong)})" if len(wrong) > NAMED_MAX else "")
        zh, en = (
            f"历史与封存不符,不出具证明:{named}",
            f"the history is not as it was sealed, there is no proof of it: {named}",
        )
        raise NotSealed(Text(zh, en))
    if not history:
        raise NotSealed(Text("没有事件可证明", "there are no events to prove"))
    checkpoint = await last_checkpoint(connection)
    size = checkpoint.size if checkpoint else 0
    places = [one.leaf for one in history if one.leaf is not None and one.leaf < size]
    if checkpoint is None or len(places) < len(history):
        waiting = len(history) - len(places)
        zh = f"{waiting} 个事件还没有检查点: 带密钥的 worker 每分钟封存一次,请稍后重试"
        en = f"{waiting} events are under no checkpoint yet: a worker that has the key seals each minute, try again"
        raise NotSealed(Text(zh, en))

    def proofs(node: Node) -> list[list[bytes]]:
        return [inclusion_proof(leaf, size, node) for leaf in places]

    events = [
        {"leaf": leaf, "head": one.entry.head.decode(), "value": _text(one.entry.value), "proof": [*map(_text, proof)]}
        for one, leaf, proof in zip(history, places, await read_tree(connection, proofs), strict=True)
    ]
    body = {
        "format": FORMAT,
        "about": subject.plain(),
        "made_at": now.isoformat(),
        "key": str(key.public),
        "checkpoint": checkpoint.note,
        "events": events,
    }
    return orjson.dumps({**body, "signature": key.sign(_manifest(key.name, body))}, option=orjson.OPT_INDENT_2)


def verify_bundle(raw: bytes, key: VerifyingKey | None, witness: Iterable[str] | None) -> BundleReport:
    """Verify a bundle by itself: events, proofs, checkpoint and signature; `witness` are notes that Kafka has.

    Without `key` the bundle's own is taken, which shows only that it fits together. Pure. Raises NoteInvalid for
    what is no bundle.
    """
    body = _parsed(raw)
    report = BundleReport(about=body["about"], events=len(body["events"]))
    own = verifying_key(body["key"])
    if key is not None and own.all[0] not in key.all:
        report.add("key", f"{own.name}+{own.key_id.hex()} is not {key.name}+{key.key_id.hex()}")
    key = key or own
    report.key = f"{key.name}+{key.key_id.hex()}"
    signature = body.pop("signature")
    try:
        if opened_note(signature, key) != _manifest(key.name, body):
            report.add("bundle_changed", "the bundle is not what was signed")
    except NoteInvalid as error:
        report.add("bundle_changed", str(error))
    try:
        checkpoint = opened_checkpoint(body["checkpoint"], key)
    except NoteInvalid as error:
        report.add("checkpoint_invalid", str(error))
        return report
    report.size = checkpoint.size
    _check_events(report, checkpoint, body["events"])
    if witness is not None:
        _check_witness(report, checkpoint, key, witness)
    return report


def _check_events(report: BundleReport, checkpoint: Checkpoint, events: Sequence[Mapping[str, Any]]) -> None:
    """Prove each event, and that a ticket has no gap up to the last version that the bundle has; one must be there.

    That there is no later version nothing in a bundle can show.
    """
    if not events:
        report.add("empty", "the bundle has no events: it proves nothing")
    versions, leaves = defaultdict[str, list[int]](list), set[int]()
    for place, one in enumerate(events):
        try:
            entry = read_entry(one["head"].encode(), _bytes(one["value"]))
            leaf, proof = int(one["leaf"]), [*map(_bytes, one["proof"])]
        except (KeyError, TypeError, ValueError, AttributeError):
            report.add("unreadable", f"event {place + 1}")
            continue
        where = f"{entry.ticket_id}/{entry.version}"
        if root_of_inclusion(leaf, checkpoint.size, entry.hashed, proof) != checkpoint.root:
            report.add("not_in_tree", f"{where} (leaf {leaf})")
        if leaf in leaves:
            report.add("repeated", where)
        leaves.add(leaf)
        versions[entry.ticket_id].append(entry.version)
    report.tickets = len(versions)
    whole = "ticket" in report.about
    report.last_version = max(versions.get(report.about["ticket"], ()), default=None) if whole else None
    for ticket_id, found in versions.items():
        expected = range(1 if whole else min(found), max(found) + 1)
        for version in sorted({*expected} - {*found}):
            report.add("missing", f"{ticket_id}/{version}")
    if whole and (others := {*versions} - {report.about["ticket"]}):
        report.add("of_another_ticket", ", ".join(sorted(others)))


def _check_witness(report: BundleReport, checkpoint: Checkpoint, key: VerifyingKey, witness: Iterable[str]) -> None:
    roots = set[bytes]()
    for note in witness:
        try:
            found = opened_checkpoint(note, key)
        except NoteInvalid:
            continue  # of another tree, or nobody's
        if found.size == checkpoint.size:
            roots.add(found.root)
    report.witnessed = roots == {checkpoint.root}
    if not roots:
        report.add("not_witnessed", f"checkpoint {checkpoint.size}")
    elif not report.witnessed:
        report.add("tree_differs_from_witness", f"checkpoint {checkpoint.size}")


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    texts = ("key", "checkpoint", "signature", "made_at")
    if (
        not isinstance(body, dict)
        or body.get("format") != FORMAT
        or not all(isinstance(body.get(name), str) for name in texts)
        or not isinstance(body.get("events"), list)
        or not isinstance(body.get("about"), dict)
        or {*body["about"]} not in ({"ticket"}, {"since", "until"})
        or not all(isinstance(one, str) for one in body["about"].values())
    ):
        raise NoteInvalid(str(Text("不是审计证明包", "this is no proof bundle as `ticketbus audit` writes it")))
    return body


def _manifest(name: str, body: Mapping[str, Any]) -> str:
    digest = sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{name}/bundle\n{len(body['events'])}\n{digest}\n"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
