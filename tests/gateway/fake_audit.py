"""The audit tree of one gateway in memory: as it is set up to stand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from bus.audit.check import AuditReport
from bus.audit.subject import Subject
from bus.gateway.http.problems import HttpProblem
from bus.gateway.routes.audit import AuditCheckAnswer, AuditStateAnswer
from bus.programs.audit_asked import check_answer

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)


@dataclass
class FakeAudit:
    """Gives its state and its report; `failure`: what a check raises instead."""

    report: AuditReport = field(default_factory=lambda: AuditReport(leaves=9, checkpoints=2, witnessed=2))
    refused_zh: str | None = None
    failure: HttpProblem | None = None
    checks: int = 0
    bundles: list[Subject] = field(default_factory=list)

    async def state(self) -> AuditStateAnswer:
        return AuditStateAnswer(
            keyed=True,
            leaves=9,
            waiting=1,
            checkpoint_size=9,
            sealed_at=AT,
            note="ticketbus\n9\n",
            refused_since=AT if self.refused_zh else None,
            refused_zh=self.refused_zh,
            refused_en=self.refused_zh,
        )

    async def check(self) -> AuditCheckAnswer:
        self.checks += 1
        if self.failure:
            raise self.failure
        return check_answer(self.report)

    async def bundle(self, subject: Subject) -> bytes:
        self.bundles.append(subject)
        if self.failure:
            raise self.failure
        body = {"format": "f", "about": subject.plain(), "made_at": AT, "key": "k", "checkpoint": "c", "events": []}
        return orjson.dumps({**body, "signature": "s"}, option=orjson.OPT_INDENT_2)
