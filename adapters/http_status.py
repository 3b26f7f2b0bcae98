"""What an HTTP status says of a call to a system whose own words stand in bodies: none is about business. Pure."""

from bus.delivery.target import FailureKind


def kind_of_status(status: int, *, changes: bool) -> FailureKind:
    """Class a status that is no success; `changes`: the request was one that changes something."""
    match status:
        case 401 | 403 | 407:
            return FailureKind.UNAUTHORIZED
        case 410:
            return FailureKind.GONE  # for good, whoever says so: what waits is for people, as with every target
        case 429:
            return FailureKind.THROTTLED
        case 400 | 413 | 414 | 415 | 422 | 431:
            return FailureKind.REJECTED
        case 500 | 502 | 504:
            return FailureKind.UNKNOWN.of(changes=changes)  # a gateway says so after the system has done it, too
        case _:
            return FailureKind.UNAVAILABLE  # also 404 and redirects: not the system, or not now
