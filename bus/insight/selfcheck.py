"""What a question of `ticketbus selfcheck` is, and how it is answered: by what happened, never by what is set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from bus.domain.text import Text
from bus.insight.metric import MetricWindow
from bus.postgres.pool import Connection, read_rows

EXAMPLES_MAX: Final = 5
_ANSWER: LiteralString = """
WITH cases AS MATERIALIZED ({cases})
SELECT count(*)::int AS cases, count(*) FILTER (WHERE kept)::int AS kept,
    ARRAY(SELECT subject FROM cases WHERE kept IS NOT TRUE ORDER BY subject LIMIT %(most)s) AS against
FROM cases"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asks whether something held of every case within a time.

    `cases`: a query by `since`, `until` and `dedupe_window` that gives `subject` (a ticket, a source, a channel) once
    each, and whether it was `kept`; `counted` says what they are. `mend`: a command that shows more
    of `{subject}`; `page`: of docs/.
    """

    name: str
    rows: str
    asks: Text
    counted: Text
    cases: LiteralString
    mend: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswer:
    """How often it held; `against`: the first of those for which it did not."""

    question: str
    cases: int
    kept: int
    against: Sequence[str]

    @property
    def yes(self) -> bool | None:
        """Say whether it held of all; None where there was nothing to judge by."""
        return self.kept == self.cases if self.cases else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    cases: int
    kept: int
    against: Sequence[str]


def mend_of(question: Question, found: QuestionAnswer) -> str:
    """Give the command that shows more of what is against it; empty where nothing is. Pure."""
    return question.mend.format(subject=found.against[0]) if found.against else ""


async def answers(
    connection: Connection, questions: Sequence[Question], window: MetricWindow
) -> Sequence[QuestionAnswer]:
    """Answer questions, one after the other."""
    return [await answer(connection, one, window) for one in questions]


async def answer(connection: Connection, question: Question, window: MetricWindow) -> QuestionAnswer:
    """Answer a question by what happened within a time."""
    asked = {
        "since": window.since,
        "until": window.until,
        "dedupe_window": window.dedupe_window,
        "most": EXAMPLES_MAX,
    }
    [found] = await read_rows(connection, _ANSWER.replace("{cases}", question.cases), _Counted, asked)
    return QuestionAnswer(question=question.name, cases=found.cases, kept=found.kept, against=found.against)
