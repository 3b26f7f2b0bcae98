"""What of the contract differs from an older one, and what of it breaks whoever reads. Pure.

What breaks is what FULL_TRANSITIVE forbids (a reader with either schema reads every record), and besides what a reader
notices that Avro does not: a field, an event or a topic that is gone, a topic that keeps less.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from bus.domain.text import Text
from schemas.field_paths import FieldShape, fields_of
from schemas.snapshots import Snapshot

Shapes = Mapping[str, FieldShape]


class ContractChange(StrEnum):
    """What happened to a topic, a record or a field."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDifference:
    """One difference. `about`: a topic, a record or a field of one by its path.

    `breaks`: who reads it must change. `announced`: its deprecation's day is over, and it may go. `kept`: no day lets
    it go, since the registry refuses a record without it.
    """

    change: ContractChange
    about: str
    text: Text
    breaks: bool = False
    announced: bool = False
    kept: bool = False


def differences(before: Snapshot, after: Snapshot, today: date) -> list[ContractDifference]:
    """Compare two contracts, topics first."""
    over = {one.what for one in before.deprecations if one.until <= today}
    found = [*_of_topics(before, after), *_of_records(before, after), *_deprecated(before, after)]
    return [
        replace(one, breaks=False, announced=True)
        if one.breaks and not one.kept and one.change is ContractChange.REMOVED and one.about in over
        else one
        for one in found
    ]


def _of_topics(before: Snapshot, after: Snapshot) -> Iterator[ContractDifference]:
    for name in sorted(before.topics.keys() - after.topics.keys()):
        yield _removed(name, Text("主题被删除", "the topic is gone"))
    for name in sorted(after.topics.keys() - before.topics.keys()):
        yield _added(name, Text("新主题", "a new topic"))
    for name in sorted(before.topics.keys() & after.topics.keys()):
        yield from _of_topic(name, before, after)


def _of_topic(name: str, before: Snapshot, after: Snapshot) -> Iterator[ContractDifference]:
    was, now = before.topics[name], after.topics[name]
    had, has = {*before.events_of(name)}, {*after.events_of(name)}
    for record in sorted(had - has - (before.schemas.keys() - after.schemas.keys())):
        zh, en = f"不再收 {record}", f"no longer carries {record}"
        yield _changed(name, Text(zh, en), breaks=True)
    for record in sorted(has - had - (after.schemas.keys() - before.schemas.keys())):
        zh, en = f"新收 {record}", f"carries {record}, too: a reader passes over what it does not know"
        yield _changed(name, Text(zh, en))
    for key in ("key", "partitions", "retention", "public", "compacted"):
        if was.get(key) != now.get(key):
            text = Text(f"{key}:{was.get(key)} → {now.get(key)}", f"{key}: {was.get(key)} → {now.get(key)}")
            yield _changed(name, text, breaks=_takes_away(key, was, now))


def _takes_away(key: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Say whether a topic's setting serves readers worse than before."""
    if key == "retention":
        return now.get(key) != "forever" and _days(now.get(key)) < _days(was.get(key))
    return not (key == "public" and now.get(key))


def _days(retention: object) -> float:
    return float("inf") if retention == "forever" else float(str(retention).removesuffix(" days"))


def _of_records(before: Snapshot, after: Snapshot) -> Iterator[ContractDifference]:
    for name in sorted(before.schemas.keys() - after.schemas.keys()):
        yield _removed(name, Text("记录被删除", "the record is gone"))
    for name in sorted(after.schemas.keys() - before.schemas.keys()):
        yield _added(name, Text("新记录", "a new record: a reader passes over what it does not know"))
    for name in sorted(before.schemas.keys() & after.schemas.keys()):
        yield from _of_fields(name, fields_of(before.schemas[name]), fields_of(after.schemas[name]))


def _of_fields(
    record: str, before: Mapping[str, FieldShape], after: Mapping[str, FieldShape]
) -> Iterator[ContractDifference]:
    for path in _topmost(before.keys() - after.keys()):
        about = f"{record}.{path}"
        if before[path].has_default:
            yield _removed(about, Text("字段被删除", "the field is gone"))
        else:
            zh = "无默认值的字段被删除:旧读者读不了新记录,注册中心也会拒绝(即使已预告);请保留它,或另立新记录"
            en = "the field is gone, and had no default: no older reader reads a record without it, and the registry"
            en += " refuses it, announced or not; leave it, or make a new record"
            yield replace(_removed(about, Text(zh, en)), kept=True)
    for path in _topmost(after.keys() - before.keys()):
        about = f"{record}.{path}"
        if after[path].has_default:
            yield _added(about, Text("新字段,有默认值", "a new field with a default"))
        else:
            text = Text("新字段没有默认值", "a new field without a default: its reader reads no older record")
            yield ContractDifference(change=ContractChange.ADDED, about=about, text=text, breaks=True)
    for path in sorted(before.keys() & after.keys()):
        yield from _of_field(f"{record}.{path}", before[path], after[path])


def _of_field(about: str, before: FieldShape, after: FieldShape) -> Iterator[ContractDifference]:
    if before.type != after.type:
        text = Text(f"类型:{before.type} → {after.type}", f"its type: {before.type} → {after.type}")
        yield _changed(about, text, breaks=True)
    if before.has_default and not after.has_default:
        text = Text("不再有默认值", "its default is gone: its reader reads no record without the field")
        yield _changed(about, text, breaks=True)
    elif before.default != after.default:
        old, fresh = before.default or "–", after.default
        yield _changed(about, Text(f"默认值:{old} → {fresh}", f"its default: {old} → {fresh}"))
    if gone := [word for word in before.words if word not in after.words]:
        zh, en = (
            f"不再有取值 {', '.join(gone)}",
            f"is never {' or '.join(gone)} any more: who asks for that gets nothing",
        )
        yield _changed(about, Text(zh, en), breaks=True)
    if new := [word for word in after.words if word not in before.words]:
        zh, en = (
            f"新取值 {', '.join(new)}",
            f"may be {' or '.join(new)}, too: a reader passes over what it does not know",
        )
        yield _changed(about, Text(zh, en))
    if before.doc and before.doc != after.doc:  # the first words of a field are no news
        yield _changed(about, Text(f"说明:{after.doc}", f"what it means: {after.doc}"))


def _topmost(paths: set[str]) -> list[str]:
    """Leave out what lies within another path of the set."""
    return sorted(path for path in paths if not any(path.startswith(f"{other}.") for other in paths if other != path))


def _deprecated(before: Snapshot, after: Snapshot) -> Iterator[ContractDifference]:
    known = {*before.deprecations}
    for one in after.deprecations:
        if one not in known:
            zh = f"自 {one.since} 起弃用,保留到 {one.until};改用 {one.instead}:{one.why}"
            en = f"deprecated since {one.since}, stays until {one.until}; instead: {one.instead}. {one.why}"
            yield ContractDifference(change=ContractChange.DEPRECATED, about=one.what, text=Text(zh, en))


def _removed(about: str, text: Text) -> ContractDifference:
    return ContractDifference(change=ContractChange.REMOVED, about=about, text=text, breaks=True)


def _added(about: str, text: Text) -> ContractDifference:
    return ContractDifference(change=ContractChange.ADDED, about=about, text=text)


def _changed(about: str, text: Text, *, breaks: bool = False) -> ContractDifference:
    return ContractDifference(change=ContractChange.CHANGED, about=about, text=text, breaks=breaks)
