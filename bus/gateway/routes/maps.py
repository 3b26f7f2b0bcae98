"""Routes of maps of sources: listed, tried on samples, applied, rolled back, removed."""

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, assert_never

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of
from bus.gateway.http.openapi import in_path, request_docs
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.request_models import NUMBER_MAX, NotBlank, Number, RequestModel, gone, path_number, read
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.map_service import MapService
from bus.gateway.routes import map_answers as answers
from bus.gateway.routes.decided_requests import DecidedRequests
from bus.intake.reserved_names import wrong_for_a_map
from bus.observability.masking import mask_text
from bus.wire.json_body import read_object
from bus.wire.rejected_input import RejectedInputStore

SAMPLES_MAX: Final = 20
HEADERS_MAX: Final = 50
_CHARS_MAX: Final = 262_144
_TRY: Final = "/v1/maps/try"
_LEARN: Final = "/v1/maps/learn"
_SOURCE: Final = in_path("source", {"type": "string"})
_NO_SOURCE: Final = Text("此来源没有对照表", "this source has no map")
_NO_VERSION: Final = Text("没有这个版本", "there is no such version")
_NOT_SHIPPED: Final = Text("没有自带这份对照表", "no map of that name comes with the bus")
MapText = Annotated[str, Field(min_length=1, max_length=_CHARS_MAX)]
Samples = Annotated[list[Annotated[str, Field(max_length=_CHARS_MAX)]], Field(max_length=SAMPLES_MAX)]
Over = Annotated[int, Field(ge=0, le=NUMBER_MAX)]


class TryMap(RequestModel):
    """Check a map, and translate samples under it, in order, as if they came to an empty bus; nothing is changed.

    Samples are neither logged nor stored. `headers`: of each sample. Ten seconds are the most.
    """

    content: MapText
    samples: Samples = Field(default_factory=list)
    headers: Annotated[dict[str, str], Field(max_length=HEADERS_MAX)] = Field(default_factory=dict)


class LearnMap(RequestModel):
    """Guess a first map of samples, by the names of their fields; nothing is changed."""

    source: NotBlank
    samples: Annotated[Samples, Field(min_length=1)]


class ApplyMap(RequestModel):
    """Bring a map into force: gateways and workers take it up within seconds, without a restart.

    `over`: the newest version that was seen, 0 where there was none; 409 where somebody applied another meanwhile.
    """

    source: NotBlank
    content: MapText
    over: Over
    why: NotBlank


class RollbackMap(RequestModel):
    """Bring an earlier version into force again, as a new one; without `to` the one before. `over`: as of apply-map."""

    source: NotBlank
    to: Number | None = None
    over: Over
    why: NotBlank


class RemoveMap(RequestModel):
    """Take a source off: its deliveries are refused as those of an unknown one. `over`: as of apply-map."""

    source: NotBlank
    over: Over
    why: NotBlank


_Decision: TypeAlias = ApplyMap | RollbackMap | RemoveMap


