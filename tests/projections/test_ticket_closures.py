"""The read model `closures`, folded purely (R20, R23, R24)."""

from dataclasses import replace

import pytest

from bus.domain.closing_commands import RejectClosure, RequestClosure, Tag
from bus.domain.errors import VersionMissing
from bus.domain.inside_commands import FollowUpClosure
from bus.domain.terms import SANDBOX
from projections.ticket_closures import CLOSURES, ClosureAnswer, TicketClosures, project
from tests.domain.given import At
from tests.domain.people import ASKED_TO_CLOSE, CLOSED, CONFIRM, HOUR, REOPEN, RESOLVE, RESOLVED, START
from tests.projections.told import folded, told

CONFIRMED, REJECTED, EXPIRED = ClosureAnswer
REJECT = RejectClosure(rejected_by="陈女士", reason="仍有异响", reason_code="came_back")
TAGS = Tag(tags=("after_move", "peak_season"))
WEEK = 168 * HOUR
LONG = (
    *ASKED_TO_CLOSE, REJECT, RESOLVE, RequestClosure(), At(START + WEEK, FollowUpClosure()), TAGS,
    At(START + WEEK, RequestClosure()), At(START + WEEK + HOUR, CONFIRM),
)  # fmt: skip


def test_ticket_closures_every_answer_is_kept_with_its_time_and_detail_r24() -> None:
    row = folded(project, told(*LONG))
    assert row
    assert row.answers == (REJECTED, EXPIRED, CONFIRMED)
    assert row.details == ("came_back", "", "console")
    assert row.answered_at == (START, START + WEEK, START + WEEK + HOUR)
    assert row.last_answer_at == START + WEEK + HOUR
    assert row.tags == TAGS.tags


def test_ticket_closures_begin_with_a_request_or_with_tags_r23() -> None:
    assert folded(project, told(*RESOLVED)) is None
    tagged = folded(project, told(*RESOLVED, TAGS))
    assert tagged
    assert (tagged.tags, tagged.answers, tagged.version) == (TAGS.tags, (), 5)
    assert folded(project, told(*CLOSED, source=SANDBOX)) is None
    assert folded(project, told(*CLOSED, REOPEN, historic=True)).historic  # type: ignore[union-attr]  # it is there


def test_ticket_closures_a_repeat_changes_nothing_and_a_gap_is_named() -> None:
    events = told(*CLOSED)
    row: TicketClosures | None = None
    for event in events:
        row = project(row, event)
    assert [project(row, one) for one in events[-2:]] == [row, row]
    with pytest.raises(VersionMissing):
        project(row, replace(events[-1], version=events[-1].version + 2))


def test_ticket_closures_are_read_back_as_they_are_written() -> None:
    row = folded(project, told(*LONG))
    assert row
    (written,) = CLOSURES.write(None, row)["ticket_closures"]
    stored = [list(one) if isinstance(one, tuple) else one for one in (written[name] for name in CLOSURES.stored)]
    assert CLOSURES.read((row.ticket_id,), stored) == row
