"""How a failed attempt is shown on a line: kind, status and code, what was seen, and the other side's own words."""

from collections.abc import Mapping
from typing import Any


def failure_line(failure: Mapping[str, Any]) -> str:
    """Spell a failure as it is written down; what it lacks is left out. Pure."""
    status = f" HTTP {failure['status']}" if failure.get("status") else ""
    code = f" [{failure['code']}]" if failure.get("code") else ""
    detail = f": {failure['detail']}" if failure.get("detail") else ""
    message = f"  对方说 it said: {failure['message']}" if failure.get("message") else ""
    return f"{failure.get('kind') or '-'}{status}{code}{detail}{message}"
