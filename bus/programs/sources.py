"""Which sources the gateway and the intake stage know: the adapters, by the name that stands in the address."""

from collections.abc import Mapping

from adapters.crm.adapter import CrmAdapter
from bus.intake.reserved_names import is_reserved
from bus.intake.source_adapter import Source
from bus.settings import Settings, SettingsInvalid


def sources(settings: Settings) -> Mapping[str, Source]:
    """Make an adapter for every source that has a webhook secret; all speak the generic signed CRM webhook.

    Raises SettingsInvalid for a secret that is none and for the bus's own names.
    """
    if own := [name for name in settings.webhook_secrets if is_reserved(name)]:
        raise SettingsInvalid(f"TICKETBUS_WEBHOOK_SECRETS: {own[0]!r} is the bus's own name; call the source otherwise")
    return {
        name: CrmAdapter(name=name, secrets=tuple(one.get_secret_value() for one in secrets))
        for name, secrets in settings.webhook_secrets.items()
    }
