"""The transport against a simulator of SAP that somebody else wrote: mock-sap. It posts no goods issues of ours."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from mocksap.server import Config, make_server

from adapters.sap.adapter import SapS4
from adapters.sap.wire import BasicLogin, OAuthLogin, SapSettings
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.sap_systems import SETTLES_S
from tests.adapters.test_kingdee import call

USER = BasicLogin(user="MOCKUSER", password="geheim")


@contextmanager
def mock_sap(**own: Any) -> Iterator[tuple[str, Any]]:
    """Run it in a thread; gives its address and its state."""
    server = make_server(Config(host="127.0.0.1", port=0, db_path=":memory:", quiet=True, **own))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.mock
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.mock.close()


@asynccontextmanager
async def calling(url: str, login: BasicLogin | OAuthLogin = USER) -> AsyncIterator[SapS4]:
    """Call it for the length of a block."""
    settings = SapSettings(
        base_url=url, login=login, plant="1010", storage_location="0001", cost_center="CC1", client="100"
    )
    erp = SapS4(settings, lookup_settles_s=SETTLES_S)
    try:
        yield erp
    finally:
        await erp.close()


async def failure(erp: SapS4) -> DeliveryFailed:
    """Post a goods issue, which fails."""
    with pytest.raises(DeliveryFailed) as failed:
        await erp.send(call())
    return failed.value


def methods(state: Any) -> list[str]:
    """List what came, in order."""
    return [row["method"] for row in state.conn.execute("SELECT method FROM request_log ORDER BY id")]


async def test_sap_second_opinion_a_token_is_taken_and_the_refusal_of_its_envelope_is_read() -> None:
    with mock_sap(basic_auth="MOCKUSER:geheim") as (url, state):
        async with calling(url) as erp:
            assert await erp.confirm(call()) is None
            failed = await failure(erp)  # it posts receipts alone, and says what it misses
            assert failed.kind is FailureKind.REJECTED
            assert failed.message
            before = methods(state)
            state.tokens.clear()
            assert (await failure(erp)).kind is FailureKind.REJECTED
        # A look-up, a goods issue, a new token and the goods issue again; at a refusal a look-up.
        assert methods(state)[len(before) :] == ["GET", "POST", "GET", "POST", "GET"]


async def test_sap_second_opinion_faults_on_demand_have_their_kinds() -> None:
    kinds = {"lock": FailureKind.UNAVAILABLE, "csrf": FailureKind.UNAVAILABLE, "error": FailureKind.UNKNOWN}
    with mock_sap() as (url, state):
        for scenario, kind in kinds.items():
            async with calling(url) as erp:
                state.faults.clear()
                state.faults.add({"method": "POST", "scenario": scenario})
                assert (scenario, (await failure(erp)).kind) == (scenario, kind)


@pytest.mark.parametrize("secret", ["mimi", "another"])
async def test_sap_second_opinion_a_client_of_oauth_is_let_in_by_its_secret(secret: str) -> None:
    with mock_sap(oauth="mock-client:mimi") as (url, _):
        login = OAuthLogin(token_url=f"{url}/sap/bc/sec/oauth2/token", client_id="mock-client", client_secret=secret)
        async with calling(url, login) as erp:
            kind = (await failure(erp)).kind
    assert kind is (FailureKind.REJECTED if secret == "mimi" else FailureKind.UNAUTHORIZED)


async def test_sap_second_opinion_a_wrong_password_is_unauthorized() -> None:
    with mock_sap(basic_auth="MOCKUSER:another") as (url, _):
        async with calling(url) as erp:
            assert (await failure(erp)).kind is FailureKind.UNAUTHORIZED
