"""`ticketbus up`, `fetch`, `down`, `status` and `env`: the whole bus on one machine."""

import asyncio
import dataclasses
import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.settings import Settings

commands = typer.Typer()

PROGRAMS = ("gateway", "worker", "watch")


@commands.command()
def up(
    data: Data = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything is ready; stop with `down`.")
    ] = False,
    parts_only: Annotated[
        bool, typer.Option("--parts-only", help="PostgreSQL, Kafka and the registry without the bus's programs.")
    ] = False,
) -> None:
    """Run the whole bus on this machine until Ctrl-C: PostgreSQL, Kafka, schema registry, gateway, worker, watch.

    DATABASE_URL, KAFKA_BOOTSTRAP and SCHEMA_REGISTRY_URL each replace the embedded part by an outside one.

    Example: ticketbus up --data ./stack --detach && eval "$(ticketbus env --data ./stack)"
    """
    from bus.local.download_bar import DownloadBar
    from bus.local.failures import StartInterrupted
    from bus.local.parts import program
    from bus.local.remote import start_detached
    from bus.local.stack import LocalStack
    from bus.programs.alerting import check_channels
    from bus.programs.worker import checked_targets
    from bus.rules_config import load_rules

    settings, directory = _settings(data)
    if not parts_only:
        load_rules(settings)  # a file that a program cannot use is named before anything starts
        asyncio.run(check_channels(settings))
        asyncio.run(checked_targets(settings))
    if detach:
        start_detached(directory, arguments=["--parts-only"] if parts_only else [], say=_say)
        return
    stack = LocalStack(
        data=directory,
        settings=settings,
        prepare=None if parts_only else _prepare,
        programs=() if parts_only else [program(name) for name in PROGRAMS],
        say=_say_at_clock,
        watch=DownloadBar(),
    )
    try:
        stack.run()
    except StartInterrupted:
        raise typer.Exit(130) from None


@commands.command()
def fetch() -> None:
    """Download what the local stack is made of and make Java start quickly, so that the first `up` need not.

    Doing it again checks every file and fetches only what is missing or damaged.

    Example: ticketbus fetch
    """
    from bus.local import jars, quick_start
    from bus.local.download_bar import DownloadBar

    settings, _ = _settings(None)
    archives = jars.provide(settings.cache, watch=DownloadBar())
    quick_start.provide(settings.cache, archives, say=_say)


@commands.command()
def down(data: Data = None) -> None:
    """Stop the local stack, or what is left of one that was killed.

    Stopping what does not run any more is no failure. A directory in which no stack was ever started is another one's,
    and exits 1: nothing was stopped.

    Example: ticketbus down --data ./stack
    """
    from bus.local.remote import stop
    from bus.local.state import load

    _, directory = _settings(data)
    if load(directory) is None:
        _say(f"{directory} 中从未启动过本地栈,什么也没有停止;请用 --data 指明目录")
        _say(f"no local stack was ever started in {directory}, and nothing was stopped: name its directory with --data")
        raise typer.Exit(1)
    if not stop(directory, say=_say):
        _say(f"no local stack runs in {directory} any more")


@commands.command()
def status(data: Data = None, as_json: Json = False) -> None:
    """Show how every part is: up, starting or down, stages that stand still or that nobody runs, files, the audit tree.

    It also names what a program says of its own parts, such as a source whose list does not answer. Exits 1 unless all
    parts are up and work, a worker runs each stage, none stands still, and the store of files takes and deletes.

    Example: ticketbus status --json
    """
    from bus.local import audit_state, failing_parts, file_faults, unserved_stages
    from bus.local.state import load
    from bus.local.stopped_stages import of_stack
    from bus.local.survey import all_up, survey
    from bus.stage_names import STAGES

    _, directory = _settings(data)
    rows = survey(directory)
    for row in rows:
        if as_json:
            echo(json.dumps(dataclasses.asdict(row)))
        else:
            process = f"process {row.pid}" if row.pid else row.where
            restarts = f"started again {row.restarts} times" if row.restarts else ""
            echo(f"{row.part:<10} {row.state:<9} {row.address or '-':<22} {process:<16} {restarts}".rstrip())
    if not rows:
        _say(f"no local stack was started in {directory}; start one with `ticketbus up`")
    stopped = of_stack(load(directory))
    for one in stopped:
        if as_json:
            echo(json.dumps(dataclasses.asdict(one), ensure_ascii=False))
        else:
            where = ", ".join(map(str, one.partitions))
            echo(f"{one.stage:<10} 停住 stopped on partitions {where}: {one.why}")
    unserved = unserved_stages.of_stack(load(directory), STAGES)
    for missing in unserved:
        echo(
            json.dumps(dataclasses.asdict(missing), ensure_ascii=False)
            if as_json
            else f"{missing.unserved:<10} {missing.why}"
        )
    failing = failing_parts.of_stack(load(directory))
    for part in failing:
        echo(json.dumps(dataclasses.asdict(part), ensure_ascii=False) if as_json else part.why)
    faults = file_faults.of_stack(load(directory))
    for fault in faults:
        echo(json.dumps(dataclasses.asdict(fault), ensure_ascii=False) if as_json else f"files      {fault.files}")
    if sealed := audit_state.of_stack(load(directory)):
        echo(json.dumps({"audit": sealed}, ensure_ascii=False) if as_json else f"audit      {sealed}")
    if stopped or unserved or failing or faults or not all_up(rows):
        raise typer.Exit(1)


@commands.command()
def env(data: Data = None) -> None:
    """Print shell exports of the running local stack, secrets in clear, so that psql, kcat and curl work at once.

    Example: eval "$(ticketbus env)" && kcat -b "$KAFKA_BOOTSTRAP" -L
    """
    from bus.local.failures import LocalStackError
    from bus.local.state import load

    _, directory = _settings(data)
    state = load(directory)
    if state is None or not state.living_supervisor() or not state.lends:
        raise LocalStackError(f"no local stack runs in {directory}; start one with `ticketbus up`")
    lent = state.lends
    exports = {
        "DATABASE_URL": lent["database_url"],
        "KAFKA_BOOTSTRAP": lent["kafka_bootstrap"],
        "SCHEMA_REGISTRY_URL": lent["schema_registry_url"],
    }
    if auth := lent.get("schema_registry_basic_auth"):
        exports["SCHEMA_REGISTRY_BASIC_AUTH"] = auth
    if key := lent.get("master_key"):
        exports["TICKETBUS_MASTER_KEY"] = key
    if "url" in lent:
        exports |= {"TICKETBUS_URL": lent["url"], "TICKETBUS_TOKEN": lent["token"]}
    for source, secrets in lent.get("webhook_secrets", {}).items():
        exports[f"TICKETBUS_WEBHOOK_SECRET_{source.upper().replace('-', '_')}"] = secrets[0]
    if data is not None:
        exports["TICKETBUS_DATA"] = str(directory)  # else `status` and `down` would look for another stack
    for name, value in exports.items():
        echo(f"export {name}={shlex.quote(value)}")


def _settings(data: Path | None) -> tuple["Settings", Path]:
    from bus.settings import load

    settings = load()
    return settings, (data or settings.data).expanduser().resolve()


async def _prepare(settings: "Settings") -> None:
    from bus.app import prepare

    await prepare(settings, _say)


def _say(line: str) -> None:
    echo(line, err=True)


def _say_at_clock(line: str) -> None:
    _say(f"{time.strftime('%H:%M:%S')} {line}")
