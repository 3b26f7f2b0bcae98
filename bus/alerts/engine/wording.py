"""What people read: a message as lines, Chinese first, cut to a number of bytes without breaking a character. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bus.alerts.alert import Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import ChannelMessage, Notice
from bus.domain.text import Text, visible
from bus.domain.time_text import time_text

_FLIPS: Final = {
    Flip.OPENED: Text("告警", "alert"),
    Flip.REOPENED: Text("再次发生", "again"),
    Flip.REPEATED: Text("仍未恢复", "still open"),
    Flip.ESCALATED: Text("无人认领,升级", "nobody has acknowledged it"),
    Flip.CLOSED: Text("已恢复", "resolved"),
}
DRILL: Final = "【演练】"
CUT: Final = " …"
_MARKUP: Final = re.compile(r"<(?=[@!/A-Za-z])|\](?=\()")


def headline(notice: Notice) -> str:
    """Say in a line what happened: severity, what became of it, the rule's title and what it is about."""
    drill = DRILL if notice.drill else ""
    what = f"{notice.severity.value.upper()} {_FLIPS[notice.flip].zh}"
    return visible(f"{drill}【{what}】{notice.title.zh}:{notice.alert.about}")


def subject(message: ChannelMessage) -> str:
    """Give one line for a whole message."""
    first = headline(message.notices[0])
    return f"{first}(另有 {len(message.notices) - 1} 条)" if message.digest else first


def lines_of(notice: Notice) -> list[str]:
    """Say all of one alert, line by line; controls are escaped, and in the headline line breaks too."""
    alert, lines = notice.alert, [headline(notice)]
    lines.append(alert.zh)
    if whom := alert.facts.get("whom"):
        lines.append(f"通知 / for: {whom}")
    if notice.hides:
        lines.append(f"由此引起的 {notice.hides} 条告警不再单独发送 / it hides {notice.hides} alerts")
    if notice.flip is not Flip.CLOSED and alert.mend:
        lines.append(f"处理 / mend: {alert.mend}")
    ended = f",恢复于 {time_text(notice.closed_at).zh}" if notice.closed_at else ""
    lines.append(f"自 {time_text(notice.opened_at).zh} 起{ended} / since {notice.opened_at:%Y-%m-%dT%H:%M:%S%z}")
    if alert.trace_id:
        lines.append(f"trace: {alert.trace_id}")
    lines.append(f"{_FLIPS[notice.flip].en}: {notice.title.en}. {alert.en}")
    if notice.alert_number and notice.flip is not Flip.CLOSED:
        lines.append(f"认领 / acknowledge: ticketbus alerts ack {notice.alert_number} · {notice.page}")
    if notice.instead_of:
        lines.append(f"渠道 {notice.instead_of} 失败,改由此处发送 / sent here, since {notice.instead_of} failed")
    return [visible(part) for line in lines for part in line.split("\n")]


def body(message: ChannelMessage, bytes_max: int, *, line_end: str = "\n", shown: Callable[[str], str] = str) -> str:
    """Give a message as text of at most that many bytes in UTF-8: one alert in full, of many a line each.

    `shown` spells a line for its channel, as `without_markup` does.
    """
    if not message.digest:
        return cut(line_end.join(map(shown, lines_of(message.notices[0]))), bytes_max)
    return _digest(message.notices, bytes_max, line_end, shown)


def without_markup(line: str) -> str:
    """Spell a line so that a chat's markdown finds no mention, link, picture or tag in it. Pure."""
    return _MARKUP.sub(lambda found: "(" if found[0] == "<" else "] ", line)


def _digest(notices: Sequence[Notice], bytes_max: int, line_end: str, shown: Callable[[str], str]) -> str:
    head = f"{len(notices)} 条告警合并 / {len(notices)} alerts in one message ({_counts(notices)})"
    lines, size, count = [head], len(head.encode()), 0
    for notice in notices:
        line = shown(headline(notice))
        more = len(line.encode()) + len(line_end)
        if size + more > bytes_max - 80:  # for the last line
            break
        lines.append(line)
        size, count = size + more, count + 1
    if left := len(notices) - count:
        lines.append(f"另有 {left} 条:ticketbus alerts list / and {left} more")
    return cut(line_end.join(lines), bytes_max)


def _counts(notices: Iterable[Notice]) -> str:
    severities = [one.severity for one in notices]
    return ", ".join(f"{one.value.upper()} {severities.count(one)}" for one in Severity if one in severities)


def cut(text: str, bytes_max: int) -> str:
    """Cut a text to that many bytes in UTF-8; no character is broken."""
    raw = text.encode()
    return text if len(raw) <= bytes_max else raw[: bytes_max - len(CUT.encode())].decode(errors="ignore") + CUT