def map_routes(service: MapService, refused: RejectedInputStore) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _MapHandlers(service)
    requests = DecidedRequests(refused, Access.DECIDE_MAPS)
    return [
        reading("/v1/maps", handlers.list_maps, "List the maps of sources", answers.MapList),
        reading(
            "/v1/maps/shipped/{name}", handlers.show_shipped, "Show a map that comes with the bus", answers.ShippedMap,
            parameters=[in_path("name", {"type": "string"})],
        ),
        reading(
            "/v1/maps/{source}", handlers.show_map, "Show the versions of a source's map", answers.MapWithVersions,
            parameters=[_SOURCE],
        ),
        reading(
            "/v1/maps/{source}/versions/{version}", handlers.show_version, "Show a version of a map",
            answers.MapContent, parameters=[_SOURCE, in_path("version", {"type": "integer", "minimum": 1})],
        ),
        HttpRoute(
            method="POST", path=_TRY, run=handlers.try_map,
            about=request_docs(TryMap, _TRY, Access.MAPS, keyed=False), answers={200: answers.TriedMap},
        ),
        HttpRoute(
            method="POST", path=_LEARN, run=handlers.learn_map,
            about=request_docs(LearnMap, _LEARN, Access.MAPS, keyed=False), answers={200: answers.LearnedMap},
        ),
        requests.route("/v1/maps/{source}/apply", ApplyMap, handlers.apply, answers.MapWithVersions),
        requests.route("/v1/maps/{source}/rollback", RollbackMap, handlers.rollback, answers.MapWithVersions),
        requests.route("/v1/maps/{source}/remove", RemoveMap, handlers.remove, answers.MapWithVersions),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _MapHandlers:
    service: MapService

    async def list_maps(self, http: HttpRequest) -> Response:
        """List them: version, who, why, how documents come, which secrets are set at this gateway; and shipped ones."""
        await admit(http, Access.MAPS)
        maps, service = await self.service.listed(), self.service
        return json_response({"maps": maps, "shipped": service.shipped_names(), "others": service.others()})

    async def show_map(self, http: HttpRequest) -> Response:
        """Show a source and its versions, the newest first, a hundred at most."""
        await admit(http, Access.MAPS)
        return json_response(await self._shown(http.path_params["source"]))

    async def show_version(self, http: HttpRequest) -> Response:
        """Show one version with its content; null where the source was taken off."""
        await admit(http, Access.MAPS)
        number = path_number(http, "version", _NO_VERSION)
        found = await self.service.version(http.path_params["source"], number)
        if found is None:
            raise gone("version", _NO_VERSION)
        return json_response(found)

    async def show_shipped(self, http: HttpRequest) -> Response:
        """Show the text of one, to be made one's own."""
        await admit(http, Access.MAPS)
        name = http.path_params["name"]
        content = self.service.shipped(name)
        if content is None:
            raise gone("name", _NOT_SHIPPED)
        return json_response({"name": name, "content": content})

    async def try_map(self, http: HttpRequest) -> Response:
        """Check and try; what is refused is not kept, since samples are personal."""
        await admit(http, Access.MAPS)
        asked = read(TryMap, read_object(body_of(http)))
        samples = [one.encode() for one in asked.samples]
        return json_response(await self.service.tried(asked.content, samples, asked.headers))

    async def learn_map(self, http: HttpRequest) -> Response:
        """Guess a first map; what is refused is not kept, since samples are personal."""
        await admit(http, Access.MAPS)
        asked = read(LearnMap, read_object(body_of(http)))
        _refuse_odd_name(asked.source)
        try:
            content = await self.service.learned(asked.source, [one.encode() for one in asked.samples])
        except MalformedInput as error:  # the request can be read; what it holds cannot
            raise CommandRefused(error.code, "samples", error.zh, error.en) from error
        return json_response({"source": asked.source, "content": content})

    async def apply(self, wanted: ApplyMap, by: str) -> object:
        """Bring it into force; 422 with every fault and its place, 409 where nothing changes or somebody was first."""
        _refuse_odd_name(wanted.source)
        why = mask_text(wanted.why)
        act = self.service.apply(wanted.source, wanted.content, over=wanted.over, by=by, why=why)
        return await self._once(act, wanted, by)

    async def rollback(self, wanted: RollbackMap, by: str) -> object:
        """Bring an earlier one into force; 409 where there is none, or somebody was first."""
        why = mask_text(wanted.why)
        return await self._once(
            self.service.rollback(wanted.source, wanted.to, over=wanted.over, by=by, why=why), wanted, by
        )

    async def remove(self, wanted: RemoveMap, by: str) -> object:
        """Take it off; 409 where it is off, or somebody was first."""
        why = mask_text(wanted.why)
        return await self._once(self.service.remove(wanted.source, over=wanted.over, by=by, why=why), wanted, by)

    async def _once(self, act: Awaitable[None], wanted: _Decision, by: str) -> object:
        """Decide; who asks again since an answer was lost gets it."""
        try:
            await act
        except HttpProblem as problem:
            found = await self.service.one(wanted.source) if problem.code == "newer_version" else None
            if not found or not is_repeat(found["versions"][0], wanted, by):
                raise
        return await self._shown(wanted.source)

    async def _shown(self, source: str) -> object:
        found = await self.service.one(source)
        if found is None:
            raise gone("source", _NO_SOURCE)
        return found


def is_repeat(newest: Mapping[str, Any], wanted: _Decision, by: str) -> bool:
    """Say whether the newest version is what this very request made when it came before. Pure."""
    made = (newest["version"], newest["made_by"], newest["reason"])
    if made != (wanted.over + 1, by, mask_text(wanted.why)):
        return False
    match wanted:
        case ApplyMap(content=content):
            digest = hashlib.sha256(content.encode()).hexdigest()
            return newest["copy_of"] is None and bool(newest["sha256"] == digest)
        case RollbackMap(to=to):
            return bool(newest["copy_of"] == (to or wanted.over - 1))  # versions have no gaps
        case RemoveMap():
            return newest["copy_of"] is None and bool(newest["removed"])
        case _:
            assert_never(wanted)


def _refuse_odd_name(source: str) -> None:
    if why := wrong_for_a_map(source):
        raise CommandRefused("wrong_name", "source", why.zh, why.en)
