"""The checker on made-up histories: a clean one gives nothing; broken in one way, that is found and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.gateway.stream.dedup import REPEAT_RECORDS_MAX
from tests.faults.checker import ALARM_LATE_S_MAX, CLOSED, Fault
from tests.faults.effects import Letter, Promise, Standing
from tests.faults.history import SPOOLED, History, Kind, Op
from tests.faults.made_up import LOG, READ_AT, Asked, World, events_of, tickets, with_events, world


def _without(made: World, command_id: str) -> World:
    """Undo a command in the stores; what came after it on its ticket moves up, in the answers too."""
    gone = {(one.ticket_id, one.version) for one in made.effects.stored if one.command_id == command_id}

    def moved(ticket_id: str, version: int) -> int:
        return version - sum(t == ticket_id and v < version for t, v in gone)

    effects = made.effects
    stored = [one for one in effects.stored if (one.ticket_id, one.version) not in gone]
    logged = [one for one in effects.logged if (one.ticket_id, one.version) not in gone]
    return World(
        tuple(replace(o, version=moved(o.ticket_id, o.version)) if o.command_id != command_id else o for o in made.ops),
        replace(
            effects,
            stored=tuple(replace(one, version=moved(one.ticket_id, one.version)) for one in stored),
            logged=tuple(replace(one, version=moved(one.ticket_id, one.version)) for one in logged),
            remembered=tuple(
                replace(one, version=moved(one.ticket_id, one.version))
                for one in effects.remembered
                if one.command_id != command_id
            ),
        ),
    )


def _again(made: World, command_id: str, *, remembered: bool) -> World:
    """Let one more event of a command stand at the end of ticket 0."""
    version = 1 + sum(one.ticket_id == "T0" for one in made.effects.stored)
    (event,) = events_of(command_id, 0, 99, [version])
    effects = with_events(made.effects, [event])
    return World(made.ops, effects if remembered else replace(effects, remembered=made.effects.remembered))


def lose(made: World, op: Op) -> World:
    return _without(made, op.command_id)


def take_effect(made: World, op: Op) -> World:
    return _again(made, op.command_id, remembered=True)


def take_effect_again(made: World, op: Op) -> World:
    return _again(made, op.command_id, remembered=False)


def forget(made: World, op: Op) -> World:
    rest = tuple(one for one in made.effects.remembered if one.command_id != op.command_id)
    return World(made.ops, replace(made.effects, remembered=rest))


def lie(made: World, op: Op) -> World:
    return World(tuple(replace(o, version=o.version + 1) if o is op else o for o in made.ops), made.effects)


def fail_inside(made: World, op: Op) -> World:
    broken = replace(op, kind=Kind.INFO, status=500, code="internal")
    return World((replace(op, kind=Kind.INVOKE), broken, *made.ops), made.effects)


def lose_letter(made: World, op: Op) -> World:
    kept = tuple(one for one in made.effects.letters if one.ref != op.command_id)
    return World(made.ops, replace(made.effects, letters=kept))


def keep_twice(made: World, op: Op) -> World:
    again = Letter(origin="intake", ref=op.key, code="not_now")
    return World(made.ops, replace(made.effects, letters=(*made.effects.letters, again)))


BY_COMMAND: list[tuple[Callable[[World, Op], World], tuple[str, ...], Fault]] = [
    (lose, ("changed", SPOOLED), Fault.LOST),
    (lose_letter, ("waited",), Fault.LOST),
    (take_effect_again, ("changed",), Fault.REPEATED),
    (forget, ("changed",), Fault.ANSWER),
    (lie, ("changed",), Fault.ANSWER),
    (fail_inside, ("changed",), Fault.INTERNAL),
    (lose_letter, ("refused",), Fault.LETTER),
    (keep_twice, ("refused", "waited"), Fault.LETTER),
]
CASES = [pytest.param(*case, id=f"{case[0].__name__}-{case[1][0]}") for case in BY_COMMAND]


@given(tickets)
def test_a_clean_history_gives_nothing(told: list[list[Asked]]) -> None:
    assert world(told).faults() == set()


@pytest.mark.parametrize(("spoil", "ends", "expected"), CASES)
@given(tickets, st.data())
def test_a_command_that_went_wrong_is_found(
    spoil: Callable[[World, Op], World],
    ends: tuple[str, ...],
    expected: Fault,
    told: list[list[Asked]],
    data: st.DataObject,
) -> None:
    made = world([*told, [Asked(0, ends[0], 1)]])
    # The opening of a ticket cannot go alone, and an answer of "waited" is a spooled one that was refused later.
    some = [op for op in made.ended(*ends) if not op.command_id.endswith("-0") and (op.code in ends or not op.code)]
    assert spoil(made, data.draw(st.sampled_from(some))).faults() == {expected}


@given(tickets)
def test_an_effect_of_what_was_always_refused_is_a_phantom(told: list[list[Asked]]) -> None:
    made = world([*told, [Asked(0, "refused", 1)]])
    refused = made.ended("refused")[-1]
    assert take_effect(made, refused).faults() == {Fault.PHANTOM}
    unasked = replace(refused, command_id="nobody's")
    assert take_effect(made, unasked).faults() == {Fault.PHANTOM}


@given(tickets)
def test_an_effect_of_what_was_refused_but_may_have_been_done_before_is_none(told: list[list[Asked]]) -> None:
    made = world([*told, [Asked(1, "refused", 1)]])
    assert take_effect(made, made.ended("refused")[-1]).faults() == set()


def test_clocks_that_ran_out_on_the_way_are_nobodys_command() -> None:
    made = world([[Asked(0, "changed", 2)]])
    own = replace(made.effects.stored[-1], own=True)
    assert World(made.ops, replace(made.effects, stored=(*made.effects.stored[:-1], own))).faults() == set()
    timer = replace(own, command_id="clock", version=own.version + 1, event_id="c", digest="c")
    assert World(made.ops, with_events(made.effects, [timer])).faults() == set()


def test_what_a_target_tells_is_its_one_answer_to_an_event_that_it_got() -> None:
    made = _two()
    (told,) = (replace(one, source="erp") for one in events_of("told", 0, 9, [5]))
    with_it = with_events(made.effects, [told])
    assert World(made.ops, with_it).faults() == {Fault.PHANTOM}
    got = ("erp", "T0", "told")
    assert World(made.ops, replace(with_it, tellers=frozenset({got}))).faults() == set()
    for other in (("crm", *got[1:]), ("erp", "T1", "told"), (*got[:2], "else")):
        assert World(made.ops, replace(with_it, tellers=frozenset({other}))).faults() == {Fault.PHANTOM}
    (again,) = (replace(one, source="erp", event_id="again", digest="again") for one in events_of("told", 0, 10, [6]))
    twice = replace(with_events(with_it, [again]), tellers=frozenset({got}))
    assert Fault.REPEATED in World(made.ops, twice).faults()


def _two() -> World:
    return world([[Asked(0, "changed", 2), Asked(0, "changed", 1)], [Asked(0, "changed", 1)]])


def _spoilt(made: World, **changes: object) -> set[Fault]:
    return World(made.ops, replace(made.effects, **changes)).faults()  # type: ignore[arg-type]  # of any field


def test_two_tickets_of_one_incident_are_found_unless_the_first_was_closed_or_long_ago() -> None:
    made = _two()
    same = tuple(replace(one, incident="serial:X") if one.incident else one for one in made.effects.stored)
    assert _spoilt(made, stored=same) == {Fault.REPEATED}
    assert _spoilt(made, stored=same, dedupe_window_s=-1) == set()
    closed = tuple(replace(one, ce_type=CLOSED, recorded_at=0) if one.version == 4 else one for one in same)
    assert _spoilt(made, stored=closed) == set()


def test_a_version_that_is_missing_is_found() -> None:
    made = _two()
    gap = _without(made, "0-1")
    ops = tuple(op for op in made.ops if op.command_id != "0-1")
    stored = tuple(one for one in made.effects.stored if one.command_id != "0-1")
    logged = tuple(one for one in made.effects.logged if one.version not in {2, 3} or one.ticket_id != "T0")
    kept = replace(made.effects, stored=stored, logged=logged, remembered=gap.effects.remembered)
    remembered = tuple(one for one in made.effects.remembered if one.command_id != "0-1")
    assert World(ops, replace(kept, remembered=remembered)).faults() == {Fault.GAP}


def test_each_fault_of_the_log_is_found() -> None:
    made, logged = _two(), _two().effects.logged
    first, last = logged[0], max((one for one in logged if one.topic == LOG), key=lambda one: one.offset)
    assert _spoilt(made, logged=logged[:-1]) == {Fault.UNPUBLISHED}
    assert _spoilt(made, logged=(*logged, replace(last, offset=99, version=9))) == {Fault.UNLOGGED}
    assert _spoilt(made, logged=(*logged, replace(last, offset=99, version=0, ticket_id=""))) == {Fault.UNLOGGED}
    assert _spoilt(made, logged=(*logged[:-1], replace(logged[-1], digest="other"))) == {Fault.UNLOGGED}
    assert _spoilt(made, logged=(replace(first, offset=50), *logged[1:])) == {Fault.INVERSION}
    assert _spoilt(made, logged=(*logged, replace(last, partition=9))) == {Fault.INVERSION}


def test_a_repeat_on_the_log_is_the_same_bytes_and_comes_from_near() -> None:
    made, logged = _two(), _two().effects.logged
    again = replace(logged[0], offset=logged[0].offset + REPEAT_RECORDS_MAX)
    assert _spoilt(made, logged=(*logged, again)) == set()
    assert _spoilt(made, logged=(*logged, replace(again, offset=again.offset + 1))) == {Fault.INVERSION}
    assert _spoilt(made, logged=(*logged, replace(again, digest="other"))) == {Fault.REPEATED}


@pytest.mark.parametrize(
    ("due_at", "told", "wrong"),
    [
        (READ_AT - ALARM_LATE_S_MAX - 1, (), True),
        (READ_AT - ALARM_LATE_S_MAX + 1, (), False),
        (None, (), False),
        (50.0, ((50.0, 50.0),), False),
        (50.0, ((49.9, 50.0),), True),
        (50.0, ((60.0, None),), True),
        (50.0, ((60.0, 50.0), (61.0, 50.0)), True),
    ],
)
def test_a_promise_is_broken_once_and_not_early(
    due_at: float | None, told: tuple[tuple[float, float | None], ...], wrong: bool
) -> None:
    promise = Promise(ticket_id="T0", clock="resolution", due_at=due_at, told=told)
    assert _spoilt(_two(), promises=(promise,)) == ({Fault.BREACH} if wrong else set())


def test_a_model_that_differs_and_a_handler_that_is_behind_are_found() -> None:
    stopped = Standing(handler="tickets", partition=0, lag=0, failure="poison")
    assert _spoilt(_two(), misfolded=("tickets: differs",)) == {Fault.PROJECTION}
    assert _spoilt(_two(), standing=(stopped,)) == {Fault.LAG}
    assert _spoilt(_two(), standing=(replace(stopped, lag=1, failure=""),)) == {Fault.LAG}


def test_a_history_is_read_as_it_was_written_but_for_a_line_cut_short(tmp_path: Path) -> None:
    made, path = _two(), tmp_path / "history.jsonl"
    with History(path) as history:
        for op in made.ops:
            history.add(op)
        assert history.answered == 5
    path.write_text(path.read_text() + '{"process": "p", "ki')
    with History(path) as history:
        assert history.ops() == list(made.ops)
