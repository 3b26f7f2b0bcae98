"""Routes of rollouts: a new version of a target takes the tickets step by step, compared with the old one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, NotRequired

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.delivery.rollout import EVENTS_MAX, MINUTES_MAX, Figures, RolloutState
from bus.delivery.rollout_store import ListedRollout, NotInRollout, rollout_json
from bus.delivery.target_state import NoSuchTarget, NotDeclared
from bus.domain.errors import Conflict
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.request_models import NotBlank, RequestModel
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.ports import RolloutService
from bus.gateway.routes.decided_requests import DecidedRequests
from bus.observability.masking import mask_text
from bus.wire.rejected_input import RejectedInputStore

_CONFLICTS: Final = {NotDeclared: "not_declared", NotInRollout: "not_in_rollout"}


class StartRollout(RequestModel):
    """Let a new version take 5 % of the tickets, then 25, 50 and 100, each after so many minutes and events.

    Where the new version is worse, all go back by themselves, with an alert.
    """

    target: NotBlank
    canary: NotBlank
    minutes: Annotated[int, Field(ge=1, le=MINUTES_MAX)] = 30
    events: Annotated[int, Field(ge=1, le=EVENTS_MAX)] = 100
    why: NotBlank


class PromoteRollout(RequestModel):
    """Let the new version have all tickets now; those of which something waits at the old one follow after it."""

    target: NotBlank
    why: NotBlank


class AbortRollout(RequestModel):
    """Let all tickets go back to the old version, with what waits at the new one, in order per ticket."""

    target: NotBlank
    why: NotBlank


class RolloutAnswer(TypedDict):
    """A rollout; `tickets`: how many the new version has. While it runs, the figures of the old and the new version."""

    number: int
    target: str
    canary: str
    state: RolloutState
    percent: int
    step_minutes: int
    step_events: int
    started_at: datetime
    step_at: datetime
    started_by: str
    why: str
    ended_at: datetime | None
    ended_by: str | None
    ended_zh: str | None
    ended_en: str | None
    tickets: int
    old: NotRequired[Figures]
    new: NotRequired[Figures]


class RolloutList(TypedDict):
    """Rollouts, the newest first, 50 at most."""

    rollouts: list[RolloutAnswer]


def rollout_routes(service: RolloutService, refused: RejectedInputStore) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _RolloutHandlers(service)
    requests = DecidedRequests(refused, Access.DECIDE_CONSUMERS)
    return [
        reading("/v1/rollouts", handlers.list_rollouts, "List rollouts", RolloutList),
        requests.route("/v1/rollouts", StartRollout, handlers.start, RolloutList),
        requests.route("/v1/rollouts/{target}/promote", PromoteRollout, handlers.promote, RolloutList),
        requests.route("/v1/rollouts/{target}/abort", AbortRollout, handlers.abort, RolloutList),
    ]


@dataclass(frozen=True, slots=True)
class _RolloutHandlers:
    service: RolloutService

    async def list_rollouts(self, http: HttpRequest) -> Response:
        """List them: state, share, tickets; of those that run, the figures of both versions."""
        await admit(http, Access.CONSUMERS)
        return json_response(await self._listed())

    async def start(self, wanted: StartRollout, by: str) -> object:
        """Begin at 5 %; 409 while one of the target is running, unless this request began it when it came before."""
        why = mask_text(wanted.why)
        asked = (wanted.canary, RolloutState.RUNNING, wanted.minutes, wanted.events, by, why)
        with _as_problems():
            try:
                await self.service.start(
                    wanted.target, wanted.canary, minutes=wanted.minutes, events=wanted.events, by=by, why=why
                )
            except NotInRollout:
                if _begun(await self._newest(wanted.target)) != asked:
                    raise
        return await self._listed()

    async def promote(self, wanted: PromoteRollout, by: str) -> object:
        """End it for the new version; 409 when none is running, unless this request ended it when it came before."""
        return await self._end(wanted, RolloutState.PROMOTED, by)

    async def abort(self, wanted: AbortRollout, by: str) -> object:
        """End it for the old version; 409 when none is running, unless this request ended it when it came before."""
        return await self._end(wanted, RolloutState.ABORTED, by)

    async def _end(self, wanted: PromoteRollout | AbortRollout, state: RolloutState, by: str) -> object:
        why = mask_text(wanted.why)
        with _as_problems():
            try:
                await self.service.end(wanted.target, state, by=by, why=why)
            except NotInRollout:
                last = await self._newest(wanted.target)
                if last is None or (last.rollout.state, last.ended_by, last.ended_zh) != (state, by, why):
                    raise
        return await self._listed()

    async def _newest(self, target: str) -> ListedRollout | None:
        return next((one for one, _ in await self.service.listed() if one.rollout.target == target), None)

    async def _listed(self) -> object:
        return {"rollouts": [rollout_json(*one) for one in await self.service.listed()]}


def _begun(one: ListedRollout | None) -> tuple[object, ...]:
    if one is None:
        return ()
    rollout = one.rollout
    return rollout.canary, rollout.state, rollout.step_minutes, rollout.step_events, one.started_by, one.why


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except NoSuchTarget as error:
        raise HttpProblem(404, "no_such_target", "target", error.text, nearest=error.nearest) from error
    except Conflict as error:
        raise HttpProblem(409, _CONFLICTS[type(error)], "target", error.text) from error
