"""Why a backup cannot be made, is not whole, or cannot be restored here."""

from bus.domain.errors import BusError


class BackupFailed(BusError):
    """No backup was made; the text says what is in the way and what to do."""


class BackupDamaged(BusError):
    """What lies in the directory is not the backup that was made, or not a whole one."""


class NotThatStore(BusError):
    """Two directories of files are of different stores; nothing was copied."""


class RestoreRefused(BusError):
    """The backup does not fit what is here; nothing was changed."""
