"""DingTalk 钉钉: work notices, which are sent later than they are taken; their result is asked for, and told."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
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
from bus.delivery.target import Call, DeliveryFailed, DeliveryPostponed, FailureKind
from bus.domain.text import Text
from bus.domain.time_text import CHINA

SEND: Final = "/topapi/message/corpconversation/asyncsend_v2"
RESULT: Final = "/topapi/message/corpconversation/getsendresult"
TOKEN: Final = "/gettoken"  # noqa: S105 - the path of a service
PERSONS_MAX: Final = 100
LIMIT: Final = SendLimit(most=490, within=timedelta(days=1))  # of an app to a person, beyond which nothing arrives: 500
_DAY_FULL, _REPEAT = 143105, 143106  # why a person was left out
_TITLE, _TEXT, _BUTTON = 64, 1_000, "详情"
_RESULT_WAITS_S: Final = (0.1, 0.4, 1.0)
CODES: Final = VendorCodes(
    token=frozenset({40001, 40014, 42001}),
    kinds={
        -1: FailureKind.UNAVAILABLE,
        40035: FailureKind.REJECTED,
        40089: FailureKind.UNAUTHORIZED,  # key or secret
        60011: FailureKind.UNAUTHORIZED,  # the app may not
        60020: FailureKind.UNAUTHORIZED,  # from this address it may not
        60121: FailureKind.REJECTED,  # the person
        90002: FailureKind.THROTTLED,
        90005: FailureKind.THROTTLED,
        90006: FailureKind.THROTTLED,
        90018: FailureKind.THROTTLED,
        143103: FailureKind.THROTTLED,  # a minute's messages of the app
        143104: FailureKind.THROTTLED,  # of the company
    },
    waits_s={90002: 10.0, 90005: 10.0, 90006: 10.0, 90018: 10.0, 143103: 60.0, 143104: 60.0, -1: 1.0},
)
_NOT_ALL: Final = Text("其中有人未收到", "not to all")
_NOT_KNOWN: Final = Text("发送结果尚未给出", "its result is not known yet")
_REPEATED: Final = Text("重复消息,对方已有", "a repeat of what they have")
_NOBODY: Final = Text("无人收到", "nobody has it")
_FULL: Final = Text("收件人当日的工作通知已满", "the person has a day's notices already")


class DingtalkWorkNoticeOptions(NoticeOptions):
    """`app_secret` names the variable with the app's secret."""

    url: HttpUrl = "https://oapi.dingtalk.com"
    app_key: str = Field(min_length=1, max_length=64)
    app_secret: VariableName
    agent_id: int = Field(ge=1)


