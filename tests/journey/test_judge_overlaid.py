"""The judge on what is overlaid or waits behind something else: all is named, in the order of the way. Pure."""

from dataclasses import replace

from bus.cli.trace import _hop
from bus.journey.hop_sources import DELIVERIES
from bus.journey.verdict import VerdictCause
from tests.journey.test_judge import (
    FROZEN,
    GATEWAY,
    INPUT,
    LETTER,
    MINUTE,
    MISMATCH,
    NOW,
    TARGET,
    TRIED,
    UNPUBLISHED,
    UNREAD,
    WAITS,
    judged,
    readings,
)


def test_judge_names_overlaid_causes_in_the_order_of_the_way() -> None:
    target = replace(
        TARGET, paused="x", host="erp-1", path="/data", used_share=0.95, not_before=NOW + MINUTE, failures=10
    )
    read = readings(
        FROZEN, GATEWAY, targets=(target,), unpublished=[UNPUBLISHED], unread=[UNREAD], mismatches=[MISMATCH]
    )
    assert [one.cause for one in judged(read, WAITS, letters=(INPUT,))] == [
        VerdictCause.IN_OUTBOX,
        VerdictCause.WORKER_FROZEN,
        VerdictCause.TOPIC_MISMATCH,
        VerdictCause.TARGET_PAUSED,
        VerdictCause.DISK_FLOOR,
        VerdictCause.BREAKER_OPEN,
        VerdictCause.INPUT_LETTER,
    ]


def test_judge_says_what_waits_behind_a_letter_and_offers_no_retry_that_would_be_refused() -> None:
    rows = [replace(TRIED, letter=17), replace(WAITS, version=2), replace(WAITS, version=3)]
    dead, behind = judged(readings(), *rows, letters=(LETTER,))
    assert (behind.cause, behind.versions) == (VerdictCause.BEHIND, [2, 3])
    assert "behind letter 17" in behind.text.en
    gone = readings(targets=(replace(TARGET, undeclared_at=NOW),))
    dead, _, undeclared = judged(gone, *rows, letters=(LETTER,))
    assert "retry" not in dead.text.en
    assert undeclared.cause is VerdictCause.TARGET_UNDECLARED


def test_judge_names_all_versions_that_wait_for_one_target() -> None:
    (verdict,) = judged(readings(), *(replace(WAITS, version=n) for n in (2, 3, 4, 5)))
    assert verdict.text.en.startswith("v2…v5 (4) → erp")
    assert verdict.as_json()["versions"] == [2, 3, 4, 5]


def test_hop_of_a_delivery_to_an_undeclared_target_promises_no_attempt() -> None:
    gone = replace(TRIED, undeclared_at=NOW - MINUTE)
    ((_, enqueued), (_, hop)) = DELIVERIES.hops(gone)
    assert (enqueued["hop"], hop["next_at"]) == ("enqueued", None)
    assert _hop({**hop, "lag_ms": None}).endswith("2×, unavailable: HTTP 503")
