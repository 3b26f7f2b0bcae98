"""Retention against growth: what tables and topics will hold once they are as old as they are kept, and the disks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from socket import gethostname
from typing import Final

from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.doctor.places import database_is_here
from bus.domain.errors import BusError
from bus.kafka.broker_topic import describe
from bus.kafka.clients import admin
from bus.kafka.consumer_offsets import first_record, kept_for
from bus.kafka.log_dirs import topic_sizes
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import connected, in_transaction
from bus.postgres.retention import days_kept, storage
from deadletter.disk_store import all_disks
from schemas.topics import physical

NAME: Final = "retention"
YOUNG: Final = timedelta(days=1)  # what is younger says little of a day
A_YEAR: Final = timedelta(days=365)
SMALL: Final = 16 * 1024**2  # bytes, below which growth does not matter
MIB: Final = 1024**2
_FIRST_EVENT: Final = "SELECT min(recorded_at) FROM events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What grows: bytes now, how old the oldest of it is, and for how long it is kept; None: for ever."""

    what: str
    bytes: float
    age: timedelta
    kept: timedelta | None

    @property
    def a_day(self) -> float:
        """Give the bytes that a day brings, on the average of its age."""
        return self.bytes / (max(self.age, YOUNG) / timedelta(days=1))

    @property
    def to_come(self) -> float:
        """Give the bytes that it will grow by until its oldest is deleted, or in a year where it is kept for ever."""
        until = max(timedelta(0), self.kept - self.age) if self.kept is not None else A_YEAR
        return self.a_day * (until / timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class FillingStore:
    """A place that fills: what grows there, and the bytes that are free; `why`: nobody can say the one or the other.

    `unread`: what is there, and may not be read by this user, so that nobody knows how old it is.
    """

    name: str
    growths: Sequence[Growth]
    free_bytes: float | None
    why: str = ""
    mend: str = ""
    unread: Sequence[str] = ()


async def _read(examined: Examined) -> Sequence[FillingStore]:
    return [await _postgres(examined), await _kafka(examined)]


async def _postgres(examined: Examined) -> FillingStore:
    kept = days_kept(examined.settings.keep_days)
    stored = await storage(examined.database, kept)
    async with connected(examined.database) as connection:
        await connection.execute("SET LOCAL statement_timeout = '5s'")
        row = await (await connection.execute(_FIRST_EVENT)).fetchone()
    since = row[0] if row and row[0] else examined.now
    disks = [one for one in await in_transaction(examined.database, all_disks) if one.origin == "watch"]
    here = gethostname() if database_is_here(examined.settings) else None
    own = [one.free_bytes for one in disks if one.role == "database"] or [
        one.free_bytes for one in disks if one.host == here
    ]
    growths = [
        Growth(
            what=f"table {one.table}",
            bytes=one.bytes,
            age=examined.now - (one.oldest or since),
            kept=timedelta(days=one.days) if one.days is not None else None,
        )
        for one in stored
    ]
    return FillingStore(
        name="PostgreSQL",
        growths=growths,
        free_bytes=min(own, default=None),
        why="nobody reads how full its disk is",
        mend="ticketbus watch --role database --path DIRECTORY   # on PostgreSQL's host",
    )


async def _kafka(examined: Examined) -> FillingStore:
    settings, namespace = examined.settings, examined.settings.namespace
    try:
        examined.need("kafka_bootstrap")
        sizes, free = await topic_sizes(settings)
        names = [physical(namespace, name) for name in examined.contract.topics]
        async with admin(settings) as client:
            configs = await describe(client, names)
    except BusError as error:
        return FillingStore(
            name="Kafka", growths=[], free_bytes=None, why=str(error), mend="ticketbus topics apply --acl"
        )
    ages, unread = dict[str, timedelta](), list[str]()
    for name in names:
        if sizes.get(name, 0) > SMALL:
            try:
                ages[name] = await _age(examined, name)
            except BusError:
                unread.append(name)
    growths = [
        Growth(what=f"topic {name}", bytes=sizes[name], age=age, kept=kept_for(configs[name].configs)[0])
        for name, age in ages.items()
        if name in configs and "compact" not in configs[name].configs.get("cleanup.policy", "")
    ]
    why = "no broker says how large its disk is"
    return FillingStore(name="Kafka", growths=growths, free_bytes=free, why=why, unread=unread)


async def _age(examined: Examined, topic: str) -> timedelta:
    """Say how old the oldest record of a topic is, by its first partitions."""
    first: datetime | None = None
    async with open_reader(examined.settings) as reader, admin(examined.settings) as client:
        described = await client.describe_topics([topic])
        partitions = sorted(each["partition"] for each in described[0]["partitions"])
        starts, ends = await reader.starts(topic, partitions), await reader.ends(topic, partitions)
        for partition in [one for one in partitions if ends[one] > starts[one]][:3]:
            _, at = await first_record(reader, topic, partition, starts[partition], ends[partition])
            first = min(first or examined.now, at or examined.now)
    return examined.now - (first or examined.now)


def judge(stores: Sequence[FillingStore]) -> Sequence[Diagnosis]:
    """Say of each store whether what it will hold has room, and what nobody could read. Pure."""
    unread = [
        Diagnosis(
            check=NAME,
            verdict="unseen",
            says=f"{store.name}: this user may not read {', '.join(store.unread)}, so how old they are is not known",
            mend="run it as a user that may read them (docs/securing.md#5-topics-rights-schemas)",
        )
        for store in stores
        if store.unread
    ]
    return [*map(_judged, stores), *unread]


def _judged(store: FillingStore) -> Diagnosis:
    large = [one for one in store.growths if one.bytes > SMALL]
    kept = sum(one.to_come for one in large if one.kept is not None)
    for_ever = sum(one.to_come for one in large if one.kept is None)
    a_day = sum(one.a_day for one in large)
    first = max(large, key=lambda one: one.to_come, default=None)
    says = f"{store.name} grows by {a_day / MIB:.1f} MiB a day; {(kept + for_ever) / MIB:.0f} MiB to come within a year"
    says += f", most of it {first.what}" if first and first.to_come else ""
    evidence = {
        "bytes_a_day": round(a_day),
        "to_come_kept": round(kept),
        "to_come_for_ever_in_a_year": round(for_ever),
        "free_bytes": None if store.free_bytes is None else round(store.free_bytes),
    }
    if store.free_bytes is None:
        says += f"; room: {store.why}"
        return Diagnosis(check=NAME, verdict="unseen", says=says, mend=store.mend, evidence=evidence)
    says += f", {store.free_bytes / MIB:.0f} MiB are free"
    if kept > store.free_bytes:
        mend = "TICKETBUS_KEEP_DAYS (docs/retention.md)" if store.name == "PostgreSQL" else "retention.ms of its topics"
        return Diagnosis(
            check=NAME, verdict="wrong", says=says, mend=f"a larger disk, or shorter {mend}", evidence=evidence
        )
    if kept + for_ever > store.free_bytes:
        mend = f"plan a larger disk: {store.free_bytes / max(a_day, 1):.0f} days are left at this rate"
        return Diagnosis(check=NAME, verdict="note", says=says, mend=mend, evidence=evidence)
    return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
