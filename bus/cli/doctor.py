"""`ticketbus doctor`: what is wrong with the bus, or soon will be, and the mend."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.doctor.diagnosis import Diagnosis
    from bus.settings import Settings

commands = typer.Typer()
_OUTSIDE = {"database_url", "kafka_bootstrap", "schema_registry_url"}


@commands.command()
def doctor(
    data: Data = None,
    as_json: Json = False,
    only: Annotated[
        str, typer.Option("--only", metavar="NAMES", help="Some checks, comma-separated; without it, all.")
    ] = "",
) -> None:
    """Say what is wrong with the bus or soon will be, and the mend; changes nothing.

    Of a local stack: Java, jars, ports, parts. Of a bus in production, as the settings name it: clocks, versions, lag,
    disks, certificates, retention against growth, connections, topics, heartbeats, schemas, settings, alerts.
    A check that cannot look says `unseen`, which is not ok. Exits 1 on `wrong` or `unseen`, 2 on wrong use.

    Example: ticketbus doctor --json | jq 'select(.verdict != "ok")'
    """
    from bus.cli.run import resolved
    from bus.doctor.diagnosis import BAD_NEWS
    from bus.lent_settings import lent_by
    from bus.settings import load

    settings = load()
    directory = (data or settings.data).expanduser().resolve()
    outside = bool(_OUTSIDE & {one for one in settings.model_fields_set if getattr(settings, one)})
    runs = bool(lent_by(directory))
    diagnoses = [] if (outside and data is None) or only else _local(settings, directory)
    if outside or runs or only:
        diagnoses += _examined(resolved(data if runs else None), only)
    for each in diagnoses:
        if as_json:
            echo(json.dumps(dataclasses.asdict(each), ensure_ascii=False))
        else:
            echo(f"{each.verdict:<6} {each.check:<24} {each.says}")
            if each.mend:
                echo(f"{'':<6} {'':<24} → {each.mend}")
    if any(each.verdict in BAD_NEWS for each in diagnoses):
        raise typer.Exit(1)


def _local(settings: "Settings", directory: Path) -> "list[Diagnosis]":
    from bus.doctor.local_stack import examine_local
    from bus.stage_names import STAGES

    return examine_local(settings, directory, STAGES)


def _examined(settings: "Settings", only: str) -> "Sequence[Diagnosis]":
    from bus.cli.run import run
    from bus.doctor.examination import all_checks, examine
    from bus.intake.dispatch import utc_now
    from bus.observability.logging import configure

    configure("command", level="error")
    checks = {one.name: one for one in all_checks()}
    wanted = [one.strip() for one in only.split(",") if one.strip()] or [*checks]
    for one in wanted:
        if one not in checks:
            raise typer.BadParameter(f"there is no check {one!r}; there are {', '.join(checks)}", param_hint="--only")
    return run(examine(settings, utc_now(), os.environ, [checks[one] for one in wanted]))
