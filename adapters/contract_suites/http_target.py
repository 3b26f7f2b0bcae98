"""The duties of a target that is called over HTTP, as tests: answers lost, late, endless, broken, asking for time."""

import asyncio
import random
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest

from adapters.adapter import EnvironmentSecrets
from adapters.contract_suites.faulty_ways import (
    TRICKLE_S,
    Loss,
    http_response,
    listening,
    losing_proxy,
    read_message,
    responding_with,
)
from adapters.contract_suites.target import (
    PHONE,
    TargetContract,
    all_text_of,
    capture_logs,
    next_attempt,
    services,
)
from adapters.http_options import HttpOptions
from bus.config_file import ConfigFileInvalid
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from bus.delivery.vendor_words import fit_to_store

SHORT_S = 1.0  # a deadline that is run into; a third of it is for connecting
LONG_ANSWER_BYTES = 64 * 1024 * 1024  # longer than any that is worth reading
# Nothing of it is an answer: whether the other side has acted is unknown, or it was a question that changes nothing.
BROKEN: Sequence[bytes] = (
    b"",
    b"\r\n\r\n",
    b"SSH-2.0-OpenSSH_9\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 999 \xff\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000,
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{"',
    bytes(range(256)) * 8,
)
IN_DOUBT = frozenset({FailureKind.UNKNOWN, FailureKind.UNAVAILABLE})
STATUSES = (
    100, 101, 200, 201, 204, 206, 300, 301, 302, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 418, 421,
    422, 425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 511, 599,
)  # fmt: skip


class HttpTargetContract(TargetContract):
    """What is asked beside `TargetContract` of a target that is called over HTTP."""

    @pytest.mark.parametrize("loss", Loss)
    def test_an_answer_lost_at_any_exchange_is_never_taken_for_nothing_done_and_leaves_one_effect(
        self, loss: Loss
    ) -> None:
        asyncio.run(self._answers_lost(loss))

    async def _answers_lost(self, loss: Loss) -> None:
        async with self.system() as system, losing_proxy(system.url) as proxy, self.target(proxy.url) as target:
            assert isinstance(await self.outcome(target, self.call()), Effect)
            exchanges = proxy.exchanges
        assert exchanges
        await asyncio.gather(*(self._answer_lost(loss, number, exchanges) for number in range(1, exchanges + 1)))

    async def _answer_lost(self, loss: Loss, number: int, exchanges: int) -> None:
        patient_s = self.call().within_s
        # A busy machine may not get as far as that exchange within the short time: then it is given longer.
        for within_s in (SHORT_S, 4 * SHORT_S, patient_s) if loss is Loss.SILENCE else (patient_s,):
            if await self._answer_lost_within(within_s, loss, number, exchanges):
                return
        raise AssertionError(f"answer {number} of {exchanges} was never asked for")

    async def _answer_lost_within(self, within_s: float, loss: Loss, number: int, exchanges: int) -> bool:
        """Try it with so much time; says whether that answer was asked for."""
        async with self.system() as system:
            async with losing_proxy(system.url, lost=number, loss=loss) as proxy, self.target(proxy.url) as target:
                outcome = await self.outcome(target, self.call(within_s=within_s))
            if proxy.exchanges < number:
                return False
            if isinstance(outcome, DeliveryFailed):  # else it asked for the answer again by itself
                unsure = outcome.kind is FailureKind.UNKNOWN
                assert unsure or system.effects() == 0, f"{outcome} of answer {number}, and it took effect"
                async with self.target(system.url) as target:
                    await next_attempt(target, self.call(), unsure=unsure)
            assert system.effects() == 1, f"after answer {number} of {exchanges} was lost"
        return True

    def test_a_ca_file_that_cannot_be_read_is_named(self) -> None:
        if not issubclass(self.adapter.options, HttpOptions):
            pytest.skip("its options are no HttpOptions")
        options = {**self.options("https://127.0.0.1:9"), "ca_file": "/nowhere/ca.pem"}
        given = EnvironmentSecrets(environment=self.secrets, where="targets.it")
        with pytest.raises(ConfigFileInvalid, match=r"targets\.it.*\.ca_file: .*/nowhere/ca\.pem cannot be read"):
            self.adapter.build(self.adapter.options.model_validate(options), given, services())

    def test_a_system_that_is_not_there_is_unreachable(self) -> None:
        async def absent() -> None:
            with socket.socket() as held:  # bound and not listening: nobody else can be there
                held.bind(("127.0.0.1", 0))
                async with self.target(f"http://127.0.0.1:{held.getsockname()[1]}") as target:
                    failed = await self.outcome(target, self.call())
            assert isinstance(failed, DeliveryFailed)
            assert failed.kind is FailureKind.UNREACHABLE

        asyncio.run(absent())

    @pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n"])
    def test_trickling_bytes_do_not_move_the_deadline(self, first: bytes) -> None:
        async def trickled() -> None:
            async with responding_with(first, then=b"y", each_s=TRICKLE_S) as url, self.target(url) as target:
                failed = await self.outcome(target, self.call(within_s=SHORT_S))
            assert isinstance(failed, DeliveryFailed)
            assert failed.kind in IN_DOUBT

        asyncio.run(trickled())

    def test_an_answer_without_end_is_not_read_to_it(self) -> None:
        read_whole = list[bool]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_message(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            for _ in range(LONG_ANSWER_BYTES // 65_536):
                writer.write(b" " * 65_536)
                await writer.drain()
            read_whole.append(True)

        async def endless() -> None:
            async with listening(serve) as address, self.target(f"http://{address}") as target:
                failed = await self.outcome(target, self.call())
            assert isinstance(failed, DeliveryFailed)
            assert failed.kind in IN_DOUBT

        asyncio.run(endless())
        assert read_whole == []

    def test_what_is_no_answer_leaves_the_end_in_doubt(self) -> None:
        async def broken() -> None:
            for answer in BROKEN:
                async with responding_with(answer) as url, self.target(url) as target:
                    failed = await self.outcome(target, self.call(within_s=10))
                assert isinstance(failed, DeliveryFailed), answer[:60]
                assert failed.kind in IN_DOUBT, answer[:60]

        asyncio.run(broken())

    def test_whatever_status_and_body_come_the_outcome_is_an_effect_or_a_failure_with_a_kind(self) -> None:
        async def answered() -> None:
            chance = random.Random(1)  # noqa: S311 - the same bodies at every run
            for status in STATUSES:
                body = b"" if status in (100, 101, 204, 304) else orjson.dumps(_any_json(chance, depth=3))
                async with (
                    responding_with(http_response(status, body, content_type="application/json")) as url,
                    self.target(url) as target,
                ):
                    came = await self.outcome(target, self.call(within_s=2))
                if status >= 500:
                    assert isinstance(came, DeliveryFailed), status
                    assert came.kind is not FailureKind.REJECTED, f"{status} is no refusal of this event"

        asyncio.run(answered())

    def test_retry_after_is_honoured_in_both_forms(self) -> None:
        async def asked() -> None:
            at = format_datetime(datetime.now(UTC) + timedelta(seconds=3600), usegmt=True)
            for status, kind in ((429, FailureKind.THROTTLED), (503, FailureKind.UNAVAILABLE)):
                for given, least_s, most_s in (("7", 7, 7), (at, 3000, 3601)):
                    async with (
                        responding_with(http_response(status, retry_after=given)) as url,
                        self.target(url) as target,
                    ):
                        failed = await self.outcome(target, self.call())
                    assert isinstance(failed, DeliveryFailed)
                    assert failed.kind is kind
                    assert failed.retry_after_s is not None
                    assert least_s <= failed.retry_after_s <= most_s

        asyncio.run(asked())

    def test_a_call_that_is_cancelled_is_cancelled(self) -> None:
        async def cancelled() -> None:
            async with (
                responding_with(b"", then=b"", each_s=TRICKLE_S) as url,
                self.target(url) as target,
            ):
                calling = asyncio.create_task(target.send(self.call()))
                await asyncio.wait([calling], timeout=SHORT_S)
                calling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calling

        asyncio.run(cancelled())

    def test_no_failure_and_no_log_tells_a_name_or_a_secret(self, caplog: pytest.LogCaptureFixture) -> None:
        async def failures() -> list[str]:
            texts = list[str]()
            echo = orjson.dumps({"code": PHONE, "message": " ".join(self.private()), "success": False})
            for answer in (
                *BROKEN[:4],
                *(http_response(status, echo, content_type="application/json") for status in (200, 400, 401, 422, 500)),
            ):
                async with responding_with(answer) as url, self.target(url) as target:
                    failed = await self.outcome(target, self.call(within_s=10))
                if isinstance(failed, DeliveryFailed):
                    texts.append(all_text_of(failed, caplog))
                    stored = fit_to_store(failed.message, (self.call().event,))
                    assert [own for own in (PHONE, *self.secrets.values()) if own in stored] == []
            return texts

        capture_logs(caplog)
        text = "\n".join(asyncio.run(failures()))
        assert text, "none of them failed"
        assert [word for word in self.private() if word in text] == []


def _any_json(chance: random.Random, depth: int) -> object:
    leaves = (None, True, False, 0, -1, 7, 2**53, "", "ok", "0", PHONE)
    names = ("code", "errcode", "success", "Result", "ResponseStatus", "IsSuccess", "x")
    match chance.randrange(3) if depth else 2:
        case 0:
            return {name: _any_json(chance, depth - 1) for name in names if chance.random() < 0.5}
        case 1:
            return [_any_json(chance, depth - 1) for _ in range(chance.randrange(3))]
        case _:
            return chance.choice(leaves)
