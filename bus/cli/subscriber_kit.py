"""What a subscriber is handed once its subscription is there: token, rights on Kafka, group, addresses, a sample."""

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import TYPE_CHECKING

from bus.cli.samples import FILES, Language, sample
from bus.consistency.subscriptions import joinable
from bus.settings import Settings
from schemas.catalogue import CE_TYPES
from schemas.topics import Contract, physical

if TYPE_CHECKING:
    from bus.consistency.subscriptions import Subscription


def kit_lines(subscription: "Subscription", settings: Settings, token: str = "") -> Iterator[str]:
    """Say what it needs, a line each, with the command that gives it; `token` where one was made. Pure."""
    name = quote(subscription.client)
    yield f"令牌 token: {token or f'ticketbus client add {name} --role subscriber'}"
    if token:
        yield "  只显示这一次 / shown this once"
    if settings.kafka_security_protocol != "PLAINTEXT":
        yield f"Kafka 权限 rights: ticketbus topics apply --acl --subscriber {name}"
    yield f"消费组 group: {joinable(subscription.groups, subscription.version)}"
    yield f"主题 topics: {', '.join(physical(settings.namespace, topic) for topic in subscription.topics)}"
    if settings.kafka_bootstrap:
        yield f"export KAFKA_BOOTSTRAP={quote(settings.kafka_bootstrap)}"
    if settings.schema_registry_url:
        yield f"export SCHEMA_REGISTRY_URL={quote(settings.schema_registry_url)}"
    if settings.url:
        yield f"export TICKETBUS_URL={quote(settings.url)}"
    if subscription.regions or subscription.assignees:
        yield "Kafka 上由读者按区域和人员过滤,样例会做 / on Kafka its reader filters, as the sample does"
    yield f"样例 sample: ticketbus subscription sample {name} {'|'.join(Language)} [--into DIR]"


def filled_sample(language: Language, subscription: "Subscription", contract: Contract, namespace: str) -> str:
    """Give the sample in a language with a subscription's topics, group and events. Pure but for the sample's file."""
    return sample(
        language,
        topics=",".join(physical(namespace, topic) for topic in subscription.topics),
        group=joinable(subscription.groups, subscription.version),
        types=",".join(_ce_types(subscription, contract, all_too=language is not Language.SQL)),
        regions=",".join(subscription.regions),
        assignees=",".join(subscription.assignees),
    )


def sample_hint(language: Language) -> str:
    """Say how the sample is to be kept. Pure."""
    return f"保存为 / keep as {FILES[language]}; {language}: docs/subscribing.md, “In your language”"


def _ce_types(subscription: "Subscription", contract: Contract, *, all_too: bool) -> Iterable[str]:
    """Name the events that it uses, as records do; where it names none, `all_too`, those of its topics."""
    wanted = {*subscription.types}
    if not wanted and all_too:
        wanted = {name for topic in subscription.topics for name in contract.topics[topic].event_names}
    return [ce_type for name, ce_type in CE_TYPES.items() if name in wanted]
