"""SMS by Alibaba Cloud 阿里云短信: sent once, and looked for by our own id before it is ever sent again.

A repeat is a second SMS there, so that after an end that nobody knows the day's list of the number is asked; it shows
a message some time after it was taken (?), which is `lookup_settles`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
from pydantic import Field

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.exchange import masked, unbelieved
from adapters.http_status import kind_of_status
from adapters.notices.acs3_signature import AccessKey, canonical_query, signed_headers
from adapters.notices.message import Channel, NoticeMessage
from adapters.notices.target import LookedUpNoticeTarget, NoticeOptions, notice_file
from adapters.notices.vendor_api import ANSWER_BYTES_MAX, CONNECTIONS_MAX, NO_CODE, NOT_OF_THIS, whole_json
from adapters.outbound_http import Deadline, HttpResponse, HttpUrl, OutboundHttp, retry_after_s
from bus.config_file import VariableName
from bus.delivery.recipients import SendLimit
from bus.delivery.target import Call, DeliveryFailed, DeliveryPostponed, FailureKind
from bus.domain.text import Text
from bus.domain.time_text import CHINA
from bus.duration import Duration

SEND: Final = "SendSms"
DETAILS: Final = "QuerySendDetails"
_VERSION: Final = "2017-05-25"
_PER_PAGE, _PAGES_MAX = 50, 20
_NO_NEWS: Final = timedelta(hours=24)
_FAILED: Final = 2  # a message's state: 1 on its way, 3 arrived
_NUMBER_FULL: Final = "isv.BUSINESS_LIMIT_CONTROL"
_FULL_WAITS: Final = {"分钟级": timedelta(minutes=1), "小时级": timedelta(minutes=15)}
_FULL_WAIT: Final = timedelta(hours=1)  # of a day, which is the last 24 hours
_UNAUTHORIZED: Final = frozenset({
    "isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "isv.PRODUCT_UN_SUBSCRIPT", "isv.PRODUCT_UNSUBSCRIBE",
    "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL", "isp.RAM_PERMISSION_DENY", "SignatureDoesNotMatch",
    "InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "InvalidTimeStamp.Expired", "Forbidden.RAM",
    "NoPermission",
})  # fmt: skip
_KINDS: Final[Mapping[str, FailureKind]] = {
    **dict.fromkeys(_UNAUTHORIZED, FailureKind.UNAUTHORIZED),
    "isv.DAY_LIMIT_CONTROL": FailureKind.THROTTLED,  # our own limit of a day, of all messages
    "isv.MONTH_LIMIT_CONTROL": FailureKind.THROTTLED,
    "Throttling": FailureKind.THROTTLED,
    "Throttling.User": FailureKind.THROTTLED,
    "Throttling.Api": FailureKind.THROTTLED,
    "ServiceUnavailable": FailureKind.UNAVAILABLE,
    "isp.SYSTEM_ERROR": FailureKind.UNKNOWN,
    "isp.GATEWAY_ERROR": FailureKind.UNKNOWN,
    "InternalError": FailureKind.UNKNOWN,
}
_REFUSED: Final = Text("阿里云短信未发送", "refused by the SMS service")
_FULL: Final = Text("此号码的短信已达上限", "the number has as many messages as may be")
_NOT_WHOLE: Final = Text("发送记录没有取全", "the list of messages did not come whole")
_NOT_ARRIVED: Final = Text("运营商未送达", "not delivered by the carrier")


class SmsAliyunOptions(NoticeOptions):
    """`access_key_id` and `access_key_secret` name the variables that hold them. `sign_name`: the signature 短信签名.

    `lookup_settles`: within which the list of messages shows one that was sent.
    """

    url: HttpUrl = "https://dysmsapi.aliyuncs.com"
    access_key_id: VariableName
    access_key_secret: VariableName
    sign_name: str = Field(min_length=1, max_length=40)
    lookup_settles: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=5)


class SmsAliyun:
    """One account's messages. Meets adapters.notices.target.NoticeChannel and SearchableChannel."""

    channel: Channel = "sms"
    limits: Sequence[SendLimit] = ()

    def __init__(self, options: SmsAliyunOptions, secrets: EnvironmentSecrets, services: TargetServices) -> None:
        """Read the key and connect to nothing. Raises ConfigFileInvalid."""
        secret = secrets.read(options.access_key_secret).get_secret_value()
        self._key = AccessKey(key_id=secrets.read(options.access_key_id).get_secret_value(), secret=secret)
        self._url, self._host = options.url.rstrip("/"), urlsplit(options.url).netloc
        self._sign_name, self._now = options.sign_name, services.now
        self.lookup_settles_s = options.lookup_settles.total_seconds()
        self._http = OutboundHttp(
            headers={"accept": "application/json"},
            connections_max=CONNECTIONS_MAX,
            answer_bytes_max=ANSWER_BYTES_MAX,
            egress=options.egress(secrets, services.now()),
        )

    async def send(self, call: Call, message: NoticeMessage, deadline: Deadline) -> str:
        """Send it, and give our id of it, by which the service lists it. Raises DeliveryFailed, DeliveryPostponed."""
        out_id = call.copy_key or call.key
        asked = {**_content(message, self._sign_name), "OutId": out_id}
        try:
            answer = await self._call(SEND, asked, call.trace_headers, deadline)
        except DeliveryFailed as failure:
            if failure.code == _NUMBER_FULL and self._now() < call.event.recorded_at + _NO_NEWS:
                wait = next((wait for word, wait in _FULL_WAITS.items() if word in failure.message), _FULL_WAIT)
                raise DeliveryPostponed(self._now() + wait, _FULL) from None
            raise
        if not answer.get("BizId"):
            raise DeliveryFailed(FailureKind.UNKNOWN, f"{NOT_OF_THIS} at {SEND}", status=200)
        return out_id

    async def find(self, call: Call, message: NoticeMessage, deadline: Deadline) -> str | None:
        """Look through the number's messages of the days since it may have been sent. Raises DeliveryFailed."""
        out_id, (phone,) = call.copy_key or call.key, message.addresses
        for day in _days(call.unsure_since or self._now(), self._now()):
            for row in await self._details(call, phone, day, deadline):
                if row.get("OutId") == out_id:
                    failed = row.get("SendStatus") == _FAILED
                    return f"{out_id}; {_NOT_ARRIVED}: {row.get('ErrCode', '')}" if failed else out_id
        return None

    def repeats_until(self, since: datetime) -> datetime:
        """Give no time at all: it sends what it is asked to."""
        return since

    def shown(self, message: NoticeMessage) -> str:
        """Write the parameters."""
        return orjson.dumps(_content(message, self._sign_name), option=orjson.OPT_INDENT_2).decode()

    async def probe(self, within_s: float) -> None:
        """Ask for the messages of a number that is nobody's. Raises DeliveryFailed."""
        asked = {"PhoneNumber": "13000000000", "SendDate": f"{self._now().astimezone(CHINA):%Y%m%d}"}
        await self._call(DETAILS, {**asked, "PageSize": "1", "CurrentPage": "1"}, {}, Deadline.after(within_s))

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()

    async def _details(self, call: Call, phone: str, day: date, deadline: Deadline) -> Sequence[Mapping[str, Any]]:
        """Read a day's messages of a number to the last page: a part of them proves nothing. Raises DeliveryFailed."""
        asked = {"PhoneNumber": phone, "SendDate": f"{day:%Y%m%d}", "PageSize": str(_PER_PAGE)}
        rows = list[Mapping[str, Any]]()
        for page in range(1, _PAGES_MAX + 1):
            parameters = {**asked, "CurrentPage": str(page)}
            answer = await self._call(DETAILS, parameters, call.trace_headers, deadline)
            match answer:
                case {"TotalCount": int() | str() as total, "SmsSendDetailDTOs": {"SmsSendDetailDTO": list(found)}} if (
                    str(total).isdecimal()
                ):
                    rows += [one for one in found if isinstance(one, dict)]
                    if len(rows) >= int(total):
                        return rows
                    if not found:
                        break
                case _:
                    break
        raise DeliveryFailed(FailureKind.UNAVAILABLE, f"{_NOT_WHOLE} at {DETAILS}")

    async def _call(
        self, action: str, parameters: Mapping[str, str], trace: Mapping[str, str], deadline: Deadline
    ) -> Mapping[str, Any]:
        """Give the answer whose Code is OK. Raises DeliveryFailed, with the service's code where it has one."""
        changes, query = action == SEND, canonical_query(parameters)
        proof = signed_headers(self._key, self._host, action, _VERSION, query, now=self._now(), nonce=uuid4().hex)
        exchange = self._http.post(f"{self._url}/?{query}", b"", {**trace, **proof}, deadline)
        try:
            answer, content = await whole_json(exchange, action, changes=changes, now=self._now, any_status=True)
            code = content.get("Code")
            if code == "OK" and answer.status == 200:
                return content
            raise self._failure(answer, content, action)
        except DeliveryFailed as failure:
            raise masked(failure, self._key.secret, self._key.key_id) from None

    def _failure(self, answer: HttpResponse, content: Mapping[str, Any], action: str) -> DeliveryFailed:
        code, changes = content.get("Code"), action == SEND
        if isinstance(code, str):
            kind, why = _kind_of(code, answer.status, changes=changes), str(_REFUSED)
        elif answer.status == 200:
            return unbelieved(answer, action, NO_CODE, changes=changes)
        else:
            code, kind, why = "", kind_of_status(answer.status, changes=changes), f"HTTP {answer.status}"
        return DeliveryFailed(
            kind,
            f"{why} at {action}",
            status=answer.status,
            code=code,
            message=str(content.get("Message") or ""),
            retry_after_s=retry_after_s(answer.headers, self._now()),
        )


def _kind_of(code: str, status: int, *, changes: bool) -> FailureKind:
    kind = _KINDS.get(code)
    if kind is None and status >= 500:
        kind = kind_of_status(status, changes=changes)
    return (kind or FailureKind.REJECTED).of(changes=changes)


def _content(message: NoticeMessage, sign_name: str) -> dict[str, str]:
    """Give the parameters of a message, without its id."""
    return {
        "PhoneNumbers": next(iter(message.addresses), ""),
        "SignName": sign_name,
        "TemplateCode": message.template,
        "TemplateParam": orjson.dumps(dict(message.values)).decode(),
    }


def _days(since: datetime, now: datetime) -> Sequence[date]:
    """List the days of China from a time until now."""
    first, last = since.astimezone(CHINA).date(), now.astimezone(CHINA).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _build(options: SmsAliyunOptions, secrets: EnvironmentSecrets, services: TargetServices) -> LookedUpNoticeTarget:
    file = notice_file("sms", options, secrets, services)
    return LookedUpNoticeTarget(SmsAliyun(options, secrets, services), file, services)


ADAPTER: Final = TargetAdapter(name="sms-aliyun", options=SmsAliyunOptions, build=_build, by_sms=True)
