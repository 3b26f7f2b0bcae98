"""The app around the features it is given."""

import httpx2
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.gateway.app import make_app
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from tests.gateway.conftest import Gateway


async def _show_hosts(_http: HttpRequest) -> Response:
    """List the hosts, the fullest first."""
    return json_response({"hosts": []})


async def test_app_serves_and_describes_the_features_it_is_given_and_no_others(gateway: Gateway) -> None:
    hidden = HttpRoute(method="GET", path="/v1/hidden", run=_show_hosts)
    app = make_app(gateway.deps, [[reading("/v1/hosts", _show_hosts, "List hosts")], [hidden]], group=gateway.group)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://bus") as http:
        statuses = [(await http.get(path)).status_code for path in ("/v1/hosts", "/v1/hidden", "/v1/tickets")]
        paths = (await http.get("/openapi.json")).json()["paths"]
    assert statuses == [200, 200, 404]
    assert list(paths) == ["/v1/hosts"]
    operation = paths["/v1/hosts"]["get"]
    assert (operation["summary"], operation["description"]) == ("List hosts", "List the hosts, the fullest first.")
    assert operation["security"] == [{"bearer": []}]
