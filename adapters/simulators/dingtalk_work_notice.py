"""A DingTalk on loopback for work notices: taken at once and sent later, the same words once a day, 500 a day."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import orjson

from adapters.simulators.faulty_server import SimulatedRequest
from adapters.simulators.notice_faults import NoticeFault
from adapters.simulators.notice_simulator import NoticeSimulator, VendorSays, first_of, says

TOKEN, SEND, RESULT = "token", "send", "result"
SECRET_VARIABLE: Final = "DINGTALK_APP_SECRET"  # noqa: S105 - the name of a variable
_KEY, _SECRET, _AGENT = "ding-simulated-key", "a-made-up-secret-of-a-simulated-dingtalk", 1234567
_DAY_S, _PERSONS_MAX = 86_400, 100


def _framed(code: int, words: str) -> Mapping[str, Any]:
    """Frame a refusal as the older interfaces do."""
    return says(88, f"ding talk error[subcode={code},submsg={words}]", sub_code=str(code), sub_msg=words)


_ANSWERS: Final = {
    NoticeFault.FOREIGN: says(0, "ok"),
    NoticeFault.SYSTEM_BUSY: says(-1, "系统繁忙"),
    NoticeFault.THROTTLED: _framed(90018, "您的服务器调用钉钉开放平台当前接口的请求都被暂时禁用了"),
    NoticeFault.TOKEN_EXPIRED: _framed(42001, "access_token已过期"),
    NoticeFault.IP_REFUSED: _framed(60020, "访问ip不在白名单之中"),
    NoticeFault.NO_PERSON: _framed(60121, "找不到该用户"),
    NoticeFault.BAD_TEMPLATE: says(40035, "不合法的参数"),
    NoticeFault.UNKNOWN_CODE: says(987654, "a word that nobody knows"),
}


@dataclass(slots=True, kw_only=True)
class DingtalkWorkNoticeSimulator(NoticeSimulator):
    """`members`: who is there; None: everybody. `results_after`: a result is told after so many questions.

    `codes_as_text`: a result's codes are texts, as the vendor's own client has them.
    """

    adapter: ClassVar[str] = "dingtalk-work-notice"

    members: set[str] | None = None
    a_day: int = 500
    results_after: int = 0
    codes_as_text: bool = True
    _days: dict[int, Counter[str]] = field(default_factory=dict)
    _sent_today: set[tuple[int, str, bytes]] = field(default_factory=set)
    _tasks: list[dict[str, Any]] = field(default_factory=list)
    _asked: Counter[int] = field(default_factory=Counter)

    @property
    def variables(self) -> Mapping[str, str]:
        """Give the variable that holds the app's secret."""
        return {SECRET_VARIABLE: _SECRET}

    def target_options(self, notices: str) -> Mapping[str, Any]:
        """Give the options of a target that calls it."""
        who = {"app_key": _KEY, "app_secret": SECRET_VARIABLE, "agent_id": _AGENT}
        return {"url": self.url, **who, "notices": notices}

    def _service(self, request: SimulatedRequest) -> str:
        path = urlsplit(request.path).path
        return {"/gettoken": TOKEN}.get(path) or {"asyncsend_v2": SEND, "getsendresult": RESULT}.get(
            path.rpartition("/")[2], path
        )

    def malformed(self) -> Mapping[str, Any]:
        """Say so."""
        return says(40035, "不合法的参数")

    def do(
        self, service: str, query: Mapping[str, str], request: SimulatedRequest, fault: NoticeFault | None
    ) -> Mapping[str, Any]:
        """Give a token, take a message, or tell a result."""
        first_of(fault, _ANSWERS)
        if service == TOKEN:
            if (query["appkey"], query["appsecret"]) != (_KEY, _SECRET):
                raise VendorSays(says(40089, "不合法的corpid或corpsecret"))
            return says(0, "ok", access_token=self.new_token(), expires_in=self.token_s)
        if not self.token_good(query["access_token"]):
            raise VendorSays(_framed(40014, "不合法的access_token"))
        asked = orjson.loads(request.body)
        if asked["agent_id"] != _AGENT:
            raise VendorSays(says(40035, "不合法的agentid"))
        if service == SEND:
            return self._take(asked)
        return self._tell(asked["task_id"])

    def _take(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        persons = asked["userid_list"].split(",")
        if not 1 <= len(persons) <= _PERSONS_MAX:
            raise VendorSays(says(40035, "userid_list 过长"))
        day = int(self.now() + 8 * 3600) // _DAY_S  # by China's clocks
        result: dict[str, Any] = {
            f"{name}_user_id_list": list[str]() for name in ("invalid", "forbidden", "failed", "read", "unread")
        }
        result["forbidden_list"] = []
        for one in persons:
            content = (day, one, orjson.dumps(asked["msg"]))
            today = self._days.setdefault(day, Counter())
            if self.members is not None and one not in self.members:
                result["invalid_user_id_list"].append(one)
            elif content in self._sent_today or today[one] >= self.a_day:
                code = 143106 if content in self._sent_today else 143105
                self.dropped.append(f"{code}")
                result["forbidden_user_id_list"].append(one)
                given = str(code) if self.codes_as_text else code
                result["forbidden_list"].append({"code": given, "count": today[one], "userid": one})
            else:
                self._sent_today.add(content)
                today[one] += 1
                self.reach(one, asked["msg"])
                result["unread_user_id_list"].append(one)
        self._tasks.append(result)
        return says(0, "ok", task_id=len(self._tasks), request_id=f"r{self.called}")

    def _tell(self, task: int) -> Mapping[str, Any]:
        self._asked[task] += 1
        if self._asked[task] <= self.results_after:
            return says(0, "ok", send_result={})
        return says(0, "ok", send_result=self._tasks[task - 1])
