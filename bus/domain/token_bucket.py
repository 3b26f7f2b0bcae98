"""A token bucket: tokens come at a rate, up to a burst, and each thing that begins takes one. Pure."""


def filled(tokens: float, elapsed_s: float, *, rate_per_s: float, burst_s: float) -> float:
    """Give the tokens after that time; whole ones may be taken now.

    What a rate brings in `burst_s` is the most that gathers, but never less than one: else a slow rate let nothing go.
    """
    return min(tokens + elapsed_s * rate_per_s, max(1.0, rate_per_s * burst_s))


def taken(tokens: float, count: int) -> float:
    """Give the tokens that are left; who takes more than there are, as a canary may, leaves no debt."""
    return max(0.0, tokens - count)
