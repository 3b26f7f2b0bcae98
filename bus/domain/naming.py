"""How the classes of the domain are spelled outside: kebab-case commands, dotted event types, legal states."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from bus.domain.errors import CommandRefused
from bus.domain.simplified import simplified
from bus.domain.terms import State
from bus.domain.text import Text

_WORD = re.compile(r"[A-Z][a-z]*")

# Words that other systems use for a state, and the legal state nearest to what they mean (R12).
VAGUE = {
    "跟进中": State.IN_PROGRESS,
    "稍后处理": State.PENDING,
    "待处理": State.PENDING,
    "挂起": State.IN_PROGRESS,
    "暂无法解决": State.IN_PROGRESS,
    "following_up": State.IN_PROGRESS,
    "later": State.PENDING,
    "进行中": State.IN_PROGRESS,
    "已受理": State.ASSIGNED,
    "新建": State.PENDING,
    "已完成": State.RESOLVED,
    "完成": State.RESOLVED,
    "关闭": State.CLOSED,
    "结案": State.CLOSED,
    "new": State.PENDING,
    "open": State.PENDING,
    "active": State.IN_PROGRESS,
    "done": State.RESOLVED,
}


@cache
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def kebab(cls: type) -> str:
    """Spell a class as commands are spelled: RequestParts → request-parts."""
    return "-".join(_words(cls.__name__))


def dotted(cls: type) -> str:
    """Spell a class as event types are spelled: TicketOpened → ticket.opened."""
    return ".".join(_words(cls.__name__))


def nearest(word: str, legal: Iterable[str], *, alike: float = 0.5) -> str:
    """Name the legal word closest to what was meant, or nothing; `alike` is what close is, 1 the very word."""
    return next(iter(get_close_matches(word, list(legal), n=1, cutoff=alike)), "")


def nearest_event(name: str, events: Iterable[str]) -> str:
    """Name the event that a misspelled name means, or nothing: half of all begin alike, so that half a name is none."""
    return nearest(name, events, alike=0.8)


def did_you_mean(close: str, *, quoted: bool = False) -> Text:
    """Ask, behind what was refused, whether the nearest legal word was meant; nothing without one."""
    if not close:
        return Text("", "")
    return (
        Text(f",是否指“{close}”", f"; did you mean {close!r}")
        if quoted
        else Text(f",是否指 {close}?", f"; did you mean {close}?")
    )


def no_such(what: Text, name: str, known: Iterable[str]) -> Text:
    """Say that there is nothing of a name: the nearest that there is, or else all."""
    names = sorted(known)
    there = did_you_mean(nearest(name, names), quoted=True)
    if not there.zh:
        there = Text(f",有 {', '.join(names)}", f"; there are {', '.join(names)}")
    return Text(f"没有{what.zh} {name}{there.zh}", f"there is no {what.en} {name!r}{there.en}")


def did_you_mean_event(name: str, events: Iterable[str]) -> Text:
    """Ask whether the event that is spelled nearly so was meant; where none is, say which there are."""
    names = sorted(events)
    if close := nearest_event(name, names):
        return did_you_mean(close)
    return Text(f",可用:{'、'.join(names)}", f"; use one of {', '.join(names)}")


def state_named(word: str, field: str = "state") -> State:
    """Read one of the five states, Chinese or English; refuse every other word and name the nearest legal one (R12)."""
    text = word.strip()
    spelled = {name: state for state in State for name in (state.value, state.zh)}
    plain = simplified(text)
    if plain in spelled:
        return spelled[plain]
    meant = VAGUE.get(plain.lower()) or spelled.get(nearest(plain.lower(), spelled), State.PENDING)
    legal = "、".join(state.zh for state in State)
    raise CommandRefused(
        "unknown_state",
        field,
        f"“{text}”不是合法状态,只能用:{legal};最接近的是“{meant.zh}”({meant.value})",
        f"{text!r} is not a state; use one of {', '.join(State)}; the nearest is {meant.value}",
        nearest=meant.value,
    )
