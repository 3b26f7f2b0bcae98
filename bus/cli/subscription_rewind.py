"""`ticketbus subscription rewind`: sets a subscriber's consumer group back to a time."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.programs.subscription_rewind import Rewind


def rewind(
    client: Annotated[str, typer.Argument(help="The client's name, as `subscription list` has it.")],
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="From when on it reads again: RFC 3339 with offset.")],
    *,
    group: Annotated[str | None, typer.Option("--group", help="Which of its groups, if it has several.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the offsets, and set none.")] = False,
    why: Annotated[str, typer.Option("--why", help="The reason, for those who read it later.")] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Set the offsets of a subscriber's consumer group back to the first records at or after a time.

    Prints each partition's offset before and after. The group must be empty: its
    members are named otherwise. No partition goes forward, which would pass over
    what was not read yet. A time of which records are deleted is refused, with
    the oldest that is left. `subscription show` tells who did it.

    Example: ticketbus subscription rewind bi --to 2026-11-29T08:00:00+08:00 --dry-run
    """
    from bus.cli.run import echo_json, with_core
    from bus.cli.time_option import read_time_option
    from bus.consistency.rewind import rewind_json
    from bus.intake.reserved_names import refuse_control
    from bus.programs.subscription_rewind import plan_rewind
    from bus.programs.subscription_rewind import rewind as carry_out

    refuse_control(why, "why")
    at = read_time_option(to, "--to")

    async def work(core: "Core") -> "Rewind":
        from bus.intake.dispatch import utc_now

        plan = await plan_rewind(core, client, at, group, utc_now())
        if not dry_run:
            await carry_out(core, plan, by=getpass.getuser(), why=why)
        return plan

    plan = with_core(data, work)
    for one in plan.partitions:
        if as_json:
            echo_json({"group": plan.group, "to": plan.to, **rewind_json(one), "set": not dry_run})
        else:
            before = "-" if one.before is None else one.before
            stays = "  不变 stays" if one.before == one.after else ""
            echo(f"{one.topic:<24} 分区 partition {one.partition:>3}  位移 offset {before:>9} → {one.after:>9}{stays}")
    if not as_json:
        again = sum(one.again for one in plan.partitions)
        done = "未设置,这是演练 / nothing set: a dry run" if dry_run else "已设置 / set"
        echo(f"消费组 group {plan.group} → {plan.to:%Y-%m-%d %H:%M:%S}Z:{again} 条重读 read again,{done}")
