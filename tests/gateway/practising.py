"""The routes of practice of a gateway in memory; a test may put other targets in place of none."""

from collections.abc import Callable, Sequence

from bus.delivery.targets_config import TargetsConfig
from bus.domain.rules import Rules
from bus.domain.terms import SANDBOX, State
from bus.domain.ticket import Ticket
from bus.gateway.http.routing import HttpRoute
from bus.gateway.read.practice_view import PracticeSources
from bus.gateway.routes.practice import practice_routes
from bus.gateway.write.write_side import WriteSide
from tests.gateway.fakes import CONTRACT, StoreThatMayBeAway

NO_TARGETS = TargetsConfig(targets={})


def practice_features(
    writes: WriteSide, store: StoreThatMayBeAway, rules: Rules, targets: Callable[[], TargetsConfig]
) -> Sequence[HttpRoute]:
    """Make the routes that the program serves."""

    async def open_of(creator: str) -> Sequence[Ticket]:
        found = [one for one in await store.open() if one.creator == creator and one.source == SANDBOX]
        return [one for one in reversed(found) if one.state is not State.CLOSED]

    sources = PracticeSources(
        rules=rules, contract=CONTRACT, targets=lambda recorded: targets().wants(recorded), open_of=open_of
    )
    return practice_routes(writes, sources)
