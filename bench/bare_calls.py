"""The bare limit of deliveries: a loop that signs the same bodies and sends them, so many at once, and nothing else."""

import asyncio
import json
import os
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from time import monotonic, process_time

import httpx2

from adapters import webhook_signature as signature

WARM_SHARE = 0.1  # of the calls, before the clock starts


async def drive(url: str, bodies: Sequence[str], *, targets: int, at_once: int, each: int, keep: bool) -> list[float]:
    """Send `each` bodies to every target, `at_once` side by side for each; gives when calls ended. Raises on a no."""
    ended: list[float] = []
    clients = [_client(at_once, keep=keep) for _ in range(targets)]

    async def work(http: httpx2.AsyncClient, waiting: Iterator[tuple[int, str]]) -> None:
        for _, line in waiting:
            told = json.loads(line)
            body = told["body"].encode()
            response = await http.post(url, content=body, headers=_headers(told, body))
            assert response.is_success, response.status_code
            ended.append(monotonic())

    async with asyncio.TaskGroup() as group:
        for http in clients:
            waiting = zip(range(each), cycle(bodies), strict=False)
            for _ in range(at_once):
                group.create_task(work(http, waiting))
    for http in clients:
        await http.aclose()
    return ended


def _client(at_once: int, *, keep: bool) -> httpx2.AsyncClient:
    """Make a client as the adapter has one; `keep` uses connections again, which the adapter must not."""
    return httpx2.AsyncClient(
        headers={"accept": "application/json", "accept-encoding": "identity"}
        | ({} if keep else {"connection": "close"}),
        limits=httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once if keep else 0),
        timeout=10,
        trust_env=False,
    )


def _headers(told: dict[str, str], body: bytes) -> dict[str, str]:
    key = signature.Secret(b64decode(os.environ["CRM_SECRET"].removeprefix("whsec_")))
    signed = signature.sign(key, told["key"], datetime.now(UTC), body)
    return {"content-type": "application/json", "traceparent": told["traceparent"], **signed}


def main() -> None:
    """Print the rate of the calls after the first ones, and the CPU of each."""
    url, file, targets, at_once, each, keep = sys.argv[1:]
    bodies = Path(file).read_text(encoding="utf-8").splitlines()
    spent = process_time()
    ended = asyncio.run(
        drive(url, bodies, targets=int(targets), at_once=int(at_once), each=int(each), keep=keep == "keep")
    )
    spent = process_time() - spent
    ended = ended[int(len(ended) * WARM_SHARE) :]
    rate = (len(ended) - 1) / (ended[-1] - ended[0])
    print(json.dumps({"rate": rate, "cpu_ms": spent / (int(targets) * int(each)) * 1000}))


if __name__ == "__main__":
    main()
