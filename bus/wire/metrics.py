"""What readers of the log count, for Prometheus."""

from prometheus_client import Counter

PASSED_OVER = Counter("ticketbus_log_passed_over", "Records that are no ticket event, once for each who reads them")
REFUSED_NOT_KEPT = Counter("ticketbus_refused_not_kept", "Refused input, told to its sender, beyond a day's share")
