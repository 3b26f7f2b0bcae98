"""What of the contract differs from an older version, and which declared subscribers it breaks. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from bus.consistency.declared_readers import DeclaredReader, declared_readers
from bus.consistency.subscriptions import Subscription
from schemas.differences import ContractChange, ContractDifference, differences
from schemas.snapshots import Snapshot

_HEADINGS: Final = {
    ContractChange.ADDED: "Added",
    ContractChange.CHANGED: "Changed",
    ContractChange.DEPRECATED: "Deprecated",
    ContractChange.REMOVED: "Removed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A difference, and who reads that."""

    difference: ContractDifference
    readers: Sequence[DeclaredReader] = ()

    def lines(self) -> list[str]:
        """Say it on a line, and below it who reads that."""
        one = self.difference
        mark = "BREAKS" if one.breaks else "ANNOUNCED" if one.announced else one.change.value.upper()
        return [f"{mark:<10} {one.about}: {one.text}", *(f"{'':<11}→ {each}" for each in self.readers)]

    def as_json(self) -> Mapping[str, Any]:
        """Give it as `schemas check --json` prints it."""
        one = self.difference
        return {
            "change": one.change.value,
            "about": one.about,
            "breaks": one.breaks,
            "announced": one.announced,
            "zh": one.text.zh,
            "en": one.text.en,
            "readers": [
                {
                    "client": each.subscription.client,
                    "version": each.subscription.version,
                    "owner": each.subscription.owner,
                    "contact": each.subscription.contact,
                    "sure": each.sure,
                }
                for each in self.readers
            ],
        }


def gate(before: Snapshot, after: Snapshot, subscribed: Sequence[Subscription], today: date) -> list[GateResult]:
    """Compare, and name the readers of what breaks, is gone or will go; what breaks stands first."""
    carried = {name: before.events_of(name) for name in before.topics}
    found = [
        GateResult(difference=one, readers=declared_readers(one.about, carried, subscribed) if _felt(one) else ())
        for one in differences(before, after, today)
    ]
    return sorted(found, key=lambda one: not one.difference.breaks)


def _felt(one: ContractDifference) -> bool:
    return one.breaks or one.announced or one.change is ContractChange.DEPRECATED


def changelog_of(found: Sequence[GateResult]) -> list[str]:
    """Draw the differences as a section of a changelog, in Markdown."""
    lines = list[str]()
    for change, heading in _HEADINGS.items():
        its = [one.difference for one in found if one.difference.change is change]
        lines += ["", f"### {heading}", ""][not lines :] if its else []
        lines += [f"- {'**breaks readers** ' if one.breaks else ''}`{one.about}`: {one.text.en}." for one in its]
    return lines
