"""A WeCom on loopback for messages of an app: tokens, its check for repeats, and what it drops in silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import orjson

from adapters.simulators.faulty_server import SimulatedRequest
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.notice_simulator import NoticeSimulator, VendorSays, first_of, says

TOKEN, SEND = "token", "send"
SECRET_VARIABLE: Final = "WECOM_APP_SECRET"  # noqa: S105 - the name of a variable
A_MINUTE: Final = 30
_CORP, _SECRET, _AGENT = "ww-simulated-corp", "a-made-up-secret-of-a-simulated-wecom", 1000002
_LIMITS: Final = {"title": 36, "desc": 44}
_ANSWERS: Final = {
    NoticeFault.FOREIGN: says(0, "ok"),
    NoticeFault.SYSTEM_BUSY: says(-1, "system busy"),
    NoticeFault.THROTTLED: says(45009, "api freq out of limit"),
    NoticeFault.TOKEN_EXPIRED: says(42001, "access_token expired"),
    NoticeFault.IP_REFUSED: says(60020, "not allow to access from your ip"),
    NoticeFault.NO_PERSON: says(81013, "user & party & tag all invalid"),
    NoticeFault.BAD_TEMPLATE: says(40058, "invalid Request Parameter"),
    NoticeFault.UNKNOWN_CODE: says(987654, "a word that nobody knows"),
}


@dataclass(slots=True, kw_only=True)
class WecomAppSimulator(NoticeSimulator):
    """`members`: who is there; None: everybody. `unlicensed`: who has no licence and gets nothing, though all is ok."""

    adapter: ClassVar[str] = "wecom-app"

    members: set[str] | None = None
    unlicensed: set[str] = field(default_factory=set)
    _sent: dict[bytes, float] = field(default_factory=dict)
    _times: dict[str, list[float]] = field(default_factory=dict)

    @property
    def variables(self) -> Mapping[str, str]:
        """Give the variable that holds the app's secret."""
        return {SECRET_VARIABLE: _SECRET}

    def target_options(self, notices: str) -> Mapping[str, Any]:
        """Give the options of a target that calls it."""
        who = {"corp_id": _CORP, "agent_id": _AGENT, "secret": SECRET_VARIABLE}
        return {"url": self.url, **who, "notices": notices}

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        return {"/cgi-bin/gettoken": TOKEN, "/cgi-bin/message/send": SEND}.get(path, path)

    def malformed(self) -> Mapping[str, Any]:
        """Say so."""
        return says(40035, "invalid parameter")

    def do(
        self, service: str, query: Mapping[str, str], request: SimulatedRequest, fault: NoticeFault | None
    ) -> Mapping[str, Any]:
        """Give a token, or send."""
        first_of(fault, _ANSWERS)
        if service == TOKEN:
            if (query["corpid"], query["corpsecret"]) != (_CORP, _SECRET):
                raise VendorSays(says(40001, "invalid credential"))
            return says(0, "ok", access_token=self.new_token(), expires_in=self.token_s)
        if service != SEND:
            raise VendorSays(says(404, "no such service"))
        if not self.token_good(query["access_token"]):
            raise VendorSays(says(40014, "invalid access_token"))
        return self._send(request.body, fault)

    def _send(self, body: bytes, fault: NoticeFault | None) -> Mapping[str, Any]:
        content = orjson.loads(body)
        card = content["template_card"]
        if content["agentid"] != _AGENT or card["card_type"] != "text_notice" or not card["card_action"]["url"]:
            raise VendorSays(says(40058, "invalid Request Parameter"))
        if any(len(card["main_title"][name]) > most for name, most in _LIMITS.items()):
            raise VendorSays(says(40058, "template_card.main_title exceed max length"))
        persons = [one for one in content["touser"].split("|") if one]
        invalid = [one for one in persons if self.members is not None and one not in self.members]
        if len(invalid) == len(persons):
            raise VendorSays(says(81013, f"user & party & tag all invalid: {', '.join(invalid)}"))
        unlicensed = set(persons) if fault is NoticeFault.UNLICENSED else self.unlicensed & {*persons}
        if self._repeated(body, content):
            self.dropped.append("repeat")
        else:
            for one in persons:
                if one not in invalid and one not in unlicensed:
                    self._deliver(one, card)
        left_out = {"invaliduser": "|".join(invalid).lower(), "unlicenseduser": "|".join(sorted(unlicensed))}
        return says(0, "ok", **left_out, invalidparty="", invalidtag="", msgid=f"msg-{self.called}")

    def _repeated(self, body: bytes, content: Mapping[str, Any]) -> bool:
        """Say whether the very same request came within the time that it names."""
        now = self.now()
        known = self._sent.get(body)
        self._sent[body] = now if known is None else known
        within = min(content.get("duplicate_check_interval", 1800), 4 * 60 * 60)
        if not content.get("enable_duplicate_check") or known is None or now - known >= within:
            self._sent[body] = now
            return False
        return True

    def _deliver(self, to: str, card: Mapping[str, Any]) -> None:
        """Reach a member, or drop it without a word beyond 30 in a minute."""
        now = self.now()
        times = self._times[to] = [at for at in self._times.get(to, []) if at > now - 60]
        if len(times) >= A_MINUTE:
            self.dropped.append("too many a minute")
            return
        times.append(now)
        self.reach(to, card)
