"""A WeCom group robot (企业微信群机器人): markdown of at most 4,096 bytes, 20 messages a minute.

Source: the vendor's page 群机器人配置说明 (developer.work.weixin.qq.com, path 91770).
"""

from typing import Final

import orjson
from pydantic import Field

from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets
from adapters.channels.channel_http import ChannelHttp
from adapters.channels.hidden_secrets import HiddenSecrets, secrets_of
from adapters.channels.robot_answer import RobotCodes, judge_robot, shorter_if_too_long
from adapters.channels.robot_url import robot_url
from adapters.http_options import HttpOptions
from adapters.outbound_http import DIRECT, Egress
from bus.alerts.engine.channel import ChannelMessage
from bus.alerts.engine.wording import body, without_markup
from bus.config_file import VariableName

MARKDOWN_BYTES_MAX: Final = 4096
CODES: Final = RobotCodes(  # -1, busy, is a failure as any other: it is tried again in some seconds
    throttled=frozenset({45009, 45033}),  # too often, too many at once
    wait_s=60.0,
    too_long=frozenset({40058, 45002}),
)
PER_MINUTE_MAX: Final = 18  # it is locked from 20 on


class WecomRobotOptions(HttpOptions):
    """`url_variable` names the variable that holds the robot's address, whose key is a secret.

    `mentions`: user ids that a P1 calls by name.
    """

    url_variable: VariableName
    mentions: tuple[str, ...] = Field((), max_length=20)


class WecomRobot:
    """One robot of one group."""

    def __init__(self, url: str, *, mentions: tuple[str, ...] = (), egress: Egress = DIRECT) -> None:
        """Open nothing yet."""
        self._url, self._mentions = url, mentions
        self._secrets = HiddenSecrets(*secrets_of(url))
        self._http = ChannelHttp(egress)

    async def send(self, message: ChannelMessage) -> None:
        """Send as markdown. Raises NotSent; the address, which holds the key, is in no text."""
        called = "".join(f"<@{one}>" for one in self._mentions) if message.calls_people else ""
        called = f"\n{called}" if called else ""

        async def send(bytes_max: int) -> None:
            # Nobody but who is to be called.
            text = body(message, bytes_max - len(called.encode()), shown=without_markup) + called
            content = orjson.dumps({"msgtype": "markdown", "markdown": {"content": text}})
            judge_robot(await self._http.post(self._url, content), CODES)

        with self._secrets.hidden():
            await shorter_if_too_long(send, MARKDOWN_BYTES_MAX)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()


def _build(options: WecomRobotOptions, secrets: EnvironmentSecrets, services: ChannelServices) -> WecomRobot:
    url = robot_url(secrets, options.url_variable, parameter="key")
    return WecomRobot(url, mentions=options.mentions, egress=options.egress(secrets, services.now()))


ADAPTER: Final = ChannelAdapter(
    name="wecom-robot", options=WecomRobotOptions, build=_build, per_minute_max=PER_MINUTE_MAX
)
