"""Every answer of a gateway, held against its own description."""

import json
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache, cached_property
from typing import Any, get_args, get_origin, get_type_hints

import httpx2
import jsonschema_rs
from typing_extensions import is_typeddict

from tests.gateway.typed import closed


def blank(kind: Any) -> Any:
    """Make an answer of a type that says nothing, for fakes to fill in what their test is about."""
    if is_typeddict(kind) or is_dataclass(kind):
        return {name: blank(hint) for name, hint in get_type_hints(kind).items()}
    if type(None) in get_args(kind):
        return None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    if kind is datetime:
        return "2026-11-22T12:00:00Z"
    return (get_origin(kind) or kind)()


class Described:
    """The description of some routes; call it with each response."""

    def __init__(self, describe: Callable[[], dict[str, Any]]) -> None:
        """Ask for the OpenAPI document when it is needed."""
        self._describe = describe

    async def __call__(self, response: httpx2.Response) -> None:
        """Hold a response to its schema; raises ValidationError, or KeyError for a status that is not described."""
        method, path = response.request.method.lower(), response.request.url.path
        operation = next((one[method] for place, one in self._paths if place.fullmatch(path) and method in one), None)
        if operation is None:
            return  # not described: the docs themselves, and what is no path
        await response.aread()
        answers, status = operation["responses"], response.status_code
        answer = self._resolved(answers.get(str(status)) or answers[f"{status // 100}XX"])
        given = response.headers["content-type"]
        [(kind, content)] = [one for one in answer["content"].items() if given.startswith(one[0])]
        if "json" in kind:
            self._validator(content["schema"]).validate(response.json())

    def _resolved(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference to an answer that operations share."""
        name = answer.get("$ref", "").removeprefix("#/components/responses/")
        resolved: dict[str, Any] = self._document["components"]["responses"][name] if name else answer
        return resolved

    @cached_property
    def _document(self) -> dict[str, Any]:
        return self._describe()

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        """List the paths, those without parameters first, as the routes are."""
        named = sorted(self._document["paths"].items(), key=lambda one: "{" in one[0])
        return [(re.compile(re.sub(r"{\w+}", ".+" if "any" in path else "[^/]+", path)), one) for path, one in named]

    @cached_property
    def _components(self) -> str:
        return json.dumps(closed(self._document["components"]), sort_keys=True)

    def _validator(self, schema: dict[str, Any]) -> Any:
        return _compiled(json.dumps(schema, sort_keys=True), self._components)


@cache
def _compiled(schema: str, components: str) -> Any:
    """Compile a schema once for all gateways that are described alike."""
    whole = {**json.loads(schema), "components": json.loads(components)}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
