"""The books of a 纷享销客: tokens, records by object, what was done to each, and its limits on calls. No I/O.

As the real one it refuses with 200 and a code, gives the same token for 6,600 s, starts flows unless it is told not to,
leaves empty fields out, and makes a second record when it is asked a second time (but where `unique` names a field).
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar

from adapters.simulators.oldest import drop_oldest

TOKEN_S, SAME_TOKEN_S = 7_200, 6_600
TOKENS_PER_MINUTE: Final = 10
CALLS, CALLS_S = 100, 20
LIMIT_MAX, OFFSET_MAX = 100, 10_000
_SYSTEM: Final = "-10000"
OrderedT = TypeVar("OrderedT", int, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class FxiaokeTenant:
    """Who may call; its repr shows no secret."""

    app_id: str = "FSAID_1320000"
    app_secret: str = field(default="a-made-up-secret-of-a-simulated-fxiaoke", repr=False)
    permanent_code: str = field(default="A-MADE-UP-PERMANENT-CODE-0001", repr=False)
    company: str = "simulated1"
    users: tuple[str, ...] = ("1000", "1001")


class FxiaokeRefusal(Exception):
    """A refusal: `errorCode` and `errorMessage`."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


@dataclass(slots=True, kw_only=True)
class FxiaokeRecord:
    """A record; `steps` counts what was done to it, `shown_at`: from when on questions find it."""

    object: str
    values: dict[str, Any]
    shown_at: float
    steps: Counter[str] = field(default_factory=Counter)


