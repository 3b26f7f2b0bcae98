"""WeChat 微信服务号: template messages of a service account, which drops a repeat by the caller's own id."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import Field

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.notices.message import Channel, NoticeMessage
from adapters.notices.target import NoticeOptions, NoticeTarget, RefusedByPerson, notice_target
from adapters.notices.vendor_api import TokenRequest, VendorChannel, VendorCodes, VendorRefusal
from adapters.notices.wording import cut
from adapters.outbound_http import Deadline, HttpUrl
from bus.config_file import VariableName
from bus.delivery.recipients import SendLimit
from bus.delivery.target import Call, DeliveryFailed, DeliveryPostponed, FailureKind
from bus.domain.text import Text

SEND: Final = "/cgi-bin/message/template/send"
TOKEN: Final = "/cgi-bin/stable_token"  # noqa: S105 - the path of a service
REPEATS_DROPPED: Final = timedelta(minutes=10)  # by openid and client_msg_id
REFUSED_CODE: Final = 43101
TOO_OFTEN_CODE: Final = 43117
DUPLICATE_CODE: Final = 40241
TOO_OFTEN_WAIT: Final = timedelta(minutes=10)
TOO_OFTEN_MAX: Final = timedelta(hours=24)  # of the event: news of yesterday is none
CODES: Final = VendorCodes(
    token=frozenset({40001, 40014, 42001}),
    kinds={
        -1: FailureKind.UNAVAILABLE,
        40003: FailureKind.REJECTED,  # the openid
        40013: FailureKind.UNAUTHORIZED,  # the account's id
        40037: FailureKind.REJECTED,  # the template
        40125: FailureKind.UNAUTHORIZED,  # the account's secret
        40164: FailureKind.UNAUTHORIZED,  # from this address it may not
        TOO_OFTEN_CODE: FailureKind.REJECTED,  # one person, of whom it is no news any more
        45009: FailureKind.THROTTLED,
        47003: FailureKind.REJECTED,  # a value
        48001: FailureKind.UNAUTHORIZED,  # the account may not
    },
    waits_s={45009: 3600.0, -1: 1.0},
)
_CUT: Final = {"thing": 20}  # characters; of a number or a word from a list a part is another one
_WHOLE: Final = {"character_string": 32, "phone_number": 17, "const": 20}
_TYPE: Final = re.compile(r"([a-z_]+?)\d*")
_REPEATED: Final = Text("重复消息,对方已有", "a repeat of what it has")
_OFTEN: Final = Text("对同一人发送过于频繁", "too often to the same person")
_TOO_LONG: Final = Text("超过模板字段长度,且不能截断", "longer than the template's field, and no part of it would do")


class WechatTemplateOptions(NoticeOptions):
    """`secret` names the variable with the service account's secret."""

    url: HttpUrl = "https://api.weixin.qq.com"
    app_id: str = Field(min_length=1, max_length=64)
    secret: VariableName


class WechatTemplateMessages(VendorChannel):
    """A service account's messages. Meets adapters.notices.target.NoticeChannel."""

    channel: Channel = "wechat"
    limits: Sequence[SendLimit] = ()

    def __init__(self, options: WechatTemplateOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Read the secret and connect to nothing. Raises ConfigFileInvalid."""
        secret = secrets.read(options.secret).get_secret_value()
        asked = {"grant_type": "client_credential", "appid": options.app_id, "secret": secret}
        super().__init__(
            options.url,
            CODES,
            lambda force: TokenRequest(method="POST", path=TOKEN, body=orjson.dumps({**asked, "force_refresh": force})),
            secret=secret,
            options=options,
            secrets=secrets,
            services=services,
        )

    async def send(self, call: Call, message: NoticeMessage, deadline: Deadline) -> str:
        """Send it. Raises DeliveryFailed, RefusedByPerson, DeliveryPostponed."""
        content = _content(message, (call.copy_key or call.key).replace("-", ""))
        try:
            answer = await self._api.call(SEND, content, call.trace_headers, deadline, changes=True, gives="msgid")
        except VendorRefusal as refusal:
            match int(refusal.code):
                case code if code == DUPLICATE_CODE:
                    return str(_REPEATED)
                case code if code == REFUSED_CODE:
                    raise RefusedByPerson(FailureKind.REJECTED, refusal.detail, code=refusal.code) from None
                case code if code == TOO_OFTEN_CODE and self._now() < call.event.recorded_at + TOO_OFTEN_MAX:
                    raise DeliveryPostponed(self._now() + TOO_OFTEN_WAIT, _OFTEN) from None
                case _:
                    raise
        return str(answer.get("msgid") or "")

    def repeats_until(self, since: datetime) -> datetime:
        """Give the end of the time in which it knows an id again."""
        return since + REPEATS_DROPPED

    def shown(self, message: NoticeMessage) -> str:
        """Write the request's body, without the id that each event has of its own."""
        return orjson.dumps(_content(message, ""), option=orjson.OPT_INDENT_2).decode()


def _content(message: NoticeMessage, key: str) -> Mapping[str, Any]:
    """Give the request's body. Raises DeliveryFailed for a value that has no room and cannot be cut."""
    (openid,) = message.addresses or ("",)
    content: dict[str, Any] = {
        "touser": openid,
        "template_id": message.template,
        "client_msg_id": key,
        "data": {name: {"value": _fitting(name, value)} for name, value in message.values.items()},
    }
    return {**content, "url": message.link} if message.link else content


def _fitting(name: str, value: str) -> str:
    found = _TYPE.fullmatch(name)
    kind = found[1] if found else name
    if kind in _CUT:
        return cut(value, _CUT[kind])
    if len(value) > _WHOLE.get(kind, len(value)):
        raise DeliveryFailed(FailureKind.UNTRANSLATABLE, f"{name}: {_TOO_LONG}")
    return value


def _build(options: WechatTemplateOptions, secrets: EnvironmentSecrets, services: TargetServices) -> NoticeTarget:
    return notice_target(WechatTemplateMessages(options, secrets, services), options, secrets, services)


ADAPTER: Final = TargetAdapter(name="wechat-template", options=WechatTemplateOptions, build=_build)
