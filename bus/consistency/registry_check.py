"""What a schema registry tells of the catalogue's subjects, held against the catalogue: latest versions and levels."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx2

from bus.domain.text import Text
from bus.schema_registry import COMPATIBILITY, Registry, asked
from bus.wire.schema_equality import same_schema
from schemas.catalogue import RECORD_TYPES

AT_ONCE = 8
PREPARE = "ticketbus prepare"
LEVEL_OF_0_2 = "BACKWARD_TRANSITIVE"
"""The level that version 0.2.0 set itself."""


class Kind(StrEnum):
    """In what a subject differs."""

    MISSING = "missing"
    LATEST = "latest"
    INCOMPATIBLE = "incompatible"
    LEVEL = "level"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifference:
    """A difference of one subject, as a sentence that says what to do."""

    subject: str
    kind: Kind
    text: Text
    mend: str
    level: str = ""


async def schema_differences(registry: Registry) -> list[SchemaDifference]:
    """Compare subjects with the schemas of the catalogue; reads alone. Raises RegistryUnavailable."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def of(subject: str, schema: Mapping[str, Any]) -> list[SchemaDifference]:
        async with turns:
            latest = await asked(http, f"/subjects/{subject}/versions/latest")
            level = await asked(http, f"/config/{subject}") if latest is not None else None
            strange = latest is not None and not _same(latest.get("schema"), schema)
            compatible = await _compatible(http, subject, schema) if strange else True
        return differences(subject, schema, latest, level, compatible=compatible)

    async with registry.client() as http:
        found = await asyncio.gather(*(of(one.subject, one.schema) for one in RECORD_TYPES))
    return [one for each in found for one in each]


def differences(
    subject: str,
    schema: Mapping[str, Any],
    latest: Mapping[str, Any] | None,
    level: Mapping[str, Any] | None,
    *,
    compatible: bool = True,
) -> list[SchemaDifference]:
    """Judge the registry's answers about a subject; None where it has none. Pure."""
    if latest is None:
        zh = f"{subject} 不在 schema registry 中:请运行 ticketbus prepare 重新注册;总线仍按已保存的 id 读写"
        en = f"{subject} is not in the registry: run `ticketbus prepare`; the bus goes on by the ids that it has kept"
        return [SchemaDifference(subject=subject, kind=Kind.MISSING, text=Text(zh, en), mend=PREPARE)]
    found = []
    if not _same(latest.get("schema"), schema):
        version = latest.get("version")
        zh = f"{subject} 的最新版本 {version} 不是本版本的 schema:若非更新版 ticketbus 所注册,请查明来源并删除该版本"
        en = (
            f"{subject}: the latest version {version} is not this program's schema. Unless a newer ticketbus has "
            f"registered it, find out who has, and delete it: DELETE /subjects/{subject}/versions/{version}"
        )
        mend = f"DELETE /subjects/{subject}/versions/{version}"
        found.append(SchemaDifference(subject=subject, kind=Kind.LATEST, text=Text(zh, en), mend=mend))
    if not compatible:
        version = latest.get("version")
        zh = f"{subject} 的最新版本 {version} 与本版本的 schema 不兼容:用它编译的订阅者读不了总线的消息"
        en = f"{subject}: the latest version {version} is not compatible with this program's schema: its readers fail"
        mend = f"DELETE /subjects/{subject}/versions/{version}"
        found.append(SchemaDifference(subject=subject, kind=Kind.INCOMPATIBLE, text=Text(zh, en), mend=mend))
    actual = (level or {}).get("compatibilityLevel", "unset")
    if actual != COMPATIBILITY:
        zh = f"{subject} 的兼容级别是 {actual},应为 {COMPATIBILITY}:请运行 ticketbus prepare 恢复"
        en = f"{subject}: the compatibility level is {actual}, not {COMPATIBILITY}; `ticketbus prepare` sets it"
        found.append(SchemaDifference(subject=subject, kind=Kind.LEVEL, text=Text(zh, en), mend=PREPARE, level=actual))
    return found


def levels_set(before: Iterable[SchemaDifference]) -> list[Text]:
    """Say which foreign levels registering has set again, a text a level; an upgrade's own are none. Pure."""
    subjects: dict[str, list[str]] = {}
    for one in before:
        if one.kind is Kind.LEVEL and one.level != LEVEL_OF_0_2:
            subjects.setdefault(one.level, []).append(one.subject)
    return [_set_again(level, sorted(names)) for level, names in sorted(subjects.items())]


def _set_again(level: str, subjects: Sequence[str]) -> Text:
    count, first = len(subjects), subjects[0]
    return Text(
        f"{count} 个 subject（如 {first}）的兼容级别曾是 {level}，已恢复为 {COMPATIBILITY}：请查看其各版本",
        f"the compatibility level was {level} at {count} subjects, such as {first}, and is {COMPATIBILITY} again: "
        "look at their versions",
    )


async def _compatible(http: httpx2.AsyncClient, subject: str, schema: Mapping[str, Any]) -> bool:
    """Ask the registry whether a schema goes with the subject's latest version; one that does not tell says nothing."""
    body = {"schema": json.dumps(schema, ensure_ascii=False)}
    answer = await asked(http, f"/compatibility/subjects/{subject}/versions/latest", body)
    return bool((answer or {}).get("is_compatible", True))


def _same(text: object, schema: Mapping[str, Any]) -> bool:
    """Say whether a text is this schema, but for what some registries pass over when they give out ids."""
    try:
        return same_schema(json.loads(str(text)), schema)
    except (ValueError, RecursionError):
        return False
