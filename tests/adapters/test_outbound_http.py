"""The one HTTP exchange of all outbound adapters: what it asks by either method, and what it lets be logged."""

import logging

import pytest

from adapters.contract_suites.faulty_ways import http_response, responding_with
from adapters.outbound_http import Deadline, OutboundHttp


async def test_outbound_http_a_credential_in_an_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with responding_with(http_response(200, b"{}")) as url:
        http = OutboundHttp(headers={}, connections_max=1, answer_bytes_max=64)
        got = await http.get(f"{url}/token?app_secret=of-ours", {}, Deadline.after(30))
        posted = await http.post(f"{url}/add?token=of-ours", b"{}", {}, Deadline.after(30))
        await http.close()
    assert [(one.status, one.body) for one in (got, posted)] == [(200, b"{}")] * 2
    assert "of-ours" not in caplog.text
