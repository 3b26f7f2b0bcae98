"""One round of all alerts: what was seen now against what is known, into what changes and what people hear. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bus.alerts.alert import Alert
from bus.alerts.engine.alert_state import AlertState, Fingerprint, Flip
from bus.alerts.engine.causes import CAUSING, cause_of, hidden_by_name
from bus.alerts.engine.ladder import Ladder, LadderOf, by_severity, level_of
from bus.alerts.rule import AnyRule

DOUBLED_MAX: Final = 5
NEWS_EVERY: Final = timedelta(minutes=10)  # of an open alert about which more has come, acknowledged or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An alert as it is from now on, and what people hear of it; `flip` is None when they hear nothing."""

    state: AlertState
    flip: Flip | None = None


def advance(
    rules: Mapping[str, AnyRule],
    known: Mapping[Fingerprint, AlertState],
    seen: Sequence[Alert],
    *,
    read: Collection[str],
    silence_of: Callable[[AlertState], str],
    ladder_of: LadderOf = by_severity,
    now: datetime,
) -> list[Change]:
    """Give what changes. `read` names the rules whose readings were there: of others nothing is known, nothing ends.

    `silence_of` gives the silence that an alert falls under, or an empty text; of what has no ladder nobody is to hear:
    it counts as not seen. A cause that is over goes on hiding what
    it hid until it is closed, and nothing new.
    """
    last = {
        (one.rule.value, one.about): one for one in seen if ladder_of(one, one.severity or rules[one.rule].severity)
    }
    now_known = {fingerprint: _seen(rules, known.get(fingerprint), alert, now) for fingerprint, alert in last.items()}
    for fingerprint, state in known.items():
        if fingerprint not in last:
            rule_was_read = fingerprint[0] in read and not state.drill
            now_known[fingerprint] = _unseen(rules.get(fingerprint[0]), state, now) if rule_was_read else state
    causes = [one for one in now_known.values() if one.is_open and not one.drill and one.alert.rule in CAUSING]
    changes = list[Change]()
    for fingerprint, state in now_known.items():
        hiding = [one for one in causes if one.gone_at is None or hidden_by_name(one) == state.hidden_by]
        hidden_by = "" if state.drill else cause_of(state, hiding) or silence_of(state)
        ladder = ladder_of(state.alert, state.severity)
        change = _notified(rules.get(fingerprint[0]), replace(state, hidden_by=hidden_by), ladder, now)
        change = _calling(change, ladder)
        if change.flip or change.state != known.get(fingerprint):
            changes.append(change)
    return changes


def _seen(rules: Mapping[str, AnyRule], state: AlertState | None, alert: Alert, now: datetime) -> AlertState:
    rule = rules[alert.rule]
    state = state or AlertState(alert=alert, severity=alert.severity or rule.severity, seen_at=now)
    opened_at = state.opened_at or (now if now - state.seen_at >= rule.open_after else None)
    severity = alert.severity or rule.severity
    if severity < state.severity:  # what has become worse is heard of anew, from the first level on
        state = replace(state, opened_notified_at=None, escalated_at=None, level=0, repeats=0)
    return replace(
        state,
        alert=alert,
        severity=severity,
        opened_at=opened_at,
        gone_at=None,
        came_again_at=state.came_again_at or (now if _has_come_again(state, alert) else None),
    )


def _has_come_again(state: AlertState, alert: Alert) -> bool:
    """Say whether what was over has begun anew since people last heard of it."""
    heard_at = state.notified_at
    return bool(state.gone_at and alert.since and heard_at and alert.since > heard_at)


def _unseen(rule: AnyRule | None, state: AlertState, now: datetime) -> AlertState:
    """Close what has been right for long enough; what was never open, or whose rule is no more, ends at once."""
    gone_at = state.gone_at or now
    waits = rule.close_after if rule and state.opened_at else timedelta(0)
    return replace(state, gone_at=gone_at, closed_at=now if now - gone_at >= waits else None)


def _notified(rule: AnyRule | None, state: AlertState, ladder: Ladder, now: datetime) -> Change:
    if state.closed_at:
        heard = state.notified_at and (rule is None or rule.tells_end)
        return Change(state=state, flip=Flip.CLOSED if heard else None)
    if not state.is_open or state.hidden_by:
        return Change(state=state)
    if rule and _is_due_again(rule, state, now):
        again: dict[str, Any] = {"opened_notified_at": now, "escalated_at": None, "level": 0}
        again["reopened"] = state.reopened + 1
        return _heard(state, Flip.REOPENED, now, opened_at=state.alert.since, **again)
    if state.gone_at:
        return Change(state=state)
    if state.opened_notified_at is None:
        return _heard(state, Flip.OPENED, now, opened_notified_at=now)
    if _has_news(state, now):
        return _heard(state, Flip.OPENED, now)
    if state.acked_at or state.drill:
        return Change(state=state)
    assert state.notified_at is not None, "it was told when it opened"
    above = state.level + 1
    if above < len(ladder) and now - state.opened_notified_at >= ladder[above].after:
        return _heard(state, Flip.ESCALATED, now, escalated_at=now, level=above, repeats=0)
    level = level_of(ladder, state.level)
    if level and state.repeats < level.times and now - state.notified_at >= level.repeat:
        return _heard(state, Flip.REPEATED, now, repeats=state.repeats + 1)
    return Change(state=state)


def _calling(change: Change, ladder: Ladder) -> Change:
    """Name in the alert whom its level calls."""
    state, level = change.state, level_of(ladder, change.state.level)
    if not level or not level.whom:
        return change
    facts = {**state.alert.facts, "whom": level.whom}
    return replace(change, state=replace(state, alert=replace(state.alert, facts=facts)))


def _heard(state: AlertState, flip: Flip, now: datetime, **changes: Any) -> Change:
    """Let people hear of it as it is now."""
    heard = replace(state, notified_at=now, notified_newest=state.alert.newest, came_again_at=None, **changes)
    return Change(state=heard, flip=flip)


def _is_due_again(rule: AnyRule, state: AlertState, now: datetime) -> bool:
    """Say whether people are to hear that it has begun anew: each time, they are left alone for twice as long."""
    if state.drill or state.came_again_at is None or state.notified_at is None:
        return False
    doubled: int = 2 ** min(state.reopened, DOUBLED_MAX)
    return now - state.notified_at >= rule.close_after * doubled


def _has_news(state: AlertState, now: datetime) -> bool:
    """Say whether more has come than people last heard of, and they have had a while to look."""
    newest, heard_at = state.alert.newest, state.notified_at
    if state.drill or newest is None or heard_at is None:
        return False
    return newest > (state.notified_newest or 0) and now - heard_at >= NEWS_EVERY
