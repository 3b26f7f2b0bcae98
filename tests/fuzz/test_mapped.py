"""Garbage at sources that maps describe: each is taken, or refused with a problem that names what is wrong."""

from collections import Counter
from itertools import chain, islice
from random import Random

import pytest

from adapters.expressions import Expression
from tests.fuzz.in_process import in_process
from tests.fuzz.judge import faults, kept_as
from tests.fuzz.mapped_endpoint import MappedEndpoint

pytestmark = pytest.mark.usefixtures("quiet")


async def bombard(endpoint: MappedEndpoint, shots: int) -> tuple[list[str], Counter[str], bool]:
    """Fire; gives what was wrong, what was answered how often, and whether all that is to be kept was."""
    wrong, met, to_keep = [], Counter[str](), set[str]()
    async with in_process({one.name: one for one in endpoint.sources.values()}) as one:
        for shot in chain(endpoint.valid_shots(), islice(iter(endpoint.shot, None), shots)):
            answer = await one.fire(shot)
            wrong += [f"{fault}\n    {shot.told()}" for fault in faults(shot, answer)]
            met[str(answer.member("code") or answer.status)] += 1
            to_keep |= kept_as(shot, answer, "")
            endpoint.learn(shot, answer)
        kept = {ref.partition("#")[0] for origin, ref in one.gateway.refused.kept if origin == "webhook:listed"}
    return wrong, met, bool(to_keep) and to_keep <= kept


@pytest.mark.parametrize("shots", [300, pytest.param(10_000, marks=[pytest.mark.faults, pytest.mark.timeout(1800)])])
async def test_mapped_sources_are_sent_garbage(chance: Random, shots: int) -> None:
    wrong, met, all_kept = await bombard(MappedEndpoint(chance=chance), shots)
    assert wrong[:5] == []
    assert all_kept
    assert {"200", "201", "not_json", "missing", "expression_failed", "bad_signature"} <= set(met)
    if shots > 1_000:
        assert {"missing_header", "wrong_type", "bad_time", "too_long", "no_such_ticket", "unknown_word"} <= set(met)


async def test_mapped_a_planted_crash_is_found(monkeypatch: pytest.MonkeyPatch, chance: Random) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    endpoint = MappedEndpoint(chance=chance)
    monkeypatch.setattr(Expression, "holds", crash)
    wrong, _, _ = await bombard(endpoint, 5)
    assert any(found.startswith("answered 500") for found in wrong)
