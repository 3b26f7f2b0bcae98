"""The words of events: every kind has its own, in both languages."""

from bus.domain.event_words import EVENT_WORDS, event_words
from bus.domain.naming import dotted
from schemas.catalogue import CE_TYPES, EVENT_TYPES


def test_event_words_every_kind_has_its_own_in_both_languages() -> None:
    assert set(EVENT_WORDS) == {dotted(one.cls) for one in EVENT_TYPES}
    for texts in ([one.zh for one in EVENT_WORDS.values()], [one.en for one in EVENT_WORDS.values()]):
        assert len({*texts}) == len(texts)
    for one in EVENT_TYPES:
        assert event_words(CE_TYPES[one.cls.__name__]) is EVENT_WORDS[dotted(one.cls)]
    assert event_words("alert.flipped.v1") is None
