"""The route of scene tags 场景标签 (R23): the deployment's list, for whoever sets them on a ticket."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

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


def scene_tag_routes(tags: Mapping[str, Text]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def list_scene_tags(http: HttpRequest) -> Response:
        """List them in the order of their file."""
        await admit(http, Access.READ)
        found: list[SceneTag] = [{"tag": code, "zh": one.zh, "en": one.en} for code, one in tags.items()]
        return json_response(SceneTagList(tags=found))

    return [reading("/v1/scene-tags", list_scene_tags, "List the scene tags", SceneTagList)]
