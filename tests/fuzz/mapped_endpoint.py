"""What comes to sources that maps describe: the shipped ones, each signed as its vendor signs, and one of a list."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from tests.fuzz.endpoints import JUNK
from tests.fuzz.judge import SECRET_WORD
from tests.fuzz.mutations import damaged, spelled
from tests.fuzz.shots import Answer, Corpus, Header, Shot
from tests.mapped.vendors import SAMPLES, SIGNED, environment

LOGIN: Final = "list:a-secret-of-the-list"
LIST_MAP: Final = """
source: listed
transport: {body: form-json, json_field: payload, headers: [X-Kind]}
proof: {kind: basic, secrets: [LISTED_LOGIN]}
delivery_id: {header: webhook-id}
documents: "batch.items || items[*] || [@]"
envelope: {sent: batch.sent, region: "batch.regions[0]"}
when: "!(hidden) && not_null(kind, _headers.\\"x-kind\\")"
number: {from: "not_null(no, nested.list[?name == 'no'].value | [0])", words: {"7001": "7001", "7002": "7002"}}
at: {from: "at || _envelope.sent"}
actor: {from: by, default: 无名}
time: {format: [iso8601, epoch_ms, "%Y/%m/%d %H:%M"], zone: Asia/Shanghai}
missing: ["-"]
commands:
  - command: open-ticket
    when: kind == 'open'
    fields:
      incident_key: {kind: {from: key.kind, default: order}, value: "join('-', ['listed', to_string(no)])"}
      title: {from: "join(' ', sort(nested.list[?type(value) == 'string'].value))", html: true}
      type: {value: hardware_fault}
      description: {from: text, html: true}
      skills: "sort_by(nested.list, &name)[*].name"
      customer: {name: who, phone: phone}
      opened_at: opened
  - command: issue-parts
    when: kind == 'parts'
    fields:
      document_no: doc
      parts: {each: "lines[?to_number(count) > `0`]", part_no: sku, quantity: count}
  - command: pause
    when: kind == 'pause'
    fields: {waiting_for: {from: for, words: {c: customer, p: parts}}}
otherwise: {note: "join('', ['其他 other: ', to_string(kind), to_string(sum(lines[*].count))])"}
"""
_LISTED: Final = {
    "batch": {
        "sent": (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds"),
        "regions": ["华东"],
        "items": [
            {"kind": "open", "no": 7001, "at": "-", "by": f"{SECRET_WORD}客服", "key": {"kind": "order"},
             "nested": {"list": [{"name": "泵", "value": "<b>不转</b>"}, {"name": "阀", "value": "漏水"}]},
             "text": "<p>一</p><p>二 &amp; 三</p>", "who": f"{SECRET_WORD}女士", "phone": "13912345678",
             "opened": (datetime.now(UTC) - timedelta(hours=2)).isoformat()},
            {"kind": "parts", "no": "7001", "doc": "D-1",
             "lines": [{"sku": "P-1", "count": 2}, {"sku": "P-2", "count": "1"}]},
            {"kind": "pause", "no": 7001, "for": "c"},
            {"kind": "else", "no": 7002, "lines": [{"count": 1}]},
        ],
    }
}  # fmt: skip


_AGO: Final = re.compile(r"2026-11-22(?P<between>[ T])\d\d:\d\d:\d\d(?P<rest>(?:\.\d+)?(?P<zone>Z|\+0800|\+08:00)?)")


def _with_persons(body: bytes) -> Any:
    """Read a sample as of an hour ago, about persons whose names no log may hold."""
    text = body.decode().replace("王女士", f"{SECRET_WORD}女士").replace("李敏", f"{SECRET_WORD}员")
    text = re.sub(r"\b17953\d{8}\b", str(int(datetime.now(UTC).timestamp() * 1000) - 3_600_000), text)
    return json.loads(_AGO.sub(_hour_ago, text.replace("13800000001", "13912345678")))


def _hour_ago(found: re.Match[str]) -> str:
    utc = found["zone"] is None or not found["zone"].startswith("+")
    at = datetime.now(UTC if utc else timezone(timedelta(hours=8))) - timedelta(hours=1)
    return f"{at:%Y-%m-%d}{found['between']}{at:%H:%M:%S}{found['rest']}"


def _trees() -> dict[str, list[Any]]:
    names = ((vendor, path) for vendor in SIGNED for path in sorted((SAMPLES / vendor).glob("*.json")))
    found = {
        f"{vendor}/{path.stem}": [_with_persons(path.read_bytes())]
        for vendor, path in names
        if path.stem not in ("expected", "malformed")
    }
    return found | {"listed/": [_LISTED]}


def contents() -> Mapping[str, str]:
    """Give the maps, by the vendor's name, with the one ticket type that every set of rules has."""
    types = re.compile(r"\b(?:it_incident|configuration_question|maintenance)\b")
    return {**{vendor: types.sub("hardware_fault", shipped(vendor)) for vendor in SIGNED}, "listed": LIST_MAP}


