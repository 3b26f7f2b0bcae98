"""The systems around the bus in demo and drill: an ERP, a CRM and a chat robot, and the files that name them."""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_books import Account
from adapters.simulators.wecom_robot import WecomRobotSimulator

ERP: Final = "erp"
PART: Final = "WM-SEAL-07"
ROBOT: Final = "sre"  # the channel
CRM_VARIABLE: Final = "SIMULATED_CRM_SECRET"
_ERP_VARIABLE: Final = "SIMULATED_ERP_APP_SECRET"
_ROBOT_VARIABLE: Final = "SIMULATED_WECOM_ROBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemsAround:
    """All listen on loopback; their secrets and addresses are known by variables, which the files name."""

    erp: KingdeeSimulator
    crm: CallbackReceiver
    crm_secret: str
    robot: WecomRobotSimulator

    def write(
        self, folder: Path, files: Mapping[str, Any], *, escalations: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, str]:
        """Write `files` and the one of alerts; give the variables that the programs need to go by them."""
        channels = {ROBOT: {"adapter": "wecom-robot", "options": {"url_variable": _ROBOT_VARIABLE}}}
        rules = {"disk_filling": {"open_after_s": 0}}  # who watches is not kept waiting for a second forecast
        files = {**files, "alerts": {"channels": channels, "rules": rules, "escalations": [*escalations]}}
        for name, content in files.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return {
            CRM_VARIABLE: self.crm_secret,
            _ERP_VARIABLE: self.erp.account.app_secret,
            _ROBOT_VARIABLE: self.robot.url,
            **{f"TICKETBUS_{name.upper()}_FILE": str(folder / f"{name}.yaml") for name in files},
        }

    def erp_target(self, **more: Any) -> Mapping[str, Any]:
        """Give the target of the ERP, which gets requests for parts; `more`: other keys of it."""
        options = self.erp.target_options(_ERP_VARIABLE)
        return {"adapter": "kingdee", "events": ["PartsRequested"], "options": options, **more}


Around = TypeVar("Around", bound=SystemsAround)


@asynccontextmanager
async def listening_as(kind: type[Around], *, stock: int) -> AsyncIterator[Around]:
    """Let all listen, on ports that nobody else has, with secrets that nobody else knows."""
    account = Account(app_secret=secrets.token_urlsafe(32))
    crm_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    erp = KingdeeSimulator(stock={PART: stock}, account=account)
    async with erp.serving(), CallbackReceiver(crm_secret) as crm, WecomRobotSimulator() as robot:
        yield kind(erp=erp, crm=crm, crm_secret=crm_secret, robot=robot)
