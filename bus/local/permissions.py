"""Who else on the host may look into a stack's directory: nobody.

Of a stack that root runs, others may pass through its top directory (mode 0701) and see nothing of what is in it:
PostgreSQL does not run as root, and the user that it runs as must reach its own directory.
"""

import os
import stat
from pathlib import Path

from bus.local import postgres

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def close_to_others(data: Path) -> None:
    """Take all rights of other users from what versions before made there; under root PostgreSQL's user may pass.

    What its server owns it closes itself.
    """
    passing = stat.S_IXOTH if os.geteuid() == 0 else 0
    data.chmod(stat.S_IMODE(data.stat().st_mode) & ~_OTHERS | passing)
    for each in data.iterdir():
        if each.name != postgres.NAME and not each.is_symlink():
            each.chmod(stat.S_IMODE(each.stat().st_mode) & ~_OTHERS)
