"""What an answer on the customer's page wants, by the setting and the targets that send SMS (R20)."""

import pytest

from bus.delivery.targets_config import TargetConfig, TargetsConfig
from bus.gateway.customer.page_proof import LINK_ALONE, PageProof
from bus.programs.customer_pages import page_proof
from bus.settings import Settings


def _targets(adapter: str, *events: str) -> TargetsConfig:
    return TargetsConfig(targets={"one": TargetConfig(adapter=adapter, events=events)})


@pytest.mark.parametrize(
    ("targets", "chosen", "proof"),
    [
        (TargetsConfig(targets={}), None, LINK_ALONE),
        (TargetsConfig(targets={}), "code", PageProof(code=True)),
        (_targets("wecom-app", "ClosureRequested"), None, LINK_ALONE),
        (_targets("sms-aliyun", "EngineerDeparted"), None, LINK_ALONE),
        (_targets("sms-aliyun", "ClosureRequested"), None, PageProof(code=True, sent=True)),
        (_targets("sms-aliyun", "ClosureRequested"), "link", PageProof(sent=True)),
        (_targets("sms-aliyun", "ClosureCodeAsked"), None, PageProof(code=True, sent=True, again=True)),
    ],
)
def test_customer_page_wants_the_code_where_one_is_sent_r20(
    targets: TargetsConfig, chosen: str | None, proof: PageProof
) -> None:
    assert page_proof(Settings(customer_confirm=chosen), targets) == proof
