"""纷享销客 as a target: an event changes a record, or makes one.

A change names its record, so that a repeat does no harm. A new record holds the call's key in a field of its own: after
an end that nobody knows it is looked for by that key, and a look-up that finds nothing proves nothing for a while.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.exchange import Talk, after_change, talk_of, talk_of_probe
from adapters.fxiaoke.options import FxiaokeOptions
from adapters.fxiaoke.writes import Written, written
from adapters.fxiaoke_api import wire
from adapters.fxiaoke_api.session import FxiaokeSession, unexpected
from adapters.mapping.event_rules import may_take
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind
from bus.domain.text import Text
from bus.domain.ticket import Ticket

_MADE_BEFORE: Final = Text("修改前的记录还在,请先作废", "a record from before the edit is there; invalidate it first")
_NO_RECORD: Final = "0" * 24


class FxiaokeTarget:
    """One app's records. An event that no write takes is done without a call."""

    def __init__(self, options: FxiaokeOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Read the secrets and connect to nothing. Raises ConfigFileInvalid."""
        self._options, self._ticket_at = options, services.ticket_at
        self.idempotent = all(one.create is None for one in options.writes)
        self.lookup_settles_s = options.lookup_settles.total_seconds()
        egress = options.egress(secrets, services.now())
        self._session = FxiaokeSession(options.account.login(secrets), egress=egress, now=services.now)

    async def send(self, call: Call) -> Effect:
        """Write the record. Raises DeliveryFailed; StoreUnavailable, nothing sent, where our own store is away."""
        talk = talk_of(call)
        write = await self._write(call)
        if write is None:
            return Effect()
        if write.record:
            content = await self._session.ask(talk, write.path, write.body, changes=True)
            if _of_another_call(content):
                raise unexpected(write.path, changes=True)
            return Effect(reference=write.record)
        return await self._create(talk, write, call)

    async def confirm(self, call: Call) -> Effect | None:
        """Look for the record that an earlier attempt made; None where there is none, and of a change.

        Raises as `send` does.
        """
        talk = talk_of(call)
        write = await self._write(call)
        if write is None or write.record:
            return None
        return await self._made(talk, write, _key(call))

    async def probe(self, within_s: float) -> None:
        """Get a token, and ask for a record that is not there. Raises DeliveryFailed."""
        write = self._options.writes[0]
        await self._rows(talk_of_probe(within_s), write.object, wire.ID, _NO_RECORD)

    def preview(self, call: Call, ticket: Ticket) -> str:
        """Write the request for people, without its proof; empty where none is made. Raises DeliveryFailed."""
        write = written(self._options, call, ticket)
        if write is None:
            return ""
        body = orjson.dumps(write.body, option=orjson.OPT_INDENT_2).decode()
        return f"POST {self._options.account.base_url}{write.path}\n\n{body}"

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._session.close()

    async def _write(self, call: Call) -> Written | None:
        if not may_take(self._options.writes, type(call.event.event).__name__):
            return None
        return written(self._options, call, await self._ticket_at(call))

    async def _create(self, talk: Talk, write: Written, call: Call) -> Effect:
        if call.mended and await self._made(talk, write, call.key):
            raise DeliveryFailed(FailureKind.REJECTED, _MADE_BEFORE)
        try:
            content = await self._session.ask(talk, write.path, write.body, changes=True)
        except DeliveryFailed as failure:
            if failure.kind is not FailureKind.REJECTED:
                raise
            # Where the key's field takes no value twice, what an earlier attempt made may be why it is refused.
            if made := await after_change(self._made(talk, write, _key(call))):
                return made
            raise
        match content:
            case {"dataId": str(record)} if record:
                return Effect(reference=record)
            case _:
                raise unexpected(write.path, changes=True)

    async def _made(self, talk: Talk, write: Written, key: str) -> Effect | None:
        rows = await self._rows(talk, write.object, write.key_field, key)
        return Effect(reference=rows[0][wire.ID]) if rows else None

    async def _rows(self, talk: Talk, object_name: str, field: str, value: str) -> list[Mapping[str, Any]]:
        """Give the records whose field has a value; a list of others is no answer. Raises DeliveryFailed."""
        path = wire.path(object_name, "query")
        asked = wire.query(object_name, [wire.condition(field, "EQ", value)], limit=10, fields=[wire.ID, field])
        rows = wire.rows_in(await self._session.ask(talk, path, asked, changes=False), object_name)
        if rows is None or any(one.get(field) != value for one in rows):
            raise unexpected(path, changes=False)
        return list(rows)


def _of_another_call(content: Mapping[str, Any]) -> bool:
    """Say whether a success is one of a token, a creation or a question, and not of a change."""
    match content:
        case {"accessToken": _} | {"dataId": _} | {"data": {"dataList": _}}:
            return True
        case _:
            return False


def _key(call: Call) -> str:
    return call.copy_key or call.key


def _build(options: FxiaokeOptions, secrets: EnvironmentSecrets, services: TargetServices) -> FxiaokeTarget:
    return FxiaokeTarget(options, secrets, services)


ADAPTER: Final = TargetAdapter(name="fxiaoke", options=FxiaokeOptions, build=_build)
