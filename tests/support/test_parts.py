"""What parts of a support bundle leave out of what they were given."""

from bus.consistency.filter_check import FilterFacts, check_filters
from bus.consistency.subscriptions import Subscription
from bus.support.parts import topic_check

NONE = FilterFacts(regions=frozenset(), assignees=frozenset(), all_regions=(), apart=frozenset())


def test_parts_a_filter_that_matches_nothing_is_shown_without_whom_it_names() -> None:
    asked = Subscription(
        client="bi", owner="王五", contact="报表组", topics=("ticket.assign",), assignees=("欧阳工",), version="1"
    )
    (found,) = check_filters([asked], NONE)
    assert "欧阳工" in found.text.zh
    shown = topic_check(found)
    assert {"code": "filter_matches_nothing", "about": "bi", "evidence": 1}.items() <= shown.items()
    assert not [name for name in ("欧阳工", "王五") if name in str(shown)]
