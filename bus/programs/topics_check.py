"""`topics check --live`: the contract held against the broker, the registry, and those who read."""

from collections.abc import Sequence
from datetime import datetime

from bus.alerts.alert import Alert, Severity
from bus.alerts.rules.expiry import severity_before
from bus.alerts.rules.silent_topics import TOPIC_SILENT
from bus.app import require
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.contract_check import check_contract
from bus.consistency.deprecated_reads import DeprecatedRead, deprecated_reads
from bus.consistency.filter_check import check_filters, read_filter_facts
from bus.consistency.mismatch_store import read_mismatches, with_owners
from bus.consistency.mismatch_text import mismatch_result
from bus.consistency.rate_check import check_rates, read_rates
from bus.consistency.registry_check import schema_differences
from bus.consistency.subscription_store import list_subscriptions, seen_readers
from bus.consistency.topic_mismatch import MismatchKind, allowed_topics
from bus.consistency.topic_readers import TopicReader, added_lately, check_readers
from bus.domain.text import Text
from bus.kafka.clients import admin
from bus.kafka.log_ends import records_written
from bus.kafka.range_reader import open_reader
from bus.kafka.topic_admin import MISSING, PARTITIONS, TopicDifference, topic_differences
from bus.postgres.pool import connected, open_pool
from bus.programs.topic_watch import topics_in_use
from bus.schema_registry import registry_of
from bus.settings import Settings
from schemas.deprecations import load_deprecations
from schemas.topics import Contract, physical

APPLY = "ticketbus topics apply"


async def check_all(settings: Settings, contract: Contract, now: datetime) -> list[CheckResult]:
    """Check the contract itself and all that runs. Raises as `check_live` does."""
    return check_contract(contract) + await check_live(settings, contract, now)


async def check_live(settings: Settings, contract: Contract, now: datetime) -> list[CheckResult]:
    """Hold the contract against all that runs. Raises KafkaUnavailable, RegistryUnavailable, StoreUnavailable."""
    results = [difference_result(one, contract, settings) for one in await topic_differences(settings, contract)]
    if registry := registry_of(settings):
        results += [
            CheckResult(code=CheckCode.REGISTRY, about=one.subject, severity=Severity.P2, text=one.text, mend=one.mend)
            for one in await schema_differences(registry)
        ]
    use = await topics_in_use(settings, contract, allowed_topics(settings.topics_allowed_file))
    async with open_reader(settings) as reader, admin(settings) as client:
        names = {physical(settings.namespace, name): name for name in contract.topics}
        ends = {names[topic]: end for topic, end in (await records_written(reader, client, names)).items()}
    async with open_pool(require(settings, "database_url"), size=1) as pool, connected(pool) as connection:
        listed, seen = await list_subscriptions(connection), await seen_readers(connection)
        known = [one.subscription for one in listed]
        facts, rates = await read_filter_facts(connection, known), await read_rates(connection, contract, now)
        silent = TOPIC_SILENT.evaluate(await TOPIC_SILENT.read(connection), now)
        refused = [one for one in await read_mismatches(connection) if one.kind is MismatchKind.STREAM]
    results += [mismatch_result(one) for one in (*with_owners(use.mismatches, known), *refused)]
    results += [*check_filters(known, facts), *check_rates(rates), *(silent_result(one) for one in silent)]
    results += [
        deprecated_result(one, now) for one in deprecated_reads(load_deprecations(contract), contract, known, seen, now)
    ]
    readers, new = _with_now(seen, use.readers, now), added_lately(listed, now)
    return results + check_readers(
        contract, settings.namespace, seen=readers, subscriptions=known, ends=ends, now=now, new=new
    )


def _with_now(seen: Sequence[TopicReader], reading: Sequence[TopicReader], now: datetime) -> list[TopicReader]:
    """Put those who read now in the place of what was last written of them."""
    rows = {(one.kind, one.who, one.topic): one for one in seen}
    rows |= {
        (one.kind, one.who, one.topic): TopicReader(
            kind=one.kind, who=one.who, topic=one.topic, members=one.members, last_at=now
        )
        for one in reading
    }
    return [*rows.values()]


def silent_result(one: Alert) -> CheckResult:
    """Give a silent topic, as its alert says it, as a result."""
    severity = one.severity or TOPIC_SILENT.severity
    return CheckResult(
        code=CheckCode.SILENT, about=one.about, text=Text(one.zh, one.en), severity=severity, mend=one.mend
    )


def deprecated_result(one: DeprecatedRead, now: datetime) -> CheckResult:
    """Give who reads what will go as a result; for information while there is time."""
    return CheckResult(
        code=CheckCode.DEPRECATED,
        about=one.about,
        text=one.text(),
        severity=severity_before(one.ends_at - now),
        evidence=(one.deprecation.why,),
        mend=one.mend,
    )


def difference_result(one: TopicDifference, contract: Contract, settings: Settings) -> CheckResult:
    """Judge in what the broker's topic is not as declared."""
    declared = next(topic for name, topic in contract.topics.items() if physical(settings.namespace, name) == one.topic)
    if one.what == MISSING:
        return CheckResult(
            code=CheckCode.TOPIC_MISSING,
            about=one.topic,
            severity=Severity.P1,
            text=Text(f"Kafka 上没有主题 {one.topic}", f"{one.topic} is missing"),
            mend=APPLY,
        )
    if one.what == PARTITIONS:
        return CheckResult(
            code=CheckCode.PARTITIONS,
            about=one.topic,
            severity=Severity.P1 if declared.events else Severity.P3,
            text=Text(
                f"主题 {one.topic} 有 {one.actual} 个分区,契约为 {one.declared}",
                f"{one.topic} has {one.actual} partitions, the contract says {one.declared}",
            ),
            evidence=(one.actual,),
            mend="docs/operating.md#topics",
        )
    losing = one.what in ("retention.ms", "cleanup.policy")
    return CheckResult(
        code=CheckCode.CONFIG,
        about=one.topic,
        severity=Severity.P2 if losing else Severity.P3,
        text=Text(
            f"主题 {one.topic} 的 {one.what} 是 {one.actual},契约为 {one.declared}",
            f"{one.topic}: {one.what} is {one.actual}, the contract says {one.declared}",
        ),
        evidence=(f"{one.what}={one.actual}",),
        mend=APPLY,
    )
