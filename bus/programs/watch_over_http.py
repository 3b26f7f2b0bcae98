"""Readings of a host that has no way to Kafka: posted to the gateway with a token of role `host`."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from bus.domain.errors import BusError, Transient
from bus.gateway.routes.hosts import PATH
from bus.http_client import client_at
from bus.programs.host_watch import PERIOD_S
from bus.settings import Settings
from bus.tls import cause_of
from schemas.messages import HostRead

_NOT_HERE = frozenset({400, 401, 403, 404, 405, 413, 422})


class ReadingsRefused(BusError):
    """The gateway will never take readings so: wrong address, token, role or name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReadings:
    """Posts readings; close it."""

    http: httpx2.AsyncClient

    async def send(self, readings: Sequence[HostRead]) -> None:
        """Post a host's readings. Raises Transient when that fails for now, ReadingsRefused when for good."""
        if not readings:
            return
        try:
            answer = await self.http.post(PATH, json=_body(readings))
        except httpx2.HTTPError as error:
            raise Transient(f"the gateway is away: {cause_of(error, 'ca_file')}") from error
        if answer.status_code in _NOT_HERE:
            raise ReadingsRefused(f"the gateway refuses the readings: HTTP {answer.status_code} {_reason(answer)}")
        if answer.status_code != 200:
            raise Transient(f"the gateway does not take the readings now: HTTP {answer.status_code}")

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self.http.aclose()


def gateway_readings(url: str, token: str, settings: Settings) -> GatewayReadings:
    """Make the client of a gateway, which a host may reach by a proxy of its own. Raises CertificateUnusable."""
    headers = {"Authorization": f"Bearer {token}"}
    return GatewayReadings(http=client_at(url, settings, timeout_s=PERIOD_S, headers=headers, trust_env=True))


def _body(readings: Sequence[HostRead]) -> dict[str, object]:
    first = readings[0]
    return {
        "role": first.role,
        "memory_free_bytes": first.memory_free_bytes,
        "paths": [{name: getattr(one, name) for name in _OF_PATH} for one in readings],
    }


_OF_PATH = ("path", "disk_total_bytes", "disk_free_bytes", "inodes_total", "inodes_free", "read_only")


def _reason(answer: httpx2.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['code']} ({problem['field']}): {problem['detail']} / {problem['detail_en']}"
    except (ValueError, KeyError, TypeError):
        return "without a reason of ours: is that address a gateway's?"
