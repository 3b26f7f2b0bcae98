"""The expectations of a deployment, read against its topics, handlers and targets."""

from bus.delivery.targets_config import TargetsConfig
from bus.journey.expectations_config import Expectations, Places, load_expectations
from bus.settings import Settings
from bus.stage_names import LOG_STAGES
from schemas.topics import load_contract


def expectations_of(settings: Settings, targets: TargetsConfig) -> Expectations:
    """Read the expectations file. Raises ConfigFileInvalid."""
    places = Places(
        topics={name: topic.event_names for name, topic in load_contract().topics.items() if topic.event_names},
        handlers=LOG_STAGES,
        targets={name: config.events for name, config in targets.targets.items()},
    )
    return load_expectations(settings.expectations_file, places)
