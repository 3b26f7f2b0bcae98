"""The worker's watch over the golden metrics: one worker judges them, all show what was judged (R27 to R32)."""

from datetime import datetime, timedelta
from typing import Final

from bus.app import Core
from bus.insight.closure_report_text import ReportWords
from bus.insight.gauges import show
from bus.insight.insight_reader import InsightReader
from bus.insight.task_store import latest_judgements
from bus.insight.watch import InsightRound
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Connection, connected
from bus.programs.rounds import in_rounds
from bus.rules_config import root_cause_words

EVERY: Final = timedelta(minutes=5)
LOOK_EVERY_S: Final = 60.0


def round_of(core: Core, connection: Connection, now: datetime) -> InsightRound:
    """Make a round in a transaction."""
    return InsightRound(
        connection=connection,
        encode=core.codec.encode_record,
        now=now,
        dedupe_window=core.dispatcher.rules.dedupe_window,
        root_causes=root_cause_words(),
    )


def insight_reader_of(core: Core) -> InsightReader:
    """Make the reader of a program."""
    return InsightReader(pool=core.pool, dedupe_window=core.dispatcher.rules.dedupe_window, now=utc_now)


def report_words_of(core: Core) -> ReportWords:
    """Give the words of the closed lists that a closure report has."""
    rules = core.dispatcher.rules.closure
    return ReportWords(rules.rejection_reasons, rules.scene_tags, root_cause_words())


async def watch_insight(core: Core) -> None:
    """Judge every five minutes by PostgreSQL's clock, until cancelled; waits while PostgreSQL is away."""

    async def look() -> None:
        async with connected(core.pool) as connection:
            ((now,),) = await (await connection.execute("SELECT now()")).fetchall()
            await round_of(core, connection, now).judge_in_turn(EVERY)
            show(await latest_judgements(connection))

    await in_rounds(look, LOOK_EVERY_S, "insight_watch_waits")
