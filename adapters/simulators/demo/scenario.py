"""The demo's story: a CRM reports, an engineer works, the ERP fails and is mended, the customer signs."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from adapters.simulators.crm import Crm
from adapters.simulators.demo.alarms_act import alarms, filling_disk
from adapters.simulators.demo.context import DISPATCHER, ENGINEER, DemoContext, Faults, Operator
from adapters.simulators.demo.escalation_act import escalation
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.demo.parts_act import disk_full, letter, repair
from adapters.simulators.demo.plug_in_act import plug_in
from adapters.simulators.demo.reports_act import reports, second_report, wrong_topic
from adapters.simulators.demo.systems import ZENDESK_SECRET, DemoSystems
from adapters.simulators.demo.trace_act import read_model, trace
from adapters.simulators.demo.work_act import PEOPLE, assignment, closure, refusal, work
from adapters.simulators.dispatcher import DispatcherClient
from adapters.simulators.engineer_app import EngineerApp
from adapters.simulators.host_client import HostClient
from adapters.simulators.zendesk import ZendeskSimulator


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSystem:
    """Where it plays: the gateway, who is let in with what, and what stands around the bus."""

    url: str
    crm_secret: str
    dispatcher_token: str
    engineer_token: str
    host_token: str
    scratch: Path
    systems: DemoSystems
    operator: Operator
    faults: Faults


async def play(stage: DemoSystem, tell: Narrator) -> str:
    """Play the story and give its ticket's number. Raises DemoFailed, NoAnswer, SubscriptionRefused, BusError."""
    async with (
        Crm(stage.url, stage.crm_secret) as crm,
        DispatcherClient(stage.url, stage.dispatcher_token, person=DISPATCHER) as dispatcher,
        EngineerApp(stage.url, stage.engineer_token, stage.scratch / "app.cursor", person=ENGINEER) as app,
        EngineerApp(stage.url, stage.engineer_token, stage.scratch / "wrong.cursor", person=ENGINEER) as wrong_app,
        HostClient(stage.url, stage.host_token) as host,
        ZendeskSimulator(stage.url, ZENDESK_SECRET) as zendesk,
    ):
        context = DemoContext(
            crm=crm,
            dispatcher=dispatcher,
            app=app,
            wrong_app=wrong_app,
            host=host,
            zendesk=zendesk,
            systems=stage.systems,
            operator=stage.operator,
            faults=stage.faults,
        )
        return await _play(context, tell)


async def _play(context: DemoContext, tell: Narrator) -> str:
    async with filling_disk(context) as filling_since:
        await context.operator.keep_people(PEOPLE, by=DISPATCHER)
        ticket_id = await reports(context, tell)
        await second_report(context, tell, ticket_id)
        await wrong_topic(context, tell)
        async with contextlib.aclosing(context.app.events(["ticket.assign"])) as events:
            await assignment(context, tell, ticket_id, events)
            await work(context, tell, ticket_id)
            await disk_full(context, tell, ticket_id)
            await repair(context, tell, ticket_id, await letter(context, tell))
            await refusal(context, tell, ticket_id)
            await closure(context, tell, ticket_id)
        await read_model(context, tell, ticket_id)
        await escalation(context, tell)
        await alarms(context, tell, filling_since)
        await plug_in(context, tell)
        await trace(context, tell, ticket_id)
        return ticket_id
