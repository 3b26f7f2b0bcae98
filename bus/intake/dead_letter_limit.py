"""Dead-letter limit: pauses the producer above 100 in a row or 20 % of the last 500. Pure."""

from collections.abc import Sequence

from bus.domain.text import Text

LAST, IN_A_ROW, SHARE_MAX = 500, 100, 0.2
_LETTERS = Text("封死信", "letters")


def above_limit(parked: Sequence[bool], unit: Text = _LETTERS) -> Text | None:
    """Say why there are too many dead letters among the last deliveries or records, the newest last; None if not.

    `unit` names them where they are counted as something else.
    """
    if len(parked) >= IN_A_ROW and all(parked[-IN_A_ROW:]):
        return Text(f"连续 {IN_A_ROW} {unit.zh}", f"{IN_A_ROW} {unit.en} in a row")
    letters = sum(parked[-LAST:])
    if len(parked) >= LAST and letters > SHARE_MAX * LAST:
        return Text(f"最近 {LAST} 次有 {letters} {unit.zh}", f"{letters} of the last {LAST} are {unit.en}")
    return None
