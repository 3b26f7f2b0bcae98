"""The Swagger UI that the gateway serves is the one of its npm package, which the lock pins by hash."""

from pathlib import Path

import pytest

from bus.gateway.http import openapi

PACKAGE = Path(__file__).parent / "openapi" / "node_modules" / "swagger-ui-dist"

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PACKAGE.is_dir(), reason="swagger-ui-dist is not installed: run `make peers`"),
]


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"])
def test_swagger_ui_is_what_its_package_has(name: str) -> None:
    served = Path(openapi.__file__).with_name("swagger_ui") / name
    assert served.read_bytes() == (PACKAGE / name).read_bytes()