class FxiaokeBooks:
    """One tenant. `now` is a clock in seconds, `wall` the time in seconds since 1970."""

    def __init__(
        self, tenant: FxiaokeTenant, now: Callable[[], float], wall: Callable[[], float], most: int | None
    ) -> None:
        """Open without records. Of them the `most` newest stay."""
        self.tenant, self.records = tenant, list[FxiaokeRecord]()
        self.tokens_asked, self.flows_started, self.lag_s = 0, 0, 0.0
        self.unique: Collection[str] = ()  # fields whose value no two records may share
        self.locked: set[str] = set()  # ids of records that nobody may change now
        self.day_calls: int | None = None  # how many calls the day has
        self._now, self._wall, self._most = now, wall, most
        self._tokens: dict[str, float] = {}  # by token: when it was made
        self._token_times = deque[float]()
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._numbers = count(1)

    def effects(self, **having: Any) -> Counter[str]:
        """Count what was done to the records that have these values: created, updated."""
        found = (one for one in self.records if having.items() <= one.values.items())
        return sum((one.steps for one in found), Counter())

    def forget_tokens(self) -> None:
        """Let no token be good any more."""
        self._tokens.clear()

    def token(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give a token. Raises FxiaokeRefusal."""
        self.tokens_asked += 1
        now, mine = self._now(), self.tenant
        while self._token_times and self._token_times[0] <= now - 60:
            self._token_times.popleft()
        self._token_times.append(now)
        if len(self._token_times) > TOKENS_PER_MINUTE:
            raise FxiaokeRefusal(30004, "the interface is called too frequently")
        known = (asked.get("appId"), asked.get("appSecret"), asked.get("permanentCode"))
        if known != (mine.app_id, mine.app_secret, mine.permanent_code) or asked.get("grantType") != "app_secret":
            raise FxiaokeRefusal(10006, "the parameter appSecret is missing or illegal")
        token = next((one for one, made in self._tokens.items() if now - made < SAME_TOKEN_S), "")
        if not token:
            token = f"TOKEN{self.tokens_asked:03d}OF0A0SIMULATED0FXIAOKE"
            self._tokens[token] = now
        left = int(TOKEN_S - (now - self._tokens[token]))
        return {"accessToken": token, "ea": mine.company, "expiresIn": left, "appId": mine.app_id}

    def admit(self, path: str, headers: Mapping[str, str]) -> str:
        """Count a call, prove its token, and give who calls. Raises FxiaokeRefusal."""
        bearer = headers.get("authorization", "")
        if not bearer:
            raise FxiaokeRefusal(20017, "corpAccessToken为必填项,不能为空")
        made = self._tokens.get(bearer.removeprefix("Bearer "))
        good = made is not None and self._now() - made < TOKEN_S
        if not good or headers.get("x-fs-ea") != self.tenant.company:
            raise FxiaokeRefusal(20016, "the cropId,cropAccessToken or authorization is error")
        user = headers.get("x-fs-userid", "")
        if user not in self.tenant.users:
            raise FxiaokeRefusal(10006, "the parameter x-fs-userid is missing or illegal")
        self._count(path)
        return user

    def _count(self, path: str) -> None:
        if self.day_calls is not None and not self.day_calls:
            raise FxiaokeRefusal(30002, "the total number of calls today is exceeded")
        now, times = self._now(), self._calls[path]
        while times and times[0] <= now - CALLS_S:
            times.popleft()
        if len(times) >= CALLS:
            raise FxiaokeRefusal(30004, "the interface is called too frequently")
        times.append(now)
        if self.day_calls is not None:
            self.day_calls -= 1

    def create(self, object_name: str, values: Mapping[str, Any], user: str = "1001") -> str:
        """Make a record and give its id. Raises FxiaokeRefusal."""
        for name in self.unique:
            if values.get(name) and any(one.values.get(name) == values[name] for one in self._of(object_name)):
                raise FxiaokeRefusal(21015, f"字段{name}的值重复")
        number, at = next(self._numbers), int(self._wall() * 1000)
        record = {
            "_id": f"{at // 1000:08x}{number:016x}",
            "name": f"{object_name[:2].upper()}-{number:06d}",
            "object_describe_api_name": object_name,
            "life_status": "normal",
            "lock_status": "0",
            "is_deleted": False,
            "owner": [user],
            **{name: value for name, value in values.items() if name not in ("_id", "dataObjectApiName")},
            "created_by": [user],
            "create_time": at,
        }
        made = FxiaokeRecord(object=object_name, values=record, shown_at=self._now() + self.lag_s)
        self.records.append(made)
        drop_oldest(self._most, self.records)
        self._touched(made, "created", user, at)
        return str(record["_id"])

    def update(self, object_name: str, values: Mapping[str, Any], user: str = "1001") -> None:
        """Change a record. Raises FxiaokeRefusal."""
        found = next((one for one in self._of(object_name) if one.values["_id"] == values.get("_id")), None)
        if found is None:
            raise FxiaokeRefusal(20050, "数据不存在或已作废")
        if found.values["_id"] in self.locked:
            raise FxiaokeRefusal(20051, "数据已锁定,不允许编辑")
        found.values.update({name: value for name, value in values.items() if name != "dataObjectApiName"})
        self._touched(found, "updated", user, int(self._wall() * 1000))

    def query(self, object_name: str, asked: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Give the records that meet all conditions, in order, a page of them. Raises FxiaokeRefusal."""
        limit, offset = asked.get("limit"), asked.get("offset")
        if not isinstance(limit, int) or not 0 < limit <= LIMIT_MAX or not isinstance(offset, int) or offset % limit:
            raise FxiaokeRefusal(10006, "the parameter limit or offset is missing or illegal")
        if offset > OFFSET_MAX:
            raise FxiaokeRefusal(10013, "offset out of range 10000")
        shown = [one.values for one in self._of(object_name) if one.shown_at <= self._now()]
        found = [one for one in shown if all(_meets(one, each) for each in asked["filters"])]
        for order in reversed(asked["orders"]):
            found.sort(key=lambda one: one.get(order["fieldName"], ""), reverse=order["isAsc"] is False)
        fields = asked.get("fieldProjection") or ()
        page = found[offset : offset + limit]
        return [{name: value for name, value in one.items() if not fields or name in fields} for one in page]

    def _of(self, object_name: str) -> Sequence[FxiaokeRecord]:
        return [one for one in self.records if one.object == object_name]

    def _touched(self, record: FxiaokeRecord, step: str, user: str, at: int) -> None:
        record.values |= {"last_modified_time": at, "last_modified_by": [user or _SYSTEM]}
        record.values |= {"version": str(int(record.values.get("version", "0")) + 1)}
        for name in [name for name, value in record.values.items() if value in (None, "")]:
            del record.values[name]
        record.steps[step] += 1


def _meets(record: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    have, wanted = record.get(condition["field_name"]), [str(one) for one in condition["field_values"]]
    match condition["operator"]:
        case "EQ" | "IN":
            return str(have) in wanted
        case "N":
            return str(have) not in wanted
        case "GT" | "GTE" | "LT" | "LTE" as operator if have is not None:
            number = isinstance(have, int)
            order = _compared(int(have), int(wanted[0])) if number else _compared(str(have), wanted[0])
            return order in {"GT": (1,), "GTE": (0, 1), "LT": (-1,), "LTE": (-1, 0)}[operator]
        case _:
            return False


def _compared(here: OrderedT, there: OrderedT) -> int:
    return (here > there) - (here < there)
