"""The limit of refused rows: an import stops above 100 in a row or 20 % of the last 500."""

from bus.domain.text import Text
from bus.intake.dead_letter_limit import LAST, above_limit

_ROWS = Text("行被拒", "refused rows")


class RefusalLimit:
    """Remembers which of the last rows were refused."""

    def __init__(self) -> None:
        self._recent: list[bool] = []

    def above(self, line: int, *, refused: bool) -> Text | None:
        """Count a row; give why the limit is reached with it, or None."""
        self._recent.append(refused)
        if len(self._recent) > LAST:
            del self._recent[0]
        if refused and (why := above_limit(self._recent, _ROWS)):
            return Text(f"{why.zh}(至第 {line} 行)", f"{why.en} up to line {line}")
        return None
