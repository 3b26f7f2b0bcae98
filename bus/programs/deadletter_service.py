"""The dead-letter service of the gateway: carries requests out once per key, refusals as problems."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, assert_never

import orjson

from bus.delivery import target_state
from bus.delivery.status import target_statuses
from bus.delivery.target_state import NoSuchTarget, NotDeclared, StillDeclared
from bus.domain.errors import CommandRefused, Conflict, MalformedInput
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.gateway.routes.deadletter_requests import (
    CheckEdit,
    DeadLetterRequest,
    DiscardLetters,
    DiscardQueue,
    EditLetter,
    FreezeRedrive,
    ListDeadLetters,
    ListLetters,
    MoveQueue,
    PauseDelivery,
    ResumeDelivery,
    RetryLetters,
    RunRedrive,
    StopRedrive,
)
from bus.gateway.write.idempotency_store import act_idempotently
from bus.intake.source_adapter import Source
from bus.postgres.clear_events import ClearEvents
from bus.postgres.personal_keys import Reader
from bus.postgres.pool import Connection, Pool, in_transaction
from deadletter import redrive_store, undeclared
from deadletter import store as letters
from deadletter.dead_letter import Decision, LetterGone, LetterKept, delivery_origin
from deadletter.edit import check, edit
from deadletter.listing import letters_of_cause, shown_redrive
from deadletter.redrive_policy import RedriveLimits, retry_refusal
from deadletter.redrive_store import DeadLetterQuery, NothingMatches, RedriveGone, SecondPersonNeeded
from deadletter.replay import kind_of_origin
from deadletter.view import as_json, show

_CONFLICTS: Final[Mapping[type[Conflict], tuple[str, str]]] = {
    LetterGone: ("letter_gone", "letter"),
    LetterKept: ("letter_kept", "letter"),
    NotDeclared: ("not_declared", "target"),
    StillDeclared: ("still_declared", "target"),
    NothingMatches: ("nothing_matches", "target"),
    RedriveGone: ("redrive_gone", "redrive"),
    SecondPersonNeeded: ("second_person", "redrive"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDeadLetterService:
    """Meets bus.gateway.ports.DeadLetterService."""

    pool: Pool
    clear: ClearEvents
    sources: Mapping[str, Source]
    two_persons: bool = False

    async def groups(self, listing: ListDeadLetters) -> Sequence[Mapping[str, Any]]:
        if listing.target and listing.origin:
            raise CommandRefused("ambiguous", "origin", "target、origin 只能给一个", "give target or origin, not both")
        wanted = delivery_origin(listing.target) if listing.target else listing.origin
        return [asdict(one) for one in await letters.groups(self.pool, origin=wanted)]

    async def letter(self, number: int, reader: Reader) -> Mapping[str, Any] | None:
        try:
            return as_json(*await show(self.pool, number, self.clear, reader), self.clear.schemas.codec)
        except LetterGone:
            return None

    async def letters(self, listing: ListLetters) -> Mapping[str, Any]:
        found, following = await letters_of_cause(self.pool, listing.cause, after=listing.after)
        return {"letters": [asdict(one) for one in found], "next": following}

    async def check(self, asked: CheckEdit, reader: Reader) -> Mapping[str, Any]:
        async def work(connection: Connection) -> Mapping[str, Any]:
            before, after = await check(
                connection,
                asked.letter,
                await self._edit_text(connection, asked),
                clear=self.clear,
                sources=self.sources,
                reader=reader,
            )
            return {"letter": asked.letter, "before": before, "after": after}

        with _as_problems():
            return await in_transaction(self.pool, work)

    async def redrive(self, number: int) -> Mapping[str, Any] | None:
        try:
            one, (parts, outside, two_persons) = await in_transaction(self.pool, shown_redrive, number)
        except RedriveGone:
            return None
        left = {"parts": [asdict(part) for part in parts], "outside": outside}
        return {**asdict(one), **left, "two_persons": two_persons or self.two_persons}

    async def redrives(self) -> Sequence[Mapping[str, Any]]:
        return [asdict(one) for one in await redrive_store.redrives(self.pool)]

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        return [asdict(one) for one in await target_statuses(self.pool) if one.listed]

    async def act(self, asked: DeadLetterRequest, request: IdempotentRequest) -> StoredResponse:
        with _as_problems():
            return await act_idempotently(self.pool, request, lambda connection: self._done(connection, asked, request))

    async def _done(
        self, connection: Connection, asked: DeadLetterRequest, request: IdempotentRequest
    ) -> Mapping[str, Any]:
        encode, keys = self.clear.schemas.codec.encode_record, self.clear.keys
        if self.two_persons and isinstance(asked, FreezeRedrive | RunRedrive) and not request.person:
            zh, en = "须由署名的人冻结和执行:此令牌未绑定人员", "persons freeze and run it; this token is bound to none"
            raise SecondPersonNeeded(Text(zh, en))
        match asked:
            case RetryLetters(letters=numbers, why=why):
                if refusal := retry_refusal(len({*numbers}), two_persons=self.two_persons):
                    raise HttpProblem(409, "second_person", "letters", refusal)
                return {"retried": await letters.retry(connection, numbers, _decision(request, why), encode, keys)}
            case DiscardLetters(letters=numbers, why=why):
                return {"discarded": await letters.discard(connection, numbers, _decision(request, why), encode)}
            case EditLetter(letter=number, why=why):
                return {"letter": await self._edited(connection, asked, _decision(request, why)), "edited_from": number}
            case FreezeRedrive(why=why):
                return asdict(
                    await redrive_store.freeze(
                        connection,
                        _query(asked),
                        _terms(asked),
                        _decision(request, why),
                        encode,
                        two_persons=self.two_persons,
                    )
                )
            case RunRedrive(redrive=number):
                await redrive_store.begin(connection, number, by=request.by, two_persons=self.two_persons)
                return asdict(await redrive_store.read(connection, number))
            case StopRedrive(redrive=number, why=why):
                if not await redrive_store.end(
                    connection, number, done=False, why=f"{request.by}: {why}", now=request.at, by_hand=True
                ):
                    raise RedriveGone(
                        Text(f"重发 {number} 已结束或不存在", f"redrive {number} is over, or there is none")
                    )
                return asdict(await redrive_store.read(connection, number))
            case PauseDelivery(target=target, why=why):
                return {
                    "target": target,
                    "paused": await target_state.pause(connection, target, by=request.by, why=why),
                }
            case ResumeDelivery(target=target):
                if not await target_state.resume(connection, target, request.at, by=request.by):
                    zh, en = f"“{target}”没有暂停或等待", f"{target} is not paused, nor held"
                    raise HttpProblem(409, "not_paused", "target", Text(zh, en))
                return {"target": target, "paused": None}
            case DiscardQueue(target=target, why=why, after=after):
                decision = _decision(request, why)
                return asdict(await undeclared.discard_queue(connection, target, decision, encode, after=after))
            case MoveQueue(target=target, to=other, why=why, after=after):
                decision = _decision(request, why)
                return asdict(await undeclared.move_queue(connection, target, other, decision, encode, after=after))
            case _:
                assert_never(asked)

    async def _edited(self, connection: Connection, asked: EditLetter, decision: Decision) -> int:
        text = await self._edit_text(connection, asked)
        return await edit(connection, asked.letter, text, decision, clear=self.clear, sources=self.sources)

    @staticmethod
    async def _edit_text(connection: Connection, asked: CheckEdit) -> bytes:
        origin = kind_of_origin((await letters.read(connection, asked.letter)).origin)
        if asked.body and origin in ("delivery", "commands", "answer"):
            raise CommandRefused("missing", "changes", "请用 changes 给出要改的字段", "give the fields that change")
        if asked.changes and origin in ("webhook", "http"):
            raise CommandRefused("missing", "body", "请用 body 给出新的请求体", "give the new body, whole")
        return asked.body.encode() or orjson.dumps(asked.changes)


def _decision(request: IdempotentRequest, why: str) -> Decision:
    return Decision(by=request.by, why=why, at=request.at)


def _query(asked: FreezeRedrive) -> DeadLetterQuery:
    return DeadLetterQuery(target=asked.target, cause=asked.cause, event=asked.event, kind=asked.kind)


def _terms(asked: FreezeRedrive) -> RedriveLimits:
    return RedriveLimits(canary=asked.canary, watch=timedelta(seconds=asked.watch_s), rate_per_s=asked.rate_per_s)


@contextmanager
def _as_problems() -> Iterator[None]:
    """Turn conflicts into HTTP problems; an edit that is not possible is refused, not malformed."""
    try:
        yield
    except NoSuchTarget as error:
        raise HttpProblem(404, "no_such_target", "target", error.text, nearest=error.nearest) from error
    except Conflict as error:
        code, field = _CONFLICTS[type(error)]
        raise HttpProblem(409, code, field, error.text) from error
    except MalformedInput as error:
        raise CommandRefused(error.code, error.field, error.zh, error.en, **error.context) from error
