"""The stages that a worker can run, by the names that `worker --stages` takes."""

from bus.intake.commands_topic import COMMANDS_HANDLER
from bus.intake.intake_topic import INTAKE_HANDLER
from projections import hosts, read_models

DELIVERY, HOSTS, SLA = "delivery", hosts.HOSTS.name, "sla"
STAGES = (*read_models.STAGES, SLA, INTAKE_HANDLER, COMMANDS_HANDLER, DELIVERY)
