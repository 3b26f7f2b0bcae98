"""A draft article out of a closed ticket's events, without anybody's name or number. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from bus.domain.closing_events import TicketResolved
from bus.domain.events import Event, EvidenceAdded, PersonalDataErased, Recorded, TicketAssigned, TicketOpened
from bus.domain.knowledge import Article
from bus.domain.personal import personal_fields
from bus.domain.promise_events import TicketReclassified
from bus.domain.terms import EvidenceKind
from bus.observability.masking import MASK, mask_text

TITLE_CHARS_MAX: Final = 500
SOLUTION_CHARS_MAX: Final = 10_000
WORDS_MAX: Final = 12
_WORD_CHARS: Final = range(2, 31)
_ENDS: Final = re.compile(r"[\r\n\t,，、。;；:：!！?？()（）【】《》“”\"|+→]+|\.(?:\s|$)")
# Personal fields that are whole texts, not names: what they say is in no article.
_TEXTS: Final = frozenset({"description", "text", "note"})
_NAME: Final = re.compile(r"[\u3400-\u9fff]{2,4}")
_TITLES: Final = "先生|女士|小姐|太太|师傅|老师|经理|阿姨|大爷|总|工"


def draft_of(events: Sequence[Recorded], number: str = "") -> Article | None:
    """Make the draft of a ticket's events, which are in clear; None where it teaches nothing.

    That is so without a root cause, and once its personal data is erased: nobody knows then which names to mask.
    """
    solved = next((one.event for one in reversed(events) if isinstance(one.event, TicketResolved)), None)
    opened = events[0].event if events else None
    if solved is None or not solved.root_cause or not isinstance(opened, TicketOpened):
        return None
    if any(isinstance(one.event, PersonalDataErased) for one in events):
        return None
    names, kinds = names_in(one.event for one in events), {EvidenceKind.PHOTO} if solved.photos else set()
    kinds |= {one.event.kind for one in events if isinstance(one.event, EvidenceAdded)}
    types = [one.event.type for one in events if isinstance(one.event, TicketOpened | TicketReclassified)]
    solution = without_names(solved.summary, names)[:SOLUTION_CHARS_MAX]
    return Article(
        number=number,
        ticket_id=events[0].ticket_id,
        type=types[-1],
        title=" ".join(without_names(opened.title, names).split())[:TITLE_CHARS_MAX],
        root_cause=solved.root_cause,
        solution=solution,
        words=phrases(solution),
        attachments=tuple(one for one in EvidenceKind if one in kinds),
    )


def names_in(events: Iterable[Event]) -> frozenset[str]:
    """Give the names, phones and addresses of customers and of staff that events hold."""
    names = set[str]()
    for event in events:
        fields = personal_fields(event)
        names |= {str(text) for path, text in fields.items() if path.rpartition(".")[2] not in _TEXTS}
        if isinstance(event, TicketAssigned):
            who = event.assignee
            names |= {who.person, who.contact, who.backup_person, who.backup_contact}
    return frozenset(line.strip() for name in names for line in name.splitlines() if len(line.strip()) > 1)


def without_names(text: str, names: Collection[str]) -> str:
    """Mask names, also a surname with a title (王先生), and all that is masked in logs."""
    wanted = set(map(re.escape, names))
    for name in filter(_NAME.fullmatch, names):
        wanted.add(f"(?:{name[0]}|{name[:2]}|{name[-2:]})(?:{_TITLES})")
    if wanted:
        text = re.sub("|".join(sorted(wanted, key=len, reverse=True)), MASK, text, flags=re.IGNORECASE)
    return mask_text(text)


def phrases(solution: str) -> tuple[str, ...]:
    """Give the short phrases of a solution, each once; one that holds what was masked is none."""
    found = (" ".join(one.split()) for one in _ENDS.split(solution))
    return tuple(dict.fromkeys(one for one in found if len(one) in _WORD_CHARS and "*" not in one))[:WORDS_MAX]
