"""A WeChat service account on loopback: stable tokens, template messages, its memory of ids, and persons who refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import orjson

from adapters.simulators.faulty_server import SimulatedRequest
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.notice_simulator import NoticeSimulator, VendorSays, first_of, says

TOKEN, SEND = "token", "send"
SECRET_VARIABLE: Final = "WECHAT_APP_SECRET"  # noqa: S105 - the name of a variable
KNOWN_S, ALOUD_S = 600, 60  # so long an id is known, and a repeat is refused aloud
_APP_ID, _SECRET = "wx-simulated-account", "a-made-up-secret-of-a-simulated-account"
_LENGTHS: Final = {"thing": 20, "character_string": 32, "phone_number": 17, "const": 20}
_ANSWERS: Final = {
    NoticeFault.FOREIGN: says(0, "ok"),
    NoticeFault.SYSTEM_BUSY: says(-1, "system error"),
    NoticeFault.THROTTLED: says(45009, "reach max api daily quota limit"),
    NoticeFault.TOKEN_EXPIRED: says(42001, "access_token expired"),
    NoticeFault.IP_REFUSED: says(40164, "invalid ip, not in whitelist"),
    NoticeFault.NO_PERSON: says(40003, "invalid openid"),
    NoticeFault.BAD_TEMPLATE: says(40037, "invalid template_id"),
    NoticeFault.REFUSED_BY_PERSON: says(43101, "user refuse to accept the msg"),
    NoticeFault.TOO_OFTEN: says(43117, "send too frequently to this user"),
    NoticeFault.UNKNOWN_CODE: says(987654, "a word that nobody knows"),
}


@dataclass(slots=True, kw_only=True)
class WechatTemplateSimulator(NoticeSimulator):
    """`refusing`: openids that refuse a template. Once a person refused, all of that template are refused."""

    adapter: ClassVar[str] = "wechat-template"

    refusing: set[tuple[str, str]] = field(default_factory=set)
    forced: int = 0
    _known: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def variables(self) -> Mapping[str, str]:
        """Give the variable that holds the account's secret."""
        return {SECRET_VARIABLE: _SECRET}

    def target_options(self, notices: str) -> Mapping[str, Any]:
        """Give the options of a target that calls it."""
        return {"url": self.url, "app_id": _APP_ID, "secret": SECRET_VARIABLE, "notices": notices}

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        return {"/cgi-bin/stable_token": TOKEN, "/cgi-bin/message/template/send": SEND}.get(path, path)

    def malformed(self) -> Mapping[str, Any]:
        """Say so."""
        return says(47001, "data format error")

    def do(
        self, service: str, query: Mapping[str, str], request: SimulatedRequest, fault: NoticeFault | None
    ) -> Mapping[str, Any]:
        """Give a token, or send."""
        first_of(fault, _ANSWERS)
        asked = orjson.loads(request.body)
        if service == TOKEN:
            if (asked["appid"], asked["secret"], asked["grant_type"]) != (_APP_ID, _SECRET, "client_credential"):
                raise VendorSays(says(40125, "invalid appsecret"))
            if asked.get("force_refresh"):
                self.forced += 1
                self.tokens.clear()
            return {"access_token": self.new_token(), "expires_in": self.token_s}
        if service != SEND:
            raise VendorSays(says(404, "no such service"))
        if not self.token_good(query["access_token"]):
            raise VendorSays(says(40001, "invalid credential, access_token is invalid or not latest"))
        return self._send(asked)

    def _send(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        openid, template, key = asked["touser"], asked["template_id"], asked.get("client_msg_id", "")
        if (openid, template) in self.refusing:
            raise VendorSays(says(43101, "user refuse to accept the msg"))
        for name, value in asked["data"].items():
            most = _LENGTHS.get(name.rstrip("0123456789"))
            if most is not None and len(value["value"]) > most:
                raise VendorSays(says(47003, f"argument invalid! data.{name}.value is too long"))
        age_s = self.now() - self._known.get((openid, key), float("-inf"))
        if key and age_s < KNOWN_S:
            self.dropped.append("repeat")
            if age_s < ALOUD_S:
                raise VendorSays(says(40241, "duplicate message"))
        else:
            self._known[openid, key] = self.now()
            self.reach(openid, {"template_id": template, "data": asked["data"], "url": asked.get("url", "")}, key)
        return says(0, "ok", msgid=self.called)
