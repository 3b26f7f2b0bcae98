"""What is thrown at a door and what it answers, as values; and the corpus that grows by what led to new answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from tests.fuzz.mutations import mutated

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A request to the byte; `seed` and `tree` say what it was mutated from, when it was."""

    method: str
    target: bytes
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    seed: str = ""
    tree: Any = None

    def told(self) -> str:
        """Show it in a failure, not too long."""
        headers = f"{list(self.headers)!r:.600}"
        return f"{self.method} {self.target[:200]!r} {headers} {self.body[:400]!r} ({len(self.body)} bytes)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def member(self, name: str) -> Any:
        """Read a member of a JSON answer; None when there is none."""
        try:
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        return content.get(name) if isinstance(content, dict) else None


TREES_MAX = 40


@dataclass(slots=True, kw_only=True)
class Corpus:
    """Trees to mutate, by the name of what they are: valid ones first, then those that were answered in a new way."""

    trees: dict[str, list[Any]]
    met: set[tuple[Any, ...]] = field(default_factory=set)

    def next(self, seed: str, chance: Random) -> Any:
        """Mutate one of the trees: every other time a valid one."""
        known = self.trees[seed]
        return mutated(known[0] if chance.random() < 0.5 else chance.choice(known), chance)

    def learn(self, shot: Shot, answer: Answer) -> None:
        """Keep the tree of a shot that was answered as none before."""
        how = (shot.seed, answer.status, answer.member("code"), str(answer.member("field"))[:40])
        if shot.seed and how not in self.met:
            self.met.add(how)
            if len(known := self.trees[shot.seed]) < TREES_MAX and len(shot.body) < 20_000:
                known.append(shot.tree)
