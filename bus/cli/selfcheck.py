"""`ticketbus selfcheck`: ten questions about how the service works, each answered by what happened."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.insight.selfcheck import Question, QuestionAnswer

commands = typer.Typer()
DAYS = 30


@commands.command()
def selfcheck(
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How far back it looks.")] = DAYS,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Answer ten questions about the service by what happened: yes, no, or nothing to judge by.

    Each with its evidence, the first cases against it, a command that shows more and the page that mends it.
    Exits 1 unless every answer is yes.

    Example: ticketbus selfcheck --days 7
    """
    from bus.cli.run import echo_json, with_core
    from bus.insight.questions import QUESTIONS

    answers = with_core(data, lambda core: _answers(core, timedelta(days=days)))
    for number, (question, found) in enumerate(zip(QUESTIONS, answers, strict=True), 1):
        if as_json:
            echo_json(_json(question, found))
        else:
            _print(number, question, found)
    if not all(one.yes for one in answers):
        raise typer.Exit(1)


async def _answers(core: "Core", back: timedelta) -> "list[QuestionAnswer]":
    from bus.insight.metric import MetricWindow
    from bus.insight.questions import QUESTIONS
    from bus.insight.selfcheck import answers
    from bus.postgres.pool import connected

    now = datetime.now(UTC)
    window = MetricWindow(since=now - back, until=now, dedupe_window=core.dispatcher.rules.dedupe_window)
    async with connected(core.pool) as connection:
        return [*await answers(connection, QUESTIONS, window)]


def _print(number: int, question: "Question", found: "QuestionAnswer") -> None:
    from bus.insight.selfcheck import mend_of

    word = {True: "是 yes", False: "否 no", None: "无从判断 nothing to judge by"}[found.yes]
    echo(f"{number:>2}. {question.asks.zh} {question.asks.en} ({question.rows})")
    echo(f"    {word}: {found.kept:,} / {found.cases:,} {question.counted}")
    if found.against:
        echo(f"    例如 as {', '.join(found.against)}")
    if found.yes is False:
        echo(f"    → {mend_of(question, found)}")
    if not found.yes:
        echo(f"    → docs/{question.page}")


def _json(question: "Question", found: "QuestionAnswer") -> dict[str, object]:
    from bus.insight.selfcheck import mend_of

    return {
        **asdict(found),
        "yes": found.yes,
        "rows": question.rows,
        "asks": asdict(question.asks),
        "counted": asdict(question.counted),
        "mend": mend_of(question, found),
        "page": question.page,
    }
