"""The interface's description: OpenAPI with a body for every command, and Swagger UI from vendored files.

Open to all: it describes the interface alone and holds no data, and a browser sends no token when it opens a page.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from bus.commands import Command
from bus.gateway.roles import GRANTS
from bus.names import kebab

_PAGE = """<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>ticketbus</title>
<link rel="stylesheet" href="/docs/files/swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="/docs/files/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});'
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def add_docs(app: FastAPI) -> None:
    """Serve /docs and its files; nothing is fetched from elsewhere."""
    app.add_api_route("/docs", _page, methods=["GET"], include_in_schema=False)
    app.add_api_route("/docs/start.js", _start, methods=["GET"], include_in_schema=False)
    app.mount("/docs/files", StaticFiles(directory=str(swagger_ui_path)))


async def _page(_http: HttpRequest) -> Response:
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


async def _start(_http: HttpRequest) -> Response:
    return Response(_START, media_type="text/javascript")


def command_docs(cls: type[Command]) -> dict[str, Any]:
    """Describe a command's body, its headers and who may send it. Pure."""
    schema = TypeAdapter(cls).json_schema()
    about: dict[str, Any] = {"type": "string"}
    schema["properties"] = {
        **schema.get("properties", {}),
        "at": {**about, "format": "date-time", "description": "when it happened, with offset; default: now"},
        "actor": {**about, "description": "who did it; default: the client"},
    }
    roles = ", ".join(role.value for role, grant in GRANTS.items() if cls in grant.commands)
    key = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 200}}
    return {
        "parameters": [key],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(schema)}}},
        "description": f"{kebab(cls)}. Roles: {roles}.",
        "security": [{"bearer": []}],
    }


def _inlined(schema: Mapping[str, Any]) -> Any:
    """Replace references by what they refer to, so that the schema stands alone inside the document."""
    definitions = schema.get("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, Mapping):
            if "$ref" in node:
                return walk(definitions[node["$ref"].rpartition("/")[2]])
            return {key: walk(value) for key, value in node.items() if key != "$defs"}
        return [walk(one) for one in node] if isinstance(node, list) else node

    return walk(schema)
