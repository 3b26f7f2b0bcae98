"""Who still reads what will go: by subscriptions, and of topics by who was seen. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bus.consistency.declared_readers import DeclaredReader, declared_readers
from bus.consistency.subscriptions import Subscription
from bus.consistency.topic_readers import SUBSCRIBED_WITHIN, ReaderKind, TopicReader
from bus.domain.text import Text
from schemas.deprecations import Deprecation
from schemas.topics import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprecatedRead:
    """A subscriber, or somebody without a subscription (`who` alone), that reads what will go."""

    deprecation: Deprecation
    who: str
    reader: DeclaredReader | None = None

    @property
    def about(self) -> str:
        """Say in short who reads what."""
        return f"{self.who} → {self.deprecation.what}"

    @property
    def mend(self) -> str:
        """Give the command that says more of who that is."""
        return f"ticketbus subscription show {self.who}" if self.reader else "ticketbus topics check --live"

    @property
    def ends_at(self) -> datetime:
        """Give the day from which on it may be gone."""
        return datetime.combine(self.deprecation.until, datetime.min.time(), UTC)

    def text(self) -> Text:
        """Say who reads what until when, and what to read instead."""
        one, reader = self.deprecation, self.reader
        owner = f"({reader.subscription.owner},{reader.subscription.contact})" if reader else "(没有订阅记录)"
        asked = f" ({reader.subscription.owner}, {reader.subscription.contact})" if reader else " (no subscription)"
        may = Text("可能读取", "may read") if reader and not reader.sure else Text("读取", "reads")
        return Text(
            f"{self.who}{owner}{may.zh}已弃用的 {one.what},它保留到 {one.until};改用 {one.instead}",
            f"{self.who}{asked} {may.en} {one.what}, which stays until {one.until}; instead: {one.instead}",
        )


def deprecated_reads(
    listed: Sequence[Deprecation],
    contract: Contract,
    subscribed: Sequence[Subscription],
    seen: Sequence[TopicReader],
    now: datetime,
) -> list[DeprecatedRead]:
    """Find who reads what will go: by subscriptions, and of topics whoever was seen within a day. Pure."""
    carried = {name: contract.topics[name].event_names for name in contract.public()}
    found = []
    for one in listed:
        readers = declared_readers(one.what, carried, subscribed)
        found += [DeprecatedRead(deprecation=one, who=each.subscription.client, reader=each) for each in readers]
        others = {
            each.who
            for each in seen
            if each.topic == one.what and each.last_at and now - each.last_at <= SUBSCRIBED_WITHIN
            and not _is_ours(each) and not any(reader.subscription.is_read_by(each.who) for reader in readers)
        }  # fmt: skip
        found += [DeprecatedRead(deprecation=one, who=who) for who in sorted(others)]
    return found


def _is_ours(one: TopicReader) -> bool:
    return one.kind is ReaderKind.GROUP and "ticketbus." in one.who
