"""What the description says of dead letters and redrives is what the dead-letter service gives: field by field."""

from collections.abc import Collection
from typing import Any, get_type_hints

import pytest

from bus.gateway.routes.deadletter_answers import (
    LetterAnswer,
    RedriveAnswer,
    RedriveQuery,
    RedriveShown,
)
from deadletter.dead_letter import DeadLetter
from deadletter.listing import RedriveLeft
from deadletter.redrive_store import DeadLetterQuery, Redrive

# Fields that JSON spells in another way, or whose values the description names.
SPELLED = {"value", "failures", "decisions", "query"}


@pytest.mark.parametrize(
    ("answer", "given", "added"),
    [
        (LetterAnswer, DeadLetter, ("decoded", "editable")),
        (RedriveQuery, DeadLetterQuery, ()),
        (RedriveAnswer, Redrive, ()),
        (RedriveShown, Redrive, RedriveLeft._fields),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_deadletter_answers_name_the_fields_that_the_service_gives(
    answer: Any, given: Any, added: Collection[str]
) -> None:
    described, fields = get_type_hints(answer), get_type_hints(given)
    assert {*described} - {*added} == {*fields}
    assert {name for name in fields if described[name] != fields[name]} <= SPELLED
