"""What a person must hear of, rule by rule."""

from enum import StrEnum


class RuleName(StrEnum):
    """The closed list of rules; a new one is a line here, and a rule in the catalogue."""

    CROSS_SYSTEM = "cross_system"  # sources, targets or subscribers fail at the same time
    HOST_UNWATCHED = "host_unwatched"  # a target names a host whose disk nobody reads
    DEAD_LETTER = "letter"  # a delivery was given up, or input that nobody will send again has no effect
    TARGET_PAUSED = "target_paused"  # deliveries to a target died so thick that it is called no more
    BREAKER_OPEN = "breaker_open"  # a target fails in a row; only probes go there
    PUSH_OVERDUE = "push_overdue"  # an engineer's app has not taken an event in time
    STAGE_STOPPED = "stage_stopped"  # a handler stands still on a partition before what it cannot take
    SHARD_STOPPED = "shard_stopped"  # the relay stands still before a record that Kafka never takes
    TASK_FAILED = "task_failed"  # a part of a worker fails on something that no retry mends; the others go on
    REDRIVE_STOPPED = "redrive_stopped"  # a redrive gave up by itself
    SCHEMA_DIFFERS = "schema_differs"  # the registry's latest version, or a subject's level, is not the bus's
    REGISTRY_AWAY = "registry_away"  # the schema registry does not answer
    SOURCE_5XX = "source_5xx"  # the gateway answers a source with 5xx
    NO_WORKER = "no_worker"  # no worker has given a sign of life
    DISK_WATERMARK = "disk_watermark"  # a disk, or its inodes, has reached a mark
    DISK_FILLING = "disk_filling"  # a disk will be full within a day
    DISK_READ_ONLY = "disk_read_only"  # a disk is mounted so that nobody can write
    HOST_SILENT = "host_silent"  # no reading of a host, or of one of its disks
    TOPIC_MISMATCH = "topic_mismatch"  # a topic is used that nobody declares
    CONSUMER_HAS_LOST = "consumer_has_lost"  # records are deleted that a consumer has not read
    CONSUMER_WILL_LOSE = "consumer_will_lose"  # retention deletes them within a day
    CONSUMER_STOPPED = "consumer_stopped"  # something is unread, and nobody is there to read it
    CONSUMER_STALLED = "consumer_stalled"  # members are there, and nothing moves
    CONSUMER_NEVER_STARTED = "consumer_never_started"  # a declared reader, or a group on one partition
    CONSUMER_VANISHED = "consumer_vanished"  # a group is gone, with its offsets
    CONSUMER_SLOW = "consumer_slow"  # a consumer reads, and falls further behind
    CONSUMER_REWOUND = "consumer_rewound"  # a committed offset moved back
    CONSUMER_UNSUBSCRIBED = "consumer_unsubscribed"  # its members have left a topic on which it has offsets
    SOURCE_SILENT = "source_silent"  # a source has sent nothing for longer than it ever does
    TOPIC_SILENT = "topic_silent"  # nothing was written to a topic for longer than ever
    CHANNEL_FAILING = "channel_failing"  # the last messages to a channel of alerts have failed
    RELAY_STUCK = "relay_stuck"  # records wait for Kafka, and none goes out
    INTAKE_SPOOLED = "intake_spooled"  # requests wait on Kafka for the intake stage
    CLOCK_SKEW = "clock_skew"  # a host's clock differs from PostgreSQL's
    CALENDAR_MISSING = "calendar_missing"  # a year's public holidays are due, and calendars in use lack them
    CLIENT_EXPIRES = "client_expires"  # a client's token ends soon, or has
    CERTIFICATE_EXPIRES = "certificate_expires"  # a certificate that workers use ends soon, or has
    DEPRECATED_READ = "deprecated_read"  # a subscriber reads what will go within 30 days
    LOG_NOT_VERIFIED = "log_not_verified"  # `log verify` has found differences, or has not run for a day
    BACKUP_NOT_VERIFIED = "backup_not_verified"  # the newest verified backup is too old, damaged, or not there
    TICKET_MISSING = "ticket_missing"  # a source lists a ticket that never arrived
    TARGET_DIFFERS = "target_differs"  # a target's documents are not those that were delivered
    TARGET_NOT_RECONCILED = "target_not_reconciled"  # a target has a list of documents, and nobody compares it
    NOT_RECONCILED = "not_reconciled"  # a source has a list, and it was not compared for a day
    SLA_ESCALATION = "sla_escalation"  # a ticket's promise is nearly spent, or broken, and nobody has acted
    SLA_NOT_FOLLOWED = "sla_not_followed"  # more promises are nearly spent or broken than escalations follow
    SLA_BREACHES = "sla_breaches"  # unusually many promises were broken in an hour
    ROLLED_BACK = "rolled_back"  # the new version of a target was worse, and its tickets went back
    DATABASE_AWAY = "database_away"  # a program cannot reach PostgreSQL
    CROSS_SYSTEM_FAILURE = "cross_system_failure"  # the golden metric of R29 is above zero, and nobody dealt with it
    DWELL_RED = "dwell_red"  # tickets are in their state for too long
    DRIFT_LIST = "drift_list"  # on a working morning: tickets for which nobody acts as they should
    UNROUTABLE = "unroutable"  # a ticket waits, and nobody suits it
    KNOWLEDGE_UNFILED = "knowledge_unfiled"  # drafts of the knowledge pool are not filed within 24 hours
    HOP_MISSING = "hop_missing"  # an event has not come where it was expected, in time
    PROBE_MISSING = "probe_missing"  # a probe of the bus, or of a target, is not home in time
    OUTSIDE_ALERT = "outside_alert"  # another system says so by its Alertmanager
    AUDIT_ROOT = "audit_root"  # once a day, the audit tree's signed root; or none is signed any more
