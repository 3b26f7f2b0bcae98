"""The routes of practice of a gateway in memory; a test may put other targets in place of none."""

from collections.abc import Callable, Sequence

from bus.delivery.targets_config import TargetsConfig
from bus.domain.rules import Rules
from bus.gateway.http.routing import HttpRoute
from bus.gateway.read.practice_view import PracticeSources
from bus.gateway.routes.practice import practice_routes
from bus.gateway.write.write_side import WriteSide
from tests.gateway.fakes import CONTRACT

NO_TARGETS = TargetsConfig(targets={})


def practice_features(writes: WriteSide, rules: Rules, targets: Callable[[], TargetsConfig]) -> Sequence[HttpRoute]:
    """Make the routes that the program serves."""
    sources = PracticeSources(rules=rules, contract=CONTRACT, targets=lambda recorded: targets().wants(recorded))
    return practice_routes(writes, sources)
