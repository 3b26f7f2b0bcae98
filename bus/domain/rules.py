"""What a deployment may choose about the domain: dedupe window, promises, root causes, words, work orders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bus.domain.calendars import ALWAYS_ALONE, Calendars
from bus.domain.closure_rules import REMIND_TWICE, ClosureRules
from bus.domain.customer_link import NO_LINKS, CustomerLinkRules
from bus.domain.routing_rules import NO_ROUTING, RoutingRules
from bus.domain.sla_clock import SlaLimit
from bus.domain.work_template import WorkOrderTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Given to the core as a value; read from files and settings by `bus.rules_config`.

    `no_key_words` and `departments`, beside those that the code knows, and `robots` are spelled as `plain_word` does.
    """

    dedupe_window: timedelta
    sla: Mapping[str, SlaLimit]
    root_causes: frozenset[str]
    clock_skew_max: timedelta = timedelta(minutes=5)
    lateness_max: timedelta = timedelta(days=7)
    no_key_words: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    robots: frozenset[str] = frozenset()
    calendars: Calendars = ALWAYS_ALONE
    routing: RoutingRules = NO_ROUTING
    closure: ClosureRules = REMIND_TWICE
    customer_link: CustomerLinkRules = NO_LINKS
    work_orders: Mapping[str, WorkOrderTemplate] = field(default_factory=dict)
