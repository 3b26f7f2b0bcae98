"""The systems of the drill: a CRM that does not try again, an ERP on a host that fills its disk, a chat robot."""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_books import Account
from adapters.simulators.ticket_list import LIST_PATH, TicketList
from adapters.simulators.wecom_robot import WecomRobotSimulator

SOURCE: Final = "crm-south"
ERP: Final = "erp"
ERP_HOST: Final = "erp-host"
PART: Final = "WM-SEAL-07"
_CRM_VARIABLE, _ERP_VARIABLE, _ROBOT_VARIABLE = "DRILL_CRM_SECRET", "DRILL_ERP_APP_SECRET", "DRILL_WECOM_ROBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillSystems:
    """All listen on loopback; `secrets` are their secrets by the variable that the files name."""

    crm: CallbackReceiver
    crm_secret: str
    tickets: TicketList
    erp: KingdeeSimulator
    robot: WecomRobotSimulator
    secrets: Mapping[str, str]

    def write_files(self, folder: Path) -> Mapping[str, str]:
        """Write the files that name them; give the variables that the programs need to go by them."""
        listed = self.crm.url.removesuffix("/callbacks") + LIST_PATH
        source = {"adapter": "crm-webhook", "options": {"secrets": [_CRM_VARIABLE], "list": {"url": listed}}}
        channels = {"sre": {"adapter": "wecom-robot", "options": {"url_variable": _ROBOT_VARIABLE}}}
        files: Mapping[str, Any] = {
            "sources": {"sources": {SOURCE: source}},
            "targets": {"targets": {ERP: self._erp()}},
            "alerts": {"channels": channels, "rules": {"disk_filling": {"open_after_s": 0}}},
        }
        for name, content in files.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        variables = {f"TICKETBUS_{name.upper()}_FILE": str(folder / f"{name}.yaml") for name in files}
        return {**variables, **self.secrets}

    def _erp(self) -> dict[str, Any]:
        return {
            "adapter": "kingdee",
            "events": ["PartsRequested"],
            "host": ERP_HOST,
            "concurrency": 16,
            "rate_per_s": 1000,
            "options": self.erp.target_options(_ERP_VARIABLE),
        }


@asynccontextmanager
async def listening() -> AsyncIterator[DrillSystems]:
    """Let all listen, on ports that nobody else has, with secrets that nobody else knows."""
    erp_secret = secrets.token_urlsafe(32)
    crm_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    erp = KingdeeSimulator(stock={PART: 1_000_000}, account=Account(app_secret=erp_secret))
    async with erp.serving(), CallbackReceiver(crm_secret) as crm, WecomRobotSimulator() as robot:
        crm.tickets = TicketList(crm_secret)
        yield DrillSystems(
            crm=crm,
            crm_secret=crm_secret,
            tickets=crm.tickets,
            erp=erp,
            robot=robot,
            secrets={_CRM_VARIABLE: crm_secret, _ERP_VARIABLE: erp_secret, _ROBOT_VARIABLE: robot.url},
        )
