"""The progress bar of the one-time download, on a terminal only."""

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(slots=True)
class DownloadBar:
    """Shows bytes, speed and time left; elsewhere than on a terminal one line at the start."""

    _bar: "Progress | None" = field(default=None, init=False)

    def begin(self, total_bytes: int) -> None:
        """Show that so many bytes are to come."""
        megabytes = total_bytes / 1e6
        sys.stderr.write(f"downloading Kafka and the schema registry (once on this machine): {megabytes:.0f} MB\n")
        if not sys.stderr.isatty():
            return
        # Heavy, and needed once per machine.
        from rich import console, progress  # noqa: PLC0415 - see above

        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=console.Console(stderr=True),
        )
        self._bar.add_task("", total=total_bytes)
        self._bar.start()

    def advance(self, count: int) -> None:
        """Count bytes that came. Safe from any thread."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)

    def end(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()
