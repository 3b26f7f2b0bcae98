"""Subscriptions: who reads the public topics from outside, for whom, and whom to ask. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.shown_names import shown
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, nearest, nearest_event
from bus.domain.text import Text, is_blank
from bus.intake.reserved_names import is_client_name, refuse_control, refuse_reserved
from bus.observability.masking import mask_text
from schemas.acls import STAGES
from schemas.catalogue import EVENT_NAMES
from schemas.deprecations import field_names
from schemas.topics import Contract, physical

FIRST_VERSION = "1"
TEXT_CHARS_MAX = 100
GROUPS_MAX = 20
_ASKED_BY = {
    CheckCode.SUBSCRIBED_TOPIC: "topic",
    CheckCode.SUBSCRIBED_TYPE: "type",
    CheckCode.SUBSCRIBED_FIELD: "field",
}
FILTER_MAX = 100
RATE_MAX = 1e7
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")  # it ends the name of a consumer group
VERSION_FORM = Text(
    "须为 1 到 32 个字母、数字、点、下划线或短横线,以字母或数字开头",
    "1 to 32 letters, digits, dots, underscores and dashes, a letter or digit first",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a client reads: `topics`, of them the events in `types`, of tickets of `regions` that are with `assignees`.

    Each is all where it is empty. The gateway's stream goes by them; on Kafka the client does so itself. `groups` are
    its consumer groups on Kafka; one that ends with `*` stands for all that begin so. `fields` are those that it uses,
    as `TicketAssigned.assignee`; of an event without any it has not said so. `rate`: how many events an hour it
    expects over a day; None: it does not say.
    """

    client: str
    owner: str
    contact: str
    topics: tuple[str, ...]
    types: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    version: str = FIRST_VERSION
    groups: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    rate: float | None = None

    def is_read_by(self, who: str) -> bool:
        """Say whether a consumer group, named as people see it, or a client of the gateway is this subscriber's."""
        return who == self.client or any(
            who.startswith(shown(one[:-1])) if one.endswith("*") else who == shown(one) for one in self.groups
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSubscription:
    """A subscription as a row: who added it, when and why, and who removed it."""

    number: int
    subscription: Subscription
    added_at: datetime
    added_by: str
    added_why: str
    removed_at: datetime | None
    removed_by: str | None
    removed_why: str | None


def subscription_json(one: ListedSubscription) -> dict[str, Any]:
    """Give its fields as the command line and HTTP show them."""
    row = asdict(one)
    return {**row.pop("subscription"), **row}


def subscription_read(row: Mapping[str, Any]) -> Subscription:
    """Read back what `subscription_json` gave, or a row of the table. Raises KeyError, TypeError."""
    texts = ("client", "owner", "contact", "version")
    lists = ("topics", "types", "regions", "assignees", "groups", "fields")
    given: dict[str, Any] = {**{name: row[name] for name in texts}, "rate": row.get("rate")}
    return Subscription(**{**given, **{name: tuple(row.get(name, ())) for name in lists}})


def groups_of(client: str, namespace: str) -> tuple[str, ...]:
    """Give the groups of a client that names none of its own: one of its name, and those that its ACL lets it join."""
    return physical(namespace, client), physical(namespace, f"subscriber.{client}/*")


def joinable(groups: Iterable[str], version: str = FIRST_VERSION) -> str:
    """Give a group that one of these allows: first one that its ACL lets it join, `subscriber.bi/1`, else any. Pure.

    Two versions of a subscription have each its own, or one would take what the other is to read.
    """
    named = [*groups]
    of_its_acl = next((one for one in named if one.endswith("/*")), None)
    if of_its_acl is not None:
        return f"{of_its_acl[:-1]}{version}"
    return next((one for one in named if not one.endswith("*")), f"{named[0].rstrip('*')}{version}")


def subscription_of(subscriptions: Iterable[Subscription], who: str) -> Subscription | None:
    """Find the subscription of a consumer group, or of a client of the gateway; the newest version of several."""
    return next((one for one in reversed([*subscriptions]) if one.is_read_by(who)), None)


def is_version(text: str) -> bool:
    """Say whether a text may be a subscription's version."""
    return _VERSION.fullmatch(text) is not None


def owner_text(owner: str, contact: str) -> Text:
    """Say whom to ask, at the end of an alert; nothing where nobody is known."""
    return Text(f" 负责人:{owner},联系:{contact}", f" Owner: {owner}, contact: {contact}") if owner else Text("", "")


def read_subscription(asked: Subscription, contract: Contract, namespace: str) -> Subscription:
    """Check what somebody asks to add. Raises MalformedInput that names the field and the name that was meant."""
    if not is_client_name(asked.client):
        zh, en = "请用小写字母、数字、点和短横线", "use lower case letters, digits, dots and dashes"
        raise MalformedInput("no_name", "client", f"“{asked.client}”不是客户端名:{zh}", f"{asked.client!r}: {en}")
    refuse_reserved(asked.client, "client")
    for field in ("owner", "contact"):
        _one_line(field, getattr(asked, field))
    if not is_version(asked.version):
        raise MalformedInput("malformed", "version", f"version {VERSION_FORM.zh}", f"version: {VERSION_FORM.en}")
    if not asked.topics:
        raise MalformedInput("missing", "topic", "请用 --topic 指定主题", "name the topics that it reads: --topic")
    for group in asked.groups:
        _one_line("group", group)
        if not group.rstrip("*"):
            raise MalformedInput("no_name", "group", "“*”是所有消费组", "* would be every group: name its beginning")
        if taken := group_of_the_bus(group, namespace):
            zh = f"“{group}”会占用总线自己的消费组 {taken},请用自己的名字"
            raise MalformedInput("reserved", "group", zh, f"{taken} is a group of the bus itself: name one of your own")
    if len(asked.groups) > GROUPS_MAX:
        zh, en = f"最多 {GROUPS_MAX} 个消费组", f"at most {GROUPS_MAX} groups"
        raise MalformedInput("too_many", "group", zh, f"{en}: name their common beginning with * at the end")
    if asked.rate is not None and not 0 < asked.rate < RATE_MAX:
        zh = f"rate 是每小时事件数,须大于 0、小于 {RATE_MAX:g}"
        raise MalformedInput("out_of_range", "rate", zh, f"rate is above 0 and below {RATE_MAX:g} events an hour")
    for field, values in (("region", asked.regions), ("assignee", asked.assignees)):
        for value in values:
            _one_line(field, value)
            if "," in value:
                zh, en = f"{field} 不含逗号,多个请分别写", f"{field}: no comma; name several one by one"
                raise MalformedInput("malformed", field, zh, en)
        if len(values) > FILTER_MAX:
            zh, en = f"{field} 最多 {FILTER_MAX} 个", f"at most {FILTER_MAX} of {field}"
            raise MalformedInput("too_many", field, zh, en)
    for wrong in check_subscription(asked, contract):
        raise MalformedInput(wrong.code.value, _ASKED_BY[wrong.code], wrong.text.zh, wrong.text.en)
    return asked


def group_of_the_bus(group: str, namespace: str) -> str | None:
    """Name the bus's own group that this would be, or would stand for: who joins it takes partitions from the bus."""
    own = [physical(namespace, name) for stage in STAGES for name in (f"ticketbus.{stage}", stage)]
    if group.startswith(physical(namespace, "ticketbus.")):
        return group
    return next((one for one in own if one == group or (group.endswith("*") and one.startswith(group[:-1]))), None)


def _one_line(field: str, text: str) -> None:
    refuse_control(text, field)
    if is_blank(text) or len(text) > TEXT_CHARS_MAX:
        zh, en = f"{field} 须为 1 到 {TEXT_CHARS_MAX} 个字符", f"{field} takes 1 to {TEXT_CHARS_MAX} characters"
        raise MalformedInput("length", field, zh, en)
    if mask_text(text) != text:
        zh, en = "不能写电话或密码:告警会显示它,请写团队的邮箱、群或值班表", "alerts show it: no phone, no secret"
        raise MalformedInput("personal", field, f"{field}:{zh}", f"{field}: {en}; name a team's mailbox or channel")


def check_subscription(one: Subscription, contract: Contract) -> Iterator[CheckResult]:
    """Find what a subscription names that no topic of the contract gives it."""
    public = contract.public()
    for topic in one.topics:
        if topic not in public:
            private = Text("不是可订阅的主题", "is no topic to subscribe to")
            yield _wrong(one, CheckCode.SUBSCRIBED_TOPIC, topic, private, public)
    carried = {name for topic in one.topics if topic in public for name in contract.topics[topic].event_names}
    for name in one.types:
        if name not in EVENT_NAMES:
            unknown = Text("不是事件类型", "is no type of event")
            yield _wrong(one, CheckCode.SUBSCRIBED_TYPE, name, unknown, EVENT_NAMES)
        elif carried and name not in carried:
            where = ", ".join(topic for topic in public if name in contract.topics[topic].event_names)
            elsewhere = Text(f"不在所订阅的主题里,而在 {where}", f"is on none of its topics, but on {where}")
            yield _wrong(one, CheckCode.SUBSCRIBED_TYPE, name, elsewhere)
    for name in one.fields:
        event, known = name.partition(".")[0], field_names(name.partition(".")[0])
        if name not in known:
            yield _wrong(
                one, CheckCode.SUBSCRIBED_FIELD, name, Text("不是事件的字段", "is no field of an event"), known
            )
        elif event not in (one.types or carried):
            zh, en = f"属于 {event},而它未订阅该事件", f"is one of {event}, to which it does not subscribe"
            yield _wrong(one, CheckCode.SUBSCRIBED_FIELD, name, Text(zh, en))


def _wrong(one: Subscription, code: CheckCode, name: str, what: Text, known: Sequence[str] = ()) -> CheckResult:
    meant = (nearest_event if code is CheckCode.SUBSCRIBED_TYPE else nearest)(name, known)
    asked = did_you_mean(meant)
    text = Text(
        f"{one.client} 订阅的 {name} {what.zh}{asked.zh}",
        f"{one.client} subscribes to {name}, which {what.en}{asked.en}",
    )
    return wrong_subscription(one, code, Severity.P2, text, meant)


def wrong_subscription(
    one: Subscription, code: CheckCode, severity: Severity, text: Text, meant: str = ""
) -> CheckResult:
    """Say what of a subscription is wrong, and who owns it; it is mended by another in its place. Pure."""
    return CheckResult(
        code=code,
        about=one.client,
        severity=severity,
        text=text,
        evidence=(f"{one.owner}, {one.contact}",),
        nearest=meant,
        mend=f"ticketbus subscription remove {one.client} --version {one.version} --why …",
    )
