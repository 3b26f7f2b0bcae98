"""A dispatcher's client: assigns people and looks tickets up over REST."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self, TypeVar

import orjson

from adapters.simulators.patient_client import ask, client, json_object

LOOK_EVERY_S = 0.1
Seen = TypeVar("Seen")


async def until(look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], bool], *, limit_s: float = 60) -> Seen:
    """Look until what is seen is good, at most `limit_s`; give what was seen last."""
    give_up_at = asyncio.get_running_loop().time() + limit_s
    while True:
        seen = await look()
        if good(seen) or asyncio.get_running_loop().time() > give_up_at:
            return seen
        await asyncio.sleep(LOOK_EVERY_S)


class DispatcherClient:
    """One dispatcher at one gateway. Use it as an async context manager. Each call raises NoAnswer."""

    def __init__(self, url: str, token: str, *, person: str, pause_s: float = 0.5) -> None:
        """Speak with a dispatcher's token for `person`; `pause_s` is the shortest pause before a retry."""
        self._person = person
        self._pause_s = pause_s
        self._http = client(url, {"authorization": f"Bearer {token}", "content-type": "application/json"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def assign(self, ticket_id: str, assignee: Mapping[str, str], reason: str) -> tuple[int, Mapping[str, Any]]:
        """Make a person responsible; give status and answer."""
        key = {"idempotency-key": uuid.uuid4().hex}
        body = orjson.dumps({"assignee": assignee, "reason": reason, "actor": self._person})
        path = f"/v1/tickets/{ticket_id}/assign"
        answer, _ = await ask(self._http, "POST", path, body=body, headers=lambda: key, pause_s=self._pause_s)
        return answer.status_code, json_object(answer)

    async def suggested(self, ticket_id: str, *, limit_s: float = 60) -> Mapping[str, Any]:
        """Look until the bus has ranked who could take a ticket, at most `limit_s`; empty: it has not."""
        path = f"/v1/tickets/{ticket_id}/routing"
        seen = await until(lambda: self._read(path), lambda found: bool(found.get("routings")), limit_s=limit_s)
        return next(iter(seen.get("routings", ())), {})

    async def listed(
        self, state: str, wanted: Callable[[Mapping[str, Any]], bool], *, limit_s: float = 60
    ) -> Mapping[str, Any] | None:
        """Look in the list of a state until the ticket wanted is there, at most `limit_s`: lists follow changes."""

        def found(page: Mapping[str, Any]) -> Mapping[str, Any] | None:
            return next((each for each in page.get("tickets", ()) if wanted(each)), None)

        path = f"/v1/tickets?state={state}"
        return found(await until(lambda: self._read(path), lambda page: found(page) is not None, limit_s=limit_s))

    async def journey(
        self, name: str, complete: Callable[[Mapping[str, Any]], bool], *, limit_s: float = 60
    ) -> Mapping[str, Any]:
        """Look a ticket's journey up until it is complete, at most `limit_s`; give it as it then is."""
        path = f"/v1/journeys/{name}"
        return await until(
            lambda: self._read(path), lambda journey: "events" in journey and complete(journey), limit_s=limit_s
        )

    async def _read(self, path: str) -> Mapping[str, Any]:
        answer, _ = await ask(self._http, "GET", path, pause_s=self._pause_s)
        return json_object(answer)
