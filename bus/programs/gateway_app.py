"""The gateway's app, put together of its parts: routes, stream, what operators decide."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from starlette.applications import Starlette

from bus.alerts.alert import AlertSink
from bus.app import Core
from bus.consistency.subscription_store import subscriptions
from bus.delivery.targets_config import TargetsConfig
from bus.files.files import FileLimits, Files
from bus.files.stores import store_of
from bus.gateway.app import Task, make_app
from bus.gateway.auth.client_cache import ClientCache
from bus.gateway.auth.clients import load_tokens, note_use
from bus.gateway.auth.quota import Quota
from bus.gateway.deps import GatewayDeps
from bus.gateway.http.answer_budget import AnswerBudget
from bus.gateway.http.body_limit import body_limit
from bus.gateway.http.routing import Feature
from bus.gateway.read.file_view import ticket_files
from bus.gateway.read.practice_view import PracticeSources
from bus.gateway.read.ticket_rows import PostgresTicketReader
from bus.gateway.routes.clocks import clock_routes
from bus.gateway.routes.code_lists import code_list_routes
from bus.gateway.routes.engineer_pushes import engineer_push_routes
from bus.gateway.routes.files import file_routes
from bus.gateway.routes.health import health_routes
from bus.gateway.routes.hosts import host_routes
from bus.gateway.routes.identity import identity_routes
from bus.gateway.routes.practice import practice_routes
from bus.gateway.routes.reads import read_routes
from bus.gateway.routes.sources import source_routes
from bus.gateway.routes.stream import stream_routes
from bus.gateway.routes.tickets import ticket_routes
from bus.gateway.routes.work_orders import work_order_routes
from bus.gateway.source_arrivals import SourceArrivals
from bus.gateway.stream.event_filter import DeclaredSubscriptions, StreamFilters, TicketContexts
from bus.gateway.stream.hub import StreamHub
from bus.gateway.stream.sent_events import PostgresSentEvents
from bus.gateway.stream.subscription_notes import PostgresSubscriptionNotes
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.request_coalescing import InFlight
from bus.gateway.write.spool import KafkaSpool
from bus.gateway.write.upload import Uploads
from bus.gateway.write.write_side import WriteSide
from bus.intake.disk_floor import FILES_ROLE, INTAKE_ROLES, DiskFloor
from bus.intake.dispatch import utc_now
from bus.kafka.host_readings import HostReadings
from bus.kafka.tail_reader import KafkaLog
from bus.postgres.pool import connected, in_transaction
from bus.postgres.practice_rows import open_practices
from bus.programs.customer_pages import customer_pages, page_proof
from bus.programs.engineer_pages import engineer_pages
from bus.programs.hosts import disks_of_hosts
from bus.programs.journeys import journeys_of
from bus.programs.live_sources import LiveSources
from bus.programs.operator_routes import operator_routes
from bus.programs.targets import push_sessions_of
from bus.rules_config import customer_links


def gateway_app(
    core: Core,
    targets: TargetsConfig,
    *,
    stopping: asyncio.Event,
    known: LiveSources,
    spool: KafkaSpool,
    readings: HostReadings,
    logs_before: int,
    report: AlertSink,
    alerting: Sequence[Task],
) -> Starlette:
    """Put the gateway's app together of its parts; asks none of them for anything yet."""
    clients = ClientCache(functools.partial(load_tokens, core.pool), functools.partial(note_use, core.pool))
    log = KafkaLog(settings=core.settings, contract=core.contract, know=core.clear.know, before=logs_before)
    hub, sent_events = StreamHub(log, core.clear.decode, core.contract.public()), PostgresSentEvents(core.pool)
    subscription_notes = PostgresSubscriptionNotes(core.pool)
    files = _files(core)
    group, push_sessions = GroupCommit(core.dispatcher), push_sessions_of(core, targets)
    floor, arrivals = DiskFloor(pool=core.pool), SourceArrivals(pool=core.pool, now=utc_now)
    files_floor = DiskFloor(pool=core.pool, roles=(*INTAKE_ROLES, FILES_ROLE))
    uploads = Uploads(files, files_floor.check)
    writes = WriteSide(
        group=group, store=core.store, in_flight=InFlight(), spool=spool, refused=core.refused, check=floor.check
    )
    features: Sequence[Feature] = [
        ticket_routes(writes, customer_links(core.settings, core.dispatcher.rules)),
        read_routes(
            store=core.store,
            tickets=PostgresTicketReader(core.pool),
            journey=journeys_of(core),
            contract=core.contract,
            in_clear=functools.partial(core.keys.shown, core.pool),
            files=functools.partial(ticket_files, core.pool, core.addresses),
            mode_of=core.dispatcher.rules.routing.mode_of,
        ),
        *customer_pages(core, writes, targets),
        *_work_routes(core, writes, targets),
        *operator_routes(core, known),
        source_routes(known, writes, spool.waits),
        file_routes(uploads, core.addresses),
        *engineer_pages(core, writes, uploads, codes=page_proof(core.settings, targets).sent),
        host_routes(readings.send, functools.partial(disks_of_hosts, core.pool)),
        identity_routes(),
        health_routes({"postgres": _touch(core), "kafka": log.ping}),
        _stream(core, hub, sent_events, subscription_notes, stopping),
        engineer_push_routes(push_sessions),
    ]
    runs = (
        hub.run_for_ever,
        clients.refresh_for_ever,
        sent_events.write_for_ever,
        subscription_notes.write_for_ever,
        core.relay.run,
        files.delete_for_ever,
        floor.run,
        files_floor.run,
        arrivals.write_for_ever,
        *alerting,
    )
    return make_app(
        replace(
            _deps(core, clients, arrivals.note, report),
            body_limit=body_limit(core.settings.body_bytes_max, known, utc_now),
        ),
        features,
        group=group,
        tasks=(*runs, push_sessions.run) if push_sessions else runs,
    )


