"""What calls of 纷享销客 leave of their budget."""

from prometheus_client import Gauge

CALLS_LEFT = Gauge(
    "ticketbus_fxiaoke_calls_left",
    "Calls that an interface of 纷享销客 has left now of those for 20 seconds",
    ["app", "interface"],
)
CALLS_LEFT_TODAY = Gauge(
    "ticketbus_fxiaoke_calls_left_today",
    "Calls that an app of 纷享销客 has left until midnight in China, where `calls_per_day` says how many there are",
    ["app"],
)
