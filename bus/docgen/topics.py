"""The topics page, drawn from the contract schemas/topics.yaml."""

from collections.abc import Iterator, Sequence

from bus.docgen import topic_checks
from bus.docgen.markdown import code, codes, deprecated, document, table
from schemas.acls import CLUSTER, EVERY, Acl, acls_of
from schemas.deprecations import Deprecation
from schemas.topics import Contract, Topic

_ABOUT = """\
`schemas/topics.yaml` declares every topic; `ticketbus topics apply` makes what is missing and sets the configs that
differ, never a number of partitions; `ticketbus topics check --live` says [where what runs
differs](#what-topics-check-finds). The broker never makes a topic by itself. Writers and readers are the bus's own
parts; who reads from outside is a [subscription](subscribing.md#add-a-subscriber). With `TICKETBUS_NAMESPACE=t1`
its names read `t1.ticket.events` and so on. A subscriber topic is a filtered view of `ticket.events` with the very
same bytes."""
_RIGHTS = """\
On a [secured cluster](securing.md) each program has a user of its own; `ticketbus topics acl` lists what it may,
`ticketbus topics apply --acl` sets it. `name` stands for each source and subscriber; a
namespace stands before every name."""
_HEADS = ("Topic", "Holds", "Key", "Partitions", "Retention", "Written by", "Read by", "For subscribers")


def page(contract: Contract, deprecations: Sequence[Deprecation] = ()) -> str:
    """Draw docs/topics.md. Pure."""
    return document(
        "Topics 主题",
        "schemas/topics.yaml",
        _ABOUT,
        table(_HEADS, (_row(name, topic) for name, topic in contract.topics.items())),
        "## What goes where",
        *(
            f"### {name}\n\n{topic.about}\n\n{''.join(deprecated(one) for one in deprecations if one.what == name)}"
            f"{_holds(topic)}"
            for name, topic in contract.topics.items()
        ),
        "## What `topics check` finds",
        *topic_checks.section(),
        "## Who may do what on the broker",
        _RIGHTS,
        table(("User", "Reads", "Writes", "Else"), _rights(contract)),
    )


def _rights(contract: Contract) -> Iterator[tuple[str, ...]]:
    acls = acls_of(contract, namespace="", sources=("name",), subscribers=("name",))

    for principal in sorted({one.principal for one in acls}):
        own = [one for one in acls if one.principal == principal]
        on = {how: [x.name for x in own if (x.resource, x.operation) == ("topic", how)] for how in ("Read", "Write")}
        rest = sorted({_else(one) for one in own} - {""})
        yield (code(principal.removeprefix("User:")), codes(on["Read"]), codes(on["Write"]), "; ".join(rest))


def _else(acl: Acl) -> str:
    if acl.operation == "Describe" and acl.name in (CLUSTER, EVERY):
        return "Describe of the cluster" if acl.resource == "cluster" else f"Describe of every {acl.resource}"
    if acl.resource != "topic":
        return f"{acl.resource} {code(acl.name + ('…' if acl.prefixed else ''))}"
    return "" if acl.operation in {"Read", "Write"} else f"{acl.operation} of all topics here"


def _row(name: str, topic: Topic) -> tuple[str, ...]:
    return (
        code(name),
        topic.about,
        code(topic.key),
        str(topic.partitions),
        retention_of(topic),
        ", ".join(topic.writers),
        ", ".join(topic.readers) or f"open: {topic.why}",
        "yes" if topic.public else "no",
    )


def retention_of(topic: Topic) -> str:
    """Say how long a topic's records stay. Pure."""
    if topic.compacted:
        return "compacted: the last of each key"
    return "for ever" if topic.retention is None else f"{topic.retention.days} days"


def _holds(topic: Topic) -> str:
    past = ", and the imported past" if topic.historic else ""
    if topic.synthetic == "only":
        return "Every [event](events.md) of [virtual tickets](sandbox.md)."
    past += ", and virtual tickets" if topic.synthetic == "also" else ""
    if topic.events == "all":
        return f"Every [event](events.md){past}."
    if topic.records == "commands":
        return "Every [command](commands.md#over-kafka), with its envelope."
    return f"{codes((*topic.event_names, *topic.subjects))}{past}."
