"""The systems that the bus calls in the story, an ERP, a CRM and a chat robot, and the files that name them."""

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
from adapters.simulators.wecom_robot import WecomRobotSimulator

ERP: Final = "erp"
CRM: Final = "crm"
BREAKER_FAILURES: Final = 3
SEAL: Final = "WM-SEAL-07"
_ERP_VARIABLE: Final = "DEMO_ERP_APP_SECRET"
_CRM_VARIABLE: Final = "DEMO_CRM_CALLBACK_SECRET"
_ROBOT_VARIABLE: Final = "DEMO_WECOM_ROBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """All listen on loopback; `secrets` are their secrets by the variable that the files name."""

    erp: KingdeeSimulator
    crm: CallbackReceiver
    robot: WecomRobotSimulator
    secrets: Mapping[str, str]

    def write_files(self, folder: Path) -> Mapping[str, str]:
        """Write the files of a hurried operator; give the variables that the programs need to go by them."""
        targets, alerts = folder / "targets.yaml", folder / "alerts.yaml"
        targets.write_text(yaml.safe_dump({"targets": {CRM: self._crm(), ERP: self._erp()}}), encoding="utf-8")
        channels = {"sre": {"adapter": "wecom-robot", "options": {"url_variable": _ROBOT_VARIABLE}}}
        rules = {"disk_filling": {"open_after_s": 0}}  # who watches is not kept waiting for a second forecast
        alerts.write_text(yaml.safe_dump({"channels": channels, "rules": rules}), encoding="utf-8")
        return {"TICKETBUS_TARGETS_FILE": str(targets), "TICKETBUS_ALERTS_FILE": str(alerts), **self.secrets}

    def _crm(self) -> dict[str, Any]:
        options = {"url": self.crm.url, "secrets": [_CRM_VARIABLE]}
        return {"adapter": "crm-callback", "events": "all", "options": options}

    def _erp(self) -> dict[str, Any]:
        return {
            "adapter": "kingdee",
            "events": ["PartsRequested"],
            "retry": {"first_wait": "PT0.2S", "longest_wait": "PT1S"},
            "breaker": {"failures": BREAKER_FAILURES, "probe_every": "PT1S"},
            "options": self.erp.target_options(_ERP_VARIABLE),
        }


@asynccontextmanager
async def listening() -> AsyncIterator[Systems]:
    """Let all listen, on ports that nobody else has, with secrets that nobody else knows."""
    erp_secret = secrets.token_urlsafe(32)
    crm_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    erp = KingdeeSimulator(stock={SEAL: 40}, account=Account(app_secret=erp_secret))
    async with erp.serving(), CallbackReceiver(crm_secret) as crm, WecomRobotSimulator() as robot:
        known = {_ERP_VARIABLE: erp_secret, _CRM_VARIABLE: crm_secret, _ROBOT_VARIABLE: robot.url}
        yield Systems(erp=erp, crm=crm, robot=robot, secrets=known)
