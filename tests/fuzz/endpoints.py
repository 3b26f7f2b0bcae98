"""What comes to each door: mostly mutated bodies; among them broken headers, odd addresses, proofs of nothing."""

import base64
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import quote_from_bytes

from adapters.webhook_signature import SIGNATURE, Secret, secret, sign
from tests.bus_under_test import WEBHOOK_SECRET
from tests.fuzz.bodies import COMMAND_BODIES, DELIVERY_BODIES
from tests.fuzz.mutations import damaged, spelled
from tests.fuzz.shots import Answer, Corpus, Header, Shot

JUNK: Sequence[bytes] = (
    b"", b" ", b"\t", b"x", b"0", b"-1", b"\xe9", b"\xff\xfe", b"a b", b"a,b", b"x" * 201, b"x" * 20_000,
    b"null", b"\"", b"%00",
    b"\xe7\xbb\x9d\xe5\xaf\x86", b"../..", b"';--", b"a\x7fb", b"==", b"{}", b"NaN", b"9" * 30, b"9" * 5000,
    b"\xb2", b"1e9",
    b"0000000019999999", b"000000001" + b"9" * 5000,
)  # fmt: skip
TRACE = b"0af7651916cd43dd8448eb211c80319c"
_PARENTS: Sequence[bytes] = (
    b"00-" + TRACE + b"-b7ad6b7169203331-01", b"00-" + TRACE.upper() + b"-b7ad6b7169203331-01",
    b"ff-" + TRACE + b"-" + b"0" * 16,
    b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", b"00-" + TRACE + b"-b7ad6b7169203331-01-", b"\xb2" * 55, b"-" * 1000,
)  # fmt: skip
PATHS: Sequence[bytes] = (
    b"/", b"//", b"/v1", b"/v1/", b"/v1/tickets/", b"/v2/tickets", b"/v1/tickets/%00", b"/v1/tickets/..%2f..",
    b"/v1/tickets/T%C3",
    b"/v1/tickets/T20261122-000001/%F0%9F", b"/docs/files/..%2f..%2f..%2fetc/passwd", b"/docs/files/%00",
    b"/docs/files/%ff",
    b"/docs/files/" + b"a" * 300, b"/docs/files/" + b"a/" * 3000, b"/docs/files/", b"/docs/files",
    b"/openapi.json", b"/docs",
    b"/livez", b"/readyz", b"/metrics", b"/v1/topics", b"/v1/journeys/", b"/v1/journeys/%00", b"/v1/journeys/%ED%A0%80",
    b"/v1/journeys/" + b"9" * 20_000, b"/v1/journeys/13912345678", b"/v1/journeys/a/b/../c", b"/v1/sources//webhook",
    b"/v1/sources/" + b"c" * 20_000 + b"/webhook", b"/v1/tickets/T20261122-000001/" + b"c" * 20_000, b"/v1/stream",
    b"/v1/tickets/" + b"T" * 20_000, b"/v1/tickets/T20261122-999999999999999999",
    b"/v1/tickets/T20261122-000001/events",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get")
_QUERIES: Sequence[bytes] = (
    b"limit",
    b"cursor",
    b"state",
    b"assignee",
    b"limits",
    b"13912345678",
    b"",
    b"a%00b",
    b"%FF",
)


@dataclass(slots=True, kw_only=True)
class HttpEndpoint:
    """Requests of clients: every command on the tickets given, opening, and what reads."""

    chance: Random
    tickets: Sequence[str]
    token: bytes
    corpus: Corpus = field(
        default_factory=lambda: Corpus(trees={name: [tree] for name, tree in COMMAND_BODIES.items()})
    )
    used: list[Shot] = field(default_factory=list)
    number: int = 0
    run: str = ""

    def shot(self) -> Shot:
        """Give the next one."""
        makers: Sequence[tuple[Callable[[], Shot], int]] = (
            (self._command, 68), (self._odd_headers, 10), (self._listing, 8), (self._elsewhere, 6), (self._again, 8),
        )  # fmt: skip
        return self.chance.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]()

    def _command(self) -> Shot:
        name = self.chance.choice(sorted(COMMAND_BODIES))
        tree = self.corpus.next(name, self.chance)
        body = spelled(tree)
        if self.chance.random() < 0.15:
            body = damaged(body, self.chance)
        ticket = self.chance.choice(self.tickets)
        target = "/v1/tickets" if name == "open-ticket" else f"/v1/tickets/{ticket}/{name}"
        self.number += 1
        key = f"shot-{self.run}-{self.number}".encode()
        shot = Shot(method="POST", target=target.encode(), headers=self._proven(key), body=body, seed=name, tree=tree)
        self.used = [*self.used[-200:], shot]
        return shot

    def _proven(self, key: bytes) -> tuple[Header, ...]:
        return (b"authorization", b"Bearer " + self.token), (b"idempotency-key", key)

    def _odd_headers(self) -> Shot:
        """Break a header, leave it out or send it twice."""
        shot, chance = self._command(), self.chance
        broken = (chance.choice((b"authorization", b"idempotency-key", b"idempotency-key", b"traceparent",
        b"content-encoding",
                                 b"content-type", b"accept", b"user-agent", b"tracestate", b"baggage",
                                 b"x-odd")))  # fmt: skip
        values = {b"traceparent": _PARENTS, b"content-encoding": (b"gzip", b"GZIP, br", b"identity", b"", b"\xb2")}
        value = chance.choice((*values.get(broken, ()), *JUNK))
        kept = tuple(one for one in shot.headers if one[0] != broken or chance.random() < 0.1)
        added = chance.choice(
            ((), ((broken, value),), ((broken, value),), ((broken, value), (broken, chance.choice(JUNK))))
        )
        body = gzip.compress(b"[" * 1_000_000) if added and value == b"gzip" else shot.body
        return replace(shot, headers=(*kept, *added), body=body)

    def _listing(self) -> Shot:
        """Ask for a list with filters and cursors that were never given."""
        chance, some = self.chance, []
        for _ in range(chance.choice((0, 1, 1, 2, 8))):
            value = chance.choice(
                (*JUNK, base64.urlsafe_b64encode(chance.choice(JUNK)), b"pending", "跟进中".encode(), b"50")
            )
            some.append(chance.choice(_QUERIES) + b"=" + quote_from_bytes(value).encode())
        address = chance.choice(
            (b"/v1/tickets", b"/v1/tickets", b"/v1/journeys/" + quote_from_bytes(chance.choice(JUNK)).encode())
        )
        return Shot(method="GET", target=address + b"?" + b"&".join(some), headers=self._proven(b"k"))

    def _elsewhere(self) -> Shot:
        method = self.chance.choice(METHODS)
        return Shot(method=method, target=self.chance.choice(PATHS), headers=self._proven(b"elsewhere"), body=b"{}")

    def _again(self) -> Shot:
        """Use a key again, with the same body or with another."""
        if not self.used:
            return self._command()
        earlier = self.chance.choice(self.used)
        other = spelled({**COMMAND_BODIES[earlier.seed], "actor": "another"})
        return replace(earlier, body=self.chance.choice((earlier.body, other, damaged(earlier.body, self.chance))))

    def learn(self, shot: Shot, answer: Answer) -> None:
        """Mind what led to a new answer."""
        self.corpus.learn(shot, answer)


