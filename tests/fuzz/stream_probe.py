"""Uses another door of a gateway again and again, from a process of its own so that its own pauses are not measured."""

import select
import sys
import time
from uuid import uuid4

import httpx2

OPENING = {"incident_key": {"kind": "order", "value": "flood"}, "title": "洗衣机漏水", "type": "hardware_fault"}
PAUSE_S = 0.05


def main(url: str, token: str) -> None:
    """Open or join a ticket until standard input ends; print the seconds that each answer took."""
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as http:
        while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
            asked = time.perf_counter()
            answer = http.post("/v1/tickets", json=OPENING, headers={"Idempotency-Key": uuid4().hex})
            print(time.perf_counter() - asked, flush=True)
            if answer.status_code not in {200, 201}:
                sys.exit(f"answered {answer.status_code}: {answer.text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
