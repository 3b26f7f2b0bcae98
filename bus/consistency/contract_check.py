"""The topic contract held against itself: readers, writers, records and schema files, before any broker. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from schemas.acls import PROGRAMS, SOURCES
from schemas.catalogue import RECORD_TYPES, RecordType
from schemas.topics import Contract, Topic

FILE: Final = "schemas/topics.yaml"
PARTS: Final = tuple(sorted({*(part for parts in PROGRAMS.values() for part in parts), SOURCES}))


def check_contract(contract: Contract, records: Sequence[RecordType] = RECORD_TYPES) -> list[CheckResult]:
    """Find readers without a writer, writers without a reader, parts and records that have no place. Pure."""
    return [
        *(result for name, topic in contract.topics.items() for result in _of_topic(name, topic)),
        *_of_records(contract, records),
    ]


def _of_topic(name: str, topic: Topic) -> Iterator[CheckResult]:
    if not topic.event_names and not topic.subjects:
        yield CheckResult(
            code=CheckCode.NO_RECORDS,
            about=name,
            severity=Severity.P1,
            text=Text(
                f"主题 {name} 未声明任何事件或记录,其读者收不到任何消息",
                f"the topic {name} declares neither events nor records: its readers get nothing",
            ),
            evidence=topic.readers,
            mend=f"{FILE}: {name}: events",
        )
    if topic.readers and not topic.writers:
        yield CheckResult(
            code=CheckCode.NO_WRITER,
            about=name,
            severity=Severity.P1,
            text=Text(
                f"主题 {name} 有读者,但没有任何程序写入", f"the topic {name} has readers, and no program writes it"
            ),
            evidence=topic.readers,
            mend=f"{FILE}: {name}: writers",
        )
    if topic.writers and not topic.readers and not topic.open:
        yield CheckResult(
            code=CheckCode.NO_READER,
            about=name,
            severity=Severity.P2,
            text=Text(
                f"主题 {name} 有写入者,但没有读者,也未声明 open",
                f"the topic {name} is written and nobody reads it; if that is meant, say `open: true` and why",
            ),
            evidence=topic.writers,
            mend=f"{FILE}: {name}: readers",
        )
    for role, parts in (("readers", topic.readers), ("writers", topic.writers)):
        for part in sorted({*parts} - {*PARTS}):
            yield _unknown_part(name, role, part)


def _unknown_part(topic: str, role: str, part: str) -> CheckResult:
    meant = nearest(part, PARTS)
    asked = did_you_mean(meant)
    return CheckResult(
        code=CheckCode.UNKNOWN_PART,
        about=topic,
        severity=Severity.P2,
        text=Text(
            f"主题 {topic} 的 {role} 中有 {part},它不属于任何程序{asked.zh}",
            f"the topic {topic} names {part} among its {role}, which is part of no program{asked.en}",
        ),
        evidence=PARTS,
        nearest=meant,
        mend=f"{FILE}: {topic}: {role}",
    )


def _of_records(contract: Contract, records: Sequence[RecordType]) -> Iterator[CheckResult]:
    topics = contract.topics.values()
    taken = {subject for topic in topics for subject in topic.subjects}
    events = {name for topic in topics for name in topic.event_names}
    for record in records:
        if record.subject not in taken and record.cls.__name__ not in events:
            yield CheckResult(
                code=CheckCode.RECORD_NOWHERE,
                about=record.subject,
                severity=Severity.P1,
                text=Text(
                    f"没有主题收 {record.subject},写入者无处可写",
                    f"no topic takes {record.subject}: nobody will ever read one",
                ),
                mend=f"{FILE}: records",
            )
        if record.schema != record.derived:
            yield CheckResult(
                code=CheckCode.SCHEMA_FILE,
                about=record.subject,
                severity=Severity.P1,
                text=Text(
                    f"schema 文件 schemas/{record.file_name} 与类 {record.cls.__name__} 不一致",
                    f"the schema file schemas/{record.file_name} is not what {record.cls.__name__} says",
                ),
                mend="ticketbus docs draw",
            )
