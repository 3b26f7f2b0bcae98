"""WeCom 企业微信: messages of an app, as template cards, with its check for repeats switched on."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from pydantic import Field

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.notices.message import Channel, FilledCard, NoticeMessage
from adapters.notices.target import NoticeOptions, NoticeTarget, notice_target
from adapters.notices.vendor_api import TokenRequest, VendorChannel, VendorCodes
from adapters.notices.wording import cut
from adapters.outbound_http import Deadline, HttpUrl
from bus.config_file import VariableName
from bus.delivery.recipients import SendLimit
from bus.delivery.target import Call, FailureKind
from bus.domain.text import Text

SEND: Final = "/cgi-bin/message/send"
TOKEN: Final = "/cgi-bin/gettoken"  # noqa: S105 - the path of a service
CHECKED_S: Final = 4 * 60 * 60  # the longest time in which it drops a message that says the same
TITLE, DESC, SUB_TITLE, KEY, VALUE = 36, 44, 160, 5, 26  # characters; what is longer is cut
# Beyond 30 a minute it drops messages to a member in silence; the clocks of both sides differ a little.
LIMIT: Final = SendLimit(most=28, within=timedelta(seconds=60))
CODES: Final = VendorCodes(
    token=frozenset({40001, 40014, 41001, 42001}),
    kinds={
        -1: FailureKind.UNAVAILABLE,
        40013: FailureKind.UNAUTHORIZED,  # the company's id
        40056: FailureKind.UNAUTHORIZED,  # the app's id
        45009: FailureKind.THROTTLED,
        45033: FailureKind.THROTTLED,
        48002: FailureKind.UNAUTHORIZED,  # the app may not
        60020: FailureKind.UNAUTHORIZED,  # from this address it may not
        81013: FailureKind.REJECTED,  # nobody of them is there
        301002: FailureKind.UNAUTHORIZED,  # not of this app
    },
    waits_s={45009: 60.0, 45033: 2.0, -1: 1.0},
)
_MAPS: Final = ("https://uri.amap.com/", "https://apis.map.qq.com/")
_NOT_ALL: Final = Text("其中有人未收到", "not to all")


class WecomAppOptions(NoticeOptions):
    """`secret` names the variable with the app's secret. `page`: where a card leads that has no link of its own."""

    url: HttpUrl = "https://qyapi.weixin.qq.com"
    corp_id: str = Field(min_length=1, max_length=64)
    agent_id: int = Field(ge=1)
    secret: VariableName
    page: HttpUrl = "https://work.weixin.qq.com"


class WecomApp(VendorChannel):
    """An app's messages. Meets adapters.notices.target.NoticeChannel."""

    channel: Channel = "wecom"
    limits: Sequence[SendLimit] = (LIMIT,)

    def __init__(self, options: WecomAppOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Read the secret and connect to nothing. Raises ConfigFileInvalid."""
        secret = secrets.read(options.secret).get_secret_value()
        asked = TOKEN + "?" + urlencode({"corpid": options.corp_id, "corpsecret": secret})
        self._agent_id, self._page = options.agent_id, options.page
        super().__init__(
            options.url,
            CODES,
            lambda _force: TokenRequest(method="GET", path=asked),
            secret=secret,
            options=options,
            secrets=secrets,
            services=services,
        )

    async def send(self, call: Call, message: NoticeMessage, deadline: Deadline) -> str:
        """Send it; an answer that leaves persons out says so. Raises DeliveryFailed."""
        content = self._content(message)
        answer = await self._api.call(SEND, content, call.trace_headers, deadline, changes=True, gives="msgid")
        number = str(answer.get("msgid") or "")
        left_out = [
            f"{name} {len(listed)}"
            for name in ("invaliduser", "unlicenseduser")
            if (listed := [one for one in str(answer.get(name) or "").split("|") if one])
        ]
        return f"{number}; {_NOT_ALL}: {', '.join(left_out)}" if left_out else number

    def repeats_until(self, since: datetime) -> datetime:
        """Give the end of its check for repeats."""
        return since + timedelta(seconds=CHECKED_S)

    def shown(self, message: NoticeMessage) -> str:
        """Write the request's body."""
        return orjson.dumps(self._content(message), option=orjson.OPT_INDENT_2).decode()

    def _content(self, message: NoticeMessage) -> Mapping[str, Any]:
        """Give the message, the same to the byte at every attempt: by that the other side knows a repeat."""
        assert message.card is not None, "a card is what a notice of this channel has"
        return {
            "touser": "|".join(message.addresses),
            "agentid": self._agent_id,
            "msgtype": "template_card",
            "template_card": card_of(message.card, self._page),
            "enable_duplicate_check": 1,
            "duplicate_check_interval": CHECKED_S,
        }


def card_of(card: FilledCard, page: str) -> Mapping[str, Any]:
    """Give a card of the type text_notice, each text cut to what it has room for. Pure."""
    written: dict[str, Any] = {
        "card_type": "text_notice",
        "main_title": {"title": cut(card.title, TITLE), "desc": cut(card.number, DESC)},
        "card_action": {"type": 1, "url": card.link or page},
    }
    if card.text:
        written["sub_title_text"] = cut(card.text, SUB_TITLE)
    if card.fields:
        written["horizontal_content_list"] = [
            {"keyname": cut(name, KEY), "value": cut(value, VALUE)} for name, value in card.fields.items()
        ]
    if card.link:
        title = "地图" if card.link.startswith(_MAPS) else "详情"
        written["jump_list"] = [{"type": 1, "title": title, "url": card.link}]
    return written


def _build(options: WecomAppOptions, secrets: EnvironmentSecrets, services: TargetServices) -> NoticeTarget:
    return notice_target(WecomApp(options, secrets, services), options, secrets, services)


ADAPTER: Final = TargetAdapter(name="wecom-app", options=WecomAppOptions, build=_build)
