"""Who reads, held against the contract and the subscriptions: absent readers, strangers, rows without a client."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.shown_names import shown
from bus.consistency.subscriptions import Subscription, groups_of
from bus.consistency.topic_readers import READS_NOW, ReaderKind, TopicReader, check_readers, group_readers
from bus.kafka.group_members import GroupMember
from schemas.acls import STAGES
from schemas.topics import COMMANDS, LOG, load_contract, physical

CONTRACT = load_contract()
NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
ASSIGN, STATUS = "ticket.assign", "ticket.status"


def reader(who: str, topic: str, kind: ReaderKind = ReaderKind.GROUP, at: datetime = NOW) -> TopicReader:
    """Make one that was seen."""
    return TopicReader(kind=kind, who=who, topic=topic, members=(f"{who}-1 @ 192.0.2.1 (m)",), last_at=at)


def ours(namespace: str = "", at: datetime = NOW) -> list[TopicReader]:
    """Make all of the bus's own readers."""
    return [
        reader(shown(physical(namespace, f"ticketbus.{part}")), name, at=at)
        for name, topic in CONTRACT.topics.items()
        for part in topic.readers
        if part in STAGES
    ]


def bi(**changes: object) -> Subscription:
    """Make a subscription."""
    given = {
        "client": "bi",
        "owner": "数据组",
        "contact": "bi@corp",
        "topics": (ASSIGN,),
        "groups": groups_of("bi", ""),
    }
    return Subscription(**{**given, **changes})  # type: ignore[arg-type]  # the values are of the fields' types


def found(
    *seen: TopicReader, rows: Sequence[Subscription] = (), namespace: str = "", written: int = 1
) -> list[CheckResult]:
    """Give what is found beside the bus's own readers."""
    ends = dict.fromkeys(CONTRACT.topics, written)
    readers = [*ours(namespace), *seen]
    return check_readers(CONTRACT, namespace, seen=readers, subscriptions=rows, ends=ends, now=NOW)


def test_topic_readers_are_who_the_members_of_groups_say_and_of_declared_topics_alone() -> None:
    members = [
        GroupMember(group="bi", client_id=f"c{n}", host="192.0.2.1", member_id=f"m{n}", topics=(f"t1.{STATUS}", "x"))
        for n in (2, 1)
    ]
    [one] = group_readers(CONTRACT, "t1", members)
    assert (one.kind, one.who, one.topic) == (ReaderKind.GROUP, "bi", STATUS)
    assert one.members == ("c1 @ 192.0.2.1 (m1)", "c2 @ 192.0.2.1 (m2)")


def test_topic_readers_nothing_is_found_while_all_declared_readers_read() -> None:
    assert found() == []
    assert found(namespace="t12345678") == [], "a name with a long number is shown cut, and is ours all the same"


def test_topic_readers_a_declared_reader_that_stopped_or_never_read_is_found_with_the_command_that_starts_it() -> None:
    late = ours(at=NOW - READS_NOW - timedelta(seconds=1))
    of_commands = [one for one in ours() if one.topic != COMMANDS]
    ends = dict.fromkeys(CONTRACT.topics, 1)
    absent = check_readers(CONTRACT, "", seen=late, subscriptions=(), ends=ends, now=NOW)
    assert {one.code for one in absent} == {CheckCode.READER_ABSENT}
    assert {one.about for one in absent} == {f"{one.who} → {one.topic}" for one in late}
    [never] = check_readers(CONTRACT, "", seen=of_commands, subscriptions=(), ends=ends, now=NOW)
    assert (never.code, never.about) == (CheckCode.READER_NEVER_SEEN, f"ticketbus.commands → {COMMANDS}")
    assert (never.level, never.mend) == ("p2", "ticketbus worker --stages commands")


def test_topic_readers_a_stage_that_the_contract_does_not_name_is_found() -> None:
    [one] = found(reader("ticketbus.delivery", STATUS))
    assert (one.code, one.level, one.about) == (CheckCode.READER_UNDECLARED, "p2", f"ticketbus.delivery → {STATUS}")
    long_ago = NOW - READS_NOW - timedelta(seconds=1)
    assert found(reader("ticketbus.delivery", STATUS, at=long_ago)) == []


def test_topic_readers_who_reads_without_a_row_is_for_information_until_there_is_one() -> None:
    [group] = found(reader("bi", ASSIGN))
    assert (group.code, group.level, group.about) == (CheckCode.NO_SUBSCRIPTION, "info", "bi")
    assert "--topic ticket.assign --group bi" in group.mend
    assert group.evidence == ("bi-1 @ 192.0.2.1 (m)",)
    [stream] = found(reader("board", STATUS, ReaderKind.STREAM))
    assert "--group" not in stream.mend
    assert found(reader("bi", ASSIGN), rows=[bi()]) == []
    assert found(reader("subscriber.bi/reports", ASSIGN), rows=[bi()]) == []
    assert found(reader("bi", ASSIGN, at=NOW - timedelta(days=2))) == [], "it read long ago"
    [other] = found(reader("bi", ASSIGN), reader("bi", STATUS), rows=[bi()])
    assert "其订阅未列出" in other.text.zh
    assert STATUS in other.text.zh
    assert ASSIGN not in other.text.zh


def test_topic_readers_a_row_whose_client_was_never_seen_is_found_with_owner_and_contact() -> None:
    [one] = found(rows=[bi()])
    assert (one.code, one.level, one.about) == (CheckCode.SUBSCRIBER_NEVER_SEEN, "p3", "bi")
    assert "数据组" in one.text.zh
    assert "bi@corp" in one.text.en
    half = found(reader("bi", ASSIGN), rows=[bi(topics=(ASSIGN, STATUS))])
    assert [(one.code, STATUS in one.text.en, ASSIGN in one.text.en) for one in half] == [
        (CheckCode.SUBSCRIBER_NEVER_SEEN, True, False)
    ]


def test_topic_readers_a_row_that_the_contract_no_longer_serves_is_found() -> None:
    seen = [reader("bi", one) for one in (ASSIGN, COMMANDS)]
    assert [one.code for one in found(*seen, rows=[bi(topics=(ASSIGN, COMMANDS))])] == [CheckCode.SUBSCRIBED_TOPIC]
    [one] = found(*seen[:1], rows=[bi(types=("TicketOpened",))])
    assert one.code is CheckCode.SUBSCRIBED_TYPE
    assert f"{LOG}, {STATUS}" in one.text.en


def test_topic_readers_a_topic_that_is_read_and_was_never_written_is_for_information() -> None:
    [one] = found(reader("bi", ASSIGN), rows=[bi()], written=0)
    assert (one.code, one.level, one.about) == (CheckCode.UNWRITTEN, "info", f"bi → {ASSIGN}")
