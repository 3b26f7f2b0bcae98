"""The interface's description: OpenAPI with a body for every command, and Swagger UI from vendored files.

Open to all: it describes the interface alone and holds no data, and a browser sends no token when it opens a page.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.commands import Command
from bus.domain.naming import kebab
from bus.domain.values import QUANTITIES
from bus.gateway.auth.roles import GRANTS, Access
from bus.gateway.http.answers import Problem
from bus.gateway.http.request_models import RequestModel
from bus.gateway.http.routing import HttpRoute
from bus.intake.command_bodies import SHORT_MAX
from bus.intake.command_ids import KEY_CHARS_MAX

_IN_PATH = re.compile(r"{(\w+)}")
_STRING = {"type": "string"}
_NOT_BLANK = r"[^\s\x1c-\x1f\x85]"  # dialects of patterns differ in what they call blank: not one of any
_SUMMARY = "工单事件总线 / the ticket event bus"
_PROBLEM = "application/problem+json"
_FAILED = {status: {"$ref": "#/components/responses/Problem"} for status in ("4XX", "5XX")}
_ABOUT = (
    "Every change of a ticket is a command; every answer names the trace that leads through the bus. Errors are "
    "RFC 9457 problems with a stable `code`, the `field`, and what to do, in Chinese and English."
)
_OPERATIONS = "operations"
_TAGS = {
    "tickets": "工单 / tickets: open, change, read",
    "journeys": "轨迹 / where a ticket is stuck",
    "practice": "演练 / virtual tickets to practise on",
    "sources": "来源 / signed webhooks of source systems",
    "files": "文件 / photos and files of evidence",
    "topics": "主题 / the topic contract",
    "stream": "事件流 / events as they happen",
    "deadletters": "死信 / dead letters and redrives",
    "alerts": "告警 / what is wrong, who looks after it",
    "hosts": "主机 / readings of hosts",
    "subscriptions": "订阅 / who reads from outside, and whom to ask",
    "rollouts": "灰度 / new versions of targets, step by step",
    "maps": "对照表 / how sources are read",
    "people": "人员 / who takes tickets, and how they are reached",
    "knowledge": "知识库 / what closed tickets taught",
    "dwell": "滞留 / how long tickets are in their state",
    "scene-tags": "场景标签 / in which situation a ticket arose",
    "rejection-reasons": "客户为什么不确认关闭 / why customers decline a closure",
    "drift": "漂移 / tickets for which nobody acts",
    "deliveries": "投递 / queues towards other systems",
    _OPERATIONS: "运维 / health and metrics",
}
_PAGE = """<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>ticketbus</title>
<link rel="stylesheet" href="/docs/files/swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="/docs/files/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});'
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
# As npm's swagger-ui-dist has it, pinned by tests/peers/openapi/package-lock.json.
_SWAGGER_UI = Path(__file__).with_name("swagger_ui")


def docs_routes(routes: Sequence[HttpRoute]) -> list[HttpRoute]:
    """Serve the description and its page; nothing is fetched from elsewhere, and no caller's path names a file."""
    return [
        _showing("/openapi.json", orjson.dumps(document(routes)), "application/json"),
        _showing("/docs", _PAGE.encode(), "text/html"),
        _showing("/docs/start.js", _START.encode(), "text/javascript"),
        _vendored("swagger-ui.css", "text/css"),
        _vendored("swagger-ui-bundle.js", "text/javascript"),
    ]


def _vendored(name: str, kind: str) -> HttpRoute:
    return _showing(f"/docs/files/{name}", (_SWAGGER_UI / name).read_bytes(), kind)


def _showing(path: str, content: bytes, kind: str) -> HttpRoute:
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}

    async def show(_http: HttpRequest) -> Response:
        return Response(content, media_type=kind, headers=headers)

    return HttpRoute(method="GET", path=path, run=show)


def document(routes: Sequence[HttpRoute]) -> dict[str, Any]:
    """Describe the interface as OpenAPI. Pure."""
    described = [route for route in routes if route.about]
    kinds = dict.fromkeys((Problem, *(kind for route in described for kind in route.answers.values())))
    answers, definitions = _answer_schemas(tuple(kinds))
    problem = {"schema": answers[Problem]}
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        path = route.path.replace(":path}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, answers)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ticketbus",
            "summary": _SUMMARY,
            "description": _ABOUT,
            "version": version("ticketbus"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": definitions,
            "responses": {"Problem": {"description": _first_line(Problem), "content": {_PROBLEM: problem}}},
        },
    }


