"""A WeCom group robot: 20 messages a minute, 4,096 bytes of markdown."""

import re
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from adapters.simulators.chat_robot import ChatRobotSimulator

MARKDOWN_BYTES_MAX: Final = 4096
KEY: Final = "11111111-2222-3333-4444-555555555555"
_CALLED: Final = re.compile(r"<@([^>]+)>")


class WecomRobotSimulator(ChatRobotSimulator):
    """Takes markdown for its key."""

    throttled_code = 45009
    limit_words = "api freq out of limit"

    @property
    def url(self) -> str:
        """Give its address, with the key."""
        return f"{self.origin}/cgi-bin/webhook/send?key={KEY}"

    def take(self, target: str, body: Any) -> tuple[int, str]:
        """Judge a message."""
        if parse_qs(urlsplit(target).query).get("key") != [KEY]:
            return 93000, "invalid webhook url"
        if body["msgtype"] != "markdown":
            return 40008, "invalid message type"
        text = str(body["markdown"]["content"])
        if len(text.encode()) > MARKDOWN_BYTES_MAX:
            return 40058, "markdown.content exceed max length 4096"
        self.called = _CALLED.findall(text)
        return self.keep(text)
