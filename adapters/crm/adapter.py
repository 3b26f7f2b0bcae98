"""The CRM as a source: the contract's two calls, bound to its name and its secrets."""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from adapters import webhook_signature as signature
from adapters.adapter import EnvironmentSecrets, Options, SourceAdapter, SourceServices
from adapters.crm.listing import PAUSE_S, CrmList, CrmListOptions
from adapters.crm.translate import translate
from adapters.crm.type_names import meant_type
from adapters.outbound_http import DIRECT, Egress
from bus.config_file import VariableName
from bus.domain.commands import Request
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.reconcile.source_list import ListedTicket
from schemas.messages import RequestReceived


class CrmAdapter:
    """One CRM that sends signed webhooks. Of its secrets the first signs, all verify. Raises SettingsInvalid."""

    def __init__(
        self, secrets: Iterable[str], name: str = "crm", *, where: str = "", ignore_types: Collection[str] = ()
    ) -> None:
        """Bind the name under which it speaks and its secrets, `whsec_…`; `where` they stand is said of a wrong one.

        `ignore_types`: what it sends of its tickets that nobody here needs.
        """
        self.name, self._ignore_types = name, frozenset(ignore_types)
        self._secrets = tuple(signature.secret(each, where=where or f"webhook_secrets.{name}") for each in secrets)

    @property
    def secrets(self) -> frozenset[bytes]:
        """Give its keys, to be compared with those of other sources."""
        return frozenset(one.key for one in self._secrets)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Verify the signature. Without secrets every delivery is refused. Pure. Raises MalformedInput."""
        return signature.verify(headers, body, secrets=self._secrets, now=now)

    def translate(self, received: RequestReceived) -> tuple[Request, ...]:
        """Say what a delivery wants. Pure. Raises MalformedInput."""
        return translate(received, self._ignore_types)


class ListingCrmAdapter(CrmAdapter):
    """A CRM that can be asked for its tickets too, with requests that all of its secrets sign."""

    def __init__(
        self,
        secrets: Iterable[str],
        name: str,
        *,
        where: str,
        ignore_types: Collection[str] = (),
        list_url: str,
        egress: Egress = DIRECT,
        pause_s: float = PAUSE_S,
    ) -> None:
        """Bind the address of its list, how calls get there, and the pause before a page is asked for again."""
        super().__init__(secrets, name, where=where, ignore_types=ignore_types)
        self._list = CrmList(list_url, self._secrets, egress=egress, pause_s=pause_s)

    def listed(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        """Give its list page by page. Raises ListUnavailable."""
        return self._list.pages(since, until)


def _no_type_of_ours(word: str) -> str:
    """Give a word in lower case. Raises ValueError for one of our types, also misspelled."""
    word = word.strip().lower()
    if not word or meant_type(word):
        text = Text(
            f"“{word}”是总线自己的消息类型或其误拼,不能忽略",
            f"{word!r} is one of the bus's own types, or one misspelled: it cannot be passed over",
        )
        raise ValueError(str(text))
    return word


class CrmWebhookOptions(Options):
    """What a sources file says of a CRM: where its secrets stand, `whsec_…`; two while they rotate.

    `ignore_types`: types of its deliveries that speak of a ticket and ask for nothing here.
    `list`: where it gives its own list of tickets, where it can: it is reconciled by that.
    """

    secrets: Annotated[tuple[VariableName, ...], Field(min_length=1, max_length=2)]
    ignore_types: Annotated[tuple[Annotated[str, AfterValidator(_no_type_of_ours)], ...], Field(max_length=50)] = ()
    list: CrmListOptions | None = None


def _build(options: CrmWebhookOptions, secrets: EnvironmentSecrets, services: SourceServices) -> CrmAdapter:
    keys = [secrets.read(name).get_secret_value() for name in options.secrets]
    where, ignored = f"{secrets.where}.secrets", options.ignore_types
    if options.list is None:
        return CrmAdapter(keys, services.name, where=where, ignore_types=ignored)
    egress = options.list.egress(replace(secrets, where=f"{secrets.where}.list"), utc_now())
    return ListingCrmAdapter(
        keys, services.name, where=where, ignore_types=ignored, list_url=options.list.url, egress=egress
    )


ADAPTER: Final = SourceAdapter(name="crm-webhook", options=CrmWebhookOptions, build=_build)