class DingtalkWorkNotices(VendorChannel):
    """An app's work notices. Meets adapters.notices.target.NoticeChannel."""

    channel: Channel = "dingtalk"
    limits: Sequence[SendLimit] = (LIMIT,)

    def __init__(
        self, options: DingtalkWorkNoticeOptions, secrets: EnvironmentSecrets, services: TargetServices
    ) -> None:
        """Read the secret and connect to nothing. Raises ConfigFileInvalid."""
        secret = secrets.read(options.app_secret).get_secret_value()
        asked = TOKEN + "?" + urlencode({"appkey": options.app_key, "appsecret": secret})
        self._agent_id = options.agent_id
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
        """Send it, and say whom it did not reach. Raises DeliveryFailed, DeliveryPostponed."""
        content = self._content(message)
        answer = await self._api.call(SEND, content, call.trace_headers, deadline, changes=True, gives="task_id")
        task = answer["task_id"]
        result = await self._result(call, task, message.addresses, deadline)
        if result is None:
            return f"{task}; {_NOT_KNOWN}"
        return f"{task}{self._judged(result, message.addresses)}"

    def repeats_until(self, since: datetime) -> datetime:
        """Give the end of the day: the same words reach a person once a day."""
        day = since.astimezone(CHINA).date() + timedelta(days=1)
        return datetime.combine(day, time(), CHINA)

    def shown(self, message: NoticeMessage) -> str:
        """Write the request's body."""
        return orjson.dumps(self._content(message), option=orjson.OPT_INDENT_2).decode()

    def _content(self, message: NoticeMessage) -> Mapping[str, Any]:
        assert message.card is not None, "a card is what a notice of this channel has"
        persons = ",".join(message.addresses[:PERSONS_MAX])
        return {"agent_id": self._agent_id, "userid_list": persons, "msg": message_of(message.card)}

    async def _result(
        self, call: Call, task: Any, persons: Sequence[str], deadline: Deadline
    ) -> Mapping[str, Any] | None:
        """Ask a few times what became of a task; None where it is not said, or nobody answers: it was taken."""
        for wait_s in _RESULT_WAITS_S:
            if wait_s >= deadline.left_s / 2:
                return None
            await asyncio.sleep(wait_s)
            asked = {"agent_id": self._agent_id, "task_id": task}
            try:
                answer = await self._api.call(RESULT, asked, call.trace_headers, deadline, changes=False)
            except DeliveryFailed:
                return None
            result = answer.get("send_result")
            if isinstance(result, dict) and {*persons} <= {*_reached(result)} | {*_left_out(result)}:
                return result
        return None

    def _judged(self, result: Mapping[str, Any], persons: Sequence[str]) -> str:
        """Say whom it did not reach. Raises DeliveryFailed, DeliveryPostponed where that is everybody."""
        reached, left_out = _reached(result), _left_out(result)
        repeated = [one for one in persons if left_out.get(one) == _REPEAT]
        if repeated and len(repeated) == len(persons):
            return f"; {_REPEATED}"
        missed = {one: why for one, why in left_out.items() if one not in repeated and one not in reached}
        if len(missed) == len(persons):
            if _DAY_FULL in missed.values():
                raise DeliveryPostponed(self.repeats_until(self._now()), _FULL)
            kind = FailureKind.UNAVAILABLE if "failed" in missed.values() else FailureKind.REJECTED
            raise DeliveryFailed(kind, f"{_NOBODY} at {RESULT}", code=str(next(iter(missed.values()))))
        return f"; {_NOT_ALL}: {', '.join(sorted({f'{why}' for why in missed.values()}))}" if missed else ""


def message_of(card: FilledCard) -> Mapping[str, Any]:
    """Give a card with a button where it has a link, else a text in markdown. Pure."""
    lines = [f"### {card.title}", *([card.text] if card.text else [])]
    lines += [f"**{name}** {value}" for name, value in card.fields.items()]
    text = cut("  \n".join([*lines, card.number]), _TEXT)
    title = cut(card.title, _TITLE)
    if not card.link:
        return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}
    button = {"single_title": _BUTTON, "single_url": card.link}
    return {"msgtype": "action_card", "action_card": {"title": title, "markdown": text, **button}}


def _reached(result: Mapping[str, Any]) -> Sequence[str]:
    return [str(one) for name in ("read_user_id_list", "unread_user_id_list") for one in result.get(name) or ()]


def _left_out(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give why each person was left out: a code where there is one."""
    found = {
        str(one): name.partition("_")[0]
        for name in ("invalid_user_id_list", "failed_user_id_list", "forbidden_user_id_list")
        for one in result.get(name) or ()
    }
    return found | {str(one.get("userid")): _number(one.get("code")) for one in result.get("forbidden_list") or ()}


def _number(code: Any) -> Any:
    """Read a code that may be a text, as the vendor's own client has it."""
    return int(code) if isinstance(code, str) and code.isdecimal() else code


def _build(options: DingtalkWorkNoticeOptions, secrets: EnvironmentSecrets, services: TargetServices) -> NoticeTarget:
    return notice_target(DingtalkWorkNotices(options, secrets, services), options, secrets, services)


ADAPTER: Final = TargetAdapter(name="dingtalk-work-notice", options=DingtalkWorkNoticeOptions, build=_build)
