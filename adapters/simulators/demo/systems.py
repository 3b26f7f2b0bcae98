"""The systems that the bus calls in the story, an ERP, a CRM and a chat robot, and the files that name them."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib import resources
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import yaml

from adapters.simulators.systems_around import CRM_VARIABLE, ERP, ROBOT, SystemsAround, listening_as

CRM: Final = "crm"
BREAKER_FAILURES: Final = 3
URGENT: Final = "complaint"
ANSWER_S: Final = 3
LEAD: Final = "组长"
ZENDESK_VARIABLE: Final = "ZENDESK_WEBHOOK_SECRET"  # as the map names it that comes with the bus
ZENDESK_SECRET: Final = token_urlsafe(24)


class DemoSystems(SystemsAround):
    """As a hurried operator names them."""

    __slots__ = ()

    def write_files(self, folder: Path) -> Mapping[str, str]:
        """Write the files of a hurried operator; give the variables that the programs need to go by them."""
        options = {"url": self.crm.url, "secrets": [CRM_VARIABLE]}
        crm = {"adapter": "crm-callback", "events": "all", "options": options}
        retry = {"first_wait": "PT0.2S", "longest_wait": "PT1S"}
        breaker = {"failures": BREAKER_FAILURES, "probe_every": "PT1S"}
        targets = {CRM: crm, ERP: self.erp_target(retry=retry, breaker=breaker)}
        routing = {"mode": "suggest", "weights": {"load": 40, "skill": 20, "device": 20, "first_fix": 10, "travel": 10}}
        files = {"targets": {"targets": targets}, "routing": routing, "sla": _sla()}
        calls = [{"types": [URGENT], "broken": [{"whom": LEAD, "channels": [ROBOT]}]}]
        return {**self.write(folder, files, escalations=calls), ZENDESK_VARIABLE: ZENDESK_SECRET}


def _sla() -> Mapping[str, Any]:
    """Promise what is shipped, but for one type an answer so soon that nobody waits for it to be late."""
    shipped = yaml.safe_load(resources.files("schemas").joinpath("sla.yaml").read_text(encoding="utf-8"))
    return {**shipped, URGENT: {**shipped[URGENT], "response": f"PT{ANSWER_S}S"}}


def listening() -> AbstractAsyncContextManager[DemoSystems]:
    """Let all listen."""
    return listening_as(DemoSystems, stock=40)
