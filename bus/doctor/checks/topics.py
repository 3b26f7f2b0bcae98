"""Topics: partitions and configs against the contract, replication, in-sync replicas and who leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bus.consistency.check_result import CheckResult
from bus.doctor.diagnosis import Check, Diagnosis, Evidence, Examined
from bus.kafka.broker_topic import describe
from bus.kafka.clients import admin
from bus.kafka.topic_admin import topic_differences
from bus.programs.topics_check import difference_result
from schemas.topics import physical

NAME: Final = "topics"
WANTED_REPLICAS: Final = 3
INTERNAL: Final = ("__consumer_offsets", "__transaction_state")
_REASSIGN: Final = "kafka-reassign-partitions.sh --generate, then --execute, with three replicas for each partition"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaReading:
    """A topic's partitions: the fewest replicas, how many lack an in-sync replica, a leader, or in-sync replicas."""

    topic: str
    replicas: int
    behind: int = 0
    leaderless: int = 0
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReadings:
    """What the brokers say of the contract's topics, and of Kafka's own where this user may see them."""

    brokers: int
    differences: Sequence[CheckResult]
    topics: Sequence[ReplicaReading]


async def _read(examined: Examined) -> TopicReadings:
    examined.need("kafka_bootstrap")
    settings, contract = examined.settings, examined.contract
    differences = [difference_result(one, contract, settings) for one in await topic_differences(settings, contract)]
    names = [physical(settings.namespace, name) for name in contract.topics]
    async with admin(settings) as client:
        brokers = len((await client.describe_cluster())["brokers"])
        described = [one for one in await client.describe_topics() if one["topic"] in (*names, *INTERNAL)]
        configs = await describe(client, names)
    return TopicReadings(
        brokers=brokers,
        differences=differences,
        topics=[
            ReplicaReading(
                topic=one["topic"],
                replicas=min((len(each["replicas"]) for each in one["partitions"]), default=0),
                behind=sum(len(each["isr"]) < len(each["replicas"]) for each in one["partitions"]),
                leaderless=sum(each["leader"] < 0 for each in one["partitions"]),
                configs=configs[one["topic"]].configs if one["topic"] in configs else {},
            )
            for one in described
        ],
    )


def judge(found: TopicReadings) -> Sequence[Diagnosis]:
    """Judge what would lose records or stop writing. Pure."""
    wrong = [_difference(one) for one in found.differences]
    for one in found.topics:
        wrong += _replicas(one, found.brokers)
    if found.brokers == 1:
        says = (
            "one broker has the only copy of every record: with its disk the log is lost, but for what PostgreSQL has"
        )
        wrong.append(
            Diagnosis(
                check=NAME,
                verdict="note",
                says=says,
                mend="for production three brokers: docs/securing.md, docker-compose.kafka.yml",
                evidence={"brokers": 1},
            )
        )
    if wrong:
        return wrong
    says = f"{len(found.topics)} topics are as the contract says, in sync on {found.brokers} brokers"
    return [Diagnosis(check=NAME, verdict="ok", says=says, evidence={"brokers": found.brokers})]


def _difference(one: CheckResult) -> Diagnosis:
    evidence = {"topic": one.about, "code": one.code.value, "found": "; ".join(one.evidence)}
    return Diagnosis(check=NAME, verdict="wrong", says=one.text.en, mend=one.mend, evidence=evidence)


def _replicas(one: ReplicaReading, brokers: int) -> Sequence[Diagnosis]:
    found = list[tuple[str, str]]()
    wanted = min(WANTED_REPLICAS, brokers)
    if one.leaderless:
        found.append((f"{one.leaderless} partitions have no leader", "start the brokers that are down"))
    elif one.behind:
        found.append(
            (f"{one.behind} partitions lack in-sync replicas", "start the brokers that are down, or see their logs")
        )
    if one.replicas < wanted:
        found.append((f"{one.replicas} replicas on {brokers} brokers, {wanted} are wanted", _REASSIGN))
    in_sync = int(one.configs.get("min.insync.replicas", 0))
    if in_sync and one.replicas > 1 and in_sync >= one.replicas:
        mend = f"kafka-configs.sh --alter --topic {one.topic} --add-config min.insync.replicas={one.replicas - 1}"
        found.append((f"min.insync.replicas {in_sync} of {one.replicas}: no broker may be restarted", mend))
    if in_sync == 1 and one.replicas >= WANTED_REPLICAS:
        mend = f"kafka-configs.sh --alter --topic {one.topic} --add-config min.insync.replicas=2"
        found.append(("min.insync.replicas 1: what one broker alone has counts as written", mend))
    if one.configs.get("unclean.leader.election.enable") == "true":
        mend = f"kafka-configs.sh --alter --topic {one.topic} --add-config unclean.leader.election.enable=false"
        found.append(("unclean.leader.election.enable: a broker that lacks records may lead", mend))
    evidence: Evidence = {"topic": one.topic, "replicas": one.replicas, "min_insync": in_sync, "behind": one.behind}
    return [
        Diagnosis(check=NAME, verdict="wrong", says=f"{one.topic}: {says}", mend=mend, evidence=evidence)
        for says, mend in found
    ]


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
