"""`ticketbus simulate` of the CRMs that are sources and targets: 纷享销客 and Salesforce."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from adapters.simulators.fxiaoke_faults import FxiaokeFault
from adapters.simulators.salesforce_faults import SalesforceFault
from bus.cli.simulate import GATEWAY, commands
from bus.cli.simulating import Port, Switch, listed, log_call, serve, turned

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["commands"]
# Variables that the targets file and the map name.
SALESFORCE_KEY, SALESFORCE_SECRET = "SALESFORCE_PRIVATE_KEY", "SALESFORCE_PATH_SECRET"
FXIAOKE_SECRET, FXIAOKE_CODE = "FXIAOKE_APP_SECRET", "FXIAOKE_PERMANENT_CODE"


@commands.command(epilog=listed(FxiaokeFault))
def fxiaoke(
    port: Port = 8708,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="A case that is there at the start: its title, in title__c.")
    ] = None,
    lag: Annotated[float, typer.Option("--lag", min=0, help="Seconds until questions find a new record.")] = 0,
    switch: Switch = None,
) -> None:
    """Stand in for a 纷享销客 until Ctrl-C: tokens, records, limits on calls, and the faults that are switched on.

    It keeps its books in memory and listens on 127.0.0.1 alone. A switch may name the services that it is for, of
    token, query, create and update: NAME=TIMES@create; flip it while it runs with POST /_switch.

    Example: ticketbus simulate fxiaoke --case 水泵不转 --switch error-after=1@create
    """
    from adapters.simulators.fxiaoke import FxiaokeSimulator
    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.rehearsal import fxiaoke_line, fxiaoke_switches

    system = FxiaokeSimulator(port=port, most=CALLS_MAX)
    for title in case or []:
        system.books.create("CasesObj", {"title__c": title, "status__c": "new"})
    system.books.lag_s = lag
    system.seen = lambda service, body, fault: log_call(fxiaoke_line(service, body, fault))
    system.switches = turned(fxiaoke_switches(system), switch)

    def shown() -> "Mapping[str, Any]":
        state = {"update": "CasesObj", "id": "ticket.source_no", "fields": {"status__c": "ticket.state"}}
        options = {"account": dict(system.account(FXIAOKE_SECRET, FXIAOKE_CODE)), "writes": [state]}
        return {"fxiaoke": {"adapter": "fxiaoke", "events": "all", "options": options}}

    made = {FXIAOKE_SECRET: system.tenant.app_secret, FXIAOKE_CODE: system.tenant.permanent_code}
    serve(system.serving(), shown, lambda: made, lambda: system.url)


@commands.command(epilog=listed(SalesforceFault))
def salesforce(
    port: Port = 8709,
    switch: Switch = None,
    gateway: Annotated[
        str, typer.Option("--gateway", envvar=GATEWAY, help="Where its outbound messages go, as POST /_send has it.")
    ] = "",
    source: Annotated[str, typer.Option("--source", help="Its name at the gateway.")] = "salesforce",
) -> None:
    """Stand in for a Salesforce organization until Ctrl-C: OAuth, upserts, queries, and the faults switched on.

    It keeps its records in memory and listens on 127.0.0.1 alone. A switch may name the services that it is for, of
    Token, Write and Query: NAME=TIMES@Write; flip it while it runs with POST /_switch, whose GET has the records. With
    a gateway, and the secret of its address in SALESFORCE_PATH_SECRET, POST /_send makes a case or changes the one
    of an Id, and sends outbound messages of it until they are acknowledged.

    Example: ticketbus simulate salesforce --switch locked=2@Write
    """
    import os
    from urllib.parse import quote

    from adapters.simulators.oldest import CALLS_MAX
    from adapters.simulators.patient_client import client
    from adapters.simulators.rehearsal import salesforce_line, salesforce_switches
    from adapters.simulators.salesforce import SalesforceSimulator
    from adapters.simulators.salesforce_messages import OutboundMessages

    org = SalesforceSimulator(port=port, most=CALLS_MAX)
    org.seen = lambda service, body, fault: log_call(salesforce_line(service, body, fault))
    org.switches = turned(salesforce_switches(org), switch)
    secret, sender = os.environ.get(SALESFORCE_SECRET), None
    if gateway and secret:
        address = f"/v1/sources/{source}/webhook/{quote(secret, safe='')}"
        sender = OutboundMessages(org=org.books, http=client(gateway, {}), address=address)
        sender.seen = lambda came, waiting: log_call(f"outbound message → {came}, {waiting} 条等待 waiting")
        org.note = sender.note

    def shown() -> "Mapping[str, Any]":
        options = org.target_options(SALESFORCE_KEY)
        return {"salesforce": {"adapter": "mapped-http", "events": "all", "options": options}}

    example = '{"Subject": "水泵不转", "Type": "Problem"}'
    key = {SALESFORCE_KEY: org.books.private_key}
    serve(org.serving(), shown, lambda: key, lambda: org.url, sender, example=example)
