"""The shipped map of 纷享销客 keeps the contract of every source, its records sent in place of being asked for."""

import json
import re
from collections.abc import Mapping

from adapters import webhook_signature as signature
from adapters.contract_suites.source import NOW, SourceContract
from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from bus.intake.source_adapter import Source
from tests.bus_under_test import WEBHOOK_SECRET
from tests.mapped.vendors import RULES, sample

_ASKED = re.compile(r"^transport:\n(?: .*\n)+", re.MULTILINE)
SENT = _ASKED.sub("proof: {kind: standard-webhooks, secrets: [A_SECRET]}\n", shipped("fxiaoke"))


class TestFxiaokeMapKeepsTheContract(SourceContract):
    """Every duty of `adapters/source_contract.py`."""

    parts = ("_id", "name", "status__c", "title__c", "priority__c", "account_id__r", "create_time", "last_modified_by")

    def adapter(self) -> Source:
        return MappedSource(read_map(SENT, "fxiaoke", RULES.sla), 1, {"A_SECRET": WEBHOOK_SECRET})

    def good(self) -> tuple[Mapping[str, str], bytes]:
        body = sample("fxiaoke", "created")
        return signature.sign(signature.secret(WEBHOOK_SECRET, where="here"), "d-1", NOW, body), body

    def mutated(self, part: str, value: object) -> bytes:
        record = {**json.loads(sample("fxiaoke", "created")), part: value}
        return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
