"""A DingTalk group robot: signed, 20 messages a minute and then locked for ten, 20,000 bytes a request."""

import base64
import hashlib
import hmac
import time
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from adapters.simulators.chat_robot import ChatRobotSimulator

REQUEST_BYTES_MAX: Final = 20_000
TOKEN: Final = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"  # noqa: S105 - of a simulator
SECRET: Final = "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"  # noqa: S105 - of a simulator
SKEW_MS_MAX: Final = 3_600_000


class DingtalkRobotSimulator(ChatRobotSimulator):
    """Takes signed markdown for its token."""

    throttled_code = 130101
    limit_words = "send too fast, exceed 20 times per minute"
    locks_s = 600.0

    @property
    def url(self) -> str:
        """Give its address, with the token."""
        return f"{self.origin}/robot/send?access_token={TOKEN}"

    def take(self, target: str, body: Any) -> tuple[int, str]:
        """Judge a message."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if query.get("access_token") != TOKEN:
            return 300005, "token is not exist"
        if not _signed(query.get("timestamp", ""), query.get("sign", "")):
            return 310000, "sign not match"
        if len(orjson.dumps(body)) > REQUEST_BYTES_MAX:
            return 460101, "message too long, exceed 20000 bytes"
        if body["msgtype"] != "markdown" or not body["markdown"]["title"]:
            return 40035, "缺少参数 markdown"
        self.called = list(body.get("at", {}).get("atUserIds", ()))
        return self.keep(str(body["markdown"]["text"]))


def _signed(timestamp: str, sign: str) -> bool:
    digest = hmac.digest(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256)
    fits = hmac.compare_digest(sign.encode(), base64.b64encode(digest))
    return fits and abs(time.time() * 1000 - int(timestamp)) <= SKEW_MS_MAX
