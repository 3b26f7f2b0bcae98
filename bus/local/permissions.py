"""Who else on the host may look into a stack's directory: nobody."""

import stat
from pathlib import Path

from bus.local import postgres

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def close_to_others(data: Path) -> None:
    """Take all rights of other users from what versions before made there; PostgreSQL's user may pass through.

    What its server owns it closes itself.
    """
    data.chmod(stat.S_IMODE(data.stat().st_mode) & ~_OTHERS | stat.S_IXOTH)
    for each in data.iterdir():
        if each.name != postgres.NAME and not each.is_symlink():
            each.chmod(stat.S_IMODE(each.stat().st_mode) & ~_OTHERS)