def _stream(
    core: Core,
    hub: StreamHub,
    sent_events: PostgresSentEvents,
    notes: PostgresSubscriptionNotes,
    stopping: asyncio.Event,
) -> Feature:
    declared = DeclaredSubscriptions(functools.partial(in_transaction, core.pool, subscriptions))
    filters = StreamFilters(contract=core.contract, declared=declared, live=TicketContexts(core.store.events))
    most = core.settings.streams_per_client
    return stream_routes(hub, core.contract, sent_events, notes, filters, per_client=most, stopping=stopping)


def _work_routes(core: Core, writes: WriteSide, targets: TargetsConfig) -> Sequence[Feature]:
    """Give what shows how far the work on a ticket is, and where people practise it."""
    rules = core.dispatcher.rules
    return [
        clock_routes(core.store, rules.calendars, utc_now),
        work_order_routes(core.store, rules.work_orders),
        code_list_routes(rules.closure),
        practice_routes(
            writes,
            PracticeSources(
                rules=rules,
                contract=core.contract,
                targets=targets.wants,
                open_of=lambda creator: in_transaction(core.pool, open_practices, creator),
            ),
        ),
    ]


def _deps(core: Core, clients: ClientCache, arrived: Callable[[str], None], report: AlertSink) -> GatewayDeps:
    settings = core.settings
    return GatewayDeps(
        clients=clients,
        body_bytes_max=settings.body_bytes_max,
        cors_origins=settings.cors_origins,
        quota=Quota(settings.client_rate_per_s),
        report=report,
        arrived=arrived,
        answers=AnswerBudget(bytes_max=settings.answer_bytes_max, reads_per_client=settings.reads_per_client),
    )


def _files(core: Core) -> Files:
    settings = core.settings
    limits = FileLimits(
        bytes_max=settings.file_bytes_max,
        client_day_bytes=settings.files_client_day_bytes,
        free_bytes_min=settings.files_free_bytes_min,
    )
    return Files(pool=core.pool, store=store_of(settings), limits=limits)


def _touch(core: Core) -> Callable[[], Awaitable[None]]:
    async def touch() -> None:
        async with connected(core.pool) as connection:
            await connection.execute("SELECT 1")

    return touch
