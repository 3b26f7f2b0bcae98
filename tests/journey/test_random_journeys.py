"""Random journeys with random faults, judged as the oracle that made them knows them. Pure."""

from bus.journey.judge import judge
from bus.journey.verdict import VerdictCause
from tests.journey.random_journeys import confusion, journey_of, matrix
from tests.journey.test_judge import NOW

JOURNEYS = 600  # of which the first 200 are what was promised
NOT_STUCK = {VerdictCause.DONE, VerdictCause.NOT_ACTED_ON, VerdictCause.FILTERED}
OF_A_TICKET = {*VerdictCause} - {  # what the oracle makes here; the rest is of a name, or of a bus without a gateway
    VerdictCause.NEVER_ARRIVED,
    VerdictCause.REFUSED,
    VerdictCause.FILTERED,
    VerdictCause.NO_GATEWAY,
    VerdictCause.NOT_ASSIGNED,
    VerdictCause.SPOOL_UNSEARCHED,  # of a search that came to no end, whatever the ticket's state
}


def test_random_journeys_are_judged_as_the_oracle_knows_and_none_is_done_that_is_not() -> None:
    pairs = list[tuple[set[VerdictCause], list[VerdictCause]]]()
    for seed in range(JOURNEYS):
        bus = journey_of(seed)
        pairs.append((bus.causes, [one.cause for one in judge(*bus.judged_by(), NOW)]))
    print(matrix(confusion(pairs)))
    wrong = [seed for seed, (known, judged) in enumerate(pairs) if {*judged} != known]
    untrue = [seed for seed, (known, judged) in enumerate(pairs) if known - NOT_STUCK and {*judged} & NOT_STUCK]
    assert untrue == []
    assert len([seed for seed in wrong if seed < 200]) <= 2, wrong[:20]
    assert len(wrong) <= JOURNEYS / 100, wrong[:20]
    assert set().union(*(known for known, _ in pairs)) == OF_A_TICKET
