"""The stages that a worker can run, by the names that `worker --stages` takes, and their handlers."""

from collections.abc import Mapping

from bus.intake.commands_topic import COMMANDS_HANDLER
from bus.intake.intake_topic import INTAKE_HANDLER
from bus.knowledge.drafting import KNOWLEDGE_HANDLER
from bus.stage.offsets import DELIVERIES_HANDLER
from projections import hosts, read_models

DELIVERY, HOSTS, SLA = "delivery", hosts.HOSTS.name, "sla"
STAGES = (*read_models.STAGES, SLA, INTAKE_HANDLER, COMMANDS_HANDLER, DELIVERY)
# Which stage each handler is of: its offsets bear the handler's name.
STAGE_OF: Mapping[str, str] = {
    **dict.fromkeys(read_models.TICKET_MODELS, read_models.PROJECTIONS),
    **{name: name for name in (*read_models.OTHER_MODELS, INTAKE_HANDLER, COMMANDS_HANDLER)},
    KNOWLEDGE_HANDLER: read_models.PROJECTIONS,
    DELIVERIES_HANDLER: DELIVERY,
}
# The handlers that read the log of events.
LOG_STAGES: Mapping[str, str] = {name: STAGE_OF[name] for name in (*read_models.TICKET_MODELS, DELIVERIES_HANDLER)}
