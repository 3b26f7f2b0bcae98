"""A call that is for public addresses alone reaches no other, whatever name leads there and however it changes."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters import public_addresses
from adapters.contract_suites.faulty_ways import http_response, listening, read_message
from adapters.http_options import trust_in
from adapters.outbound_http import Deadline, Egress, HttpResponse, NoResponse, OutboundHttp
from adapters.public_addresses import is_public
from tests.adapters.certificates import PrivateAuthority
from tests.adapters.http_proxy import http_proxy
from tests.adapters.http_receiver import Receiver

NAME = "desk.example"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.9.9",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_public_addresses_what_is_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "47.96.0.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_what_is_everybody_s_is_public(address: str) -> None:
    assert is_public(address)


class Names:
    """Leads a name to addresses, and counts how often it was looked up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses: Sequence[str] = addresses
        self.asked = 0
        self._really = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in (NAME, NAME.encode()):
            return self._really(host, port, *rest, **more)
        self.asked += 1
        found = [self._really(one, port, *rest, **more)[0] for one in self.addresses]
        self.addresses = ("127.0.0.1",)  # from the second time on, as who rebinds a name has it
        return found


async def exchange(url: str, egress: Egress | None = None) -> HttpResponse:
    http = OutboundHttp(
        headers={}, connections_max=1, answer_bytes_max=1000, public_only=True, egress=egress or Egress()
    )
    try:
        return await http.exchange("PUT", url, b"{}", {}, Deadline.after(10))
    finally:
        await http.close()


@pytest.mark.parametrize(
    "addresses", [("169.254.169.254",), ("127.0.0.1",), ("1.1.1.1", "10.0.0.1"), ("::1",), ("::ffff:127.0.0.1",)]
)
async def test_public_addresses_a_name_that_leads_inside_is_not_called(
    addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, *addresses)
    async with Receiver() as receiver:
        with pytest.raises(NoResponse) as failed:
            await exchange(f"http://{NAME}:{receiver.port}/")
        assert (failed.value.sent, receiver.requests, names.asked) == (False, [], 1)
    assert "private_addresses: true" in failed.value.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
async def test_public_addresses_no_spelling_of_this_machine_is_called(host: str) -> None:
    async with Receiver() as receiver:
        with pytest.raises(NoResponse) as failed:
            await exchange(f"http://{host}:{receiver.port}/")
        assert (failed.value.sent, receiver.requests) == (False, [])


async def test_public_addresses_a_name_is_looked_up_once_and_stands_in_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_addresses, "is_public", lambda _: True)  # so that a server of this machine can be it
    names = Names(monkeypatch, "127.0.0.2", "127.0.0.1")  # nothing listens on the first
    async with Receiver() as receiver:
        answer = await exchange(f"http://{NAME}:{receiver.port}/notes?a=b")
        [(headers, _)] = receiver.requests
    assert (answer.status, headers["host"], receiver.targets) == (200, f"{NAME}:{receiver.port}", ["/notes?a=b"])
    assert names.asked == 1


@pytest.mark.parametrize(("names", "taken"), [((NAME,), True), ((), False)])
async def test_public_addresses_a_certificate_is_to_be_the_name_s_and_not_the_address_s(
    names: tuple[str, ...], taken: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(http_response(200))

    monkeypatch.setattr(public_addresses, "is_public", lambda _: True)
    Names(monkeypatch, "127.0.0.1")
    authority = PrivateAuthority(folder=tmp_path, names=names)
    egress = Egress(trust=trust_in(authority.ca, "ca_file", datetime.now(UTC)))
    async with listening(serve, tls=authority.server()) as address:
        port = address.rpartition(":")[2]
        if taken:
            assert (await exchange(f"https://{NAME}:{port}/", egress)).status == 200
        else:
            with pytest.raises(NoResponse, match="certificate is not trusted"):
                await exchange(f"https://{NAME}:{port}/", egress)


async def test_public_addresses_through_a_proxy_addresses_alone_are_refused() -> None:
    async with Receiver() as receiver, http_proxy() as proxy:
        egress = Egress(proxy=httpx2.Proxy(proxy.url))
        with pytest.raises(NoResponse) as failed:
            await exchange(f"http://127.0.0.1:{receiver.port}/", egress)
        assert (failed.value.sent, receiver.requests) == (False, [])
        answer = await exchange(f"http://localhost:{receiver.port}/", egress)
    assert answer.status == 200
