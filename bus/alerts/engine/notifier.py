"""The notifier: claims what channels are to send, sends it, and writes down what became of it."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bus.alerts.engine import metrics, notice_store, refresh_store
from bus.alerts.engine.alerts_config import AlertsConfig
from bus.alerts.engine.channel import Channel, ChannelMessage, NotSent, RefreshedChannel
from bus.alerts.engine.notice_store import Claimed
from bus.alerts.rule import AnyRule
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import ANSWER_S_MAX, Pool, connected

EVERY_S: Final = 1.0
CLOSE_EVERY_S: Final = 60.0
SEND_S_MAX: Final = 15.0  # a channel ends its own calls in 10 s
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Sends the notices of all channels, each at its own pace. A crash between sending and noting repeats a message."""

    pool: Pool
    config: AlertsConfig
    channels: Mapping[str, Channel]
    rules: Mapping[str, AnyRule]

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self.channels:
                group.create_task(self._serve(name), name=f"channel {name}")
            group.create_task(self._close_unnamed(), name="channels no more named")

    async def _serve(self, name: str) -> None:
        while True:
            try:
                await self.send_due(name)
                await self.refresh(name)
            except StoreUnavailable as error:
                log.warning("alerts_not_claimed", channel=name, cause=str(error))
            await asyncio.sleep(EVERY_S)

    async def _close_unnamed(self) -> None:
        while True:
            try:
                await self.close_unnamed()
            except StoreUnavailable as error:
                log.warning("alerts_not_closed", cause=str(error))
            await asyncio.sleep(CLOSE_EVERY_S)

    async def send_due(self, name: str) -> None:
        """Send what is due on one channel now, message by message. Raises StoreUnavailable."""
        config = self.config.channels[name]
        while True:
            async with connected(self.pool, answer_s_max=ANSWER_S_MAX) as connection:
                claimed = await notice_store.claim(
                    connection, name, self.rules, per_minute=config.per_minute, second=config.second
                )
            if claimed is None:
                return
            await self._send(name, claimed)

    async def refresh(self, name: str) -> None:
        """Send a channel that forgets what it knew, if that is due. Raises StoreUnavailable."""
        channel = self.channels[name]
        if not isinstance(channel, RefreshedChannel):
            return
        async with connected(self.pool, answer_s_max=ANSWER_S_MAX) as connection:
            notices = await refresh_store.due(connection, name, self.rules)
        if not notices:
            return
        problem = await raised(channel.refresh(notices))
        metrics.REFRESHES.labels(name, "failed" if problem else "sent").inc()
        if problem is None:
            return
        log.warning("alerts_not_refreshed", channel=name, cause=problem.why, notices=len(notices))
        async with connected(self.pool, answer_s_max=ANSWER_S_MAX) as connection:
            await refresh_store.again_soon(connection, name)

    async def close_unnamed(self) -> None:
        """Close notices of channels that the alerts file names no more. Raises StoreUnavailable."""
        async with connected(self.pool, answer_s_max=ANSWER_S_MAX) as connection:
            closed = await notice_store.close_unnamed(connection, [*self.config.channels])
        if closed:
            log.error("alert_notices_without_channel", notices=closed)

    async def _send(self, name: str, claimed: Claimed) -> None:
        problem = await sent_or_why(self.channels[name], claimed.message)
        metrics.MESSAGES.labels(name, "failed" if problem else "sent").inc()
        async with connected(self.pool, answer_s_max=ANSWER_S_MAX) as connection:
            if problem is None:
                await notice_store.sent(connection, claimed.number)
                return
            log.warning("alert_not_sent", channel=name, cause=problem.why, notices=len(claimed.message.notices))
            second, retry_after_s = self.config.channels[name].second, problem.retry_after_s
            await notice_store.failed(
                connection, claimed, problem.why, channel=name, second=second, retry_after_s=retry_after_s
            )


async def sent_or_why(channel: Channel, message: ChannelMessage) -> NotSent | None:
    """Send a message; give why it was not sent."""
    return await raised(channel.send(message))


async def raised(sending: Coroutine[Any, Any, None]) -> NotSent | None:
    """Give why what a channel sends was not sent. Whatever it raises is a failure of that channel alone."""
    try:
        async with asyncio.timeout(SEND_S_MAX):
            await sending
    except NotSent as error:
        return error
    except TimeoutError:
        return NotSent(f"no answer within {SEND_S_MAX:g} s")
    except Exception as error:  # noqa: BLE001 - another package's channel: its text may hold a secret
        log.error("channel_failed", error=type(error).__name__)
        return NotSent(f"the channel failed with {type(error).__name__}")
    return None
