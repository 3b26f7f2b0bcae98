"""The systems that the bus delivers to in the story, an ERP and a CRM, and the targets file that names them."""

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

ERP: Final = "erp"
CRM: Final = "crm"
BREAKER_FAILURES: Final = 3
SEAL: Final = "WM-SEAL-07"
_ERP_VARIABLE: Final = "DEMO_ERP_APP_SECRET"
_CRM_VARIABLE: Final = "DEMO_CRM_CALLBACK_SECRET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """Both listen on loopback; `secrets` are their secrets by the variable that the targets file names."""

    erp: KingdeeSimulator
    crm: CallbackReceiver
    secrets: Mapping[str, str]

    def write_targets(self, file: Path) -> Mapping[str, str]:
        """Write the targets file of a hurried operator; give the variables that a worker needs to go by it."""
        file.write_text(yaml.safe_dump({"targets": {CRM: self._crm(), ERP: self._erp()}}), encoding="utf-8")
        return {"TICKETBUS_TARGETS_FILE": str(file), **self.secrets}

    def _crm(self) -> dict[str, Any]:
        options = {"url": self.crm.url, "secrets": [_CRM_VARIABLE]}
        return {"adapter": "crm-callback", "events": "all", "options": options}

    def _erp(self) -> dict[str, Any]:
        account = self.erp.account
        return {
            "adapter": "kingdee",
            "events": ["PartsRequested"],
            "retry": {"first_wait": "PT0.2S", "longest_wait": "PT1S"},
            "breaker": {"failures": BREAKER_FAILURES, "probe_every": "PT1S"},
            "options": {
                "base_url": self.erp.url,
                "acct_id": account.acct_id,
                "user": account.user,
                "app_id": account.app_id,
                "app_secret": _ERP_VARIABLE,
                "org": "100",
                "stock": "CK001",
            },
        }


@asynccontextmanager
async def listening() -> AsyncIterator[Systems]:
    """Let both listen, on ports that nobody else has, with secrets that nobody else knows."""
    erp_secret = secrets.token_urlsafe(32)
    crm_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    erp = KingdeeSimulator(stock={SEAL: 40}, account=Account(app_secret=erp_secret))
    async with erp.serving(), CallbackReceiver(crm_secret) as crm:
        yield Systems(erp=erp, crm=crm, secrets={_ERP_VARIABLE: erp_secret, _CRM_VARIABLE: crm_secret})
