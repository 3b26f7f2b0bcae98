"""Which version gets a ticket, and what figures mean: tables of the two pure questions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.delivery.rollout import (
    STEPS,
    Figures,
    Promote,
    RollBack,
    Rollout,
    RolloutState,
    StepUp,
    TicketPlace,
    judge,
    share_of,
    takes,
)
from bus.delivery.targets_config import TargetsConfig
from tests.delivery.scripted import plan

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
OLD = Figures(received=1000, done=990, failed=10, latency_s=0.5, done_of={"a": 500, "b": 490})
GOOD = Figures(
    received=100, done=100, failed=1, latency_s=0.6, received_of={"a": 60, "b": 40}, done_of={"a": 60, "b": 40}
)
TICKETS = [f"T20261122-{n:06d}" for n in range(2000)]


def rollout(percent: int = 5, state: RolloutState = RolloutState.RUNNING, minutes: float = 31) -> Rollout:
    """Make one whose step began so many minutes ago."""
    return Rollout(
        number=1,
        target="erp",
        canary="erp-v2",
        state=state,
        percent=percent,
        step_minutes=30,
        step_events=100,
        started_at=NOW - timedelta(hours=2),
        step_at=NOW - timedelta(minutes=minutes),
    )


def test_rollout_a_step_takes_its_share_of_the_tickets_and_the_next_one_keeps_them() -> None:
    before = set[str]()
    for percent in STEPS:
        taken = {one for one in TICKETS if takes(rollout(percent), one, TicketPlace())}
        assert before <= taken
        assert abs(len(taken) / len(TICKETS) - percent / 100) < 0.03
        before = taken
    assert len(before) == len(TICKETS)


@given(
    ticket=st.sampled_from(TICKETS),
    percent=st.sampled_from(STEPS),
    state=st.sampled_from(RolloutState),
    place=st.builds(TicketPlace, moved=st.booleans(), waits_at_target=st.booleans(), waits_at_canary=st.booleans()),
)
def test_rollout_a_ticket_never_leaves_a_side_where_something_of_it_waits(
    ticket: str, percent: int, state: RolloutState, place: TicketPlace
) -> None:
    at_canary = takes(rollout(percent, state), ticket, place)
    if place.waits_at_target and not place.moved and not place.waits_at_canary:
        assert not at_canary
    if place.waits_at_canary and not place.waits_at_target and (place.moved or state is not RolloutState.RUNNING):
        assert at_canary
    if place.moved and state is RolloutState.RUNNING:
        assert at_canary


def test_rollout_over_goes_back_or_over_as_soon_as_nothing_waits() -> None:
    back = rollout(50, RolloutState.ROLLED_BACK)
    assert not takes(back, TICKETS[0], TicketPlace(moved=True))
    over = rollout(100, RolloutState.PROMOTED)
    assert all(takes(over, one, TicketPlace()) for one in TICKETS)
    assert share_of("T20261122-000001") == share_of("T20261122-000001")


@pytest.mark.parametrize(("percent", "becomes"), [(5, StepUp(percent=25)), (50, StepUp(percent=100)), (100, Promote())])
def test_rollout_a_step_that_went_well_is_followed_by_the_next(percent: int, becomes: StepUp | Promote) -> None:
    assert judge(rollout(percent), OLD, GOOD, NOW) == becomes
    assert judge(rollout(percent, minutes=29), OLD, GOOD, NOW) is None, "the step's time is not over"
    assert judge(rollout(percent), OLD, Figures(received=99, done=99), NOW) is None, "too few events"


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (Figures(received=20, done=17, failed=3), "3 of the new version's 20 deliveries failed (15%)"),
        (Figures(received=1, held=True), "its breaker is open"),
        (Figures(received=50, done=50, latency_s=4.0), "acknowledges in 4.0 s"),
        (Figures(received=100, done=60, received_of={"a": 60, "b": 40}, done_of={"a": 60, "b": 0}), "acknowledged b,"),
    ],
)
def test_rollout_a_new_version_that_is_worse_goes_back(new: Figures, says: str) -> None:
    verdict = judge(rollout(), OLD, new, NOW)
    assert isinstance(verdict, RollBack)
    assert says in verdict.why.en


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OLD, Figures(received=20, done=18, failed=2)),  # two may be chance
        (Figures(received=100, done=50, failed=50), Figures(received=20, done=10, failed=10)),  # both alike
        (Figures(received=9, done=9, held=True), Figures(received=1, held=True)),
        (Figures(done=5, latency_s=0.1), Figures(done=50, latency_s=9.0)),  # the old one has too few
        (OLD, Figures(received=9, received_of={"a": 9}, done_of={"a": 0})),
    ],
)
def test_rollout_a_new_version_that_is_not_worse_stays(old: Figures, new: Figures) -> None:
    assert judge(rollout(), old, new, NOW) is None


def test_rollout_a_new_version_takes_what_the_old_one_takes_and_nothing_without_a_rollout() -> None:
    config = TargetsConfig(targets={"erp": plan(), "erp-v2": plan(canary_of="erp")})
    assert config.canaries == {"erp-v2": "erp"}
    with pytest.raises(ValueError, match="erp-v2 does not take"):
        TargetsConfig(targets={"erp": plan(), "erp-v2": plan(canary_of="erp", events=["TicketAssigned"])})
    with pytest.raises(ValueError, match="did you mean 'erp'"):
        TargetsConfig(targets={"erp": plan(), "erp-v2": plan(canary_of="erpp")})
    with pytest.raises(ValueError, match="no target of its own"):
        TargetsConfig(targets={"erp": plan(canary_of="erp")})
