"""Undeclared topics that somebody uses: found with who and the name that was meant, and no others'."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from bus.config_file import ConfigFileInvalid
from bus.consistency.shown_names import shown
from bus.consistency.topic_mismatch import AllowedTopic, MismatchKind, allowed_topics, mismatches
from bus.kafka.group_members import GroupMember
from schemas.topics import load_contract, physical

CONTRACT = load_contract()


def found(
    *topics: str,
    namespace: str = "",
    on_broker: Collection[str] = (),
    allowed: Sequence[AllowedTopic] = (),
    group: str = "bi",
) -> list[tuple[str, str, str]]:
    """Give kind, topic and nearest of what is found where one group subscribes to the topics."""
    member = GroupMember(group=group, client_id="bi-1", host="192.0.2.1", member_id="bi-1-x", topics=topics)
    declared = [physical(namespace, one) for one in CONTRACT.topics]
    listed = mismatches(CONTRACT, namespace, [member], [*declared, *on_broker], allowed)
    return [(one.kind.value, one.topic, one.nearest) for one in listed]


@pytest.mark.parametrize(
    ("topic", "meant"),
    [
        ("ticket.assigns", "ticket.assign"),
        ("tickets.assign", "ticket.assign"),
        ("ticket-assign", "ticket.assign"),
        ("Ticket.Assign", "ticket.assign"),
        ("ticket.zzzzzzzzzzzzzz", ""),
    ],
)
def test_topic_mismatch_a_misspelled_subscription_is_found_with_the_name_that_was_meant(topic: str, meant: str) -> None:
    assert found(topic) == [("subscription", topic, meant)]


def test_topic_mismatch_a_member_is_named_with_client_host_and_id() -> None:
    members = [
        GroupMember(group="bi", client_id=f"bi-{n}", host="192.0.2.1", member_id=f"m{n}", topics=("ticket.assigns",))
        for n in (2, 1)
    ]
    [one] = mismatches(CONTRACT, "", members, [])
    assert (one.kind, one.who) == (MismatchKind.SUBSCRIPTION, "bi")
    assert one.members == ("bi-1 @ 192.0.2.1 (m1)", "bi-2 @ 192.0.2.1 (m2)")


@pytest.mark.parametrize(
    "topic", ["orders", "dev.ticket.assign", "dev.ticket.assigns", "__consumer_offsets", "_schemas"]
)
def test_topic_mismatch_what_others_use_on_the_same_cluster_is_not_ours(topic: str) -> None:
    assert found(topic) == []
    assert found(on_broker=[topic]) == []


def test_topic_mismatch_declared_topics_and_a_stream_programs_internal_ones_are_none() -> None:
    assert found("ticket.assign", "bi-__assignor-__leader", on_broker=["bi-store-changelog"]) == []
    assert found("ticketbus.delivery-__assignor-__leader", group="ticketbus.delivery") == []


def test_topic_mismatch_of_a_namespace_only_its_own_and_one_that_was_left_out() -> None:
    assert found("dev.ticket.assigns", namespace="dev") == [("subscription", "dev.ticket.assigns", "dev.ticket.assign")]
    assert found("ticket.assign", namespace="dev") == [("subscription", "ticket.assign", "dev.ticket.assign")]
    assert found("ticket.assign", namespace="dev", on_broker=["ticket.assign"]) == [], "another bus has none"
    assert found("test.ticket.assigns", namespace="dev") == []
    assert found("dev.b.ticket.assign", namespace="dev", on_broker=["dev.b.ticket.assign"]) == []


def test_topic_mismatch_an_undeclared_topic_on_the_broker_is_found() -> None:
    assert found(on_broker=["ticket.assigns"]) == [("topic", "ticket.assigns", "ticket.assign")]


def test_topic_mismatch_what_is_allowed_for_a_reason_is_none() -> None:
    of_bi = AllowedTopic(topic="ticket.bi", group="bi", why="their own, agreed on")
    assert found("ticket.bi", allowed=[of_bi]) == []
    assert found("ticket.bi", allowed=[of_bi], group="other") == [("subscription", "ticket.bi", "ticket.probe")]
    assert found("ticket.bi", allowed=[AllowedTopic(topic="ticket.bi", why="theirs")], on_broker=["ticket.bi"]) == []


def test_topic_mismatch_an_allowed_topic_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "allowed.yaml"
    file.write_text("allowed: [{topic: ticket.bi}]")
    with pytest.raises(ConfigFileInvalid, match="why"):
        allowed_topics(file)
    file.write_text("allowed: [{topic: ticket.bi, why: theirs}]")
    assert [one.topic for one in allowed_topics(file)] == ["ticket.bi"]


def test_topic_mismatch_names_that_others_chose_are_shown_on_one_line_without_long_numbers() -> None:
    assert shown("ticket.assigns") == "ticket.assigns"
    assert shown("ticket.13800000001\nx") == "ticket.…?x"
    assert len(shown("好" * 1000)) == 100
