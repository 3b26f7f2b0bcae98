"""The routes of what operators see and decide, put together of the core's parts."""

import functools
from collections.abc import Sequence

from bus.alert_catalogue import RULES
from bus.alerts.engine.alert_service import PostgresAlertService
from bus.app import Core
from bus.consistency.consumer_store import all_consumers, consumer_lags
from bus.consistency.subscription_service import PostgresSubscriptionService
from bus.delivery.rollout_service import PostgresRolloutService
from bus.gateway.http.asyncapi import hosts_of
from bus.gateway.http.routing import Feature
from bus.gateway.read.figures import read_figures
from bus.gateway.routes.alerts import alert_routes
from bus.gateway.routes.audit import audit_routes
from bus.gateway.routes.board import BoardSources, board_routes
from bus.gateway.routes.calendars import calendar_routes
from bus.gateway.routes.closure_report import closure_report_routes
from bus.gateway.routes.consumers import consumer_routes
from bus.gateway.routes.deadletters import deadletter_routes
from bus.gateway.routes.devices import device_routes
from bus.gateway.routes.drift import DriftSources, drift_routes
from bus.gateway.routes.dwell import DwellSources, dwell_routes
from bus.gateway.routes.fairness import fairness_routes
from bus.gateway.routes.figures import figure_routes
from bus.gateway.routes.insight import insight_routes
from bus.gateway.routes.knowledge import knowledge_routes
from bus.gateway.routes.maps import map_routes
from bus.gateway.routes.people import people_routes
from bus.gateway.routes.probes import probe_routes
from bus.gateway.routes.reconciliations import reconcile_routes
from bus.gateway.routes.rejected import rejected_routes
from bus.gateway.routes.rollouts import rollout_routes
from bus.gateway.routes.selfcheck import selfcheck_routes
from bus.gateway.routes.subscriptions import subscription_routes
from bus.gateway.routes.topics import topic_routes
from bus.intake.dispatch import utc_now
from bus.journey.probes import read_probes
from bus.postgres.board_rows import BoardReader
from bus.postgres.device_rows import repairs_of
from bus.postgres.drift_lists import drifting_now, read_lists
from bus.postgres.open_tickets import tickets_in_state
from bus.postgres.pool import in_transaction
from bus.postgres.routing_events import FairnessReader
from bus.programs.audit_asked import audit_tree_of
from bus.programs.deadletter_service import PostgresDeadLetterService
from bus.programs.insight_watch import insight_reader_of, report_words_of
from bus.programs.knowledge import knowledge_of
from bus.programs.live_sources import LiveSources
from bus.programs.map_trials import MapTrials
from bus.programs.maps import PostgresMaps
from bus.programs.people import directory_of, let_go
from bus.programs.reconciling import reconcile_asked
from bus.programs.topics_check import check_all
from deadletter.rejected_listing import PostgresRejectedListing


def operator_routes(core: Core, known: LiveSources) -> Sequence[Feature]:
    """Give what operators decide: letters, alerts, reconciliations, consumers, subscriptions, rollouts, maps."""
    letters = PostgresDeadLetterService(
        pool=core.pool, clear=core.clear, sources=known, two_persons=core.settings.two_persons
    )
    subscribers, insight = PostgresSubscriptionService(core.pool), insight_reader_of(core)
    return [
        deadletter_routes(letters, core.refused),
        alert_routes(PostgresAlertService(core.pool), RULES, core.refused),
        reconcile_routes(functools.partial(reconcile_asked, core)),
        consumer_routes(
            functools.partial(in_transaction, core.pool, all_consumers),
            lambda now: in_transaction(core.pool, consumer_lags, now),
            utc_now,
        ),
        figure_routes(functools.partial(read_figures, core.pool)),
        probe_routes(functools.partial(in_transaction, core.pool, read_probes), utc_now),
        subscription_routes(subscribers, core.contract, hosts_of(core.settings), core.refused),
        rollout_routes(PostgresRolloutService(core.pool), core.refused),
        map_routes(PostgresMaps(core.pool, known, MapTrials(core.dispatcher.rules)), core.refused),
        people_routes(
            directory_of(core), functools.partial(let_go, core), core.refused, utc_now, core.dispatcher.rules.calendars
        ),
        insight_routes(insight),
        closure_report_routes(insight, report_words_of(core), utc_now),
        selfcheck_routes(insight.answered),
        calendar_routes(core.dispatcher.rules.calendars, utc_now),
        knowledge_routes(knowledge_of(core), core.store, core.refused, utc_now),
        board_routes(
            BoardSources(
                read=BoardReader(pool=core.pool, read=core.schemas.events).board,
                limits=core.settings.dwell_limits,
                calendars=core.dispatcher.rules.calendars,
                now=utc_now,
            )
        ),
        device_routes(lambda serial, regions, most: in_transaction(core.pool, repairs_of, serial, regions, most)),
        dwell_routes(
            DwellSources(
                read=functools.partial(in_transaction, core.pool, tickets_in_state),
                limits=core.settings.dwell_limits,
                calendars=core.dispatcher.rules.calendars,
                now=utc_now,
            )
        ),
        drift_routes(
            DriftSources(
                drifting=lambda now: in_transaction(core.pool, drifting_now, now),
                lists=functools.partial(in_transaction, core.pool, read_lists),
                now=utc_now,
            )
        ),
        fairness_routes(FairnessReader(pool=core.pool, read=core.schemas.events).shares, utc_now),
        audit_routes(audit_tree_of(core)),
        rejected_routes(PostgresRejectedListing(pool=core.pool, keys=core.keys)),
        topic_routes(lambda: check_all(core.settings, core.contract, utc_now())),
    ]
