"""What the routes of maps answer."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict


class MapVersionAnswer(TypedDict):
    """A version of a source's map. `removed`: the source was taken off by it; `copy_of`: what a rollback repeats."""

    source: str
    version: int
    removed: bool
    copy_of: int | None
    made_at: datetime
    made_by: str
    reason: str
    sha256: str


class NamedSecret(TypedDict):
    """A variable that a proof names, and whether it is set at this gateway; never its value."""

    name: str
    set: bool


class MapState(MapVersionAnswer):
    """The newest version of a source's map. `kind`, `place`: how its documents come, and where; empty until taken up.

    `worker_secrets`: variables of secrets that workers send, which a gateway need not have.
    `trouble`: why this gateway does not serve it, or proves nobody; empty where all is well.
    """

    kind: str
    place: str
    secrets: list[NamedSecret]
    worker_secrets: list[str]
    trouble: str


class MapList(TypedDict):
    """The newest version of each source, by name, those taken off included; and the maps that come with the bus.

    `others`: sources that come otherwise, whose names no map may have.
    """

    maps: list[MapState]
    shipped: list[str]
    others: list[str]


class MapWithVersions(MapState):
    """A source, and its versions, the newest first, a hundred at most."""

    versions: list[MapVersionAnswer]


class MapContent(MapVersionAnswer):
    """A version with its YAML; null where the source was taken off."""

    content: str | None


class ShippedMap(TypedDict):
    """A map that comes with the bus."""

    name: str
    content: str


class LearnedMap(TypedDict):
    """A first map; every guess in it is marked, to be gone over."""

    source: str
    content: str


class MapFaultAnswer(TypedDict):
    """A fault of a map: where it stands, from 1, the key, and why."""

    line: int
    column: int
    path: str
    why: str


class TriedCommandAnswer(TypedDict):
    """A command that a sample would become, and what the bus would answer on an empty store.

    `hint`: why the same would be refused if it were delivered now, as it is too old; empty where it would not.
    """

    command: str
    number: str
    actor: str
    at: datetime
    fields: dict[str, Any]
    answer: str
    refusal: str
    hint: str


class TriedSampleAnswer(TypedDict):
    """A sample, by its number, and its part in it: accepted, refused or passed over, and why."""

    sample: str
    outcome: str
    commands: list[TriedCommandAnswer]
    code: str
    path: str
    detail: str


class TriedMap(TypedDict):
    """The faults of a map, or what it is and what each sample would become."""

    source: str
    kind: str
    place: str
    commands: int
    faults: list[MapFaultAnswer]
    samples: list[TriedSampleAnswer]
