"""The vendors of the shipped maps: their samples, and how each signs, written down from its documents alone."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from bus.intake.source_adapter import PATH_SECRET, PEER
from bus.rules_config import load_rules
from bus.settings import Settings

SAMPLES: Final = Path(__file__).parent / "samples"
RULES: Final = load_rules(Settings())
Headers = Mapping[str, str]


def secret_of(vendor: str) -> str:
    """Give the vendor's own secret; to Basic it is user and password."""
    return f"ticketbus:a-secret-of-{vendor}"


def _mac(vendor: str, content: bytes, algorithm: Any = hashlib.sha256) -> Any:
    return hmac.new(secret_of(vendor).encode(), content, algorithm)


def _zendesk(body: bytes, _delivery: str, now: datetime) -> Headers:
    """Sign as developer.zendesk.com says: base64(HMACSHA256(TIMESTAMP + BODY))."""
    time = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(_mac("zendesk", time.encode() + body).digest()).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": time,
    }


def _zammad(body: bytes, delivery: str, _now: datetime) -> Headers:
    """Sign as Zammad does: HMAC-SHA1 of the body, as a hub signature."""
    signature = _mac("zammad", body, hashlib.sha1).hexdigest()
    return {"X-Hub-Signature": f"sha1={signature}", "X-Zammad-Delivery": delivery}


def _jira(body: bytes, delivery: str, _now: datetime) -> Headers:
    """Sign as Jira Cloud does: WebSub's method=signature."""
    signature = _mac("jira-service-management", body).hexdigest()
    return {"X-Hub-Signature": f"sha256={signature}", "X-Atlassian-Webhook-Identifier": delivery}


def _glpi(body: bytes, _delivery: str, now: datetime) -> Headers:
    """Sign as GLPI's Webhook.php does, long before it sends: hash_hmac('sha256', body . timestamp, secret)."""
    time = str(int(now.timestamp()) - 3_000)
    return {"X-GLPI-signature": _mac("glpi", body + time.encode()).hexdigest(), "X-GLPI-timestamp": time}


def _basic(vendor: str) -> Callable[[bytes, str, datetime], Headers]:
    login = base64.b64encode(secret_of(vendor).encode()).decode()
    return lambda _body, _delivery, _now: {"Authorization": f"Basic {login}"}


def _salesforce(_body: bytes, _delivery: str, _now: datetime) -> Headers:
    """Sign nothing, as outbound messages do: the address has the secret, and the caller one of Salesforce's."""
    return {PEER: "13.108.0.7", PATH_SECRET: secret_of("salesforce")}


SIGNED: Final[Mapping[str, Callable[[bytes, str, datetime], Headers]]] = {
    "zendesk": _zendesk,
    "zammad": _zammad,
    "jira-service-management": _jira,
    "glpi": _glpi,
    "servicenow": _basic("servicenow"),
    "freshdesk": _basic("freshdesk"),
    "znuny": _basic("znuny"),
    "salesforce": _salesforce,
}
PULLED: Final = frozenset({"fxiaoke"})  # nobody sends what a worker asks for
BY_LOGIN: Final = frozenset({"servicenow", "freshdesk", "znuny", "salesforce"})


def sample(vendor: str, name: str) -> bytes:
    """Give a sample, to the byte."""
    [file] = (SAMPLES / vendor).glob(f"{name}.*")
    return file.read_bytes()


def source(vendor: str) -> MappedSource:
    """Make the source of a vendor's shipped map."""
    mapped = read_map(shipped(vendor), vendor, RULES.sla)
    return MappedSource(mapped, 1, environment(vendor))


def environment(vendor: str) -> Mapping[str, str]:
    """Give the variables that the vendor's map names."""
    mapped = read_map(shipped(vendor), vendor)
    return dict.fromkeys(mapped.proof.secrets, secret_of(vendor)) if mapped.proof else {}
