"""A draft article out of a closed ticket's events, without anybody's name or number. Pure."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from bus.domain.closing_events import TicketResolved
from bus.domain.collaborator_events import CollaboratorAdded
from bus.domain.events import EvidenceAdded, PersonalDataErased, Recorded, TicketAssigned, TicketOpened
from bus.domain.knowledge import Article
from bus.domain.personal import personal_fields
from bus.domain.promise_events import TicketReclassified
from bus.domain.terms import BUS, EvidenceKind
from bus.observability.masking import MASK, mask_text

TITLE_CHARS_MAX: Final = 500
SOLUTION_CHARS_MAX: Final = 10_000
WORDS_MAX: Final = 12
_WORD_CHARS: Final = range(2, 31)
_ENDS: Final = re.compile(r"[\r\n\t,，、。;；:：!！?？()（）【】《》“”\"|+→]+|\.(?:\s|$)")
# Personal fields that are whole texts, not names: what they say is in no article.
_TEXTS: Final = frozenset({"description", "text", "note"})
_NAME: Final = re.compile(r"[\u3400-\u9fff]{2,4}")
_LATIN: Final = r"[A-Za-z\u00c0-\u024f]"
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
    names, kinds = names_in(events), {EvidenceKind.PHOTO} if solved.photos else set()
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


def names_in(events: Sequence[Recorded]) -> frozenset[str]:
    """Give the names, phones and addresses of customers and of staff that events hold, and who asked for them.

    The bus is nobody, nor is a system that asks in its own name.
    """
    names = {one.actor for one in events} - {BUS} - {one.source for one in events}
    for one in events:
        event, fields = one.event, personal_fields(one.event)
        names |= {str(text) for path, text in fields.items() if path.rpartition(".")[2] not in _TEXTS}
        match event:
            case TicketAssigned(assignee=who):
                names |= {who.person, who.contact, who.backup_person, who.backup_contact}
            case CollaboratorAdded(person=person):
                names.add(person)
            case _:
                pass
    return frozenset(line.strip() for name in names for line in name.splitlines() if len(line.strip()) > 1)


def without_names(text: str, names: Collection[str]) -> str:
    """Mask names, also a surname with a title (王先生), and all that is masked in logs.

    A Latin name stands between what are no letters of its kind: a person `Li` is not in "lithium".
    """
    titled = {f"(?:{one[0]}|{one[:2]}|{one[-2:]})(?:{_TITLES})" for one in names if _NAME.fullmatch(one)}
    whole = [_alone(one) for one in sorted(names, key=len, reverse=True)]
    if whole:
        text = re.sub("|".join([*titled, *whole]), MASK, text, flags=re.IGNORECASE)
    return mask_text(text)


def _alone(name: str) -> str:
    before = f"(?<!{_LATIN})" if re.match(_LATIN, name) else ""
    after = f"(?!{_LATIN})" if re.match(_LATIN, name[-1:]) else ""
    return f"{before}{re.escape(name)}{after}"


def phrases(solution: str) -> tuple[str, ...]:
    """Give the short phrases of a solution, each once; one that holds what was masked is none."""
    found = (" ".join(one.split()) for one in _ENDS.split(solution))
    return tuple(dict.fromkeys(one for one in found if len(one) in _WORD_CHARS and "*" not in one))[:WORDS_MAX]