@dataclass(slots=True, kw_only=True)
class WebhookEndpoint:
    """Signed deliveries: rightly signed garbage, and wrongly signed anything."""

    chance: Random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    corpus: Corpus = field(
        default_factory=lambda: Corpus(trees={name: [tree] for name, tree in DELIVERY_BODIES.items()})
    )
    used: list[Shot] = field(default_factory=list)
    number: int = 0
    run: str = ""

    def shot(self) -> Shot:
        """Give the next one."""
        makers = (self._delivery, self._unproven, self._stale, self._again, self._elsewhere)
        return self.chance.choices(makers, (70, 14, 4, 10, 2))[0]()

    def _delivery(self) -> Shot:
        return self._signed(secret(WEBHOOK_SECRET), timedelta(0))

    def _signed(self, key: Secret, apart: timedelta) -> Shot:
        name = self.chance.choice(sorted(DELIVERY_BODIES))
        tree = self.corpus.next(name, self.chance)
        body = spelled(tree)
        if self.chance.random() < 0.15:
            body = damaged(body, self.chance)
        self.number += 1
        return self._proven(
            Shot(method="POST", target=b"/v1/sources/crm/webhook", body=body, seed=name, tree=tree), key, apart
        )

    def _proven(self, shot: Shot, key: Secret, apart: timedelta) -> Shot:
        headers = sign(key, f"msg_{self.run}_{self.number}", self.now() + apart, shot.body)
        signed = replace(shot, headers=tuple((one.encode(), value.encode()) for one, value in headers.items()))
        self.used = [*self.used[-200:], signed]
        return signed

    def _stale(self) -> Shot:
        """Sign it well, but long ago or far ahead."""
        return self._signed(secret(WEBHOOK_SECRET), timedelta(seconds=self.chance.choice((-3600, -301, 301, 10**9))))

    def _unproven(self) -> Shot:
        """Sign with another key, break a header, leave it out, or change the body after signing."""
        chance = self.chance
        if chance.random() < 0.3:
            return self._signed(Secret(chance.randbytes(32)), timedelta(0))
        shot = self._delivery()
        if chance.random() < 0.3:
            return replace(shot, body=damaged(shot.body, chance))
        name = chance.choice(shot.headers)[0]
        value = dict(shot.headers)[name]
        some = (
            b"v1," + value,
            value * 20,
            b"v2" + value[2:],
            b"v1,",
            b" ".join([value] * 30),
            value[:-3],
            value.upper(),
            *JUNK,
        )
        kept = tuple(one for one in shot.headers if one[0] != name)
        extra = ((SIGNATURE.encode(), chance.choice(some)),) if chance.random() < 0.1 else ()
        return replace(shot, headers=kept + (((name, chance.choice(some)),) if chance.random() < 0.8 else ()) + extra)

    def _again(self) -> Shot:
        """Deliver again: the same to the byte, or another body under the same id, signed anew."""
        if not self.used:
            return self._delivery()
        earlier = self.chance.choice(self.used)
        if self.chance.random() < 0.5:
            return earlier
        headers = sign(
            secret(WEBHOOK_SECRET), dict(earlier.headers)[b"webhook-id"].decode(), self.now(), earlier.body + b" "
        )
        return replace(
            earlier, body=earlier.body + b" ", headers=tuple((a.encode(), b.encode()) for a, b in headers.items())
        )

    def _elsewhere(self) -> Shot:
        name = quote_from_bytes(self.chance.choice((b"crn", b"CRM", b"bus", b"\xe7\xbb\x9d", *JUNK))).encode()
        return replace(self._delivery(), target=b"/v1/sources/" + name + b"/webhook")

    def learn(self, shot: Shot, answer: Answer) -> None:
        """Mind what led to a new answer."""
        self.corpus.learn(shot, answer)


Endpoint = HttpEndpoint | WebhookEndpoint