@cache
def _answer_schemas(kinds: tuple[Any, ...]) -> tuple[Mapping[Any, Any], Mapping[str, Any]]:
    """Answer the schema of each type, and by name what they refer to; the same types cost their 0.15 s once. Pure."""
    schemas, definitions = TypeAdapter.json_schemas(
        [(kind, "serialization", TypeAdapter(kind)) for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    return {kind: schema for (kind, _), schema in schemas.items()}, definitions["$defs"]


def _operation(route: HttpRoute, path: str, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    name = getattr(route.run, "__name__", "").strip("_").replace("_", "-")
    about = {"operationId": name, "description": inspect.getdoc(route.run) or "", "security": [], **route.about}
    documented = {one["name"] for one in about.get("parameters", ())}
    named = [in_path(name, _STRING) for name in _IN_PATH.findall(path) if name not in documented]
    answers: dict[str, Any] = {
        str(status): {"description": _first_line(kind), "content": {"application/json": {"schema": schemas[kind]}}}
        for status, kind in route.answers.items()
    }
    for media_type in route.other_types:
        answers["200"]["content"][media_type] = {"schema": _STRING}
    tag = next(one for one in _TAGS if path.startswith(f"/v1/{one}") or one == _OPERATIONS)
    return {
        **about,
        "tags": [tag],
        "parameters": [*about.get("parameters", ()), *named],
        "responses": {**answers, **about.get("responses", {}), **_FAILED},
    }


def _first_line(kind: Any) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def in_path(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what stands in a path. Pure."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


def command_docs(cls: type[Command]) -> Mapping[str, Any]:
    """Describe a command's body, its headers and who may send it. Pure."""
    return _command_docs(cls)  # type: ignore[arg-type]  # mypy looks at what instances can be hashed


@cache
def _command_docs(cls: Any) -> Mapping[str, Any]:
    schema = TypeAdapter(cls).json_schema()
    about: dict[str, Any] = {"type": "string"}
    schema["properties"] = {
        **schema.get("properties", {}),
        "at": {**about, "format": "date-time", "description": "when it happened, with offset; default: now"},
        "actor": {
            **about,
            "minLength": 1,
            "maxLength": SHORT_MAX,
            "pattern": _NOT_BLANK,
            "description": "who did it; default: the client",
        },
    }
    return _posting(cls, schema, [role.value for role, grant in GRANTS.items() if cls in grant.commands])


@cache
def request_docs(
    cls: type[RequestModel], path: str, access: Access = Access.DECIDE_LETTERS, *, keyed: bool = True
) -> Mapping[str, Any]:
    """Describe a request's body, what stands in its path, its headers and who may send it. Pure.

    `keyed`: it has an idempotency key.
    """
    schema, named = cls.model_json_schema(), _IN_PATH.findall(path)
    parameters = [in_path(name, schema["properties"][name]) for name in named]
    schema["properties"] = {name: one for name, one in schema["properties"].items() if name not in named}
    schema["required"] = [name for name in schema.get("required", ()) if name not in named]
    roles = [role.value for role, grant in GRANTS.items() if access in grant.accesses]
    about = _posting(cls, schema, roles)
    return {**about, "parameters": [*(about["parameters"] if keyed else ()), *parameters]}


def _posting(cls: type, schema: Mapping[str, Any], roles: Sequence[str]) -> dict[str, Any]:
    shape = {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX, "pattern": "^[!-~]+$"}
    key = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": shape}
    content = {"application/json": {"schema": _inlined(schema)}}
    return {
        "operationId": kebab(cls),
        "summary": (cls.__doc__ or "").splitlines()[0],
        "parameters": [key],
        # Without a body it is an empty object.
        "requestBody": {"required": bool(schema.get("required") or schema.get("oneOf")), "content": content},
        "description": f"{kebab(cls)}. Roles: {', '.join(roles)}.",
        "security": [{"bearer": []}],
    }


def _inlined(schema: Mapping[str, Any]) -> Any:
    """Replace references by what they refer to, so that the schema stands alone; say the limits that hold."""
    definitions = schema.get("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, Mapping):
            if "$ref" in node:
                return walk(definitions[node["$ref"].rpartition("/")[2]])
            closed = {"additionalProperties": False} if "properties" in node else {}  # unknown fields are refused
            bound = {"minimum": QUANTITIES[0], "maximum": QUANTITIES[-1]} if node.get("type") == "integer" else {}
            # A title is the name of a class of ours; a property of that name is a schema.
            shown = {key: walk(value) for key, value in node.items() if key != "$defs" and not _is_title(key, value)}
            return {**closed, **bound, **shown}
        return [walk(one) for one in node] if isinstance(node, list) else node

    return walk(schema)


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)
