"""The books of a U8: tokens, stock, bills, and what its two interfaces do with them. No I/O.

As the real one it answers every failure with 200 and a body, tells an empty list as a refusal, and may make a second
bill when it is asked a second time (`takes_repeats`), under a number of its own (`numbers_itself`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from adapters.simulators.oldest import drop_oldest

TOKEN_S: Final = 2 * 60 * 60
TOKEN_CALLS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class U8Account:
    """Who may call; its repr shows nobody."""

    from_account: str = field(default="ticketbus-dev", repr=False)
    to_account: str = field(default="factory-1", repr=False)
    app_key: str = field(default="opa-of-the-bus", repr=False)
    app_secret: str = field(default="a-made-up-secret-of-a-simulated-u8", repr=False)
    sender: str = field(default="simulated-sender-001", repr=False)


@dataclass(slots=True, kw_only=True)
class U8BillKept:
    """A bill in the books; `steps` counts what was done with it."""

    number: str
    note: str
    lines: Sequence[tuple[str, float]]
    biz_id: str = ""
    head: Mapping[str, str] = field(default_factory=dict)
    audited: bool = False
    steps: Counter[str] = field(default_factory=Counter)


class U8Refusal(Exception):
    """A refusal: OpenAPI's code, and the words of either interface."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class U8Books:
    """One account set. `now` is a clock in seconds."""

    def __init__(
        self, stock: Mapping[str, float], account: U8Account, now: Callable[[], float], most: int | None
    ) -> None:
        """Open with `stock` by inventory code; other codes are not known. Of bills the `most` newest stay."""
        self.stock = dict(stock)
        self.account = account
        self.bills: list[U8BillKept] = []
        self.tokens = 0
        self.takes_repeats = False
        self.numbers_itself = False
        self.counts_at_saving = True  # else the store is found short at the audit
        self._now, self._most = now, most
        self._good: dict[str, list[float]] = {}  # by token: until when, and how many calls it has left
        self._own_numbers, self._requests = count(1), count(1)
        self._queue: dict[str, tuple[float, U8BillKept]] = {}
        self._results: dict[str, U8BillKept | U8Refusal] = {}

    def effects(self, number: str) -> Counter[str]:
        """Count what was done under a bill's number: made, audited."""
        return sum((bill.steps for bill in self.bills if bill.number == number), Counter())

    def forget_tokens(self) -> None:
        """Let no token be good any more."""
        self._good.clear()

    def new_token(self, who: Mapping[str, str]) -> str:
        """Give a token. Raises U8Refusal."""
        mine = self.account
        if (who.get("from_account"), who.get("app_key")) != (mine.from_account, mine.app_key):
            raise U8Refusal("30001", "调用方或应用不存在")
        if who.get("app_secret") != mine.app_secret:
            raise U8Refusal("30002", "app_secret 不正确")
        self.tokens += 1
        token = f"token-of-a-simulated-u8-{self.tokens}"
        self._good[token] = [self._now() + TOKEN_S, TOKEN_CALLS]
        drop_oldest(self._most, self._good)
        return token

    def admit(self, who: Mapping[str, str]) -> None:
        """Count a call with a token. Raises U8Refusal."""
        good = self._good.get(who.get("token", ""))
        if good is None or good[0] <= self._now() or good[1] <= 0:
            raise U8Refusal("30012", "token已过期")
        good[1] -= 1
        if who.get("to_account") != self.account.to_account or not who.get("ds_sequence", "").isdigit():
            raise U8Refusal("30021", "此应用未上线")

    def add(self, bill: U8BillKept, *, interface: str) -> U8BillKept:
        """Save a bill; the same `biz_id` again gives the bill that is there. Raises U8Refusal."""
        missing = next((name for name in ("warehousecode", "receivecode") if not bill.head.get(name)), None)
        if missing:
            raise U8Refusal("20001", f"{missing}不能为空")
        if not self.takes_repeats:
            same = [one for one in self.bills if one.biz_id and one.biz_id == bill.biz_id]
            if same:
                return same[0]
            if any(one.number == bill.number for one in self.bills):
                raise _of_u8(bill, "单据号重复,请修改")
        for code, _ in bill.lines:
            if code not in self.stock:
                raise _of_u8(bill, f"存货编码{code}不存在")
        if self.counts_at_saving and not self._enough(bill):
            raise _of_u8(bill, f"存货{bill.lines[0][0]}现存量不足")
        if self.numbers_itself:
            bill.number = f"{next(self._own_numbers):010d}"
        bill.steps["made"] += 1
        self.bills.append(bill)
        drop_oldest(self._most, self.bills)
        if interface == "eai":
            self._take(bill)
        return bill

    def enqueue(self, bill: U8BillKept, wait_s: float) -> str:
        """Take a bill to be added later; gives the number of the request. Raises U8Refusal while it is queued."""
        if not self.takes_repeats and any(one.biz_id == bill.biz_id for _, one in self._queue.values()):
            raise U8Refusal("30025", "操作正在执行")
        request = f"request-{next(self._requests)}"
        self._queue[request] = (self._now() + wait_s, bill)
        return request

    def work_off_queue(self) -> None:
        """Add the bills whose time has come."""
        for request, (due, bill) in [*self._queue.items()]:
            if due <= self._now():
                del self._queue[request]
                try:
                    self._results[request] = self.add(bill, interface="openapi")
                except U8Refusal as refusal:
                    self._results[request] = refusal
        drop_oldest(self._most, self._results)

    def result(self, request: str) -> U8BillKept:
        """Give what became of a request. Raises U8Refusal."""
        if request in self._queue:
            raise U8Refusal("30025", "操作正在执行")
        match self._results.get(request):
            case U8BillKept() as bill:
                return bill
            case U8Refusal() as refusal:
                raise refusal
            case None:
                raise U8Refusal("20002", "未检索到匹配的[请求]")

    def audit(self, number: str) -> None:
        """Audit a bill. Raises U8Refusal."""
        bill = next((one for one in self.bills if one.number == number), None)
        if bill is None:
            raise U8Refusal("20002", f"未检索到匹配的[单据{number}]")
        if bill.audited:
            raise _of_u8(bill, "单据已经审核")
        if not self._enough(bill):
            raise _of_u8(bill, f"存货{bill.lines[0][0]}可用量不足")
        self._take(bill)
        bill.audited = True
        bill.steps["audited"] += 1

    def _enough(self, bill: U8BillKept) -> bool:
        wanted = Counter[str]()
        for code, quantity in bill.lines:
            wanted[code] += int(quantity)
        return all(self.stock[code] >= quantity for code, quantity in wanted.items())

    def _take(self, bill: U8BillKept) -> None:
        for code, quantity in bill.lines:
            self.stock[code] -= quantity


def _of_u8(bill: U8BillKept, words: str) -> U8Refusal:
    return U8Refusal("20005", f"U8 服务调用失败:key='{bill.number}';{words};")
