"""Golden metrics, their cases and the ten questions in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bus.gateway.http.routing import Feature
from bus.gateway.routes.calendars import calendar_routes
from bus.gateway.routes.closure_report import closure_report_routes
from bus.gateway.routes.insight import insight_routes
from bus.gateway.routes.selfcheck import selfcheck_routes
from bus.insight.closure_report import ClosureReport, month_of
from bus.insight.closure_report_text import ReportWords
from bus.insight.figures import MetricCase
from bus.insight.metric import Judgement, Metric, MetricFigure
from bus.insight.selfcheck import Question, QuestionAnswer
from bus.insight.task_store import InsightTask
from tests.domain.people import RULES

AT = datetime(2026, 11, 30, tzinfo=UTC)


@dataclass
class FakeInsight:
    """Gives every metric the same figure; of the cases those that it was given."""

    judgement: Judgement = Judgement.OVER
    known: list[MetricCase] = field(default_factory=list)
    open_tasks: list[InsightTask] = field(default_factory=list)
    answers: Mapping[str, QuestionAnswer] = field(default_factory=dict)
    days: list[int] = field(default_factory=list)
    reports: dict[str, ClosureReport] = field(default_factory=dict)  # by month
    counts: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)  # by month, section and code

    async def figures(
        self, metrics: Sequence[Metric], since: datetime | None, until: datetime | None
    ) -> Sequence[MetricFigure]:
        return [
            MetricFigure(
                metric=one.name,
                since=since or AT - timedelta(days=30),
                until=until or AT,
                units=40,
                hits=30,
                left_out=2,
                causes={"leakage": 10},
                judgement=self.judgement,
            )
            for one in metrics
        ]

    async def cases(
        self, metric: Metric, since: datetime | None, until: datetime | None, *, most: int, hits: bool
    ) -> Sequence[MetricCase]:
        del metric, since, until
        return self.known[:most] if hits else []

    async def tasks(self, *, only_open: bool, most: int) -> Sequence[InsightTask]:
        return [one for one in self.open_tasks if not (only_open and one.done_at)][:most]

    async def closures(self, first: datetime) -> ClosureReport:
        month = month_of(first, RULES.dedupe_window)
        empty = ClosureReport(since=month.since, until=month.until, shares=[], rejections=[], tags=[], root_causes=[])
        return self.reports.get(f"{first:%Y-%m}", empty)

    async def counted(self, first: datetime, section: str, code: str, *, most: int) -> Sequence[str]:
        return self.counts.get((f"{first:%Y-%m}", section, code), [])[:most]

    async def answered(self, questions: Sequence[Question], back: timedelta) -> Sequence[QuestionAnswer]:
        self.days.append(back.days)
        nothing = {one.name: QuestionAnswer(question=one.name, cases=0, kept=0, against=()) for one in questions}
        return [*{**nothing, **self.answers}.values()]


def insight_features(insight: FakeInsight) -> Sequence[Feature]:
    """Make the routes of metrics, of the ten questions and of calendars."""
    words = ReportWords(RULES.closure.rejection_reasons, RULES.closure.scene_tags, {})
    reports = closure_report_routes(insight, words, lambda: AT)
    return [
        insight_routes(insight),
        reports,
        selfcheck_routes(insight.answered),
        calendar_routes(RULES.calendars, lambda: AT),
    ]
