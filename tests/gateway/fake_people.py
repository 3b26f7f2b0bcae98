"""A directory of people in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bus.domain.decided import Decided
from bus.domain.people import Person, PersonChange
from bus.people.handing_on import HandedOn
from bus.postgres.people_rows import PersonRow
from bus.postgres.personal_keys import Reader


@dataclass
class FakePeople:
    """Keeps what it is given, in clear, and who read it."""

    rows: dict[str, PersonRow] = field(default_factory=dict)
    readers: list[Reader] = field(default_factory=list)

    async def listed(self, person: str = "") -> Sequence[PersonRow]:
        return [one for name, one in sorted(self.rows.items()) if person in ("", name)]

    async def in_clear(self, rows: Sequence[PersonRow], reader: Reader) -> Sequence[PersonRow]:
        self.readers.append(reader)
        return rows

    async def apply(self, people: Sequence[Person], decided: Decided) -> Mapping[str, PersonChange]:
        added = {one.person: PersonRow(profile=one, changed_at=decided.at, changed_by=decided.by) for one in people}
        self.rows |= added
        return dict.fromkeys(added, PersonChange.ADDED)

    async def let_go(self, person: str, decided: Decided) -> tuple[PersonRow, HandedOn] | None:
        if person not in self.rows:
            return None
        self.rows[person] = left = replace(self.rows[person], left_at=decided.at)
        return left, HandedOn(to="", tickets=0)

    async def erase(self, person: str, decided: Decided) -> PersonRow | None:
        if person not in self.rows or self.rows[person].left_at is None:
            return None
        self.rows[person] = erased = replace(self.rows[person], erased_at=decided.at)
        return erased
