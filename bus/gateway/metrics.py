"""The gateway's metrics: the one catalogue."""

from prometheus_client import Counter, Gauge, Histogram

from bus.intake.outcomes import OUTCOMES  # noqa: F401 - counted in the worker too, listed here

REQUESTS = Counter("ticketbus_http_requests_total", "HTTP requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "ticketbus_http_request_seconds",
    "Time to an answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH_REQUESTS = Histogram(
    "ticketbus_commit_batch_requests",
    "Commands gathered in one transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
QUEUED = Gauge("ticketbus_commit_queue_requests", "Commands that wait for a transaction")
INTAKE_SPOOLED = Counter(
    "ticketbus_intake_spooled_total", "Raw requests put on Kafka while PostgreSQL was away", ["source"]
)
INTAKE_TURNED_AWAY = Counter(
    "ticketbus_intake_turned_away_total", "Intake answered 503: no store could take it", ["source"]
)
INTAKE_IGNORED = Counter(
    "ticketbus_intake_ignored_total",
    "Fields of webhooks that nobody reads here (what=field), webhooks of types that nobody knows (what=delivery), and "
    "those refused because their type is one of ours misspelled (what=misspelled_type), or none of ours though they "
    "name a ticket (what=unknown_type)",
    ["source", "what"],
)
STREAMS = Gauge("ticketbus_stream_subscribers", "subscribers of the stream connected")
STREAM_EVENTS = Counter("ticketbus_stream_events_total", "Events sent to subscribers", ["topic"])
STREAM_REPEATS = Counter("ticketbus_stream_repeats_total", "Repeated records dropped before subscribers", ["topic"])
STREAM_CUT = Counter("ticketbus_stream_cut_total", "Subscribers cut because they read too slowly")
STREAM_UNKNOWN_TOPIC = Counter("ticketbus_stream_unknown_topic_total", "Subscriptions to a topic that nobody declares")
STREAM_UNREADABLE = Counter("ticketbus_stream_unreadable_total", "Records of the log that cannot be decoded", ["topic"])
PUSHES_NOT_NOTED = Counter("ticketbus_pushes_not_noted_total", "Pushes whose note was lost")
