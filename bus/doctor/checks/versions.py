"""Versions: programs against each other and this command, migrations against this version's, servers against tested."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from bus.doctor.diagnosis import CannotLook, Check, Diagnosis, Examined
from bus.domain.errors import BusError
from bus.kafka.features import metadata_versions
from bus.postgres.heartbeats import read_beats
from bus.postgres.pool import connected
from bus.postgres.schema_number import known_migrations

NAME: Final = "versions"
POSTGRESQL_TESTED: Final = 18
METADATA_OF_KAFKA_4: Final = 25  # metadata.version 4.0-IV3; what is tested is Kafka 4.4
_APPLIED: Final = "SELECT version FROM schema_migrations"
_SERVER: Final = "SELECT current_setting('server_version_num')::int"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReadings:
    """Versions as they were read. `kafka`: the cluster's finalized metadata.version and the newest that it supports."""

    own: str
    python: str
    programs: Mapping[str, Collection[str]]
    applied: Collection[str]
    shipped: Collection[str]
    postgresql: int
    kafka: tuple[int, int] | str


async def _read(examined: Examined) -> VersionReadings:
    async with connected(examined.database) as connection:
        programs = dict[str, set[str]]()
        for one in await read_beats(connection):
            if one.lives(examined.now):
                programs.setdefault(one.version, set()).add(f"{one.program} on {one.host}")
        table = await (await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")).fetchone()
        if table != (True,):
            raise CannotLook("the database was never prepared: run `ticketbus prepare`")
        applied = {row[0] for row in await (await connection.execute(_APPLIED)).fetchall()}
        server = await (await connection.execute(_SERVER)).fetchone()
    assert server is not None
    try:
        examined.need("kafka_bootstrap")
        kafka: tuple[int, int] | str = await metadata_versions(examined.settings)
    except BusError as error:
        kafka = str(error)
    return VersionReadings(
        own=version("ticketbus"),
        python=sys.version.split()[0],
        programs=programs,
        applied=applied,
        shipped=known_migrations(),
        postgresql=int(server[0]),
        kafka=kafka,
    )


def judge(found: VersionReadings) -> Sequence[Diagnosis]:
    """Judge them. Pure."""
    return [_schema(found), *_programs(found), _postgresql(found), _kafka(found)]


def _schema(found: VersionReadings) -> Diagnosis:
    missing, strange = sorted(set(found.shipped) - set(found.applied)), sorted(set(found.applied) - set(found.shipped))
    evidence = {"applied": len(found.applied), "missing": len(missing), "of_a_later_version": len(strange)}
    if missing:
        says = f"{len(missing)} migrations are not applied, the first is {missing[0]}"
        return Diagnosis(check=NAME, verdict="wrong", says=says, mend="ticketbus prepare", evidence=evidence)
    if strange:
        says = f"the database has {len(strange)} migrations that version {found.own} does not know: it is older"
        return Diagnosis(
            check=NAME, verdict="wrong", says=says, mend="run the programs of the later release", evidence=evidence
        )
    says = f"the database has all {len(found.shipped)} migrations of {found.own}"
    return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)


def _programs(found: VersionReadings) -> Sequence[Diagnosis]:
    running = {one: sorted(who) for one, who in found.programs.items()}
    if set(running) <= {found.own}:
        what = f"{sum(map(len, running.values()))} programs run {found.own}, as this command, on Python {found.python}"
        return [Diagnosis(check=NAME, verdict="ok", says=what, evidence={"python": found.python})]
    return [
        Diagnosis(
            check=NAME,
            verdict="note",
            says=f"{', '.join(who)} run {one or 'a version that does not say'}, this command is of {found.own}",
            mend="end the upgrade: start them anew from the release that `prepare` was run of",
            evidence={"version": one, "programs": len(who)},
        )
        for one, who in sorted(running.items())
        if one != found.own
    ]


def _postgresql(found: VersionReadings) -> Diagnosis:
    major = found.postgresql // 10_000
    says = f"PostgreSQL {major}.{found.postgresql % 10_000}, tested is {POSTGRESQL_TESTED}"
    evidence = {"server_version_num": found.postgresql}
    if major == POSTGRESQL_TESTED:
        return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)
    mend = f"no test was run on it; plan PostgreSQL {POSTGRESQL_TESTED}"
    return Diagnosis(check=NAME, verdict="note", says=says, mend=mend, evidence=evidence)


def _kafka(found: VersionReadings) -> Diagnosis:
    if isinstance(found.kafka, str):
        return Diagnosis(check=NAME, verdict="unseen", says=f"Kafka's version: {found.kafka}")
    finalized, supported = found.kafka
    says = f"Kafka's metadata.version is {finalized}, the brokers support {supported}"
    evidence = {"finalized": finalized, "supported": supported}
    if supported < METADATA_OF_KAFKA_4:
        mend = "no test was run on Kafka before 4.0; plan 4.4"
        return Diagnosis(check=NAME, verdict="note", says=says, mend=mend, evidence=evidence)
    if finalized < supported:
        mend = (
            "once all brokers run the new release: kafka-features.sh --bootstrap-server … upgrade --release-version …"
        )
        return Diagnosis(check=NAME, verdict="note", says=says, mend=mend, evidence=evidence)
    return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
