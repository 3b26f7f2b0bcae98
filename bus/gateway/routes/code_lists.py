"""The routes of the deployment's lists of codes: scene tags 场景标签 (R23), why a customer declines a closure (R20)."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.closure_rules import ClosureRules
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading


class SceneTag(TypedDict):
    """A tag by its code, and what it says."""

    tag: str
    zh: str
    en: str


class SceneTagList(TypedDict):
    """The tags that `tag` takes."""

    tags: list[SceneTag]


class RejectionReason(TypedDict):
    """A reason by its code, and what it says."""

    code: str
    zh: str
    en: str


class RejectionReasonList(TypedDict):
    """The reasons that `reject-closure` takes as `reason_code`."""

    reasons: list[RejectionReason]


def code_list_routes(rules: ClosureRules) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def list_scene_tags(http: HttpRequest) -> Response:
        """List them in the order of their file."""
        await admit(http, Access.READ)
        return json_response({"tags": _listed("tag", rules.scene_tags)})

    async def list_rejection_reasons(http: HttpRequest) -> Response:
        """List them in the order of their file."""
        await admit(http, Access.READ)
        return json_response({"reasons": _listed("code", rules.rejection_reasons)})

    return [
        reading("/v1/scene-tags", list_scene_tags, "List the scene tags", SceneTagList),
        reading(
            "/v1/rejection-reasons",
            list_rejection_reasons,
            "List the reasons why a customer declines a closure",
            RejectionReasonList,
        ),
    ]


def _listed(code: str, words: Mapping[str, Text]) -> list[dict[str, str]]:
    return [{code: one, "zh": text.zh, "en": text.en} for one, text in words.items()]
