"""A WeCom group robot (企业微信群机器人): markdown of at most 4,096 bytes, 20 messages a minute.

Source: the vendor's page 群机器人配置说明 (developer.work.weixin.qq.com, path 91770).
"""

from typing import Final

import orjson
from pydantic import Field

from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets
from adapters.channels.robot_answer import judge_robot
from adapters.http_options import HttpOptions
from adapters.outbound_http import DIRECT, Deadline, Egress, NoResponse, OutboundHttp
from bus.alerts.engine.channel import ChannelMessage, NotSent
from bus.alerts.engine.wording import body
from bus.config_file import ConfigFileInvalid, VariableName

MARKDOWN_BYTES_MAX: Final = 4096
THROTTLED: Final = frozenset({45009, 45033, -1})  # too often, too many at once, busy
THROTTLED_WAIT_S: Final = 60.0
SEND_S_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 16 * 1024


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
        self._http = OutboundHttp(
            headers={"content-type": "application/json"},
            connections_max=2,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=egress,
        )

    async def send(self, message: ChannelMessage) -> None:
        """Send as markdown. Raises NotSent; the address, which holds the key, is in no text."""
        called = "".join(f"<@{one}>" for one in self._mentions if message.notices[0].severity == "p1")
        called = f"\n{called}" if called else ""
        text = body(message, MARKDOWN_BYTES_MAX - len(called.encode())) + called
        content = orjson.dumps({"msgtype": "markdown", "markdown": {"content": text}})
        try:
            answer = await self._http.post(self._url, content, {}, Deadline.after(SEND_S_MAX))
        except NoResponse as error:
            raise NotSent(error.detail) from None
        judge_robot(answer, throttled=THROTTLED, wait_s=THROTTLED_WAIT_S)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()


def robot_url(secrets: EnvironmentSecrets, variable: str, *, parameter: str) -> str:
    """Read a robot's address. Raises ConfigFileInvalid, without the address, for one that has no key in it."""
    url = secrets.read(variable).get_secret_value()
    if not url.startswith(("https://", "http://")) or f"{parameter}=" not in url:
        raise ConfigFileInvalid(f"{secrets.where}.url_variable: {variable} holds no http(s) address with {parameter}=")
    return url


def _build(options: WecomRobotOptions, secrets: EnvironmentSecrets, services: ChannelServices) -> WecomRobot:
    url = robot_url(secrets, options.url_variable, parameter="key")
    return WecomRobot(url, mentions=options.mentions, egress=options.egress(secrets, services.now()))


ADAPTER: Final = ChannelAdapter(name="wecom-robot", options=WecomRobotOptions, build=_build)
