"""A token bucket: tokens come at a rate, up to a burst, and each start takes one. Pure."""


def filled(tokens: float, elapsed_s: float, *, rate_per_s: float, burst_s: float) -> float:
    """Give the tokens after that time; whole ones may be taken now.

    At most the tokens of `burst_s` are kept, but at least one: else a slow rate would never admit anything.
    """
    return min(tokens + elapsed_s * rate_per_s, max(1.0, rate_per_s * burst_s))


def taken(tokens: float, count: int) -> float:
    """Give the tokens that are left; taking more than there are, as a canary may, leaves no debt."""
    return max(0.0, tokens - count)
