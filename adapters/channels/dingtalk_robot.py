"""A DingTalk group robot (钉钉自定义机器人) that is signed (加签): markdown, requests of at most 20,000 bytes.

Twenty messages in a minute lock it for ten. Source: the vendor's page 自定义机器人接入 (open.dingtalk.com).
"""

import base64
import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote_plus

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
from bus.alerts.engine.wording import body, cut, subject, without_markup
from bus.config_file import VariableName
from bus.intake.dispatch import utc_now

REQUEST_BYTES_MAX: Final = 20_000
TITLE_BYTES_MAX: Final = 120
TEXT_BYTES_MIN: Final = 200
LINE_END: Final = "  \n"  # one that its markdown shows
CODES: Final = RobotCodes(  # -1, busy, is a failure as any other: it is tried again in some seconds
    throttled=frozenset({130101, 410100, 90030}),
    wait_s=600.0,
    too_long=frozenset({460101, 101002}),
    throttled_words=("too fast", "too often", "frequen", "频繁", "限流"),
)
PER_MINUTE_MAX: Final = 18  # it is locked from 20 on


class DingtalkRobotOptions(HttpOptions):
    """`url_variable` and `secret_variable` name the variables of the robot's address and of its 加签 secret (SEC…).

    `mentions`: user ids (userId) that a P1 calls by name.
    """

    url_variable: VariableName
    secret_variable: VariableName
    mentions: Annotated[tuple[str, ...], Field(max_length=20)] = ()


class DingtalkRobot:
    """One robot of one group."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        mentions: tuple[str, ...] = (),
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open nothing yet."""
        self._url, self._secret, self._mentions, self._now = url, secret, mentions, now
        self._http = ChannelHttp(egress)

    async def send(self, message: ChannelMessage) -> None:
        """Send as markdown, signed. Raises NotSent; neither address nor secret is in its text."""
        url = self._signed()

        async def send(bytes_max: int) -> None:
            judge_robot(await self._http.post(url, self._content(message, bytes_max)), CODES)

        with HiddenSecrets(*secrets_of(url), self._secret).hidden():
            await shorter_if_too_long(send, REQUEST_BYTES_MAX)

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    def _signed(self) -> str:
        timestamp = int(self._now().timestamp() * 1000)
        digest = hmac.digest(self._secret.encode(), f"{timestamp}\n{self._secret}".encode(), hashlib.sha256)
        return f"{self._url}&timestamp={timestamp}&sign={quote_plus(base64.b64encode(digest))}"

    def _content(self, message: ChannelMessage, bytes_max: int) -> bytes:
        """Write the request; the text is cut until the whole of it, escapes included, is within the limit."""
        called = self._mentions if message.calls_people else ()
        names = LINE_END + " ".join(f"@{one}" for one in called) if called else ""

        def content(left: int) -> bytes:
            text = body(message, left, line_end=LINE_END, shown=without_markup) + names
            markdown = {"title": cut(subject(message), TITLE_BYTES_MAX), "text": text}
            return orjson.dumps(
                {"msgtype": "markdown", "markdown": markdown, "at": {"atUserIds": called, "isAtAll": False}}
            )

        fitting = bisect_right(range(TEXT_BYTES_MIN, bytes_max), bytes_max, key=lambda left: len(content(left)))
        return content(TEXT_BYTES_MIN + max(fitting - 1, 0))


def _build(options: DingtalkRobotOptions, secrets: EnvironmentSecrets, services: ChannelServices) -> DingtalkRobot:
    return DingtalkRobot(
        robot_url(secrets, options.url_variable, parameter="access_token"),
        secrets.read(options.secret_variable).get_secret_value(),
        mentions=options.mentions,
        egress=options.egress(secrets, services.now()),
        now=services.now,
    )


ADAPTER: Final = ChannelAdapter(
    name="dingtalk-robot", options=DingtalkRobotOptions, build=_build, per_minute_max=PER_MINUTE_MAX
)
