"""Alerting, put together: rules, channels, and the loops that every gateway and worker runs of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from adapters.adapter import ChannelServices, building
from adapters.registry import CHANNELS
from bus.alert_catalogue import RULES
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_records import changed
from bus.alerts.engine.alerts_config import AlertsConfig, ChannelConfig, load_alerts_config
from bus.alerts.engine.channel import Channel
from bus.alerts.engine.direct_path import DirectPath
from bus.alerts.engine.host_turn import HostTurn
from bus.alerts.engine.notifier import Notifier
from bus.alerts.engine.rounds import Rounds
from bus.app import Core
from bus.config_file import ConfigFileInvalid
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.outbox.record import queue
from bus.postgres.pool import Connection
from bus.programs.heartbeat import Troubles, beat
from bus.rules_config import load_rules
from bus.settings import Settings

LOG_ALONE: Final = AlertsConfig(channels={"log": ChannelConfig(adapter="log", options={})})
log = structlog.get_logger()
Tasks = Mapping[str, Callable[[], Coroutine[Any, Any, None]]]


def alerts_config_of(settings: Settings) -> AlertsConfig:
    """Read the alerts file; without one, or without a channel, alerts go to the log. Raises ConfigFileInvalid."""
    config = load_alerts_config(settings.alerts_file, CHANNELS) if settings.alerts_file else LOG_ALONE
    if config.escalations:
        _check_types(settings, config)
    if not config.channels:
        log.warning("no_alert_channel", file=str(settings.alerts_file), meaning="alerts go to the log alone")
        return config.model_copy(update={"channels": LOG_ALONE.channels})
    return config


def _check_types(settings: Settings, config: AlertsConfig) -> None:
    types = load_rules(settings).sla
    for number, one in enumerate(config.escalations):
        for name in sorted(one.types - {*types}):
            meant = did_you_mean(nearest(name, types), quoted=True)
            place = f"{settings.alerts_file}: escalations.{number}.types"
            unknown = Text(f"没有工单类型 {name}{meant.zh}", f"there is no ticket type {name!r}{meant.en}")
            raise ConfigFileInvalid(f"{place}: {unknown}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChannels:
    """Which alerts go where, and the channels, built."""

    config: AlertsConfig
    channels: Mapping[str, Channel]


@asynccontextmanager
async def open_channels(settings: Settings) -> AsyncIterator[AlertChannels]:
    """Build the channels of the alerts file, once, and close them at the end. Raises ConfigFileInvalid."""
    config, channels = alerts_config_of(settings), dict[str, Channel]()
    try:
        for name, one in config.channels.items():
            channels[name] = _built(settings, name, one)
        yield AlertChannels(config=config, channels=channels)
    finally:
        await asyncio.gather(*(one.close() for one in channels.values()))


async def check_channels(settings: Settings) -> None:
    """See that every channel can be built. Raises ConfigFileInvalid."""
    async with open_channels(settings):
        return


def _built(settings: Settings, name: str, config: ChannelConfig) -> Channel:
    adapter = CHANNELS[config.adapter]
    options = config.options or adapter.options()
    with building(adapter.name, where=f"{settings.alerts_file}: channels.{name}.options") as secrets:
        return adapter.build(options, secrets, ChannelServices(name=name, now=utc_now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """What a program runs of alerting."""

    rounds: Rounds
    notifier: Notifier


def alerting_of(core: Core, opened: AlertChannels) -> Alerting:
    """Make the loops."""
    config, channels = opened.config, opened.channels
    rules = config.timed(RULES)
    turn = HostTurn(path=core.settings.data / "database_away.lock")
    direct = DirectPath(config=config, channels=channels, rules=rules, now=utc_now, turn=turn)

    async def publish(connection: Connection, changes: Sequence[Change]) -> None:
        await queue(connection, [changed(one, core.codec.encode_record, utc_now()) for one in changes if one.flip])

    return Alerting(
        rounds=Rounds(
            pool=core.pool,
            rules=rules,
            channels_of=config.channels_of,
            publish=publish,
            direct=direct,
            ladder_of=config.ladder_of,
        ),
        notifier=Notifier(pool=core.pool, config=config, channels=channels, rules=rules),
    )


def alerting_tasks(core: Core, alerting: Alerting, program: str, troubles: Troubles) -> Tasks:
    """Name the loops of alerting in a program; each runs until it is cancelled."""
    return {
        "alert rounds": alerting.rounds.run,
        "alert channels": alerting.notifier.run,
        "heartbeat": lambda: beat(core.pool, program, troubles, utc_now),
    }
