"""When Python looks for cycles among the objects that live: seldom, for what this product makes holds hardly any."""

import gc

# Objects made beyond those freed, then rounds until a wider one. With Python's own 700 every batch held at once
# is gone through several times over: 30 % of what folding the log costs (docs/performance.md).
THRESHOLDS = (10_000, 10, 10)


def collect_seldom() -> None:
    """Let the collector wait for more; what holds no cycle is freed at once as ever."""
    gc.set_threshold(*THRESHOLDS)
