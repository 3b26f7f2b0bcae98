"""What `ticketbus map try` prints of samples: what came of each, and whether its sender is proven."""

from typing import TYPE_CHECKING

from bus.cli.echo import echo

if TYPE_CHECKING:
    from adapters.mapped.map_file import SourceMap
    from adapters.mapped.trial import TriedSample

_OUTCOMES = {"accepted": "接受 accepted", "refused": "拒绝 refused", "passed over": "不处理 passed over"}
_UNPROVEN = ",但来源未证实,网关不会收 — but its sender is not proven: a gateway takes it for a stranger's"


def lines_of(one: "TriedSample", *, proven: bool = True) -> list[str]:
    """Show what came of a sample: its commands with their fields, or the refusal; and that no gateway would take it."""
    import json

    head = f"{one.sample}: {_OUTCOMES[one.outcome]}" + ("" if proven else _UNPROVEN)
    if one.code:
        return [f"{head}: {one.code} ({one.path}): {one.detail}"]
    lines = [head]
    for each in one.commands:
        lines.append(f"  {each.command} {each.number}: {each.answer}, {each.at.isoformat()}, {each.actor}")
        lines += [
            f"    {name}: {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in each.fields.items()
        ]
        lines += [f"    {one}" for one in (each.refusal, each.hint) if one]
    return lines


def proof_holds(mapped: "SourceMap", sample: str, body: bytes, headers: dict[str, str]) -> bool:
    """Say on stderr whether a sample's sender is proven, and under which delivery id."""
    import os

    from adapters.mapped.proof import signed_at
    from adapters.mapped.source import MappedSource
    from bus.domain.errors import MalformedInput
    from bus.intake.dispatch import utc_now

    source, lower = MappedSource(mapped, 1, os.environ), {name.lower(): value for name, value in headers.items()}
    if mapped.proof is None:
        echo(f"{sample}: 由总线读取,无需签名 / is read by the bus, and wants no proof", err=True)
        return True
    try:
        delivery = source.verify(headers, body, signed_at(mapped.proof, lower, utc_now()))
    except MalformedInput as refusal:
        echo(f"{sample}: {refusal.code} ({refusal.field}): {source.trouble or refusal.text}", err=True)
        return False
    echo(f"{sample}: 来源可信 / proven; 投递编号 delivery id: {delivery}", err=True)
    return True
