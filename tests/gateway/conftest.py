"""A gateway on parts in memory, reached over ASGI, and the same behind a real server for WebSockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from bus.alert_catalogue import RULES
from bus.consistency.check_result import CheckResult
from bus.consistency.consumer_store import ConsumerLag
from bus.consistency.consumer_verdict import ConsumerStatus
from bus.delivery.targets_config import TargetsConfig
from bus.domain.calendars import ALWAYS_ALONE, Calendars
from bus.domain.page_links import PageLinks
from bus.gateway.app import make_app
from bus.gateway.auth.binding import Client
from bus.gateway.auth.quota import Quota
from bus.gateway.auth.roles import Role
from bus.gateway.customer.handler import NOT_LISTED, ShownHandler
from bus.gateway.customer.page_proof import LINK_ALONE, PageProof
from bus.gateway.deps import GatewayDeps
from bus.gateway.http.answer_budget import AnswerBudget
from bus.gateway.http.answers import FileAnswer
from bus.gateway.http.asyncapi import Hosts
from bus.gateway.http.openapi import document
from bus.gateway.http.routing import Feature, HttpRoute
from bus.gateway.map_service import MapService
from bus.gateway.ports import AlertService, DeadLetterService, RolloutService, SubscriptionService
from bus.gateway.read.figures import DayFigures, FigureRow, spread, window
from bus.gateway.routes.alerts import alert_routes
from bus.gateway.routes.audit import AuditTree, audit_routes
from bus.gateway.routes.clocks import clock_routes
from bus.gateway.routes.code_lists import code_list_routes
from bus.gateway.routes.consumers import consumer_routes
from bus.gateway.routes.deadletters import deadletter_routes
from bus.gateway.routes.devices import device_routes
from bus.gateway.routes.engineer_pushes import engineer_push_routes
from bus.gateway.routes.figures import figure_routes
from bus.gateway.routes.health import health_routes
from bus.gateway.routes.hosts import DiskAnswer, host_routes
from bus.gateway.routes.identity import identity_routes
from bus.gateway.routes.knowledge import knowledge_routes
from bus.gateway.routes.maps import map_routes
from bus.gateway.routes.people import people_routes
from bus.gateway.routes.probes import probe_routes
from bus.gateway.routes.reads import read_routes
from bus.gateway.routes.reconciliations import reconcile_routes
from bus.gateway.routes.rejected import rejected_routes
from bus.gateway.routes.rollouts import rollout_routes
from bus.gateway.routes.sources import source_routes
from bus.gateway.routes.stream import stream_routes
from bus.gateway.routes.subscriptions import subscription_routes
from bus.gateway.routes.tickets import ticket_routes
from bus.gateway.routes.topics import topic_routes
from bus.gateway.routes.work_orders import work_order_routes
from bus.gateway.stream.hub import StreamHub
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.request_coalescing import InFlight
from bus.gateway.write.write_side import WriteSide
from bus.intake.dispatch import utc_now
from bus.intake.source_adapter import Source
from bus.journey.probes import Probe
from bus.kafka.tail_reader import LogSource
from bus.postgres.device_rows import RepairRow
from bus.postgres.personal_keys import Reader
from bus.wire.codec import Codec
from deadletter.rejected_inputs import MemoryRejectedInputs
from schemas.messages import HostRead
from tests.gateway.behind_a_server import behind_a_server
from tests.gateway.by_role import ByRole
from tests.gateway.customer_pages import LINKS, customer_pages
from tests.gateway.described import Described
from tests.gateway.engineer_pages import engineer_page_features, opener_on
from tests.gateway.fake_alerts import FakeAlertService
from tests.gateway.fake_audit import FakeAudit
from tests.gateway.fake_board import board_features
from tests.gateway.fake_clear import FakeClear
from tests.gateway.fake_deadletters import FakeDeadLetters
from tests.gateway.fake_drift_lists import FakeDriftLists, responsibility_routes
from tests.gateway.fake_insight import FakeInsight, insight_features
from tests.gateway.fake_journey import journey_of
from tests.gateway.fake_knowledge import FakeKnowledge
from tests.gateway.fake_maps import FakeMaps
from tests.gateway.fake_people import FakePeople
from tests.gateway.fake_reconciling import FakeReconciling
from tests.gateway.fake_rejected import FakeRejectedInputs
from tests.gateway.fake_rollouts import FakeRolloutService
from tests.gateway.fake_subscription_notes import FakeSubscriptionNotes
from tests.gateway.fake_subscriptions import FakeSubscriptionService, filters_on
from tests.gateway.fakes import (
    CODEC,
    CONTRACT,
    FakeClients,
    FakeLog,
    FakePushes,
    FakeReadModel,
    FakeSource,
    FakeSpool,
    StoreThatMayBeAway,
    dispatcher_on,
)
from tests.gateway.giving import giving
from tests.gateway.practising import NO_TARGETS, practice_features

BODY_BYTES_MAX = 262_144
PERSON = {"role": "engineer", "person": "王工", "contact": "13800000001", "backup_person": "李工",
          "backup_contact": "13800000002"}  # fmt: skip


@dataclass
class Gateway(ByRole):
    """The app, its parts, and a client that speaks as any role."""

    store: StoreThatMayBeAway = field(default_factory=StoreThatMayBeAway)
    log: FakeLog = field(default_factory=FakeLog)
    refused: MemoryRejectedInputs = field(default_factory=MemoryRejectedInputs)
    tickets: FakeReadModel = field(default_factory=FakeReadModel)
    pushes: FakePushes = field(default_factory=FakePushes)
    spool: FakeSpool = field(default_factory=FakeSpool)
    dead_letters: DeadLetterService = field(default_factory=FakeDeadLetters)
    sources: Mapping[str, Source] = field(default_factory=lambda: {"fake": FakeSource()})
    stream_log: LogSource | None = None
    codec: Codec = CODEC
    waiting_max: int = 1000
    streams_per_client: int = 500
    known_by: Mapping[str, Sequence[str]] = field(default_factory=dict)  # tickets of a name, newest first
    verdict: list[dict[str, Any]] = field(default_factory=list)  # of any of their journeys
    readings: list[HostRead] = field(default_factory=list)
    subscriptions: FakeSubscriptionNotes = field(default_factory=FakeSubscriptionNotes)
    cors_origins: Sequence[str] = ()
    answers: AnswerBudget = field(default_factory=AnswerBudget)
    alerts: AlertService = field(default_factory=FakeAlertService)
    consumers: Sequence[ConsumerStatus] = ()
    lags: Sequence[ConsumerLag] = ()
    probes: Sequence[Probe] = ()
    counted: Sequence[FigureRow] = ()
    audit: FakeAudit = field(default_factory=FakeAudit)
    rejected: FakeRejectedInputs = field(default_factory=FakeRejectedInputs)
    disks: Sequence[DiskAnswer] = ()
    topics_checked: Sequence[CheckResult] = ()
    topics_checking: Callable[[], None] = lambda: None
    subscribers: SubscriptionService = field(default_factory=FakeSubscriptionService)
    rollouts: RolloutService = field(default_factory=FakeRolloutService)
    maps: MapService = field(default_factory=FakeMaps)
    people: FakePeople = field(default_factory=FakePeople)
    insight: FakeInsight = field(default_factory=FakeInsight)
    repairs: dict[str, Sequence[RepairRow]] = field(default_factory=dict)
    knowledge: FakeKnowledge = field(default_factory=FakeKnowledge)
    drift_lists: FakeDriftLists = field(default_factory=FakeDriftLists)
    reconciling: FakeReconciling = field(default_factory=FakeReconciling)
    url: str = ""
    namespace: str = "t"
    calendars: Calendars = ALWAYS_ALONE
    check: Callable[[], None] = lambda: None
    now: Callable[[], datetime] = utc_now
    handlers: dict[str, ShownHandler] = field(default_factory=dict)
    links: PageLinks = LINKS
    proof: PageProof = LINK_ALONE
    targets: TargetsConfig = NO_TARGETS

    def __post_init__(self) -> None:
        self.dispatcher = dispatcher_on(self.store, self.log)
        self.opener = opener_on(self.store, self._now)
        self.group, self.in_flight = GroupCommit(self.dispatcher), InFlight()
        self.hub = StreamHub(self.stream_log or self.log, self.codec.decode, CONTRACT.public(), self.waiting_max)
        self.clients = FakeClients({role.value: Client(name=f"a-{role}", role=role) for role in Role})
        self.deps = GatewayDeps(
            clients=self.clients,
            body_bytes_max=BODY_BYTES_MAX,
            quota=Quota(1e9),
            answers=self.answers,
            cors_origins=self.cors_origins,
        )
        features = self.features()
        self.app: Starlette = make_app(self.deps, features, group=self.group, tasks=[self.hub.run_for_ever])
        routes = [route for feature in features for route in feature if isinstance(route, HttpRoute)]
        described = Described(lambda: document(routes))
        self.hooks: dict[str, list[Callable[..., Any]]] = {"response": [described]}
        transport = httpx2.ASGITransport(app=self.app)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://bus", event_hooks=self.hooks)

    def features(self) -> Sequence[Feature]:
        """Make the routes that the program serves, on these parts."""
        filters = filters_on(self.subscribers, self.store.events)
        writes = WriteSide(
            group=self.group,
            store=self.store,
            in_flight=self.in_flight,
            spool=self.spool,
            refused=self.refused,
            check=lambda: self.check(),  # noqa: PLW0108 - a test may put another in its place
        )
        return [
            ticket_routes(writes, self.links),
            read_routes(
                store=self.store,
                tickets=self.tickets,
                journey=self._journey,
                contract=CONTRACT,
                in_clear=FakeClear(),
                files=self._files_of,
            ),
            *customer_pages(
                writes, self.dispatcher.rules, self.links, handler_of=self._handler_of, now=self._now, proof=self.proof
            ),
            engineer_page_features(self.opener, writes),
            clock_routes(self.store, self.dispatcher.rules.calendars, utc_now),
            work_order_routes(self.store, self.dispatcher.rules.work_orders),
            code_list_routes(self.dispatcher.rules.closure),
            practice_features(writes, self.store, self.dispatcher.rules, lambda: self.targets),
            responsibility_routes(self.store, self.drift_lists, self.deps.now),
            board_features(self.store, self.people.rows, self.calendars, self.deps.now),
            *insight_features(self.insight),
            device_routes(self._repairs),
            deadletter_routes(self.dead_letters, self.refused),
            alert_routes(self.alerts, RULES, self.refused),
            source_routes(self.sources, writes, self.spool.waits),
            consumer_routes(giving(lambda: self.consumers), giving(lambda: self.lags), utc_now),
            probe_routes(giving(lambda: self.probes), utc_now),
            figure_routes(self._figures),
            subscription_routes(self.subscribers, CONTRACT, Hosts(namespace=self.namespace), self.refused),
            rollout_routes(self.rollouts, self.refused),
            map_routes(self.maps, self.refused),
            people_routes(self.people, self.people.let_go, self.refused, utc_now, self.calendars),
            knowledge_routes(self.knowledge, self.store, self.refused, utc_now),
            topic_routes(self._check_topics),
            rejected_routes(self.rejected),
            audit_routes(AuditTree(self.audit.state, self.audit.check, self.audit.bundle)),
            reconcile_routes(self.reconciling),
            identity_routes(),
            health_routes({"postgres": self._probe_store, "kafka": self._probe_log}),
            stream_routes(
                self.hub, CONTRACT, self.pushes, self.subscriptions, filters, per_client=self.streams_per_client
            ),
            engineer_push_routes(None),
            host_routes(self._take_readings, giving(lambda: self.disks)),
        ]

    async def _repairs(self, serial: str, regions: Sequence[str], most: int) -> Sequence[RepairRow]:
        return [one for one in self.repairs.get(serial, ()) if not regions or one.region in regions][:most]

    async def _take_readings(self, readings: Sequence[HostRead]) -> None:
        self.readings += readings

    async def _figures(self, now: datetime, hours: int) -> DayFigures:
        return spread(self.counted, *window(now, hours))

    async def _check_topics(self) -> Sequence[CheckResult]:
        self.topics_checking()
        return self.topics_checked

    async def caught_up(self) -> None:
        """Wait until the stream's tail has read all that the log holds."""
        async with asyncio.timeout(60):
            while self.hub.positions != self.log.bounds(CONTRACT.public()).ends:
                await asyncio.sleep(0.001)

    async def _journey(self, anything: str, *, after: int, most: int) -> dict[str, Any] | None:
        return journey_of(anything, self.known_by, self.verdict, after=after, most=most)

    async def _handler_of(self, person: str, _now: datetime) -> ShownHandler:
        self.store._there()
        return self.handlers.get(person, NOT_LISTED)

    def _now(self) -> datetime:
        return self.now()  # a test may put another in its place

    async def _files_of(self, _ticket_id: str, _reader: Reader) -> list[FileAnswer]:
        return []

    async def _probe_store(self) -> None:
        self.store._there()

    async def _probe_log(self) -> None:
        self.log.bounds(())


async def _running(gateway: Gateway) -> AsyncIterator[Gateway]:
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        yield gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """Run a gateway in memory."""
    async for one in _running(Gateway()):
        yield one


@pytest.fixture
async def served() -> AsyncIterator[Gateway]:
    """Run one behind a real server; its queues are short, so that slow readers show."""
    async with behind_a_server(Gateway(waiting_max=50)) as gateway:
        yield gateway
