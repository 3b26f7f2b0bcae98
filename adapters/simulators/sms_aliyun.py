"""Alibaba Cloud's SMS on loopback: signatures checked, repeats sent again, a list that shows messages late."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote, urlsplit

import orjson

from adapters.simulators.faulty_server import SimulatedRequest
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.notice_simulator import NoticeSimulator, VendorSays, first_of
from adapters.simulators.oldest import drop_oldest

SEND, DETAILS = "SendSms", "QuerySendDetails"
ID_VARIABLE, SECRET_VARIABLE = "ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET"
_ID, _SECRET, _SIGN = "LTAI-simulated-key-id", "a-made-up-secret-of-a-simulated-aliyun", "阿里云短信测试"
_ALGORITHM: Final = "ACS3-HMAC-SHA256"


def _says(code: str, words: str) -> Mapping[str, Any]:
    return {"Code": code, "Message": words, "RequestId": "F655A8D5-B967-440B-8683-DAD6FF8DE990"}


_ANSWERS: Final = {
    NoticeFault.FOREIGN: _says("OK", "OK"),
    NoticeFault.SYSTEM_BUSY: _says("isp.SYSTEM_ERROR", "isp.SYSTEM_ERROR"),
    NoticeFault.THROTTLED: _says("Throttling.User", "Request was denied due to user flow control."),
    NoticeFault.TOKEN_EXPIRED: _says("InvalidAccessKeyId.NotFound", "Specified access key is not found."),
    NoticeFault.IP_REFUSED: _says("isp.RAM_PERMISSION_DENY", "RAM权限DENY"),
    NoticeFault.NO_PERSON: _says("isv.MOBILE_NUMBER_ILLEGAL", "13800001111invalid mobile number"),
    NoticeFault.BAD_TEMPLATE: _says("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板"),
    NoticeFault.TOO_OFTEN: _says("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5"),
    NoticeFault.NO_MONEY: _says("isv.AMOUNT_NOT_ENOUGH", "账户余额不足"),
    NoticeFault.UNKNOWN_CODE: _says("isv.NOBODY_KNOWS", "a word that nobody knows"),
}


@dataclass(slots=True, kw_only=True)
class SmsAliyunSimulator(NoticeSimulator):
    """`shows_after_s`: how long after it the list shows a message. `others`: messages of others to the same number."""

    adapter: ClassVar[str] = "sms-aliyun"

    shows_after_s: float = 0.0
    others: int = 0
    _times: list[float] = field(default_factory=list)

    @property
    def variables(self) -> Mapping[str, str]:
        """Give the variables that hold the key."""
        return {ID_VARIABLE: _ID, SECRET_VARIABLE: _SECRET}

    def target_options(self, notices: str) -> Mapping[str, Any]:
        """Give the options of a target that calls it."""
        key = {"access_key_id": ID_VARIABLE, "access_key_secret": SECRET_VARIABLE, "sign_name": _SIGN}
        return {"url": self.url, **key, "notices": notices}

    def _service(self, request: SimulatedRequest) -> str:
        return request.headers.get("x-acs-action", "?")

    def malformed(self) -> Mapping[str, Any]:
        """Say so."""
        return _says("isv.INVALID_PARAMETERS", "参数异常")

    def do(
        self, service: str, query: Mapping[str, str], request: SimulatedRequest, fault: NoticeFault | None
    ) -> Mapping[str, Any]:
        """Send, or list."""
        first_of(fault, _ANSWERS)
        if not _signed(request):
            words = "Specified signature does not match our calculation."
            raise VendorSays(_says("SignatureDoesNotMatch", words), "400 Bad Request")
        return self._send(query) if service == SEND else self._list(query)

    def _send(self, query: Mapping[str, str]) -> Mapping[str, Any]:
        phone, parameters = query["PhoneNumbers"], orjson.loads(query["TemplateParam"])
        if len(phone) != 11 or not phone.isdecimal():
            raise VendorSays(_says("isv.MOBILE_NUMBER_ILLEGAL", f"{phone}invalid mobile number"))
        if query["SignName"] != _SIGN:
            raise VendorSays(_says("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法"))
        self.reach(phone, {"template": query["TemplateCode"], "params": parameters}, query.get("OutId", ""))
        self._times.append(self.now())
        drop_oldest(self.most, self._times)
        return {**_says("OK", "OK"), "BizId": f"90061909274551{len(self.delivered)}^0"}

    def _list(self, query: Mapping[str, str]) -> Mapping[str, Any]:
        """List a number's messages; as there, others' stand among them, and a page has 50 at most."""
        rows = [
            {"OutId": one.key, "PhoneNum": one.to, "SendStatus": 3, "TemplateCode": one.content["template"]}
            for one, at in zip(self.delivered, self._times, strict=True)
            if one.to == query["PhoneNumber"] and at + self.shows_after_s <= self.now()
        ]
        rows = [{"OutId": f"other-{number}", "SendStatus": 3} for number in range(self.others)] + rows
        size, page = min(int(query["PageSize"]), 50), int(query["CurrentPage"])
        shown = rows[(page - 1) * size : page * size]
        return {**_says("OK", "OK"), "TotalCount": len(rows), "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown}}


def _signed(request: SimulatedRequest) -> bool:
    """Compute the signature as the vendor does, from what came."""
    found = dict(part.partition("=")[::2] for part in request.headers["authorization"].partition(" ")[2].split(","))
    names = found["SignedHeaders"].split(";")
    pairs = sorted(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    lines = [f"{name}:{request.headers[name].strip()}" for name in names]
    body = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(["POST", "/", query, *lines, "", found["SignedHeaders"], body])
    text = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    wanted = hmac.new(_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return (found["Credential"], found["Signature"]) == (_ID, wanted)
