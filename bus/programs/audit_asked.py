"""The audit tree as it is asked for over HTTP: its state, a check and bundles that are not too large for a request."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from bus.app import Core
from bus.audit.bundle import NotSealed, TooManyEvents, bundle_of, read_history
from bus.audit.check import AuditReport, kinds
from bus.audit.checkpoint import SigningKey
from bus.audit.store import last_checkpoint, read_refusal, tree_size
from bus.audit.subject import Subject
from bus.domain.text import Text
from bus.gateway.http.problems import OURSELVES, HttpProblem
from bus.gateway.http.request_models import gone
from bus.gateway.routes.audit import AuditCheckAnswer, AuditStateAnswer, AuditTree, TamperingAnswer
from bus.intake.dispatch import utc_now
from bus.postgres.pool import snapshot
from bus.programs.audit_checking import checked
from bus.programs.audit_sealing import audit_key

LEAVES_MAX: Final = 100_000  # checked in some seconds, beside what the gateway does
WITHIN_S: Final = 60.0
BUNDLE_EVENTS_MAX: Final = 5_000
COMMAND: Final = "ticketbus audit check"
BUNDLE_COMMAND: Final = "ticketbus audit --from TIME --to TIME --bundle FILE"
_NO_EVENTS: Final = Text("没有这样的事件", "there are no such events")
_TEXTS: Final = {kind: Text(zh, en) for kind, zh, en in kinds()}


def audit_tree_of(core: Core) -> AuditTree:
    """Make what the routes ask. Raises NoteInvalid, SettingsInvalid of a key that cannot be read."""
    asked = _AuditAsked(core, audit_key(core.settings))
    return AuditTree(asked.state, asked.check, asked.bundle)


@dataclass(frozen=True, slots=True)
class _AuditAsked:
    core: Core
    key: SigningKey | None
    running: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def state(self) -> AuditStateAnswer:
        async with snapshot(self.core.pool) as connection:
            leaves, last = await tree_size(connection), await last_checkpoint(connection)
            refusal = await read_refusal(connection)
            ((waiting,),) = await (await connection.execute("SELECT count(*) FROM audit_pending")).fetchall()
        return AuditStateAnswer(
            keyed=self.key is not None,
            leaves=leaves,
            waiting=waiting,
            checkpoint_size=last.size if last else None,
            sealed_at=last.sealed_at if last else None,
            note=last.note if last else None,
            refused_since=refusal.since if refusal else None,
            refused_zh=refusal.why.zh if refusal else None,
            refused_en=refusal.why.en if refusal else None,
        )

    async def check(self) -> AuditCheckAnswer:
        key = self._signing_key()
        if self.running.locked():
            raise _refused("busy", Text("已有一次验证在进行", "one is under way"))
        leaves, core = (await self.state())["leaves"], self.core
        if leaves > LEAVES_MAX:
            raise _too_much("too_large", f"树有 {leaves} 个事件", f"the tree has {leaves} events")
        async with self.running:
            try:
                async with asyncio.timeout(WITHIN_S):
                    report = await checked(core.pool, core.settings, core.codec, key.public)
            except TimeoutError as late:
                raise _too_much(
                    "unavailable", f"{WITHIN_S:.0f} 秒内没有完成", f"not done in {WITHIN_S:.0f} s"
                ) from late
        return check_answer(report)

    async def bundle(self, subject: Subject) -> bytes:
        key = self._signing_key()
        try:
            async with snapshot(self.core.pool) as connection:
                history = await read_history(connection, subject, BUNDLE_EVENTS_MAX)
                if not history:
                    raise gone("ticket" if subject.ticket else "since", _NO_EVENTS)
                return await bundle_of(connection, subject, history, key, utc_now())
        except TooManyEvents as many:
            zh, en = (
                f"{many.text.zh},或运行 {BUNDLE_COMMAND}",
                f"{many.text.en}, or run `{BUNDLE_COMMAND}`",
            )
            raise HttpProblem(400, "out_of_range", "since", Text(zh, en)) from many
        except NotSealed as loose:
            raise HttpProblem(409, "not_sealed", "ticket", loose.text) from loose

    def _signing_key(self) -> SigningKey:
        if self.key is None:
            raise _refused("no_key", Text("网关没有配置 TICKETBUS_AUDIT_KEY", "the gateway has no TICKETBUS_AUDIT_KEY"))
        return self.key


def check_answer(report: AuditReport) -> AuditCheckAnswer:
    """Give a report with what each finding means. Pure."""
    listed = [
        TamperingAnswer(kind=one.kind, where=one.where, zh=_TEXTS[one.kind].zh, en=_TEXTS[one.kind].en)
        for one in report.listed
    ]
    return AuditCheckAnswer(
        leaves=report.leaves,
        waiting=report.waiting,
        checkpoints=report.checkpoints,
        witnessed=report.witnessed,
        other_trees=report.other_trees,
        problems=report.problems,
        listed=listed,
    )


def _too_much(code: str, zh: str, en: str) -> HttpProblem:
    return _refused(code, Text(f"{zh},请运行 {COMMAND}", f"{en}: run `{COMMAND}`"))


def _refused(code: str, text: Text) -> HttpProblem:
    return HttpProblem(503, code, OURSELVES, text)
