"""The systems of the drill: a CRM that does not try again, an ERP on a host that fills its disk, a chat robot."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from adapters.simulators.systems_around import CRM_VARIABLE, ERP, SystemsAround, listening_as
from adapters.simulators.ticket_list import LIST_PATH, TicketList

SOURCE: Final = "crm-south"
ERP_HOST: Final = "erp-host"


class DrillSystems(SystemsAround):
    """The CRM has a list of its tickets; the ERP lives on a host that is watched."""

    __slots__ = ()

    def write_files(self, folder: Path) -> Mapping[str, str]:
        """Write the files that name them; give the variables that the programs need to go by them."""
        listed = self.crm.url.removesuffix("/callbacks") + LIST_PATH
        source = {"adapter": "crm-webhook", "options": {"secrets": [CRM_VARIABLE], "list": {"url": listed}}}
        erp = self.erp_target(host=ERP_HOST, concurrency=16, rate_per_s=1000)
        return self.write(folder, {"sources": {"sources": {SOURCE: source}}, "targets": {"targets": {ERP: erp}}})


@asynccontextmanager
async def listening() -> AsyncIterator[DrillSystems]:
    """Let all listen."""
    async with listening_as(DrillSystems, stock=1_000_000) as systems:
        systems.crm.tickets = TicketList(systems.crm_secret)
        yield systems
