"""A host without a way to Kafka, which posts the readings of a disk to the gateway."""

from typing import Self

import orjson

from adapters.simulators.patient_client import ask, client


class HostClient:
    """One host at one gateway, known by its token. Use it as an async context manager."""

    def __init__(self, url: str, token: str, *, pause_s: float = 0.5) -> None:
        """Speak with a token of the role host; `pause_s` is the shortest pause before a retry."""
        self._pause_s = pause_s
        self._http = client(url, {"authorization": f"Bearer {token}", "content-type": "application/json"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def post(self, path: str, total_bytes: float, free_bytes: float) -> None:
        """Post a reading; the last one counts. Raises NoAnswer."""
        disk = {"path": path, "disk_total_bytes": total_bytes, "disk_free_bytes": free_bytes}
        body = orjson.dumps({"role": "consumer", "paths": [disk]})
        answer, _ = await ask(self._http, "POST", "/v1/hosts/readings", body=body, pause_s=self._pause_s)
        answer.raise_for_status()
