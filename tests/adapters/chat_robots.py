"""Robots of both vendors, each a channel and its simulator, on a clock that a test moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.channels.dingtalk_robot import DingtalkRobot
from adapters.channels.wecom_robot import WecomRobot
from adapters.simulators import dingtalk_robot as dingtalk
from adapters.simulators.chat_robot import ChatRobotSimulator
from adapters.simulators.dingtalk_robot import DingtalkRobotSimulator
from adapters.simulators.wecom_robot import WecomRobotSimulator
from bus.alerts.engine.channel import Channel

PEOPLE = ("zhang.san", "li.si")


@dataclass(kw_only=True)
class Clock:
    """A clock that a test moves."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def robot(kind: str, clock: Clock | None = None) -> AsyncIterator[tuple[Channel, ChatRobotSimulator]]:
    """Give a robot's channel and its simulator."""
    simulator: WecomRobotSimulator | DingtalkRobotSimulator
    simulator = (WecomRobotSimulator if kind == "wecom" else DingtalkRobotSimulator)(clock=clock or Clock())
    async with simulator:
        channel: Channel = (
            WecomRobot(simulator.url, mentions=PEOPLE)
            if kind == "wecom"
            else DingtalkRobot(simulator.url, dingtalk.SECRET, mentions=PEOPLE)
        )
        yield channel, simulator
        await channel.close()
