"""A channel that writes messages into the program's log."""

from typing import Final

import structlog

from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets, Options
from bus.alerts.engine.channel import ChannelMessage
from bus.alerts.engine.wording import body, subject

BYTES_MAX: Final = 16 * 1024
log = structlog.get_logger()


class LogOptions(Options):
    """There is nothing to set."""


class LogChannel:
    """Writes each message as one line of the log."""

    async def send(self, message: ChannelMessage) -> None:
        """Log it."""
        log.warning("alert_message", subject=subject(message), text=body(message, BYTES_MAX))

    async def close(self) -> None:
        """There is nothing to close."""


def _build(_options: LogOptions, _secrets: EnvironmentSecrets, _services: ChannelServices) -> LogChannel:
    return LogChannel()


ADAPTER: Final = ChannelAdapter(name="log", options=LogOptions, build=_build)