def maps() -> Mapping[str, MappedSource]:
    """Make the sources, by the vendor's name."""
    return {vendor: MappedSource(read_map(content), 1, secrets()) for vendor, content in contents().items()}


def secrets() -> dict[str, str]:
    """Give the variables of all of them."""
    return {name: text for vendor in SIGNED for name, text in environment(vendor).items()} | {"LISTED_LOGIN": LOGIN}


def _renewed(tree: Any, delivery: str) -> Any:
    """Give a document an id of its own where its source has the delivery's id in the body."""
    if not isinstance(tree, dict):
        return tree
    fresh: dict[str, Any] = {name: delivery for name in ("id", "delivery") if isinstance(tree.get(name), str)}
    event = tree.get("Event")
    if isinstance(event, dict) and event.get("ArticleID"):
        fresh["Event"] = {**event, "ArticleID": delivery}
    return {**tree, **fresh}


@dataclass(slots=True, kw_only=True)
class MappedEndpoint:
    """Deliveries under maps: rightly signed garbage most of all."""

    chance: Random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    corpus: Corpus = field(default_factory=lambda: Corpus(trees=_trees()))
    sources: Mapping[str, MappedSource] = field(default_factory=maps)
    used: list[Shot] = field(default_factory=list)
    number: int = 0
    run: str = ""
    valid: list[str] = field(
        default_factory=lambda: sorted(_trees(), key=lambda seed: seed.endswith(("/created", "/")))
    )

    def valid_shots(self) -> Sequence[Shot]:
        """Give each sample as it is, the openings before the others."""
        seeds = sorted(self.corpus.trees, key=lambda seed: not seed.endswith(("/created", "/")))
        return [self._of(seed, self.corpus.trees[seed][0], 0) for seed in seeds]

    def shot(self) -> Shot:
        """Give the next one."""
        makers: Sequence[Callable[[], Shot]] = (self._delivery, self._unproven, self._again)
        return self.chance.choices(makers, (85, 8, 7))[0]()

    def _delivery(self) -> Shot:
        seed = self.chance.choice(sorted(self.corpus.trees))
        return self._of(seed, self.corpus.next(seed, self.chance), 0.15)

    def _of(self, seed: str, tree: Any, damage: float) -> Shot:
        self.number += 1
        vendor, delivery = seed.partition("/")[0], f"map_{self.run}_{self.number}"
        body = spelled(_renewed(tree, delivery))
        if vendor == "listed":
            body = urlencode({"payload": body}).encode()
        if self.chance.random() < damage:
            body = damaged(body, self.chance)
        target = f"/v1/sources/{self.sources[vendor].name}/webhook".encode()
        shot = Shot(method="POST", target=target, headers=self._signed(vendor, body, delivery), body=body, seed=seed)
        shot = replace(shot, tree=tree)
        self.used = [*self.used[-200:], shot]
        return shot

    def _signed(self, vendor: str, body: bytes, delivery: str) -> tuple[Header, ...]:
        if vendor == "listed":
            login = base64.b64encode(LOGIN.encode()).decode()
            headers: Mapping[str, str] = {"authorization": f"Basic {login}", "webhook-id": delivery, "x-kind": "open"}
        else:
            headers = SIGNED[vendor](body, delivery, self.now())
        return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())

    def _unproven(self) -> Shot:
        """Break a header, leave it out, or change the body after signing; under which id it is kept is open."""
        chance, shot = self.chance, replace(self._delivery(), seed="")
        if chance.random() < 0.3:
            return replace(shot, body=damaged(shot.body, chance))
        name = chance.choice(shot.headers)[0]
        kept = tuple(one for one in shot.headers if one[0] != name)
        return replace(shot, headers=(*kept, (name, chance.choice(JUNK))) if chance.random() < 0.7 else kept)

    def _again(self) -> Shot:
        """Deliver again, to the byte."""
        return self.chance.choice(self.used) if self.used else self._delivery()

    def learn(self, shot: Shot, answer: Answer) -> None:
        """Mind what led to a new answer."""
        self.corpus.learn(shot, answer)
