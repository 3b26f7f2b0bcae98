"""The verdict's words on deliveries: when one is tried again, and what ends a target that nobody calls. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bus.cli.trace import _hop
from bus.journey.hop_sources import DELIVERIES, DeadLetterRow, DeliveryRow
from bus.journey.verdict import verdict

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TRIED = DeliveryRow(
    target="erp",
    version=1,
    state="waiting",
    attempts=2,
    reference="",
    enqueued_at=NOW - MINUTE,
    settled_at=None,
    head=1,
    next_at=NOW - MINUTE,
    failure={"kind": "unavailable", "detail": "HTTP 503"},
    paused=None,
    failures=0,
    not_before=None,
    asked_wait=False,
    undeclared_at=None,
    letter=None,
)
LETTER = DeadLetterRow(
    id=17,
    origin="delivery:erp",
    target="erp",
    ticket_id="T1",
    version=1,
    event="PartsRequested",
    trace_id="",
    state="open",
    reason="rejected",
    kind="rejected",
    detail="HTTP 422",
    message=None,
    attempts=1,
    died_at=NOW,
    edited_from=None,
    decisions=(),
)


def english(row: DeliveryRow, *letters: DeadLetterRow) -> list[str]:
    """Give the English lines of a verdict on one delivery."""
    return [line["en"] for line in verdict([], [row], letters, NOW)]


def test_verdict_of_an_undeclared_target_promises_no_attempt_and_names_the_commands_that_end_it() -> None:
    gone = replace(TRIED, undeclared_at=NOW - MINUTE)
    queued, mend = english(gone)
    assert queued == "v1 → erp waits: tried 2 times, last unavailable, not tried again as things stand"
    assert "since 2026-11-22 07:59:00 UTC" in mend
    assert "`ticketbus delivery move erp --to OTHER --by NAME --why WHY`" in mend
    assert "`ticketbus delivery discard erp --by NAME --why WHY`" in mend
    (chinese, _) = (line["zh"] for line in verdict([], [gone], (), NOW))
    assert chinese.endswith("不会再试")
    ((_, enqueued), (_, hop)) = DELIVERIES.hops(gone)
    assert (enqueued["hop"], hop["next_at"]) == ("enqueued", None)
    assert _hop({**hop, "lag_ms": None}).endswith("2×, unavailable: HTTP 503")


def test_verdict_of_a_letter_to_an_undeclared_target_names_no_retry_that_would_be_refused() -> None:
    head = replace(TRIED, undeclared_at=NOW, letter=17)
    dead, mend = english(head, LETTER)
    assert "retry" not in dead
    assert "delivery move erp --to OTHER" in mend
    assert "retry" in english(replace(head, undeclared_at=None), LETTER)[0]


def test_verdict_says_nothing_is_due_now_while_its_target_is_held() -> None:
    assert english(TRIED)[0].endswith("due again now")
    assert english(replace(TRIED, paused="盘点"))[0].endswith("again once the target is resumed")
    held = replace(TRIED, not_before=NOW + MINUTE, failures=10)
    assert english(held)[0].endswith("again at 2026-11-22 08:01:00 UTC at the earliest")
